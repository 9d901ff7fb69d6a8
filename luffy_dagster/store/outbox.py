"""The outbox: messages to be sent, claimed by one sender at a time, and every attempt. Addresses stay with their targets.

At least once: a message is claimed in a transaction of its own before it is sent, so that one whose sender was killed is
claimed again later, under the same key. Exactly once wherever the receiver refused before accepting: a refusal is noted
before the next attempt.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from luffy_dagster.core.model import Severity
from luffy_dagster.store import audit, crypto, services
from luffy_dagster.store.crypto import Secret
from luffy_dagster.store.errors import InvalidError, NotFoundError
from luffy_dagster.store.schema import delivery_attempt, notification_target, outbox

KINDS = ("slack", "email", "apprise", "alertmanager")


@dataclass(frozen=True, slots=True)
class Item:
    """One message to one target."""

    id: int
    key: str
    target: str
    kind: str
    incidents: tuple[str, ...]
    thread: str | None
    payload: dict[str, Any]
    state: str
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    claimed_until: datetime | None
    sent_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """A place that messages go to, beside what a service names itself."""

    id: int
    service_id: str | None
    kind: str
    name: str
    least: Severity
    enabled: bool
    address: Secret

    @property
    def ref(self) -> str:
        """How the outbox calls it."""
        return f"target:{self.id}"


def _item(row: Any) -> Item:
    values = {name: row[name] for name in Item.__slots__}
    return Item(**{**values, "incidents": tuple(values["incidents"])})


def put(
    conn: Connection,
    key: str,
    target: str,
    kind: str,
    payload: Mapping[str, Any],
    *,
    now: datetime,
    incidents: Collection[str] = (),
    thread: str | None = None,
) -> bool:
    """Queues a message; False when that key is there already."""
    values = {
        "key": key, "target": target, "kind": kind, "payload": dict(payload), "incidents": list(incidents),
        "thread": thread, "created_at": now, "next_attempt_at": now,
    }  # fmt: skip
    statement = insert(outbox).values(values).on_conflict_do_nothing(index_elements=["key"]).returning(outbox.c.id)
    return conn.execute(statement).first() is not None


def claim(conn: Connection, now: datetime, lease: timedelta, limit: int = 50) -> list[Item]:
    """Messages that are due, taken for `lease`; of each target only the oldest, so that order is kept.

    One that was claimed before and neither sent nor refused in time is taken again.
    """
    o = outbox.c
    waiting = or_(o.state == "queued", and_(o.state == "sending", o.claimed_until <= now))
    # A failed message does not block its target; one that waits for its next attempt does.
    oldest = select(func.min(o.id)).where(o.state.in_(["queued", "sending"])).group_by(o.target)
    query = (
        select(o.id)
        .where(waiting, o.next_attempt_at <= now, o.id.in_(oldest))
        .order_by(o.next_attempt_at, o.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(conn.execute(query).scalars())
    if not ids:
        return []
    values = {"state": "sending", "claimed_until": now + lease, "attempts": o.attempts + 1}
    rows = conn.execute(update(outbox).where(o.id.in_(ids)).values(values).returning(outbox)).mappings().all()
    for row in rows:
        attempt = {"outbox_id": row["id"], "number": row["attempts"], "started_at": now}
        conn.execute(insert(delivery_attempt).values(attempt))
    return sorted((_item(row) for row in rows), key=lambda item: item.id)


def settle(
    conn: Connection,
    item: Item,
    outcome: str,
    *,
    now: datetime,
    detail: str | None = None,
    retry_at: datetime | None = None,
) -> None:
    """Notes how an attempt went: "accepted", "refused" or "uncertain"; `retry_at` None after a failure: it is given up."""
    if outcome == "accepted":
        state: dict[str, Any] = {"state": "sent", "sent_at": now, "last_error": None}
    elif retry_at is not None:
        state = {"state": "queued", "next_attempt_at": retry_at, "last_error": detail}
    else:
        state = {"state": "failed", "last_error": detail}
    o, d = outbox.c, delivery_attempt.c
    conn.execute(
        update(outbox)
        .where(o.id == item.id, o.state == "sending", o.attempts == item.attempts)
        .values(**state, claimed_until=None)
    )
    done = {"finished_at": now, "outcome": outcome, "detail": detail}
    conn.execute(update(delivery_attempt).where(d.outbox_id == item.id, d.number == item.attempts).values(done))


def list_items(
    conn: Connection,
    *,
    states: Collection[str] | None = None,
    incident_id: str | None = None,
    since: datetime | None = None,
    undelivered: bool = False,
    limit: int = 200,
) -> list[Item]:
    """Messages, the newest first; `undelivered`: those that were given up, or were tried and are not there yet."""
    o = outbox.c
    query = select(outbox).order_by(o.id.desc()).limit(limit)
    if states is not None:
        query = query.where(o.state.in_(list(states)))
    if undelivered:
        query = query.where(or_(o.state == "failed", and_(o.state != "sent", o.attempts > 0)))
    if incident_id is not None:
        query = query.where(o.incidents.contains([incident_id]))
    if since is not None:
        query = query.where(o.created_at >= since)
    return [_item(row) for row in conn.execute(query).mappings()]


def attempts(conn: Connection, item_id: int) -> list[dict[str, Any]]:
    """Every attempt at sending a message, oldest first."""
    d = delivery_attempt.c
    query = select(d.number, d.started_at, d.finished_at, d.outcome, d.detail).where(d.outbox_id == item_id)
    return [dict(row) for row in conn.execute(query.order_by(d.id)).mappings()]


def threads(conn: Connection, incident_id: str) -> dict[str, str]:
    """Per target that was told of an incident, the key of the message that began its thread."""
    o = outbox.c
    query = select(o.target, o.key, o.thread).where(o.incidents.contains([incident_id])).order_by(o.id)
    found: dict[str, str] = {}
    for row in conn.execute(query):
        found.setdefault(row.target, row.thread or row.key)
    return found


def again(conn: Connection, item_id: int, *, actor: str, now: datetime) -> None:
    """Queues a message that was given up once more; raises NotFoundError."""
    o = outbox.c
    done = conn.execute(
        update(outbox)
        .where(o.id == item_id, o.state == "failed")
        .values(state="queued", next_attempt_at=now, attempts=0)
    )
    if not done.rowcount:
        raise NotFoundError("message that was given up", item_id)
    audit.write(conn, actor, "send again", "outbox", item_id, now=now)


def add_target(
    conn: Connection,
    kind: str,
    name: str,
    address: str,
    *,
    service: str | None,
    least: Severity,
    actor: str,
    now: datetime,
) -> int:
    """Adds a target; its number. What the address must look like is checked by the adapter's `check` before. Raises InvalidError."""
    if kind not in KINDS:
        raise InvalidError("kind", f"{kind!r} is none of {', '.join(KINDS)}")
    if not name.strip() or not address.strip():
        raise InvalidError("name", "name and address must not be empty")
    if service is not None:
        services.get(conn, service)
    values = {
        "service_id": service, "kind": kind, "name": name, "address_encrypted": crypto.encrypt(address.strip()),
        "least": str(least), "actor": actor, "at": now,
    }  # fmt: skip
    statement = insert(notification_target).values(values).returning(notification_target.c.id)
    number = int(conn.execute(statement).scalar_one())
    after = {"kind": kind, "name": name, "least": str(least)}
    audit.write(conn, actor, "create", "notification_target", number, service=service, now=now, after=after)
    return number


