"""`luffy alarms`: fetches that failed, were capped, are late, were never started, or bring nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from luffy_dagster.cli import context, ui

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from luffy_dagster.store.alarms import Alarm


def register(app: typer.Typer) -> None:
    """Hang the command into the root."""
    app.command("alarms", rich_help_panel="Read")(alarms)


def alarms(
    service: Annotated[str | None, typer.Option("--service", "-s", help="Only of this service.")] = None,
    json_: ui.Json = False,
) -> None:
    """Open alarms of all services, judged now: what failed, is late or capped, was never started, or is silent.

    Example: [bold]luffy alarms --service web-app --json[/]
    """
    from luffy_dagster import store
    from luffy_dagster.flows.freshness import judge_freshness

    if service is not None:
        with context.connection() as conn:
            store.services.get(conn, service)
    now = context.now()
    found = [one for one in judge_freshness(context.engine(), now) if service in (None, one.service_id)]
    if json_:
        ui.print_json(found)
        return
    if not found:
        ui.out.print("[green]✓[/] no alarm is open")
        return
    show_alarms(found, now)


def show_alarms(found: Sequence[Alarm], now: datetime) -> None:
    """A table of alarms."""
    shown = ui.table("service", "alarm", "since", "what", title="Alarms", wide=("what",))
    for one in found:
        shown.add_row(
            one.service_id,
            ui.styled(one.kind, dict.fromkeys([one.kind], "red")),
            ui.ago(one.raised_at, now),
            one.detail,
        )
    ui.out.print(shown)
