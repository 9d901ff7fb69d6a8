"""Alerts of one cause become one incident: what `core.incidents` finds to belong together, with ids that stay."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from luffy_dagster import store
from luffy_dagster.core.alerting.model import Alert, AlertState
from luffy_dagster.core.incidents import DEFAULT as CORRELATION
from luffy_dagster.core.incidents import ServiceGraph, Signal, correlate
from luffy_dagster.store.incidents import IncidentRow, MemberRow

ACTIVE_FOR = timedelta(hours=1)  # a resolved alert still has a say in what belongs together
JOINS_FOR = timedelta(minutes=30)  # and a firing one for so long after it fired


def correlate_alerts(conn: Any, now: datetime, *, at_once: bool) -> None:
    """Alerts of one cause become one incident, with its root; its id stays while alerts join and leave."""
    alerts = {
        one.signal_id: one
        for one in store.alerts.list_alerts(conn, states=[AlertState.FIRING], since=now - ACTIVE_FOR)
        if one.fired_at is not None
    }
    open_rows = {row.id: row for row in store.incidents.list_incidents(conn, since=now - ACTIVE_FOR)}
    for one in store.alerts.list_alerts(conn, states=None, ids=_members_of(conn, open_rows)):
        alerts.setdefault(one.signal_id, one)
    graph = ServiceGraph(store.alert_facts.graph(conn))
    homes = store.incidents.of_signals(conn, list(alerts))
    seen: set[str] = set()
    settings = replace(CORRELATION, declare_after=timedelta(0)) if at_once else CORRELATION
    for made in correlate([_signal(one) for one in alerts.values()], graph, now, settings, homes=homes):
        signals = [member.signal_id for member in made.members]
        # What was together stays together: the oldest incident that knows one of these signals is theirs.
        known = sorted(
            {homes[s] for s in signals if s in homes},
            key=lambda i: (open_rows[i].fired_at, i) if i in open_rows else (now, i),
        )
        name = known[0] if known else made.incident_id
        if name in seen:
            continue
        seen.add(name)
        for other in known[1:]:
            store.incidents.merge(conn, other, name, now)
        mine = [alerts[s] for s in signals]
        row = _incident_row(name, made, mine, open_rows.get(name))
        members = [
            MemberRow(name, m.signal_id, alerts[m.signal_id].id, m.service, m.role, m.suppressed, m.reason, now)
            for m in made.members
        ]
        store.incidents.put(conn, row, members, now)
        store.alerts.set_incident(conn, [one.id for one in mine if one.incident_id != name], name)


def _signal(alert: Alert) -> Signal:
    fired = alert.fired_at or alert.pending_since
    last = fired + JOINS_FOR
    return Signal(
        id=alert.signal_id,
        service=alert.service,
        environment=alert.environment,
        started_at=min(alert.started_at, fired),
        fired_at=fired,
        ended_at=last if alert.resolved_at is None else min(last, alert.resolved_at),
        severity=alert.severity,
        kind=alert.kind,
        title=alert.title,
        score=alert.score,
        mentions=alert.mentions,
        trace_ids=alert.trace_ids,
    )


def _members_of(conn: Any, rows: Collection[str]) -> list[int]:
    return [m.alert_id for m in store.incidents.members(conn, list(rows)) if m.alert_id is not None]


def _incident_row(name: str, made: Any, alerts: Sequence[Alert], before: IncidentRow | None) -> IncidentRow:
    firing = [one for one in alerts if one.state is AlertState.FIRING]
    root = made.root_service or (before.root_service if before else None)
    ranked = sorted(alerts, key=lambda a: (a.service != root, a.state is not AlertState.FIRING, -a.severity.rank, a.id))
    worst = max((one.severity for one in firing or alerts), key=lambda s: s.rank)
    ends = [one.resolved_at for one in alerts if one.resolved_at is not None]
    return IncidentRow(
        id=name,
        environment=made.environment,
        state="open" if firing else "resolved",
        title=ranked[0].title,
        severity=worst,
        root_service=root,
        confidence=made.confidence or (before.confidence if before else 0.0),
        reasons=made.reasons or (before.reasons if before else ()),
        services=tuple(s for s in made.services if s),
        started_at=made.started_at,
        fired_at=made.fired_at,
        declare_at=made.declare_at,
        ended_at=None if firing else max(ends, default=None),
    )
