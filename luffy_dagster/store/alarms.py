"""Facts about fetching that a person must see: late, empty, capped or failed. Telling people is alerting's business."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, text, update
from sqlalchemy.dialects.postgresql import insert

from luffy_dagster.store.schema import alarm


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm that is open, or was."""

    id: int
    service_id: str
    kind: str
    source_id: str
    detail: str
    raised_at: datetime
    last_seen_at: datetime
    cleared_at: datetime | None
    times: int


def raise_alarm(
    conn: Connection, service: str, kind: str, detail: str, now: datetime, source_id: str | None = None
) -> bool:
    """Opens an alarm, or notes that an open one was seen again; True when it is new."""
    statement = insert(alarm).values(
        service_id=service, kind=kind, source_id=source_id or "", detail=detail, raised_at=now, last_seen_at=now
    )
    done = statement.on_conflict_do_update(
        index_elements=["service_id", "kind", "source_id"],
        index_where=text("cleared_at IS NULL"),
        set_={"detail": detail, "last_seen_at": now, "times": alarm.c.times + 1},
    ).returning(alarm.c.times)
    return conn.execute(done).scalar_one() == 1


def clear_alarm(conn: Connection, service: str, kind: str, now: datetime, source_id: str | None = None) -> bool:
    """Closes the open alarm of that kind and source; whether there was one."""
    a = alarm.c
    where = (a.service_id == service, a.kind == kind, a.source_id == (source_id or ""), a.cleared_at.is_(None))
    return conn.execute(update(alarm).where(*where).values(cleared_at=now)).rowcount > 0


def open_alarms(conn: Connection, service: str | None = None) -> list[Alarm]:
    """Open alarms, oldest first."""
    query = select(alarm).where(alarm.c.cleared_at.is_(None)).order_by(alarm.c.raised_at, alarm.c.id)
    if service is not None:
        query = query.where(alarm.c.service_id == service)
    return [Alarm(**row) for row in conn.execute(query).mappings()]
