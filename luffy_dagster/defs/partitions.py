"""The partitions of the log assets: UTC days since the horizon, and the services.

Services are dynamic partitions, kept in step with the service table by the registry sensor (`automation.py`) and by the
doors that add a service. What a partition holds is the flows' business.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from dagster import (
    DailyPartitionsDefinition,
    DynamicPartitionsDefinition,
    MultiPartitionKey,
    MultiPartitionsDefinition,
)

from luffy_dagster.settings import Settings

SERVICE_DIMENSION = "service"
DAY_DIMENSION = "day"
HORIZON_FILE = "horizon"

services = DynamicPartitionsDefinition(name=SERVICE_DIMENSION)


def horizon(settings: Settings) -> date:
    """The first day that has a partition.

    Read from `<home>/horizon`, which keeps the store's answer so that loading the definitions opens no database. Without
    that file the store is asked if there is one; a home that was never initialised has nothing older than its default.
    """
    kept = settings.home / HORIZON_FILE
    try:
        return date.fromisoformat(kept.read_text(encoding="ascii").strip())
    except (FileNotFoundError, ValueError):
        pass
    now = datetime.now(UTC)
    if settings.database_url is None and not (settings.home / "postgres" / "PG_VERSION").exists():
        return (now - timedelta(days=settings.horizon_days)).date()
    return keep_horizon(settings, now)


def keep_horizon(settings: Settings, now: datetime, *, migrate: bool = True) -> date:
    """The store's horizon (fixed at the first call), also written to `<home>/horizon`."""
    from luffy_dagster import store

    engine = store.engine(settings)
    if migrate:
        store.migrate(engine)
    with store.begin(engine) as conn:
        first: date = store.kv.horizon(conn, now, settings.horizon_days)
    kept = settings.home / HORIZON_FILE
    told = f"{first}\n"
    if not kept.exists() or kept.read_text(encoding="ascii") != told:
        settings.home.mkdir(parents=True, exist_ok=True)
        kept.write_text(told, encoding="ascii")
    return first


def service_days(first_day: date) -> MultiPartitionsDefinition:
    """Days from `first_day` to today (UTC, today included) × services; keys like `2026-11-21|web-app`."""
    days = DailyPartitionsDefinition(start_date=first_day.isoformat(), timezone="UTC", end_offset=1)
    return MultiPartitionsDefinition({DAY_DIMENSION: days, SERVICE_DIMENSION: services})


def key_of(day: date, service: str) -> MultiPartitionKey:
    """The partition key of one service and day."""
    return MultiPartitionKey({DAY_DIMENSION: day.isoformat(), SERVICE_DIMENSION: service})


def split_key(key: str) -> tuple[date, str]:
    """Day and service of a key; raises ValueError for what is no such key."""
    day, _, service = key.partition("|")
    return date.fromisoformat(day), service
