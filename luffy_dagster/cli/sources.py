"""`luffy source …`: where a service's logs come from."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from luffy_dagster.cli import context, ui
from luffy_dagster.cli.arguments import Slug, parse_settings
from luffy_dagster.core.wording import many

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from luffy_dagster.store.sources import LogSource

SourceId = Annotated[str, typer.Argument(metavar="SOURCE", help="Id of the source, e.g. s1.", show_default=False)]
STATUS_STYLE = {"connected": "green", "failed": "red", "untested": "yellow"}

source_app = typer.Typer(no_args_is_help=True, help="Log sources: add, test, list, remove, switch on and off.")


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into the root."""
    app.add_typer(source_app, name="source", rich_help_panel="Services")


@source_app.command("add")
def add(
    service: Slug,
    type_: Annotated[str, typer.Option("--type", "-t", help="file, opensearch or elasticsearch.")] = "file",
    path: Annotated[
        list[str] | None, typer.Option("--path", help="File or glob (** goes down); may be repeated.")
    ] = None,
    host: Annotated[str | None, typer.Option("--host", help="Host of the search server.")] = None,
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Its port; 9200 when left out.")] = None,
    index: Annotated[str | None, typer.Option("--index", help="Index pattern, e.g. 'logs-web-*'.")] = None,
    query: Annotated[
        str | None, typer.Option("--query", help="Only documents of this query (Lucene text or JSON).")
    ] = None,
    username: Annotated[str | None, typer.Option("--username", "-u", help="User of the search server.")] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
    tls: Annotated[bool | None, typer.Option("--tls/--no-tls", help="Speak TLS.", show_default=False)] = None,
    ca: Annotated[str | None, typer.Option("--ca", help="Certificate file that signed the server's.")] = None,
    environment: Annotated[str | None, typer.Option("--environment", "-e", help="e.g. production.")] = None,
    assume_tz: Annotated[
        str | None, typer.Option("--assume-tz", help="Zone of lines that name none, e.g. Europe/Berlin.")
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other setting; may be repeated.")
    ] = None,
    test: Annotated[
        bool, typer.Option("--test/--no-test", help="Test the connection and switch the source on.")
    ] = True,
    json_: ui.Json = False,
) -> None:
    """Add a log source to a service, test it, and switch it on. A password comes from stdin or is asked for, never from the line.

    For example:

    [bold]luffy source add web-app --path '/var/log/web/*.log'[/]

    [bold]luffy source add web-app -t opensearch --host logs.example.org --index 'web-*' -u reader --tls[/]
    """
    from luffy_dagster import store

    if type_ == "file" and not path:
        ui.usage("a file source needs --path, e.g. --path '/var/log/web/*.log'")
    if type_ != "file" and not (host and index):
        ui.usage(f"an {type_} source needs --host and --index, e.g. --index 'logs-web-*'")
    fields: dict[str, Any] = {
        "type": type_,
        "paths": [absolute(one) for one in path] if path else None,
        "host": host,
        "port": port,
        "index_pattern": index,
        "query_filter": parse_query(query) if query else None,
        "username": username,
        "use_tls": tls,
        "ca_cert": ca,
        "environment": environment,
        "assume_tz": assume_tz,
    }
    if username or password_stdin:
        fields["password"] = read_password(password_stdin)
    given = {key: value for key, value in fields.items() if value is not None} | parse_settings(setting or [])
    with context.connection() as conn:
        made = store.sources.create(conn, service, given, actor=context.actor(), now=context.now())
    if not test:
        if json_:
            ui.print_json(made)
        else:
            ui.out.print(f"[green]✓[/] source [bold]{made.id}[/] added, untested: [bold]luffy source test {made.id}[/]")
        return
    if not json_:
        ui.note(f"[green]✓[/] source [bold]{made.id}[/] added")
    _test(made.id, json_=json_, switch_on=True)


@source_app.command("set")
def set_(
    source: SourceId,
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE…", help="Settings to change.", show_default=False)
    ] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read a new password from stdin.")] = False,
    test: Annotated[bool, typer.Option("--test/--no-test", help="Test the connection afterwards.")] = True,
    json_: ui.Json = False,
) -> None:
    """Change settings of a source and test it; where it was read to stays. A password comes from stdin, never from the line.

    Example: [bold]luffy source set s1 host=logs2.example.org port=9201[/]
    """
    from luffy_dagster import store

    changes = parse_settings(settings or [])
    secret = sorted(set(changes) & set(store.sources.SECRETS) - {"client_key"})
    if secret:
        ui.usage(f"{secret[0]} on the line can be read by others: pipe it in with --password-stdin")
    if password_stdin:
        changes["password"] = read_password(from_stdin=True)
    if not changes:
        ui.usage("nothing to change: say NAME=VALUE, or --password-stdin")
    with context.connection() as conn:
        changed = store.sources.update(conn, source, changes, actor=context.actor(), now=context.now())
    if test:
        if not json_:
            ui.note(f"[green]✓[/] source [bold]{source}[/] changed")
        _test(source, json_=json_, switch_on=False)
    elif json_:
        ui.print_json(changed)
    else:
        ui.out.print(f"[green]✓[/] source [bold]{source}[/] changed, untested")


@source_app.command("rotate-secrets")
def rotate_secrets(json_: ui.Json = False) -> None:
    """Encrypt every stored secret anew under the first key of LUFFY_SECRET_KEY; the former ones can be dropped then.

    Example: [bold]LUFFY_SECRET_KEY=new,old luffy source rotate-secrets[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        count = store.sources.rotate_secrets(conn, actor=context.actor(), now=context.now())
    if json_:
        ui.print_json({"secrets": count})
    else:
        ui.out.print(f"[green]✓[/] {many(count, 'secret')} encrypted under the first key")


def absolute(path: str) -> str:
    """A glob as an absolute one, so that it means the same in the daemon's folder."""
    from pathlib import Path

    return str(Path(path).expanduser().absolute())


