"""`luffy fetch` and `luffy watch`: work now, rather than at the next tick."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from luffy_dagster.cli import context, ui

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luffy_dagster.flows import FlowContext
    from luffy_dagster.flows.results import ServiceResult

LOG_GLOBS = ("*.log", "*.log.*", "*.txt", "*.json", "*.jsonl", "*.ndjson", "*.out", "*.err", "*.gz", "*.zst")


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into the root."""
    app.command("watch", rich_help_panel="Start and stop")(watch)
    app.command("fetch", rich_help_panel="Services")(fetch)


def fetch(
    services: Annotated[
        list[str] | None, typer.Argument(metavar="[SERVICE]…", help="Which; all active ones when left out.")
    ] = None,
    through_dagster: Annotated[
        bool, typer.Option("--dagster", help="As a run in Dagster (luffy up must run).")
    ] = False,
    json_: ui.Json = False,
) -> None:
    """Fetch, parse and group what is new, now. Each service by itself: one that fails stops no other.

    Example: [bold]luffy fetch web-app payments[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        active = [one.id for one in store.services.list_services(conn, active_only=True)]
        for name in services or []:
            store.services.get(conn, name)
    names = list(services or active)
    if not names:
        ui.note("no services yet: [bold]luffy watch PATH --service NAME[/], or [bold]luffy demo[/]")
        return
    if through_dagster:
        _through_dagster(names, json_=json_)
        return
    results = process(context.flows(), names, quiet=json_)
    if json_:
        ui.print_json(
            [{"service": one.service, "ok": one.ok, "error": one.error, **one.as_metadata()} for one in results]
        )
    else:
        show_results(results)
    if not all(one.ok for one in results):
        raise typer.Exit(1)


def process(
    flow: FlowContext, names: Sequence[str], *, close: bool = False, quiet: bool = False
) -> list[ServiceResult]:
    """Work through services one after the other in this process, showing which; `close`: last entries are not waited for."""
    from luffy_dagster.flows import process_service

    results = []
    with ui.progress(quiet=quiet or not ui.err.is_terminal) as bar:
        task = bar.add_task("fetching", total=len(names))
        for name in names:
            bar.update(task, description=f"fetching {name}")
            results.append(process_service(flow, name, trigger="manual", close=close))
            bar.advance(task)
        bar.update(task, description="fetched")
    return results


def show_results(results: Sequence[ServiceResult]) -> None:
    """A table of what each service's work brought; failures below it, whole."""
    shown = ui.table(
        "service",
        "new lines",
        "entries",
        "exceptions",
        "new clusters",
        "took",
        right=("new lines", "entries", "exceptions", "new clusters", "took"),
    )
    for one in results:
        shown.add_row(
            f"[green]✓[/] {one.service}" if one.ok else f"[red]✕[/] {one.service}",
            ui.number(one.fetch.rows if one.fetch else None),
            ui.number(one.parse.entries if one.parse else None),
            ui.number(one.parse.exceptions if one.parse else None),
            ui.number(one.cluster.new_clusters if one.cluster else None),
            f"{one.seconds:.1f} s",
        )
    ui.out.print(shown)
    for one in results:
        if not one.ok:
            ui.complain(
                f"{one.service}: {one.error or '; '.join(source.error for source in one.fetch.sources if source.error) if one.fetch else one.error}"
            )


def _through_dagster(names: list[str], *, json_: bool) -> None:
    """The same as a run of Dagster's, awaited."""
    chosen = context.require_setup()
    with context.dagster_api(chosen) as api:
        run_id = api.launch_services(names, actor=context.actor())
        with ui.doing(f"Dagster works: {api.run_url(run_id)}", quiet=json_):
            state = api.wait(run_id)
        url = api.run_url(run_id)
    if json_:
        ui.print_json({"run_id": run_id, "url": url, "status": state.status, "ok": state.succeeded})
    elif state.succeeded:
        ui.out.print(f"[green]✓[/] done: {url}")
    if not state.succeeded:
        if json_:
            raise typer.Exit(1)
        ui.fail(f"the run failed: {state.error or state.status}; {url} shows where")


