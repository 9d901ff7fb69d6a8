"""Alerts and their history, and the small cache of what judging need not compute at every tick. States are `core.alerting`'s."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql

from luffy_dagster.core.alerting.judge import Change
from luffy_dagster.core.alerting.model import Alert, AlertState, Source
from luffy_dagster.core.model import Severity
from luffy_dagster.store.errors import NotFoundError
from luffy_dagster.store.schema import alert, alert_cache, alert_event

OPEN = (AlertState.PENDING.value, AlertState.FIRING.value)


def _alert(row: Any) -> Alert:
    names = ("key", "rule_id", "kind", "environment", "started_at", "pending_since", "last_seen", "title", "fired_at")
    more = ("clear_since", "resolved_at", "count", "value", "flaps", "once", "detail", "score", "id", "incident_id")
    return Alert(
        **{name: row[name] for name in (*names, *more)},
        hidden_by=row["hidden_by"],
        service=row["service_id"],
        source=Source(row["source"]),
        severity=Severity(row["severity"]),
        state=AlertState(row["state"]),
        mentions=tuple((str(a), int(b)) for a, b in row["mentions"]),
        trace_ids=tuple(row["trace_ids"]),
    )


def latest(conn: Connection, keys: Collection[str]) -> dict[str, Alert]:
    """By key: every open alert, and the newest one of each of `keys`."""
    a = alert.c
    kept = a.state != "dropped"
    newest = select(func.max(a.id)).where(a.key.in_(list(keys)), kept).group_by(a.key)
    query = select(alert).where(or_(a.state.in_(OPEN), a.id.in_(newest))).order_by(a.id)
    return {row["key"]: _alert(row) for row in conn.execute(query).mappings()}


def apply(conn: Connection, changes: Sequence[Change], now: datetime) -> list[Alert]:
    """Writes what became of alerts, with their history; gives those that are there, with their numbers."""
    out = []
    for change in changes:
        after = change.after
        if after is None:
            assert change.before is not None
            conn.execute(update(alert).where(alert.c.id == change.before.id).values(state="dropped", resolved_at=now))
            add_event(conn, change.before.id, "dropped", "never fired", now)
            continue
        values = _values(after)
        if change.before is None:
            number = conn.execute(insert(alert).values(values).returning(alert.c.id)).scalar_one()
        else:
            number = change.before.id
            conn.execute(update(alert).where(alert.c.id == number).values(values))
        if change.event is not None:
            add_event(conn, number, change.event, f"{after.severity}: {after.title}", now)
        out.append(get(conn, number))
    return out


def _values(one: Alert) -> dict[str, Any]:
    names = ("key", "rule_id", "kind", "environment", "started_at", "pending_since", "last_seen", "title", "fired_at")
    more = ("clear_since", "resolved_at", "count", "value", "flaps", "once", "score", "incident_id")
    return {
        **{name: getattr(one, name) for name in (*names, *more)},
        "service_id": one.service,
        "source": str(one.source),
        "severity": str(one.severity),
        "state": str(one.state),
        "detail": dict(one.detail),
        "mentions": [list(pair) for pair in one.mentions],
        "trace_ids": list(one.trace_ids),
    }


def add_event(conn: Connection, number: int, event: str, detail: str | None, now: datetime) -> None:
    """One row of an alert's history."""
    conn.execute(insert(alert_event).values(alert_id=number, at=now, event=event, detail=detail))


def events(conn: Connection, number: int) -> list[dict[str, Any]]:
    """An alert's history, oldest first: at, event, detail."""
    e = alert_event.c
    query = select(e.at, e.event, e.detail).where(e.alert_id == number).order_by(e.id)
    return [dict(row) for row in conn.execute(query).mappings()]


def get(conn: Connection, number: int) -> Alert:
    """One alert; raises NotFoundError."""
    row = conn.execute(select(alert).where(alert.c.id == number)).mappings().first()
    if row is None or row["state"] == "dropped":
        raise NotFoundError("alert", number)
    return _alert(row)


def list_alerts(
    conn: Connection,
    *,
    service: str | None = None,
    states: Collection[str] | None = OPEN,
    since: datetime | None = None,
    incident_id: str | None = None,
    ids: Collection[int] | None = None,
    limit: int = 1_000,
) -> list[Alert]:
    """Alerts, the newest first; without `states` of any. With `since` also those resolved after it."""
    a = alert.c
    query = select(alert).where(a.state != "dropped").order_by(a.id.desc()).limit(limit)
    if states is not None:
        wanted = a.state.in_(list(states))
        query = query.where(or_(wanted, a.resolved_at >= since) if since is not None else wanted)
    elif since is not None:
        query = query.where(or_(a.state.in_(OPEN), a.resolved_at >= since))
    if service is not None:
        query = query.where(a.service_id == service)
    if incident_id is not None:
        query = query.where(a.incident_id == incident_id)
    if ids is not None:
        query = query.where(a.id.in_(list(ids)))
    return [_alert(row) for row in conn.execute(query).mappings()]


def set_incident(conn: Connection, numbers: Collection[int], incident_id: str) -> None:
    """These alerts belong to that incident."""
    if numbers:
        conn.execute(update(alert).where(alert.c.id.in_(list(numbers))).values(incident_id=incident_id))


def cached(conn: Connection, kind: str) -> dict[str, tuple[datetime, Any]]:
    """What was computed of a kind, per service, and when."""
    c = alert_cache.c
    rows = conn.execute(select(c.service_id, c.at, c.value).where(c.kind == kind))
    return {row.service_id: (row.at, row.value) for row in rows}


def cached_of(conn: Connection, service: str, kind: str) -> tuple[datetime, Any] | None:
    """What was computed of a kind for one service, and when."""
    c = alert_cache.c
    row = conn.execute(select(c.at, c.value).where(c.service_id == service, c.kind == kind)).first()
    return None if row is None else (row.at, row.value)


def cache(conn: Connection, service: str, kind: str, value: Any, now: datetime) -> None:
    """Keeps it."""
    statement = postgresql.insert(alert_cache).values(service_id=service, kind=kind, at=now, value=value)
    conn.execute(
        statement.on_conflict_do_update(index_elements=["service_id", "kind"], set_={"at": now, "value": value})
    )


def forget(conn: Connection, service: str, kind: str) -> None:
    """Drops it."""
    c = alert_cache.c
    conn.execute(delete(alert_cache).where(c.service_id == service, c.kind == kind))
