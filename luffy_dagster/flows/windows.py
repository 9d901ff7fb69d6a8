"""Windows: what the detectors look at, made from entries and exceptions, in whole windows of the lake's table `windows`.

Behind every parse the windows from the first new entry of a day on are made again and replaced; a day made by hand has
the same rows. The caller holds the service's lock.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.anomalies.windows import TICK, TICKS, WINDOW, window_rows
from luffy_dagster.core.clustering.fingerprints import MESSAGE
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.lake import Span

WINDOWS = "windows"
_DAY = timedelta(days=1)
_PIECE = timedelta(hours=6)
_EXCEPTIONS = ("entry_id", "fingerprint", "language")
_ENTRIES = ("entry_id", "event_time", "environment", "level", "shape_id", "variables", "message", "raw_line")


def refresh_windows(
    ctx: FlowContext, service: str, *, now: datetime, days: Collection[date] | None = None
) -> list[date]:
    """Makes the windows of what was parsed since the last time, or whole `days`; the days that changed, sorted."""
    with store.begin(ctx.engine) as conn:
        parsed = store.cursors.last_batch(conn, service, "parse")
        done = store.cursors.last_batch(conn, service, WINDOWS)
    since: dict[date, datetime] = {}
    if parsed > done:
        fresh = ctx.lake.scan("entries", service, batch_after=done, columns=["event_time", "day"])
        firsts = fresh.group_by("day").agg(pl.col("event_time").min()).collect()
        since = {day: at.replace(second=0, microsecond=0) for day, at in firsts.iter_rows()}
    for day in days or ():
        since[day] = start_of(day)
    for day, at in sorted(since.items()):
        _make(ctx, service, day, max(start_of(day), _window_start(at)), batch=max(parsed, 1))
    if since or parsed > done:
        with store.begin(ctx.engine) as conn:
            store.cursors.commit_batch(conn, service, WINDOWS, parsed, now=now, days=sorted(since))
            store.judging.mark(conn, service, {day: _window_start(at) for day, at in since.items()})
    return sorted(since)


def start_of(day: date) -> datetime:
    """Its first instant, UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _window_start(at: datetime) -> datetime:
    seconds = TICK * TICKS
    return datetime.fromtimestamp(int(at.timestamp()) // seconds * seconds, UTC)


def _make(ctx: FlowContext, service: str, day: date, since: datetime, *, batch: int) -> None:
    """Replaces the day's windows from `since` on."""
    end = start_of(day) + _DAY
    pieces = []
    begin = since
    while begin < end:
        stop = min(end, start_of(day) + ((begin - start_of(day)) // _PIECE + 1) * _PIECE)
        entries = ctx.lake.scan("entries", service, start=begin, end=stop, days=[day], columns=_ENTRIES).collect()
        if entries.height:
            # An error that is only a line is seen by its template already.
            exceptions = (
                ctx.lake.scan("exceptions", service, start=begin, end=stop, days=[day], columns=_EXCEPTIONS)
                .filter(pl.col("language") != MESSAGE)
                .collect()
            )
            with store.begin(ctx.engine) as conn:
                shapes = store.shapes.texts(conn, service, entries["shape_id"].drop_nulls().unique().to_list())
            pieces.append(window_rows(entries, exceptions, shapes))
        begin = stop
    rows = pl.concat(pieces) if pieces else window_rows(pl.DataFrame(), pl.DataFrame(), pl.DataFrame())
    rows = rows.with_columns(pl.lit(batch, dtype=pl.Int64).alias("batch"))
    if rows.is_empty() and not ctx.lake.exists(WINDOWS, service):
        return
    ctx.lake.replace(WINDOWS, service, rows, spans=[Span(day, None, since)], batch=batch)


def windows_between(ctx: FlowContext, service: str, start: datetime, end: datetime) -> pl.DataFrame:
    """The rows whose window begins in [start, end)."""
    return ctx.lake.scan(WINDOWS, service, start=start, end=end).collect()


__all__ = ["WINDOW", "WINDOWS", "refresh_windows", "start_of", "windows_between"]
