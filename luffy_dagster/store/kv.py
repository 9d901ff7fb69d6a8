"""Settings of the installation that are values of the database: the first day of the partitions and the like."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from luffy_dagster.store import audit
from luffy_dagster.store.errors import InvalidError
from luffy_dagster.store.schema import setting

_HORIZON = "horizon"


def get(conn: Connection, key: str, default: Any = None) -> Any:
    """The value (any JSON) under `key`."""
    row = conn.execute(select(setting.c.value).where(setting.c.key == key)).first()
    return default if row is None else row[0]


def put(conn: Connection, key: str, value: Any, now: datetime) -> None:
    """Sets the value under `key`."""
    statement = insert(setting).values(key=key, value=value, updated_at=now)
    conn.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value, "updated_at": now}))


def horizon(conn: Connection, now: datetime, days: int = 90) -> date:
    """The first day of the partitions; fixed `days` before `now` at the first call."""
    first = insert(setting).values(key=_HORIZON, value=(now.date() - timedelta(days=days)).isoformat(), updated_at=now)
    conn.execute(first.on_conflict_do_nothing())
    return date.fromisoformat(get(conn, _HORIZON))


def set_horizon(conn: Connection, first_day: date, *, actor: str, now: datetime) -> None:
    """Moves the first day of the partitions; raises InvalidError for a day in the future."""
    if first_day > now.date():
        raise InvalidError("horizon", f"{first_day} lies in the future; name a day up to {now.date()}")
    before = get(conn, _HORIZON)
    put(conn, _HORIZON, first_day.isoformat(), now)
    audit.write(
        conn, actor, "set", "horizon", _HORIZON, now=now, before={"day": before}, after={"day": first_day.isoformat()}
    )
