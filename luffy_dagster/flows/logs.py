"""Searching entries: filters, pages by key, and how many there are in all. Reads the lake, takes no lock."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.schemas import ENTRIES, UTC_US
from luffy_dagster.core.wording import many
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.results import Result

_MOST = 10_000
_DEFAULT_RANGE = timedelta(hours=24)


class QueryError(ValueError):
    """A question about logs that cannot be answered: what is wrong with it."""


@dataclass(frozen=True)
class LogQuery:
    """Which entries; empty fields mean any. `services` empty: every service, then a time range (default 24 h) bounds the work."""

    services: Sequence[str] = ()
    start: datetime | None = None
    end: datetime | None = None
    levels: Sequence[str] = ()
    text: str | None = None
    regex: bool = False
    stream: str | None = None
    source_id: str | None = None
    logger: str | None = None
    environment: str | None = None
    trace_id: str | None = None
    shape_ids: Sequence[str] = ()
    entry_ids: Sequence[str] = ()
    limit: int = 100
    cursor: str | None = None
    order: str = "desc"


@dataclass(frozen=True)
class LogPage(Result):
    """Rows (service_id and the columns of ENTRIES), how many match in all, the cursor of the next page, what was scanned."""

    rows: pl.DataFrame
    total: int
    next_cursor: str | None
    scanned: str


def query_logs(ctx: FlowContext, query: LogQuery) -> LogPage:
    """One page of entries, newest first (`order="asc"`: oldest first), equal times by entry id. Raises QueryError."""
    if query.order not in ("asc", "desc"):
        raise QueryError(f"order is {query.order!r}; say asc or desc")
    if not 1 <= query.limit <= _MOST:
        raise QueryError(f"limit is {query.limit}; say 1 to {_MOST:,}")
    services = list(query.services)
    start = query.start
    if not services:
        with store.begin(ctx.engine) as conn:
            services = [service.id for service in store.services.list_services(conn)]
        if start is None and not query.entry_ids:
            start = (query.end or ctx.now()) - _DEFAULT_RANGE
    descending = query.order == "desc"
    after = _decode(query.cursor) if query.cursor else None
    pages, total, scanned = [], 0, 0
    for service in services:
        matching = _matching(ctx, service, query, start)
        try:
            total += int(matching.select(pl.len()).collect().item())
            if after is not None:
                matching = matching.filter(_behind(after, descending))
            page = (
                matching.sort("event_time", "service_id", "entry_id", descending=descending)
                .head(query.limit + 1)
                .collect()
            )
        except pl.exceptions.ComputeError as error:
            if query.regex:
                raise QueryError(f"text is no regular expression: {' '.join(str(error).split())[:200]}") from None
            raise
        scanned += ctx.lake.size("entries", service).rows
        pages.append(page)
    if not pages:
        return LogPage(pl.DataFrame(schema={"service_id": pl.Utf8, **ENTRIES}), 0, None, "no service")
    rows = pl.concat(pages).sort("event_time", "service_id", "entry_id", descending=descending)
    more = rows.height > query.limit
    rows = rows.head(query.limit)
    span = f"from {start:%Y-%m-%d %H:%M} UTC" if start is not None else "all days"
    text = f"{many(len(services), 'service')}, {span}, of {scanned:,} entries"
    return LogPage(rows, total, _encode(rows) if more else None, text)


def entries_of(ctx: FlowContext, service: str, entry_ids: Sequence[str]) -> list[dict[str, Any]]:
    """These entries of a service, oldest first: entry_id, event_time, level, raw_line."""
    if not entry_ids:
        return []
    query = LogQuery(services=(service,), entry_ids=tuple(entry_ids), order="asc", limit=len(entry_ids))
    return query_logs(ctx, query).rows.select("entry_id", "event_time", "level", "raw_line").to_dicts()


def _matching(ctx: FlowContext, service: str, query: LogQuery, start: datetime | None) -> pl.LazyFrame:
    frame = ctx.lake.scan("entries", service, start=start, end=query.end)
    wanted = []
    if query.levels:
        wanted.append(pl.col("level").is_in([level.lower() for level in query.levels]))
    for name in ("stream", "source_id", "logger", "environment", "trace_id"):
        value = getattr(query, name)
        if value is not None:
            wanted.append(pl.col(name) == value)
    if query.shape_ids:
        wanted.append(pl.col("shape_id").is_in([*query.shape_ids]))
    if query.entry_ids:
        wanted.append(pl.col("entry_id").is_in([*query.entry_ids]))
    if query.text:
        line = pl.col("raw_line")
        if query.regex:
            wanted.append(line.str.contains(query.text))
        else:
            wanted.append(line.str.contains_any([query.text], ascii_case_insensitive=True))
    if wanted:
        frame = frame.filter(*wanted)
    return frame.select(pl.lit(service).alias("service_id"), *ENTRIES)


def _behind(after: tuple[datetime, str, str], descending: bool) -> pl.Expr:
    """Rows that come after the key of the last row of the page before."""
    time, service, entry = after
    at, who, what = pl.lit(time, dtype=UTC_US), pl.lit(service), pl.lit(entry)
    same, own = pl.col("event_time") == at, pl.col("service_id") == who
    if descending:
        return (pl.col("event_time") < at) | (
            same & ((pl.col("service_id") < who) | (own & (pl.col("entry_id") < what)))
        )
    return (pl.col("event_time") > at) | (same & ((pl.col("service_id") > who) | (own & (pl.col("entry_id") > what))))


def _encode(rows: pl.DataFrame) -> str:
    time, service, entry = rows.select("event_time", "service_id", "entry_id").row(-1)
    return base64.urlsafe_b64encode(json.dumps([time.isoformat(), service, entry]).encode()).decode()


def _decode(cursor: str) -> tuple[datetime, str, str]:
    try:
        time, service, entry = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return datetime.fromisoformat(time), str(service), str(entry)
    except (ValueError, TypeError, binascii.Error):
        raise QueryError("cursor is none that a page gave: leave it away to begin at the first page") from None
