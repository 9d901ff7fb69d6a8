"""Reconciliation: hourly counts of the source against those of raw_logs; hours that differ are fetched again."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.model import TimeRange
from luffy_dagster.core.schemas import RowFlag
from luffy_dagster.flows.cluster import cluster_new
from luffy_dagster.flows.connections import open_reader
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.counts import windows_of
from luffy_dagster.flows.fetch import read_again
from luffy_dagster.flows.intake import RAW, finish_fetch
from luffy_dagster.flows.parse import parse_new
from luffy_dagster.flows.results import ReconcileResult

_HOUR = timedelta(hours=1)
_UNDATED = int(RowFlag.TIME_OUT_OF_RANGE | RowFlag.TIME_FROM_RECEIPT)
Difference = tuple[str, datetime, int, int]


def reconcile(ctx: FlowContext, service: str, *, days: int | None = None) -> ReconcileResult:
    """Compares the last `days` (default: as long as raw rows are kept) up to the watermark, hour by hour, and mends.

    Where the source has more than the lake, the hour is read again and its new rows are parsed. Where the lake has more, the source
    has lost or dropped documents: that is reported, nothing is removed. Sources that cannot count (files) are left out.
    """
    now = ctx.now()
    with store.service_lock(ctx.engine, service):
        finish_fetch(ctx, service, now)
        with store.begin(ctx.engine) as conn:
            found = store.services.get(conn, service)
            sources = store.sources.list_sources(conn, service, enabled_only=True)
        kept = days if days is not None else max((found.retention_raw_days or ctx.settings.retention_raw_days) - 1, 1)
        differing: list[Difference] = []
        unresolved: list[Difference] = []
        errors: list[str] = []
        hours = rows = 0
        for source in sources:
            if source.watermark is None:
                continue
            first = _midnight((now - timedelta(days=kept)).date())
            window = TimeRange(first, source.watermark.replace(minute=0, second=0, microsecond=0))
            try:
                compared, wrong = _compare(ctx, service, source, window)
                hours += compared
                differing.extend(wrong)
                for start, end in windows_of({hour for _, hour, there, here in wrong if there > here}):
                    rows += read_again(ctx, found, source, TimeRange(start, end), now=now).rows
                if wrong:
                    unresolved.extend(_compare(ctx, service, source, window)[1])
            except _source_errors() as error:
                errors.append(f"{source.name or source.id}: {error}")
        if rows:
            parsed = parse_new(ctx, found, now=now)
            cluster_new(ctx, service, now=now, changed=True, days=parsed.days)
    return ReconcileResult(service, hours, tuple(differing), rows, tuple(unresolved), tuple(errors))


def _source_errors() -> tuple[type[Exception], ...]:
    from luffy_dagster.adapters.errors import SourceError

    return (SourceError, OSError)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _compare(ctx: FlowContext, service: str, source: Any, window: TimeRange) -> tuple[int, list[Difference]]:
    """Hours compared, and (source, hour, documents there, rows here) of those that differ."""
    if window.start >= window.end:
        return 0, []
    reader = open_reader(ctx, source)
    try:
        there = reader.count_by_hour(window)
    finally:
        reader.close()
    if there is None:
        return 0, []
    here = dict(
        ctx.lake.scan(RAW, service, start=window.start, end=window.end, columns=["event_time", "source_id", "flags"])
        .filter((pl.col("source_id") == source.id) & ((pl.col("flags") & _UNDATED) == 0))
        .group_by(pl.col("event_time").dt.truncate("1h").alias("hour"))
        .len()
        .collect()
        .iter_rows()
    )
    all_hours = sorted({*there, *here})
    wrong = [
        (source.id, hour, there.get(hour, 0), here.get(hour, 0))
        for hour in all_hours
        if there.get(hour, 0) != here.get(hour, 0)
    ]
    return len(all_hours), wrong
