"""Who is told what of an incident and when: messages queued in the outbox. Whether to tell is `core.alerting.telling`'s decision, the
words are `messages`', bringing them there is `delivery`'s.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from luffy_dagster import store
from luffy_dagster.core.alerting.message import Message
from luffy_dagster.core.alerting.model import Alert, AlertState
from luffy_dagster.core.alerting.telling import Decision, Policy, Standing, Told, decide
from luffy_dagster.core.model import Severity
from luffy_dagster.flows import messages
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.store.incidents import IncidentRow


def policy_of(ctx: FlowContext) -> Policy:
    """How often people are told, by the settings."""
    s = ctx.settings
    return Policy(
        batch=timedelta(minutes=s.alert_batch_minutes),
        cooldown=timedelta(minutes=s.alert_cooldown_minutes),
        repeat=timedelta(hours=s.alert_repeat_hours),
    )


def tell(ctx: FlowContext, conn: Any, now: datetime, *, at_once: bool = False) -> int:
    """Queues the messages that are due; how many. Urgent ones alone, the others of one target together."""
    policy = replace(policy_of(ctx), at_once=at_once)
    batches: dict[str, list[tuple[IncidentRow, dict[str, Any], str | None]]] = {}
    queued = 0
    for row in store.incidents.list_incidents(conn, since=now - timedelta(days=1)):
        alerts = store.alerts.list_alerts(conn, states=None, incident_id=row.id)
        firing = [one for one in alerts if one.state is AlertState.FIRING]
        visible = [one for one in firing if one.hidden_by is None]
        if firing and not visible:
            continue
        told = told_of(row)
        if told is None:  # what is about to end is nothing to begin with
            visible = [one for one in visible if one.clear_since is None]
        acked = bool(store.mutes.acknowledgements(conn, [row.id], now))
        decision = decide(_standing(row, visible, acknowledged=acked), told, policy, now)
        if decision is None:
            continue
        if decision.kind == "resolved":
            visible = alerts
        threads = store.outbox.threads(conn, row.id)
        severity = max((one.severity for one in visible), key=lambda s: s.rank)
        places = list(dict.fromkeys([*threads, *routes(conn, row, severity)]))
        if not places:
            continue
        message = messages.compose(ctx, conn, replace(row, severity=severity), visible, decision, now)
        payload = {**message.as_json(), "meta": _meta(row, visible)}
        for place in places:
            if decision.urgent:
                _queue(conn, place, decision.kind, [(row, payload, threads.get(place))], now)
                queued += 1
            else:
                batches.setdefault(place, []).append((row, payload, threads.get(place)))
        store.incidents.told(conn, row.id, _told_json(row, visible, decision), now)
    for place, many in batches.items():
        # What answers a thread of its own goes alone, so that it stands there.
        fresh = [one for one in many if one[2] is None]
        for group in ([fresh] if fresh else []) + [[one] for one in many if one[2] is not None]:
            _queue(conn, place, group[0][1]["kind"], group, now)
            queued += 1
    return queued


def _standing(row: IncidentRow, visible: Sequence[Alert], *, acknowledged: bool) -> Standing:
    fired = [one.fired_at for one in visible if one.fired_at is not None]
    return Standing(
        firing=bool(visible),
        severity=max((one.severity for one in visible), key=lambda s: s.rank, default=row.severity),
        since=min(fired, default=row.fired_at),
        declare_at=row.declare_at,
        root=row.root_service,
        services=frozenset(one.service for one in visible) or frozenset(row.services),
        grave=frozenset(one.title for one in visible if one.severity.rank >= Severity.HIGH.rank),
        acknowledged=acknowledged,
    )


def told_of(row: IncidentRow) -> Told | None:
    """What was told of an incident so far, or None."""
    if row.told_at is None:
        return None
    return Told(
        messages=row.messages,
        last_at=row.told_at,
        severity=Severity(row.told["severity"]),
        root=row.told.get("root"),
        services=frozenset(row.told.get("services", ())),
        grave=frozenset(row.told.get("grave", ())),
        resolved=bool(row.told.get("resolved")),
    )


def _told_json(row: IncidentRow, visible: Sequence[Alert], decision: Decision) -> dict[str, Any]:
    now_ = _standing(row, visible, acknowledged=False)
    before = told_of(row)
    worst = max([now_.severity, *([before.severity] if before and not before.resolved else [])], key=lambda s: s.rank)
    return {
        "severity": str(worst),
        "root": row.root_service,
        "services": sorted({*now_.services, *(before.services if before else ())}),
        "grave": sorted({*now_.grave, *(before.grave if before else ())})[:200],
        "resolved": decision.kind == "resolved",
    }


def _meta(row: IncidentRow, alerts: Sequence[Alert]) -> dict[str, Any]:
    return {
        "service": row.root_service or (alerts[0].service if alerts else ""),
        "environment": row.environment,
        "started_at": row.started_at.isoformat(),
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
    }


def _queue(
    conn: Any, place: str, kind: str, many: Sequence[tuple[IncidentRow, dict[str, Any], str | None]], now: datetime
) -> None:
    text = "\0".join([place, kind, *(f"{row.id}/{row.messages}" for row, _, _ in many)])
    key = f"luffy-{many[0][0].id[:8]}-{hashlib.blake2b(text.encode(), digest_size=10).hexdigest()}"
    payload = {"messages": [payload for _, payload, _ in many]}
    ids = [row.id for row, _, _ in many]
    store.outbox.put(conn, key, place, kind, payload, now=now, incidents=ids, thread=many[0][2])


def routes(conn: Any, row: IncidentRow, severity: Severity) -> list[str]:
    """Where an incident is told: the targets of its root, or else of the service of its earliest alert."""
    names = [row.root_service] if row.root_service else list(row.services[:1])
    return service_routes(conn, names[0] if names else None, severity)


def service_routes(conn: Any, name: str | None, severity: Severity) -> list[str]:
    """A service's targets: its webhook and mail by its channels, both when critical; and those that are kept beside."""
    found: list[str] = []
    service = store.services.find(conn, name) if name else None
    if service is not None:
        if not service.notification_enabled:
            return []
        hook = [f"service:{service.id}:slack"] if service.notification_webhook_url is not None else []
        mail = [f"service:{service.id}:email:{address}" for address in service.notification_email]
        wanted = [
            place
            for channel in service.notification_channels
            for place in {"slack": hook, "email": mail}.get(channel, [])
        ]
        # The webhook, or else the mail; critical to both.
        found += hook + mail if severity is Severity.CRITICAL else wanted or hook or mail
    found += [
        target.ref
        for target in store.outbox.targets(conn, name)
        if target.enabled and severity.rank >= target.least.rank and (name is not None or target.service_id is None)
    ]
    return list(dict.fromkeys(found))


