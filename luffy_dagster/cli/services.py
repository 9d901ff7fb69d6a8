"""`luffy service …`: what is watched, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from luffy_dagster.cli import context, ui
from luffy_dagster.cli.arguments import Slug, parse_settings

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from luffy_dagster.core.adaptive import Adapted
    from luffy_dagster.store.services import LifecycleEvent, Service, ServiceStatus

service_app = typer.Typer(no_args_is_help=True, help="Services: add, show, set, pause, maintenance, archive.")


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into the root."""
    app.add_typer(service_app, name="service", rich_help_panel="Services")


@service_app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Name that people see, e.g. 'Web app'.", show_default=False)],
    slug: Annotated[
        str | None, typer.Option("--id", help="Id, fixed for ever; made from the name when left out.")
    ] = None,
    preset: Annotated[
        str, typer.Option(help="critical, standard or development: fills intervals, RCA, notification.")
    ] = "standard",
    repository: Annotated[str | None, typer.Option("--repository", help="URL of its Git repository.")] = None,
    git_path: Annotated[
        str | None, typer.Option("--git-path", help="Path of a clone on this host; it is only read.")
    ] = None,
    branch: Annotated[str | None, typer.Option("--branch", help="Branch that runs; main when left out.")] = None,
    subpath: Annotated[str | None, typer.Option("--subpath", help="Folder of the service in a monorepo.")] = None,
    environment: Annotated[str | None, typer.Option("--environment", "-e", help="e.g. production.")] = None,
    team: Annotated[str | None, typer.Option("--team", help="Who looks after it.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other setting; may be repeated.")
    ] = None,
    json_: ui.Json = False,
) -> None:
    """Add a service.

    Example: [bold]luffy service add "Web app" --preset critical --team shop --set timezone=Europe/Berlin[/]
    """
    from luffy_dagster import store

    given = {
        "id": slug,
        "name": name,
        "preset": preset,
        "repository_url": repository,
        "git_repo_path": git_path,
        "git_branch": branch,
        "git_subpath": subpath,
        "environment": environment,
        "team": team,
    }
    fields = {key: value for key, value in given.items() if value is not None} | parse_settings(setting or [])
    with context.connection() as conn:
        made = store.services.create(conn, fields, actor=context.actor(), now=context.now())
    context.announce_service(made.id)
    if json_:
        ui.print_json(made)
        return
    ui.out.print(
        f"[green]✓[/] service [bold]{made.id}[/] added ({made.preset}: logs every {made.log_fetch_interval_minutes} min)"
    )
    ui.note(f"Next: [bold]luffy source add {made.id} --type file --path '/var/log/{made.id}/*.log'[/]")


