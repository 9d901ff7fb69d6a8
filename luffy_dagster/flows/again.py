"""Parsing again what was parsed before: a day, or some of its streams from a time on, out of its raw rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.parsing import ParsedRows, parse_rows
from luffy_dagster.core.schemas import RAW_LOGS, RowFlag
from luffy_dagster.flows.rows import ordered
from luffy_dagster.flows.tails import Tail, tails_of
from luffy_dagster.flows.work import RAW, Again, Parsing, profiles_of
from luffy_dagster.lake import Span

# Rows read around what is parsed again, so that entries across its borders come out whole.
_MARGIN = timedelta(minutes=10)
_LATE = int(RowFlag.LATE)


@dataclass
class Redone:
    """What a day, or some of its streams, came out as when parsed again."""

    day: date
    spans: list[Span]
    entries: pl.DataFrame
    parsed: ParsedRows
    tails: dict[str, Tail]
    rows: pl.DataFrame


def parse_again(
    work: Parsing, day: date, wanted: Again, *, end: datetime | None, final: bool, tails: dict[str, Tail]
) -> Redone:
    """Entries of `day` from its raw rows and those around them; of streams that end in that day also their new tails."""
    ctx, slug = work.ctx, work.slug
    begin = datetime(day.year, day.month, day.day, tzinfo=work.now.tzinfo)
    after = begin + timedelta(days=1)
    since = wanted.since
    streams = None if since is None else [*since]
    first = begin if since is None or None in since.values() else min(at for at in since.values() if at is not None)
    stop = after + _MARGIN if end is None else min(end, after + _MARGIN)
    frame = ctx.lake.scan(RAW, slug, start=first - _MARGIN, end=stop, streams=streams).collect()
    starts = pl.DataFrame(
        {"stream": [*(since or {})], "_since": [at or begin for at in (since or {}).values()]},
        schema={"stream": pl.Utf8, "_since": RAW_LOGS["event_time"]},
    )
    if since is not None:
        frame = (
            frame.join(starts, on="stream", how="left")
            .filter(pl.col("event_time") >= pl.col("_since") - _MARGIN)
            .drop("_since")
        )
    rows = _marked_late(ordered(frame)).with_columns(pl.lit(True).alias("_new"))
    parsed = parse_rows(rows.select([*RAW_LOGS]), profiles_of(work, rows), work.options)
    newest = _newest(work, rows, tails, stop)
    own = {stream: tail for stream, tail in tails_of(work, rows, parsed, final=final).items() if stream in newest}
    held = [entry for tail in own.values() if tail.held for entry in tail.entry_ids]
    entries = parsed.entries.filter((pl.col("day") == day) & ~pl.col("entry_id").is_in(held))
    if since is not None:
        entries = (
            entries.join(starts, on="stream", how="left")
            .filter(pl.col("event_time") >= pl.col("_since"))
            .drop("_since")
        )
        spans = [Span(day, stream, at if at is not None and at > begin else None) for stream, at in since.items()]
    else:
        spans = [Span(day)]
    return Redone(day, spans, entries, parsed, own, rows)


def _newest(work: Parsing, rows: pl.DataFrame, tails: Mapping[str, Tail], stop: datetime) -> set[str]:
    """Streams whose last row is among `rows`: only of these does the parse see how they end."""
    if rows.is_empty():
        return set()
    streams = rows.get_column("stream").unique().to_list()
    with store.begin(work.ctx.engine) as conn:
        states = store.cursors.stream_states(conn, work.slug, streams)
    found = set()
    for stream in streams:
        times = [tails[stream].last[0]] if stream in tails else []
        state = states.get(stream)
        if state is not None and state.last_event_time is not None:
            times.append(state.last_event_time)
        if all(at < stop for at in times):
            found.add(stream)
    return found


def _marked_late(rows: pl.DataFrame) -> pl.DataFrame:
    """Sets LATE on rows that were received after a row that stands behind them in their stream's day."""
    if rows.is_empty():
        return rows
    earliest_behind = pl.col("received_at").reverse().cum_min().reverse().over("stream", "day")
    return rows.with_columns(
        pl.when(pl.col("received_at") > earliest_behind)
        .then(pl.col("flags") | _LATE)
        .otherwise(pl.col("flags") & ~_LATE)
        .cast(pl.Int32)
        .alias("flags")
    )


def parse_alone(work: Parsing, rows: pl.DataFrame) -> Redone:
    """Late rows of a day whose other raw rows are gone: parsed by themselves and added, nothing is replaced."""
    marked = ordered(rows).with_columns((pl.col("flags") | _LATE).cast(pl.Int32))
    parsed = parse_rows(marked.select([*RAW_LOGS]), profiles_of(work, marked), work.options)
    return Redone(marked.item(0, "day"), [], parsed.entries, parsed, {}, marked)