def watch(
    path: Annotated[
        Path, typer.Argument(help="A log file, a folder of them, or a glob in quotes.", show_default=False)
    ],
    service: Annotated[str, typer.Option("--service", "-s", help="Name of the service.")],
    environment: Annotated[str | None, typer.Option("--environment", "-e", help="e.g. production.")] = None,
    assume_tz: Annotated[
        str, typer.Option("--assume-tz", help="Zone of lines that name none, e.g. Europe/Berlin.")
    ] = "UTC",
    json_: ui.Json = False,
) -> None:
    """Your own logs in one command: makes the service and its source, reads the logs, and shows what is in them.

    Example: [bold]luffy watch /var/log/nginx --service web[/]
    """
    from luffy_dagster.cli.setup import make_home

    chosen = context.settings()
    globs = globs_of(path)
    if not context.is_set_up(chosen):
        with ui.doing("making the home …", quiet=json_):
            make_home(chosen, Path.cwd())
    flow = context.flows()
    slug = ensure_service(flow, service, environment=environment)
    ensure_file_source(flow, slug, globs, environment=environment, assume_tz=assume_tz)
    results = process(flow, [slug], close=True, quiet=json_)  # the last lines are often those that one is after
    if json_:
        ui.print_json({"service": slug, "ok": results[0].ok, "error": results[0].error, **results[0].as_metadata()})
    else:
        from luffy_dagster.cli.report import show_report

        show_results(results)
        show_report(flow, [slug])
        ui.note("Go on: [bold]luffy up[/] reads it from now on, [bold]luffy logs -s " + slug + "[/] shows the lines")
    if not results[0].ok:
        raise typer.Exit(1)


def globs_of(path: Path) -> list[str]:
    """The globs that a path means: itself, or the usual log files below a folder. Ends the command when nothing is there."""
    import glob

    whole = path.expanduser().absolute()
    if whole.is_dir():
        found = [str(whole / "**" / pattern) for pattern in LOG_GLOBS if any(whole.rglob(pattern))]
        if not found:
            ui.fail(f"no log files in {whole} ({', '.join(LOG_GLOBS[:4])}, …): give a file, or a glob in quotes")
        return found
    if not whole.exists() and not glob.glob(str(whole), recursive=True):  # noqa: PTH207 - the pattern may be anywhere
        ui.fail(f"there is no {whole}: give a file, a folder, or a glob in quotes")
    return [str(whole)]


def slug_of(name: str) -> str:
    """The id that a name becomes: small letters, digits and hyphens, at most 63."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].rstrip("-") or "logs"


def ensure_service(flow: FlowContext, name: str, **fields: Any) -> str:
    """The service of that name, made when it is not there; its id."""
    from luffy_dagster import store

    slug = slug_of(name)
    with store.begin(flow.engine) as conn:
        if store.services.find(conn, slug) is None:
            given = {key: value for key, value in fields.items() if value is not None}
            store.services.create(conn, {"id": slug, "name": name, **given}, actor=context.actor(), now=context.now())
    return slug


def ensure_file_source(
    flow: FlowContext, service: str, globs: Sequence[str], *, environment: str | None, assume_tz: str = "UTC"
) -> str:
    """The file source of these globs, made, tested and switched on when it is not there; its id."""
    from luffy_dagster import store
    from luffy_dagster.flows import test_source

    with store.begin(flow.engine) as conn:
        for one in store.sources.list_sources(conn, service):
            if set(one.paths) == set(globs):
                return one.id
        fields = {"type": "file", "paths": list(globs), "assume_tz": assume_tz, "options": {"read_from": "start"}}
        if environment:
            fields["environment"] = environment
        made = store.sources.create(conn, service, fields, actor=context.actor(), now=context.now())
    report = test_source(flow, made.id, actor=context.actor())
    if report.status != "connected":
        ui.fail(f"source {made.id} of {service}: {report.message}")
    with store.begin(flow.engine) as conn:
        store.sources.set_monitoring(conn, made.id, on=True, actor=context.actor(), now=context.now())
    return made.id