@service_app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", "-a", help="Archived ones too.")] = False,
    environment: Annotated[str | None, typer.Option("--environment", "-e", help="Only of this environment.")] = None,
    team: Annotated[str | None, typer.Option("--team", help="Only of this team.")] = None,
    json_: ui.Json = False,
) -> None:
    """All services with their state.

    Example: [bold]luffy service list --team shop --json[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        found = store.services.list_services(conn, include_archived=everything, environment=environment, team=team)
        states = {one.service_id: one for one in store.services.status_all(conn, include_archived=everything)}
    if json_:
        ui.print_json(
            [{**ui.plain(one), "status": states[one.id].as_dict() if one.id in states else None} for one in found]
        )
        return
    if not found:
        ui.note("no services yet: [bold]luffy service add NAME[/], or [bold]luffy demo[/]")
        return
    now = context.now()
    # A name that only repeats the slug takes room from the rest.
    named = any(one.name.lower() != one.id for one in found)
    heads = ("service", *(["name"] if named else []), "state", "preset", "sources", "every", "last fetch")
    shown = ui.table(*heads, right=("sources", "every"))
    for one in found:
        state = states.get(one.id)
        sources = f"{state.active_log_sources}/{state.log_sources_count}" if state else "–"
        shown.add_row(
            one.id,
            *([one.name] if named else []),
            state_word(one),
            one.preset,
            sources,
            f"{one.log_fetch_interval_minutes} min",
            ui.ago(one.last_log_fetch, now),
        )
    ui.out.print(shown)


@service_app.command("show")
def show(service: Slug, json_: ui.Json = False) -> None:
    """One service: settings, sources, last runs, history of its states.

    Example: [bold]luffy service show web-app[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        found = store.services.get(conn, service)
        state = store.services.status(conn, service)
        sources = store.sources.list_sources(conn, service)
        history = store.services.history(conn, service)
        runs = store.runs.list_runs(conn, service=service, limit=5)
        alarms = store.alarms.open_alarms(conn, service)
        due_next = _next_fetch(conn, service)
        adapted = store.schedule.adapted(conn, service)
    if json_:
        parts = {"service": found, "status": state.as_dict(), "sources": sources, "history": history, "runs": runs}
        ui.print_json({**parts, "alarms": alarms, "next_log_fetch": due_next, "adapted": adapted})
        return
    now = context.now()
    _show_service(found, state, now, due_next, adapted)
    if sources:
        from luffy_dagster.cli.sources import show_sources

        show_sources(sources, now)
    else:
        ui.note(f"no log source yet: [bold]luffy source add {service} …[/]")
    if runs:
        recent = ui.table(
            "run", "kind", "state", "started", "error", title="Last runs", right=("run",), wide=("error",)
        )
        for run in runs:
            recent.add_row(str(run.id), run.kind, str(run.status), ui.ago(run.started_at, now), run.error or "")
        ui.out.print(recent)
    if alarms:
        from luffy_dagster.cli.alarms import show_alarms

        show_alarms(alarms, now)
    _show_moves(history[-6:], now)


def _next_fetch(conn: Connection, service: str) -> datetime | None:
    """When the service's logs are due next; None when they are not fetched."""
    from luffy_dagster import store
    from luffy_dagster.core.scheduling import Kind, next_run

    rows = [row for row in store.schedule_rows(conn) if row.service == service and row.kind == Kind.LOG_FETCH]
    return next_run(rows[0], context.now(), context.settings().slot_attempts) if rows else None


def _show_service(
    found: Service, state: ServiceStatus, now: datetime, due_next: datetime | None, adapted: Adapted | None
) -> None:
    """The settings of one service as pairs."""
    git = found.git_repo_path or found.repository_url
    place = f"{git} ({found.git_branch}{', ' + found.git_subpath if found.git_subpath else ''})" if git else None
    index = f"every {found.code_indexing_interval_hours} h" if found.code_indexing_enabled else "off"
    rca = f"every {found.rca_generation_interval_minutes} min" if found.rca_generation_enabled else "off"
    ui.out.print(f"[bold]{found.name}[/]  {found.id}")
    ui.out.print(
        ui.pairs(
            [
                ("state", state_word(found)),
                ("preset", found.preset),
                ("environment", found.environment),
                ("team", found.team),
                ("code", place),
                (
                    "fetch logs",
                    found.log_fetch_cron
                    or f"every {found.log_fetch_interval_minutes} min, last {ui.ago(found.last_log_fetch, now)}",
                ),
                ("for now", f"every {adapted.interval_seconds / 60:g} min: {adapted.reason}" if adapted else None),
                ("next fetch", "not scheduled" if due_next is None else ui.when(due_next, now)),
                ("root causes", rca),
                ("index code", index),
                ("notify", ", ".join(found.notification_channels) if found.notification_enabled else "off"),
                ("time zone", found.timezone),
                ("sources", f"{state.active_log_sources} of {state.log_sources_count} read"),
            ]
        )
    )


def state_word(service: Service) -> str:
    """The lifecycle state, with the pause beside it."""
    return str(service.lifecycle_state) if service.is_active else f"{service.lifecycle_state}, paused"


@service_app.command("set")
def set_(
    service: Slug,
    settings: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE…", help="Settings to change.", show_default=False)
    ],
    json_: ui.Json = False,
) -> None:
    """Change settings of a service; its next run uses them.

    Example: [bold]luffy service set web-app log_fetch_interval_minutes=5 notification_email='["ops@example.org"]'[/]
    """
    from luffy_dagster import store

    changes = parse_settings(settings)
    with context.connection() as conn:
        changed = store.services.update(conn, service, changes, actor=context.actor(), now=context.now())
    if json_:
        ui.print_json(changed)
    else:
        ui.out.print(
            f"[green]✓[/] {service}: "
            + ", ".join(f"{name} = {getattr(changed, name, value)}" for name, value in changes.items())
        )


