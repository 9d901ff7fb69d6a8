"""`luffy code index|search|status|credential` and `luffy commits`: a service's repository, its index and history."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from luffy_dagster.cli import context, ui

code_app = typer.Typer(
    no_args_is_help=True, help="The code of a service: its index, search, how its repository is reached."
)
Service = Annotated[str, typer.Argument(help="The service's slug.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into the root."""
    app.add_typer(code_app, name="code", rich_help_panel="Read")
    app.command("commits", rich_help_panel="Read")(commits)


@code_app.command("index")
def index(
    service: Service,
    full: Annotated[bool, typer.Option("--full", help="Make the index anew rather than only what changed.")] = False,
    json_: ui.Json = False,
) -> None:
    """Fetch the service's branch and bring its code index and commits up to it.

    Example: [bold]luffy code index payments[/]
    """
    from luffy_dagster.flows.code import index_code

    with ui.doing(f"indexing the code of {service}", quiet=json_):
        done = index_code(context.flows(), service, full=full)
    if json_:
        ui.print_json(done)
        return
    ui.out.print(
        f"[green]✓[/] {done.mode}: {done.files} files, {done.chunks} chunks at {done.commit[:10]} of {done.branch}; "
        f"{done.changed_files} files changed, {done.deleted_files} deleted, {done.new_chunks} chunks new, "
        f"{done.embedded} embedded, {done.new_commits} commits new, {done.seconds:.1f} s",
        highlight=False,
    )
    if done.skipped:
        ui.note("left out: " + ", ".join(f"{count} {why}" for why, count in sorted(done.skipped.items())))
    for note in done.notes:
        ui.note(f"note: {note}")


@code_app.command("search")
def search(
    service: Service,
    query: Annotated[list[str], typer.Argument(help="A name, or words that say what the code does.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="At most so many.")] = 10,
    json_: ui.Json = False,
) -> None:
    """Search the indexed code of a service by words, names and (where embeddings are) meaning.

    Example: [bold]luffy code search payments "convert an amount to another currency"[/]
    """
    from luffy_dagster.flows.code_search import search_code

    found = search_code(context.flows(), service, " ".join(query), limit)
    if json_:
        ui.print_json(found)
        return
    for note in found.notes:
        ui.note(f"note: {note}")
    if not found.hits:
        ui.note("nothing found; try other words, or `luffy code status` to see what is indexed")
        return
    shown = ui.table("symbol", "where", "found by", "commit", wide=("where",))
    for hit in found.hits:
        shown.add_row(hit.symbol or "(top level)", f"{hit.path}:{hit.first}", ", ".join(hit.ways), hit.commit[:10])
    ui.out.print(shown)


@code_app.command("status")
def status(service: Service, json_: ui.Json = False) -> None:
    """What the code index of a service holds, and from which commit.

    Example: [bold]luffy code status payments[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        store.services.get(conn, service)
        found = store.code.state(conn, service)
    if found is None:
        ui.fail(f"service {service} has no code index yet; make it with `luffy code index {service}`")
    if json_:
        ui.print_json(found)
        return
    rows = [
        ("repository", found.repository),
        ("branch", found.branch),
        ("path", found.subpath or "all of it"),
        ("commit", found.commit_sha),
        ("files, chunks", f"{found.files}, {found.chunks}"),
        ("commits", found.commits),
        ("embeddings", f"{found.model}, {found.dimensions} dimensions" if found.model else "none: lexical search only"),
        ("left out", ", ".join(f"{n} {why}" for why, n in sorted(found.skipped.items())) or "nothing"),
        ("last run", f"{found.mode}, {found.seconds:.1f} s, {ui.when(found.indexed_at)}"),
        *(("note", note) for note in found.notes),
    ]
    ui.out.print(ui.pairs(rows))


@code_app.command("credential")
def credential(
    service: Service,
    ssh_key: Annotated[
        Path | None, typer.Option("--ssh-key", help="File of a private key.", show_default=False)
    ] = None,
    known_hosts: Annotated[Path | None, typer.Option("--known-hosts", help="File of host keys for SSH.")] = None,
    username: Annotated[
        str | None, typer.Option("--username", help="User of the token (GitLab: leave it out).")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Forget what is set.")] = False,
    json_: ui.Json = False,
) -> None:
    """Set the token (read from standard input, so that no shell keeps it) or SSH key of a service's repository.

    Example: [bold]luffy code credential payments < token.txt[/]
    """
    from luffy_dagster import store

    for path in (ssh_key, known_hosts):
        if path is not None and not path.is_file():
            ui.fail(f"there is no file {path}")
    with context.connection() as conn:
        store.services.get(conn, service)
        if remove:
            gone = store.git_credentials.remove(conn, service, actor=context.actor(), now=context.now())
            if json_:
                ui.print_json({"service": service, "removed": bool(gone)})
            else:
                ui.note("forgotten" if gone else "there was none")
            return
        if ssh_key is None and sys.stdin.isatty():
            ui.err.print("token: ", end="")
        secret = ssh_key.read_text() if ssh_key is not None else sys.stdin.readline()
        store.git_credentials.put(
            conn,
            service,
            "ssh_key" if ssh_key is not None else "token",
            secret,
            username=username,
            known_hosts=known_hosts.read_text() if known_hosts is not None else None,
            actor=context.actor(),
            now=context.now(),
        )
    if json_:
        ui.print_json({"service": service, "kind": "ssh_key" if ssh_key is not None else "token"})
    else:
        ui.note(f"[green]✓[/] set for {service}; try it with [bold]luffy code index {service}[/]")


def commits(
    service: Service,
    path: Annotated[str | None, typer.Option("--path", help="Only those that changed this file or folder.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="From then on: 2026-11-20, 3d.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Up to then.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="At most so many.")] = 20,
    json_: ui.Json = False,
) -> None:
    """Recent commits of a service's branch, with the files that they changed, as they were kept at the last indexing.

    Example: [bold]luffy commits payments --since 3d --path services/payments[/]
    """
    from luffy_dagster import store

    now = context.now()
    with context.connection() as conn:
        store.services.get(conn, service)
        found = store.code.commits(
            conn,
            service,
            since=ui.parse_time(since, now, "--since") if since else None,
            until=ui.parse_time(until, now, "--until") if until else None,
            path=path,
            limit=limit,
        )
    if json_:
        ui.print_json(found)
        return
    if not found:
        ui.note(f"no commits kept; `luffy code index {service}` reads them")
        return
    shown = ui.table("commit", "when", "author", "files", "subject", right=("files",), wide=("subject",))
    for one in found:
        shown.add_row(one.sha[:10], ui.ago(one.committed_at, now), one.author, str(len(one.changes)), one.subject)
    ui.out.print(shown)