def tell_expiries(ctx: FlowContext, conn: Any, now: datetime) -> int:
    """Tells that a silence or window is over where it hid something; notes every end."""
    queued = 0
    for kind, row in store.mutes.expired(conn, now):
        hidden = store.mutes.hidden(conn, by_kind=kind, by_id=row["id"])
        store.mutes.note_expiry(conn, kind, row["id"], now)
        if not hidden:
            continue
        ids = {one.alert_id for one in hidden}
        firing = sum(one.clear_since is None for one in store.alerts.list_alerts(conn, ids=ids))
        message = messages.expiry_message(ctx, kind, row, hidden, firing)
        worst = max((Severity(one.severity) for one in hidden), key=lambda s: s.rank)
        names = dict.fromkeys(one.service_id or None for one in hidden)
        for place in dict.fromkeys(
            p for name in names for p in service_routes(conn, name, min(worst, Severity.HIGH, key=lambda s: s.rank))
        ):
            key = f"luffy-{kind}-{row['id']}-{hashlib.blake2b(place.encode(), digest_size=8).hexdigest()}"
            payload = {"messages": [message.as_json()]}
            queued += store.outbox.put(conn, key, place, "expiry", payload, now=now)
    return queued


def add_report(
    ctx: FlowContext, service: str, cluster_id: str, headline: str, facts: Sequence[tuple[str, str]], *, report_id: str
) -> int:
    """Tells of a root cause report in the thread of the incident that its cluster is part of; how many messages were queued.

    Told once per report. Where nobody was told of the incident, nobody is told of the report.
    """
    now, safe = ctx.now(), messages.redactor(ctx)
    with store.begin(ctx.engine) as conn:
        own = store.clusters.resolve(conn, service, cluster_id)
        alerts = [
            one
            for one in store.alerts.list_alerts(conn, service=service, states=None, since=now - timedelta(days=7))
            if one.detail.get("cluster_id") in (own, cluster_id) and one.incident_id
        ]
        if not alerts:
            return 0
        row = store.incidents.get(conn, str(alerts[0].incident_id))
        message = Message(
            kind="update",
            severity=row.severity,
            headline=safe(headline),
            facts=tuple((label, safe(text)) for label, text in facts),
            links=messages.links(ctx, row, alerts[0]),
            incident_id=row.id,
        )
        queued = 0
        for place, thread in store.outbox.threads(conn, row.id).items():
            key = f"luffy-rca-{hashlib.blake2b(f'{report_id} {place}'.encode(), digest_size=10).hexdigest()}"
            payload = {"messages": [{**message.as_json(), "meta": _meta(row, alerts)}]}
            queued += store.outbox.put(conn, key, place, "report", payload, now=now, incidents=[row.id], thread=thread)
    return queued
