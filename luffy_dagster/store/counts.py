"""Hourly counts per service and environment, by level, shape and fingerprint: replaced whole per hour, never added to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Table, delete, func, select

from luffy_dagster.core.schemas import UTC_US
from luffy_dagster.store import bulk
from luffy_dagster.store.schema import hourly_fingerprint, hourly_level, hourly_shape

if TYPE_CHECKING:
    import polars as pl


def _replace(
    conn: Connection, table: Table, what: str, service: str, hours: list[datetime], rows: pl.DataFrame
) -> None:
    import polars as pl

    conn.execute(delete(table).where(table.c.service_id == service, table.c.hour.in_(hours)))
    clean = rows.with_columns(pl.col("environment").fill_null(""), pl.col(what).fill_null("")).filter(
        pl.col("hour").is_in(hours)
    )
    bulk.run(
        conn,
        f"INSERT INTO {table.name} (service_id, hour, environment, {what}, count) SELECT :service, hour, environment, {what}, count FROM {{rows}}",  # noqa: S608 - our own names
        clean.group_by("hour", "environment", what).agg(pl.col("count").sum()),
        {"hour": "timestamptz", "environment": "text", what: "text", "count": "bigint"},
        service=service,
    )


def replace_hours(
    conn: Connection,
    service: str,
    hours: Iterable[datetime],
    *,
    levels: pl.DataFrame | None = None,
    shapes: pl.DataFrame | None = None,
    fingerprints: pl.DataFrame | None = None,
) -> None:
    """Puts the given counts (hour, environment, level | shape_id | fingerprint, count) in the place of all rows of these hours.

    None leaves a table alone; an hour without a row in its frame ends without counts.
    """
    wanted = sorted(set(hours))
    if not wanted:
        return
    if levels is not None:
        _replace(conn, hourly_level, "level", service, wanted, levels)
    if shapes is not None:
        _replace(conn, hourly_shape, "shape_id", service, wanted, shapes)
    if fingerprints is not None:
        _replace(conn, hourly_fingerprint, "fingerprint", service, wanted, fingerprints)


def by_level(
    conn: Connection,
    service: str | None = None,
    *,
    start: datetime,
    end: datetime,
    environment: str | None = None,
    bucket: str = "hour",
) -> pl.DataFrame:
    """Counts per service, bucket ("hour" or "day", column `hour`), environment and level."""
    import polars as pl

    t = hourly_level
    at = func.date_trunc(bucket, t.c.hour, "UTC") if bucket != "hour" else t.c.hour
    query = select(t.c.service_id, at.label("at"), t.c.environment, t.c.level, func.sum(t.c.count)).where(
        t.c.hour >= start, t.c.hour < end
    )
    if service is not None:
        query = query.where(t.c.service_id == service)
    if environment is not None:
        query = query.where(t.c.environment == environment)
    query = query.group_by(t.c.service_id, at, t.c.environment, t.c.level).order_by("at", t.c.service_id, t.c.level)
    return bulk.frame(
        conn,
        query,
        {"service_id": pl.Utf8, "hour": UTC_US, "environment": pl.Utf8, "level": pl.Utf8, "count": pl.Int64},
    )


def totals(conn: Connection, start: datetime, end: datetime) -> dict[str, int]:
    """Entries per level over all services in the range."""
    t = hourly_level
    query = select(t.c.level, func.sum(t.c.count)).where(t.c.hour >= start, t.c.hour < end).group_by(t.c.level)
    return {level or "none": int(n) for level, n in conn.execute(query)}


def _counted(conn: Connection, table: Table, what: str, service: str, start: datetime, end: datetime) -> pl.DataFrame:
    import polars as pl

    query = select(table.c.hour, table.c.environment, table.c[what], table.c.count).where(
        table.c.service_id == service, table.c.hour >= start, table.c.hour < end
    )
    return bulk.frame(
        conn,
        query.order_by(table.c.hour, table.c[what]),
        {"hour": UTC_US, "environment": pl.Utf8, what: pl.Utf8, "count": pl.Int64},
    )


def shape_counts(conn: Connection, service: str, start: datetime, end: datetime) -> pl.DataFrame:
    """Hourly counts per shape: hour, environment, shape_id, count."""
    return _counted(conn, hourly_shape, "shape_id", service, start, end)


def fingerprint_counts(conn: Connection, service: str, start: datetime, end: datetime) -> pl.DataFrame:
    """Hourly counts per fingerprint: hour, environment, fingerprint, count."""
    return _counted(conn, hourly_fingerprint, "fingerprint", service, start, end)


def purge(conn: Connection, service: str, before: datetime) -> int:
    """Removes counts of hours before `before`; how many rows."""
    return sum(
        conn.execute(delete(t).where(t.c.service_id == service, t.c.hour < before)).rowcount
        for t in (hourly_level, hourly_shape, hourly_fingerprint)
    )
