"""Hourly counts: always recomputed from the lake for whole hours and replaced, never added up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.flows.context import FlowContext

_HOUR = timedelta(hours=1)


def windows_of(hours: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """Neighbouring hours joined to half-open ranges."""
    result: list[tuple[datetime, datetime]] = []
    for hour in sorted(hours):
        if result and result[-1][1] == hour:
            result[-1] = (result[-1][0], hour + _HOUR)
        else:
            result.append((hour, hour + _HOUR))
    return result


def recount(
    ctx: FlowContext,
    conn: Any,
    service: str,
    hours: set[datetime],
    *,
    batch: int,
    entries: pl.DataFrame,
    exceptions: pl.DataFrame,
) -> None:
    """Replaces the counts of these hours by level, by shape and by fingerprint with what the lake holds now.

    `entries` and `exceptions` are all that it holds of `batch`, its last: they are at hand and not read again.
    """
    windows = windows_of(hours)
    hour = pl.col("event_time").dt.truncate("1h").alias("hour")
    environment = pl.col("environment").fill_null("")

    def counted(kind: str, written: pl.DataFrame, *by: str) -> pl.DataFrame:
        columns = ["event_time", "environment", *by]
        earlier = ctx.lake.scan(kind, service, windows=windows, batch_upto=batch - 1, columns=columns)
        keys = [hour, environment, *(pl.col(name).fill_null("") if name == "level" else pl.col(name) for name in by)]
        parts = (
            part.group_by(keys).agg(pl.len().cast(pl.Int64).alias("count"))
            for part in (earlier, written.lazy().select(columns))
        )
        return pl.concat(pl.collect_all(parts)).group_by("hour", "environment", *by).agg(pl.col("count").sum())

    grouped = counted("entries", entries, "level", "shape_id")
    fingerprints = counted("exceptions", exceptions, "fingerprint")

    def summed(name: str) -> pl.DataFrame:
        return grouped.drop_nulls(name).group_by("hour", "environment", name).agg(pl.col("count").sum())

    store.counts.replace_hours(
        conn, service, sorted(hours), levels=summed("level"), shapes=summed("shape_id"), fingerprints=fingerprints
    )
