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


def recount(ctx: FlowContext, conn: Any, service: str, hours: set[datetime]) -> None:
    """Replaces the counts of these hours by level, by shape and by fingerprint with what the lake holds now."""
    windows = windows_of(hours)
    entries = ctx.lake.scan(
        "entries", service, windows=windows, columns=["event_time", "environment", "level", "shape_id"]
    )
    hour = pl.col("event_time").dt.truncate("1h").alias("hour")
    environment = pl.col("environment").fill_null("")
    grouped = (
        entries.group_by(hour, environment, pl.col("level").fill_null(""), "shape_id")
        .agg(pl.len().cast(pl.Int64).alias("count"))
        .collect()
    )
    fingerprints = (
        ctx.lake.scan("exceptions", service, windows=windows, columns=["event_time", "environment", "fingerprint"])
        .group_by(hour, environment, "fingerprint")
        .agg(pl.len().cast(pl.Int64).alias("count"))
        .collect()
    )

    def summed(name: str) -> pl.DataFrame:
        return grouped.drop_nulls(name).group_by("hour", "environment", name).agg(pl.col("count").sum())

    store.counts.replace_hours(
        conn, service, sorted(hours), levels=summed("level"), shapes=summed("shape_id"), fingerprints=fingerprints
    )
