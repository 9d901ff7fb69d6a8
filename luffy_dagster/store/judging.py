"""How far each day of a service is judged: what changed since, and the state from which judging goes on.

A row is marked in the transaction that makes windows known and cleared in the one that writes the day's anomalies, so that
nothing is forgotten when a process dies between the two. What the state holds is known to `flows/judging.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from luffy_dagster.store.schema import judged_day


@dataclass(frozen=True, slots=True)
class DayState:
    """One day. `changed_since`: windows from there on are not judged as they are now; None: nothing changed."""

    day: date
    judged_to: datetime | None = None
    changed_since: datetime | None = None
    state: Mapping[str, Any] | None = None


def mark(conn: Connection, service: str, changed: Mapping[date, datetime]) -> None:
    """The windows of these days changed, each from a time on."""
    if not changed:
        return
    rows = [{"service_id": service, "day": day, "changed_since": at} for day, at in sorted(changed.items())]
    statement = insert(judged_day)
    earlier = func.least(judged_day.c.changed_since, statement.excluded.changed_since)
    conn.execute(
        statement.on_conflict_do_update(index_elements=["service_id", "day"], set_={"changed_since": earlier}), rows
    )


def changed(conn: Connection, service: str) -> list[date]:
    """Days whose windows changed since they were judged."""
    t = judged_day.c
    return list(conn.execute(select(t.day).where(t.service_id == service, t.changed_since.is_not(None))).scalars())


def judged_to(conn: Connection, service: str) -> datetime | None:
    """Up to when the service was ever judged."""
    t = judged_day.c
    found: datetime | None = conn.execute(select(func.max(t.judged_to)).where(t.service_id == service)).scalar()
    return found


def states(conn: Connection, service: str, days: Collection[date]) -> dict[date, DayState]:
    """The rows of these days, as far as there are any."""
    t = judged_day.c
    query = select(t.day, t.judged_to, t.changed_since, t.state).where(t.service_id == service, t.day.in_(days))
    return {row["day"]: DayState(**row) for row in conn.execute(query).mappings()}


def put(conn: Connection, service: str, day: date, judged_to: datetime, state: Mapping[str, Any]) -> None:
    """The day is judged up to a time, with the state behind it."""
    values = {"judged_to": judged_to, "changed_since": None, "state": dict(state)}
    statement = insert(judged_day).values(service_id=service, day=day, **values)
    conn.execute(statement.on_conflict_do_update(index_elements=["service_id", "day"], set_=values))


def purge(conn: Connection, service: str, before: date) -> None:
    """Forgets days whose windows are gone."""
    conn.execute(judged_day.delete().where(judged_day.c.service_id == service, judged_day.c.day < before))
