"""`luffy alerts`, `luffy incidents`: what fires, who has it, what is hidden, whether messages arrive."""

from __future__ import annotations

from typing import Annotated

import typer

from luffy_dagster.cli import context, ui

alerts_app = typer.Typer(no_args_is_help=True, help="Alerts: list, show, acknowledge, silence, try a message.")
incidents_app = typer.Typer(no_args_is_help=True, help="Incidents: alerts of one cause.")

Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; whoever reads it later wants to know.")]


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into the root."""
    app.add_typer(alerts_app, name="alerts", rich_help_panel="Alerts")
    app.add_typer(incidents_app, name="incidents", rich_help_panel="Alerts")


@alerts_app.command("list")
def list_(
    service: Annotated[str | None, typer.Option("--service", "-s", help="Only of this service.")] = None,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Resolved ones too.")] = False,
    hidden_by: Annotated[
        str | None, typer.Option("--hidden-by", help="What this silence or window hid: silence:3, maintenance:1.")
    ] = None,
    json_: ui.Json = False,
) -> None:
    """Alerts that fire or are pending, with what hides them.

    Example: [bold]luffy alerts list --service payments[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        states = None if everything else store.alerts.OPEN
        ids = None
        if hidden_by is not None:  # what is over by now is listed too: the question is what was not told
            kind, _, number = hidden_by.partition(":")
            if kind not in ("silence", "maintenance") or not number.isdigit():
                ui.usage(f"--hidden-by is silence:NUMBER or maintenance:NUMBER, not {hidden_by!r}")
            ids = {one.alert_id for one in store.mutes.hidden(conn, by_kind=kind, by_id=int(number))}
            states = None
        found = store.alerts.list_alerts(conn, service=service, states=states, ids=ids, limit=200)
    if json_:
        ui.print_json(found)
        return
    if not found:
        ui.out.print("[green]✓[/] no alert")
        return
    shown = ui.table("alert", "state", "severity", "service", "since", "incident", "what", wide=("what",))
    for one in found:
        hidden = f" (hidden by {one.hidden_by})" if one.hidden_by else ""
        severity = ui.styled(str(one.severity), ui.SEVERITY_STYLE)
        since = ui.ago(one.started_at, context.now())
        incident = (one.incident_id or "–")[:8]
        what = ui.styled(_headline(one.title, one.service), {})
        shown.add_row(str(one.id), f"{one.state}{hidden}", severity, one.service, since, incident, what)
    ui.out.print(shown)


@alerts_app.command("show")
def show(
    number: Annotated[int, typer.Argument(metavar="ALERT", help="Its number.", show_default=False)],
    json_: ui.Json = False,
) -> None:
    """One alert with its history and what hid it.

    Example: [bold]luffy alerts show 12[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        one = store.alerts.get(conn, number)
        events = store.alerts.events(conn, number)
        hidden = store.mutes.hidden(conn, alert_id=number)
    if json_:
        ui.print_json({"alert": one, "events": events, "hidden": hidden})
        return
    detail, now = one.detail, context.now()
    what, why = _headline(one.title, one.service), str(detail.get("why") or "")
    more = [("luffy anomalies show", detail.get("anomaly_id")), ("luffy incidents show", (one.incident_id or "")[:8])]
    if detail.get("cluster_id"):
        more.append(("luffy cluster show", f"{detail['cluster_id']} -s {one.service}"))
    pairs = [
        ("what", what),
        ("why", "" if why == what else why),
        ("service", " · ".join(part for part in (one.service, one.environment) if part)),
        ("severity", str(one.severity)),
        ("state", f"{one.state}" + (f", hidden by {one.hidden_by}" if one.hidden_by else "")),
        ("since", f"{ui.when(one.started_at, now)} ({ui.lasted(one.started_at, one.resolved_at, now)})"),
        ("count", str(one.count) if one.count > 1 else ""),
        ("fails in", detail.get("culprit")),
        ("more", "\n".join(f"{command} {key}" for command, key in more if key)),
    ]
    ui.out.print(ui.pairs(pairs))
    ui.out.print()
    for event in events:
        ui.out.print(f"{ui.when(event['at'])}  {event['event']}  {event['detail'] or ''}", markup=False)


def _headline(title: str, service: str) -> str:
    """A title where its service stands beside it."""
    return title.removeprefix(f"{service}: ")


@alerts_app.command("ack")
def ack(
    incident: Annotated[
        str, typer.Argument(metavar="INCIDENT", help="Its id or the beginning of it.", show_default=False)
    ],
    reason: Reason = "",
    json_: ui.Json = False,
) -> None:
    """You have it: no repeats and updates until it is over or becomes critical.

    Example: [bold]luffy alerts ack 0571ddcf --reason "looking at it"[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        row = store.incidents.get(conn, incident)
        store.mutes.acknowledge(conn, row.id, owner=context.actor(), reason=reason, until=None, now=context.now())
    ui.print_json({"incident": row.id}) if json_ else ui.out.print(f"[green]✓[/] incident {row.id[:8]} is yours")


@alerts_app.command("silence")
def silence(
    matcher: Annotated[
        list[str], typer.Argument(metavar="FIELD=GLOB…", help="e.g. service=web kind=new", show_default=False)
    ],
    reason: Reason,
    hours: Annotated[float, typer.Option("--hours", min=0.1, max=720, help="For so long.")] = 2.0,
    json_: ui.Json = False,
) -> None:
    """Hide the alerts that match all; what was hidden is told at the end.

    Example: [bold]luffy alerts silence service=web kind=new --hours 4 --reason "known, fix is on its way"[/]
    """
    from datetime import timedelta

    from luffy_dagster import store

    pairs = dict(one.partition("=")[::2] for one in matcher)
    now = context.now()
    with context.connection() as conn:
        number = store.mutes.add_silence(
            conn,
            pairs,
            owner=context.actor(),
            reason=reason,
            starts_at=now,
            ends_at=now + timedelta(hours=hours),
            now=now,
        )
    ui.print_json({"silence": number}) if json_ else ui.out.print(f"[green]✓[/] silence {number} for {hours:g} h")


@alerts_app.command("judge")
def judge(json_: ui.Json = False) -> None:
    """Judge now, and deliver what is due (Dagster does it every minute).

    Example: [bold]luffy alerts judge --json[/]
    """
    from luffy_dagster.flows.alerting import tick

    result = tick(context.flows())
    ui.print_json(result.as_metadata())
    if not json_ and result.delivered.errors:
        ui.note("some messages were not delivered; they are tried again")


@incidents_app.command("list")
def incidents(
    everything: Annotated[bool, typer.Option("--all", "-a", help="Those that are over too.")] = False,
    json_: ui.Json = False,
) -> None:
    """Incidents, the newest first.

    Example: [bold]luffy incidents list --all[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        found = store.incidents.list_incidents(conn, state=None if everything else "open", limit=200)
    if not ui.listed(found, json_, "[green]✓[/] no incident is open; --all lists those that are over"):
        return
    shown = ui.table("incident", "state", "severity", "root", "services", "since", "told", "what", wide=("what",))
    for one in found:
        severity = ui.styled(str(one.severity), ui.SEVERITY_STYLE)
        since = ui.ago(one.started_at, context.now())
        row = (
            one.id[:8],
            one.state,
            severity,
            one.root_service or "–",
            ", ".join(one.services),
            since,
            str(one.messages),
        )
        shown.add_row(*row, ui.styled(_headline(one.title, one.root_service or ""), {}))
    ui.out.print(shown)


@incidents_app.command("show")
def show_incident(
    key: Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id or the beginning of it.", show_default=False)],
    json_: ui.Json = False,
) -> None:
    """One incident: its root, its alerts and why they belong to it, its messages and whether they arrived.

    Example: [bold]luffy incidents show 0571ddcf[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        row = store.incidents.get(conn, key)
        members = store.incidents.members(conn, [row.id])
        messages = store.outbox.list_items(conn, incident_id=row.id)
        alerts = {one.id: one for one in store.alerts.list_alerts(conn, states=None, incident_id=row.id)}
        acked = store.mutes.acknowledgements(conn, [row.id], context.now())
    if json_:
        ui.print_json({"incident": row, "members": members, "messages": messages})
        return
    now = context.now()
    pairs = [
        ("what", row.title),
        ("root", row.root_service),
        ("why", "; ".join(row.reasons)),
        ("severity", str(row.severity)),
        ("state", row.state),
        ("since", f"{ui.when(row.started_at, now)} ({ui.lasted(row.started_at, row.ended_at, now)})"),
        ("taken by", "; ".join(f"{one.owner}: {one.reason}" for one in acked)),
    ]
    ui.out.print(ui.pairs(pairs))
    shown = ui.table(
        "alert", "service", "severity", "state", "since", "what", "belongs here", wide=("what", "belongs here")
    )
    for member in members:
        one = alerts.get(member.alert_id or -1)
        severity = ui.styled(str(one.severity) if one else None, ui.SEVERITY_STYLE)
        what = _headline(one.title, one.service) if one else "–"
        state, since = (str(one.state), ui.ago(one.started_at, now)) if one else ("–", "–")
        place = f"{member.role}: {member.reason}"
        shown.add_row(str(member.alert_id or "–"), member.service_id, severity, state, since, what, place)
    ui.out.print(shown)
    for item in messages:
        where = ":".join(item.target.split(":")[:3])
        ui.out.print(f"message ({item.kind}) to {where}: {item.state}  {item.last_error or ''}", markup=False)
