"""Incidents: which alerts have one cause, its root, and what was told of it. What belongs together is `core.incidents`' business."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, or_, select, update
from sqlalchemy.dialects import postgresql

from luffy_dagster.core.model import Severity
from luffy_dagster.store.errors import InvalidError, NotFoundError
from luffy_dagster.store.schema import incident, incident_member


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One incident. `told` is what the last message said (see `flows.telling`)."""

    id: str
    environment: str
    state: str
    title: str
    severity: Severity
    root_service: str | None
    confidence: float
    reasons: tuple[str, ...]
    services: tuple[str, ...]
    started_at: datetime
    fired_at: datetime
    declare_at: datetime
    ended_at: datetime | None
    merged_into: str | None = None
    messages: int = 0
    told_at: datetime | None = None
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One signal of an incident."""

    incident_id: str
    signal_id: str
    alert_id: int | None
    service_id: str
    role: str
    suppressed: bool
    reason: str
    joined_at: datetime


def _row(row: Any) -> IncidentRow:
    values = {name: row[name] for name in IncidentRow.__slots__}
    values["severity"] = Severity(values["severity"])
    for name in ("reasons", "services"):
        values[name] = tuple(values[name])
    return IncidentRow(**values)


def put(conn: Connection, one: IncidentRow, members: Collection[MemberRow], now: datetime) -> None:
    """Writes an incident (not what was told of it) and its members; a member keeps the time when it joined.

    Nearly every look finds what was there already: only what differs is written.
    """
    there = conn.execute(select(incident).where(incident.c.id == one.id)).mappings().first()
    known = {
        row["signal_id"]: MemberRow(**{name: row[name] for name in MemberRow.__slots__})
        for row in (
            conn.execute(select(incident_member).where(incident_member.c.incident_id == one.id)).mappings()
            if there
            else ()
        )
    }
    members = [each for each in members if _differs(known.get(each.signal_id), each)]
    if there is not None and replace(_row(there), messages=0, told_at=None, told={}) == replace(
        one, messages=0, told_at=None, told={}
    ):
        _put_members(conn, members)
        return
    values = {name: getattr(one, name) for name in IncidentRow.__slots__ if name not in ("messages", "told_at", "told")}
    values |= {"severity": str(one.severity), "reasons": list(one.reasons), "services": list(one.services)}
    statement = postgresql.insert(incident).values(**values, created_at=now, updated_at=now)
    changed = {name: value for name, value in values.items() if name != "id"}
    conn.execute(statement.on_conflict_do_update(index_elements=["id"], set_={**changed, "updated_at": now}))
    _put_members(conn, members)


def _differs(before: MemberRow | None, after: MemberRow) -> bool:
    return before is None or replace(before, joined_at=after.joined_at) != after


def _put_members(conn: Connection, members: Collection[MemberRow]) -> None:
    for member in members:
        row = {name: getattr(member, name) for name in MemberRow.__slots__}
        add = postgresql.insert(incident_member).values(row)
        keep = {name: row[name] for name in ("role", "suppressed", "reason", "alert_id", "service_id")}
        conn.execute(add.on_conflict_do_update(index_elements=["incident_id", "signal_id"], set_=keep))


def merge(conn: Connection, gone: str, into: str, now: datetime) -> None:
    """One incident turned out to be part of another: its members move, its id stays an alias."""
    m = incident_member.c
    there = select(m.signal_id).where(m.incident_id == into)
    conn.execute(delete(incident_member).where(m.incident_id == gone, m.signal_id.in_(there)))
    conn.execute(update(incident_member).where(m.incident_id == gone).values(incident_id=into))
    values = {"state": "merged", "merged_into": into, "updated_at": now}
    conn.execute(update(incident).where(incident.c.id == gone).values(values))


def told(conn: Connection, incident_id: str, what: Mapping[str, Any], now: datetime) -> None:
    """Notes a message about an incident and what it said."""
    i = incident.c
    values = {"messages": i.messages + 1, "told_at": now, "told": dict(what), "updated_at": now}
    conn.execute(update(incident).where(i.id == incident_id).values(values))


def get(conn: Connection, key: str) -> IncidentRow:
    """The incident of that id or of an unambiguous beginning of it, merges followed; raises NotFoundError, InvalidError."""
    i = incident.c
    query = select(incident).where(i.id.startswith(key, autoescape=True)) if key else None
    rows = conn.execute(query.limit(2)).mappings().all() if query is not None else []
    if not rows:
        raise NotFoundError("incident", key)
    if len(rows) > 1:
        raise InvalidError("incident", f"{key!r} is the beginning of several ids: give more of it")
    found = _row(rows[0])
    seen = {found.id}
    while found.merged_into is not None and found.merged_into not in seen:
        seen.add(found.merged_into)
        found = _row(conn.execute(select(incident).where(i.id == found.merged_into)).mappings().one())
    return found


def list_incidents(
    conn: Connection,
    *,
    state: str | None = "open",
    service: str | None = None,
    since: datetime | None = None,
    limit: int = 1_000,
) -> list[IncidentRow]:
    """Incidents, newest first; `state` None: all but merged ones. With `since` also those that ended after it."""
    i = incident.c
    query = select(incident).where(i.state != "merged").order_by(i.fired_at.desc(), i.id).limit(limit)
    if state is not None:
        query = query.where(or_(i.state == state, i.ended_at >= since) if since is not None else i.state == state)
    elif since is not None:
        query = query.where(or_(i.ended_at.is_(None), i.ended_at >= since))
    if service is not None:
        query = query.where(i.services.contains([service]))
    return [_row(row) for row in conn.execute(query).mappings()]


def members(conn: Connection, incident_ids: Collection[str]) -> list[MemberRow]:
    """The signals of these incidents, in the order in which they joined."""
    m = incident_member
    query = select(m).where(m.c.incident_id.in_(list(incident_ids))).order_by(m.c.joined_at, m.c.signal_id)
    return [MemberRow(**{name: row[name] for name in MemberRow.__slots__}) for row in conn.execute(query).mappings()]


def of_signals(conn: Connection, signal_ids: Collection[str]) -> dict[str, str]:
    """The incident that each of these signals is in."""
    m = incident_member.c
    rows = conn.execute(select(m.signal_id, m.incident_id).where(m.signal_id.in_(list(signal_ids))))
    return {row.signal_id: row.incident_id for row in rows}