def targets(conn: Connection, service: str | None = None) -> list[Target]:
    """Targets; with a service those for it and those for all."""
    t = notification_target.c
    query = select(notification_target).order_by(t.id)
    if service is not None:
        query = query.where(or_(t.service_id.is_(None), t.service_id == service))
    return [_target(row) for row in conn.execute(query).mappings()]


def target(conn: Connection, number: int) -> Target:
    """One target; raises NotFoundError."""
    row = conn.execute(select(notification_target).where(notification_target.c.id == number)).mappings().first()
    if row is None:
        raise NotFoundError("target", number)
    return _target(row)


def _target(row: Any) -> Target:
    secret = crypto.sealed(row["address_encrypted"]) or Secret("")
    names = ("id", "service_id", "kind", "name", "enabled")
    return Target(**{name: row[name] for name in names}, least=Severity(row["least"]), address=secret)


def remove_target(conn: Connection, number: int, *, actor: str, now: datetime) -> None:
    """Removes a target; messages that wait for it are given up. Raises NotFoundError."""
    found = target(conn, number)
    conn.execute(notification_target.delete().where(notification_target.c.id == number))
    o = outbox.c
    gone = {"state": "failed", "last_error": "its target was removed"}
    conn.execute(update(outbox).where(o.target == found.ref, o.state.in_(["queued", "sending"])).values(gone))
    audit.write(conn, actor, "remove", "notification_target", number, service=found.service_id, now=now)


def rotate_secrets(conn: Connection) -> int:
    """Encrypts every address under the newest key; how many."""
    t = notification_target.c
    rows = conn.execute(select(t.id, t.address_encrypted)).all()
    for number, token in rows:
        conn.execute(update(notification_target).where(t.id == number).values(address_encrypted=crypto.rotate(token)))
    return len(rows)
