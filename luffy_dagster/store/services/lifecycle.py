"""The moves of a service from its creation to the archive; which are legal is said by `core.lifecycle`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select
from sqlalchemy import update as sa_update

from luffy_dagster.core.lifecycle import LifecycleState, allowed, path, reached
from luffy_dagster.store import audit
from luffy_dagster.store.errors import IllegalMoveError, NotFoundError
from luffy_dagster.store.schema import lifecycle_event, service
from luffy_dagster.store.services.records import Service, get


@dataclass(frozen=True, slots=True)
class LifecycleEvent:
    """One move of a service."""

    service_id: str
    from_state: str | None
    to_state: str
    actor: str
    at: datetime
    reason: str | None


def move(
    conn: Connection, service_id: str, to: LifecycleState, *, actor: str, now: datetime, reason: str | None = None
) -> Service:
    """One legal move, kept with time and actor; to the state it is in: nothing. Raises IllegalMoveError."""
    query = select(service.c.lifecycle_state).where(service.c.id == service_id).with_for_update()
    current_text = conn.execute(query).scalar()
    if current_text is None:
        raise NotFoundError("service", service_id)
    current = LifecycleState(current_text)
    if current == to:
        return get(conn, service_id)
    if to not in allowed(current):
        raise IllegalMoveError(service_id, current, to, [s.value for s in allowed(current)])
    _move(conn, service_id, current, to, actor, now, reason)
    return get(conn, service_id)


def _move(
    conn: Connection,
    service_id: str,
    current: LifecycleState,
    to: LifecycleState,
    actor: str,
    now: datetime,
    reason: str | None,
) -> None:
    conn.execute(sa_update(service).where(service.c.id == service_id).values(lifecycle_state=to.value, updated_at=now))
    conn.execute(
        insert(lifecycle_event).values(
            service_id=service_id, from_state=current.value, to_state=to.value, actor=actor, at=now, reason=reason
        )
    )
    audit.write(
        conn, actor, "move", "service", service_id, service=service_id, now=now,
        before={"lifecycle_state": current.value}, after={"lifecycle_state": to.value, "reason": reason},
    )  # fmt: skip


def advance(conn: Connection, service_id: str, to: LifecycleState, *, actor: str, now: datetime) -> Service:
    """Through the legal steps to `to`; nothing when the service is there or past it."""
    query = select(service.c.lifecycle_state).where(service.c.id == service_id).with_for_update()
    text = conn.execute(query).scalar()
    if text is None:
        raise NotFoundError("service", service_id)
    current = LifecycleState(text)
    if not reached(current, to):
        steps = path(current, to)
        if steps is None:
            raise IllegalMoveError(service_id, current, to, [s.value for s in allowed(current)])
        for step in steps:
            _move(conn, service_id, current, step, actor, now, None)
            current = step
    return get(conn, service_id)


def maintenance(
    conn: Connection, service_id: str, on: bool, *, actor: str, now: datetime, reason: str | None = None
) -> Service:
    """Into maintenance (work and alerts pause, data stays) and back (the gap is fetched). Raises IllegalMoveError."""
    to = LifecycleState.MAINTENANCE if on else LifecycleState.ACTIVE
    if not on and get(conn, service_id).lifecycle_state is not LifecycleState.MAINTENANCE:
        current = get(conn, service_id).lifecycle_state
        raise IllegalMoveError(service_id, current, "out of Maintenance", [s.value for s in allowed(current)])
    return move(conn, service_id, to, actor=actor, now=now, reason=reason)


def archive(conn: Connection, service_id: str, *, actor: str, now: datetime) -> Service:
    """Out of all lists for good; its data stays readable.

    Out of maintenance by way of Active; one that was never active is archived as it is (else nobody could be rid of it).
    """
    current = get(conn, service_id).lifecycle_state
    if current is not LifecycleState.ARCHIVED:
        if LifecycleState.ACTIVE in allowed(current) and reached(current, LifecycleState.ACTIVE):
            _move(conn, service_id, current, LifecycleState.ACTIVE, actor, now, "on its way to the archive")
            current = LifecycleState.ACTIVE
        _move(conn, service_id, current, LifecycleState.ARCHIVED, actor, now, "archived")
        conn.execute(sa_update(service).where(service.c.id == service_id).values(is_active=False))
    return get(conn, service_id)


def history(conn: Connection, service_id: str) -> list[LifecycleEvent]:
    """The moves of a service, oldest first."""
    rows = conn.execute(
        select(lifecycle_event).where(lifecycle_event.c.service_id == service_id).order_by(lifecycle_event.c.id)
    ).mappings()
    return [LifecycleEvent(**{f: row[f] for f in LifecycleEvent.__slots__}) for row in rows]