def parse_query(text: str) -> Any:
    """A query: JSON where it is a JSON object, else a Lucene query string in the server's own words."""
    import json

    try:
        value = json.loads(text)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"query_string": {"query": text}}


def read_password(from_stdin: bool) -> str:
    """The password, from stdin or asked for without echo."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    if not sys.stdin.isatty():
        ui.usage("a user needs a password: pipe it in with --password-stdin")
    return str(typer.prompt("Password", hide_input=True, err=True))


@source_app.command("test")
def test_command(source: SourceId, json_: ui.Json = False) -> None:  # noqa: PT028
    """Try the connection: host, certificate, password and index are told apart, with the time it took.

    Example: [bold]luffy source test s1[/]
    """
    _test(source, json_=json_, switch_on=False)


def _test(source: str, *, json_: bool, switch_on: bool) -> None:
    """Test one source, keep the result, and end with 1 when it failed."""
    from luffy_dagster import store
    from luffy_dagster.flows import test_source

    with ui.doing("testing the connection …", quiet=json_):
        report = test_source(context.flows(), source, actor=context.actor())
    good = report.status == "connected"
    if good and switch_on:
        with context.connection() as conn:
            store.sources.set_monitoring(conn, source, on=True, actor=context.actor(), now=context.now())
    if json_:
        ui.print_json({"source": source, **ui.plain(report)})
    elif good:
        product = f" to {report.product} {report.version or ''}".rstrip() if report.product else ""
        documents = f", {ui.number(report.documents)} documents" if report.documents is not None else ""
        ui.out.print(f"[green]✓[/] connected{product} in {report.milliseconds:.0f} ms{documents}", highlight=False)
        for line in report.sample[:3]:
            ui.out.print(
                f"  {line[:160]}", style="dim", markup=False, highlight=False, no_wrap=True, overflow="ellipsis"
            )
    if not good:
        if json_:
            raise typer.Exit(1)
        ui.fail(f"source {source}: {report.message}")


@source_app.command("list")
def list_(
    service: Annotated[str | None, typer.Argument(metavar="[SERVICE]", help="Only of this service.")] = None,
    json_: ui.Json = False,
) -> None:
    """Log sources with their state. Secrets are never shown.

    Example: [bold]luffy source list web-app[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        if service is not None:
            store.services.get(conn, service)
        found = store.sources.list_sources(conn, service)
    if json_:
        ui.print_json(found)
    elif found:
        show_sources(found, context.now())
    else:
        ui.note("no log sources yet: [bold]luffy source add SERVICE …[/]")


def show_sources(found: Sequence[LogSource], now: datetime) -> None:
    """A table of sources; the reason of a failure below it, whole."""
    from rich.text import Text

    shown = ui.table("source", "service", "type", "where", "read", "connection", "last fetch", wide=("where",))
    for one in found:
        reading = Text("on", style="green") if one.is_active and one.fetch_enabled else Text("off", style="dim")
        status = ui.styled(str(one.connection_status), STATUS_STYLE)
        shown.add_row(
            one.id, one.service_id, str(one.type), Text(where(one)), reading, status, ui.ago(one.last_fetch_at, now)
        )
    ui.out.print(shown)
    for one in found:
        reason = one.last_error or (one.connection_reason if one.connection_status == "failed" else None)
        if reason:
            ui.out.print(f"[red]✕[/] {one.id}: ", end="")
            ui.out.print(reason, markup=False, highlight=False, soft_wrap=True)


def where(source: LogSource) -> str:
    """The place that a source reads, in a few words."""
    if source.paths:
        return ", ".join(source.paths)
    return f"{'https' if source.use_tls else 'http'}://{source.host}:{source.port}/{source.index_pattern}"


@source_app.command("remove")
def remove(
    source: SourceId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json_: ui.Json = False,
) -> None:
    """Remove a source; the logs that it brought stay.

    Example: [bold]luffy source remove s1 --yes[/]
    """
    from luffy_dagster import store

    if not yes:
        typer.confirm(f"Remove source {source}?", abort=True, err=True)
    with context.connection() as conn:
        store.sources.delete(conn, source, actor=context.actor(), now=context.now())
    if json_:
        ui.print_json({"source": source, "removed": True})
    else:
        ui.out.print(f"[green]✓[/] source {source} removed; its logs stay")


@source_app.command("monitoring")
def monitoring(
    target: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="Id of a source, or of a service with --service.", show_default=False),
    ],
    state: Annotated[str, typer.Argument(metavar="on|off", help="on or off.", show_default=False)],
    whole: Annotated[bool, typer.Option("--service", help="All sources of the service of that id.")] = False,
    json_: ui.Json = False,
) -> None:
    """Switch the reading of one source, or of all of a service, on or off.

    Example: [bold]luffy source monitoring web-app off --service[/]
    """
    from luffy_dagster import store

    if state not in ("on", "off"):
        ui.usage(f"say on or off, not {state!r}")
    switched, moment = state == "on", context.now()
    with context.connection() as conn:
        if whole:
            changed = store.sources.set_monitoring_all(conn, target, switched, actor=context.actor(), now=moment)
        else:
            store.sources.set_monitoring(conn, target, switched, actor=context.actor(), now=moment)
            changed = 1
    if json_:
        ui.print_json({"target": target, "monitoring": switched, "sources": changed})
    else:
        ui.out.print(f"[green]✓[/] {many(changed, 'source')} {state}", highlight=False)