@service_app.command("pause")
def pause(service: Slug, json_: ui.Json = False) -> None:
    """Stop all work for a service and keep its data; on resume the gap is fetched.

    Example: [bold]luffy service pause web-app[/]
    """
    _switch(service, "pause", "is paused: nothing is fetched until luffy service resume", json_=json_)


@service_app.command("resume")
def resume(service: Slug, json_: ui.Json = False) -> None:
    """Go on with a paused service.

    Example: [bold]luffy service resume web-app[/]
    """
    _switch(service, "resume", "goes on; the next fetch brings what it missed", json_=json_)


@service_app.command("maintenance")
def maintenance(
    service: Slug,
    switch: Annotated[str, typer.Argument(metavar="on|off", help="Into maintenance, or out of it.")],
    reason: Annotated[str | None, typer.Option("--reason", "-r", help="Why; kept with the move.")] = None,
    json_: ui.Json = False,
) -> None:
    """Maintenance: no fetches and no alarms while it lasts, data stays; off: the gap is fetched.

    Example: [bold]luffy service maintenance web-app on --reason "moving the database"[/]
    """
    if switch not in ("on", "off"):
        ui.usage(f"say on or off, not {switch!r}")
    words = (
        "is in maintenance: nothing is fetched and no alarm is raised until luffy service maintenance … off"
        if switch == "on"
        else "is out of maintenance; the next fetch brings what it missed"
    )
    _switch(service, "maintenance", words, json_=json_, on=switch == "on", reason=reason)


@service_app.command("history")
def history(service: Slug, json_: ui.Json = False) -> None:
    """All moves of a service through its states, and every change of its settings: when, by whom, why.

    Example: [bold]luffy service history web-app[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        found = store.services.get(conn, service)
        moves = store.services.history(conn, service)
        changes = store.audit.list_audit(conn, service, limit=200)
    if json_:
        ui.print_json({"state": found.lifecycle_state, "moves": moves, "changes": changes})
        return
    _show_moves(moves, context.now())
    told = [change for change in reversed(changes) if change.action != "move"]
    shown = ui.table("when", "by", "did", "what", "from", "to", title="Changes", wide=("from", "to"))
    for one in told:
        shown.add_row(
            ui.when(one.at, context.now()),
            one.actor,
            one.action,
            f"{one.kind} {one.key}",
            _fields(one.before),
            _fields(one.after),
        )
    if told:
        ui.out.print(shown)


def _fields(values: dict[str, Any] | None) -> str:
    return ", ".join(f"{name} = {value}" for name, value in (values or {}).items() if value not in (None, "", [], {}))


def _show_moves(moves: list[LifecycleEvent], now: datetime) -> None:
    shown = ui.table("when", "from", "to", "by", "reason", title="States", wide=("reason",))
    for move in moves:
        shown.add_row(ui.when(move.at, now), move.from_state or "–", str(move.to_state), move.actor, move.reason or "")
    if moves:
        ui.out.print(shown)


@service_app.command("archive")
def archive(
    service: Slug,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json_: ui.Json = False,
) -> None:
    """Take a service out of the lists for good; its clusters and logs stay readable.

    Example: [bold]luffy service archive web-app --yes[/]
    """
    if not yes:
        typer.confirm(f"Archive {service}? It cannot be brought back", abort=True, err=True)
    _switch(service, "archive", "is archived; its clusters stay readable", json_=json_)


def _switch(service: str, verb: str, words: str, *, json_: bool, **more: Any) -> None:
    from luffy_dagster import store

    with context.connection() as conn:
        getattr(store.services, verb)(conn, service, actor=context.actor(), now=context.now(), **more)
        after = store.services.get(conn, service)
    if json_:
        ui.print_json(after)
    else:
        ui.out.print(f"[green]✓[/] {service} {words}")
