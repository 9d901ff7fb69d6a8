"""Parsing: from raw_logs to entries and exceptions, with shapes, fingerprints and hourly counts.

Entries are a function of the raw rows: what is new is parsed stream by stream behind the cursor, together with the rows of the
entries that may still go on; what arrives before rows that were parsed already is parsed again from a little before it to the
end of its day and replaced. The caller holds the service's lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.parsing import parse_rows
from luffy_dagster.core.schemas import RAW_LOGS
from luffy_dagster.flows.again import parse_again, parse_alone
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.parsed import take_back, write
from luffy_dagster.flows.policy import parse_options
from luffy_dagster.flows.profiles import Profiles
from luffy_dagster.flows.results import ParseResult
from luffy_dagster.flows.retention import raw_floor
from luffy_dagster.flows.rows import ordered
from luffy_dagster.flows.tails import Tail, changed_tails, tails_of, unwritten
from luffy_dagster.flows.work import ENTRIES, RAW, Again, Parsing, profiles_of
from luffy_dagster.store.cursors import StreamState

_BEFORE_LATE = timedelta(minutes=2)  # a late row may belong to an entry that began before it
_TICK = timedelta(microseconds=1)
_WINDOWS = 50  # more windows than these are read as one


def begin_parse(ctx: FlowContext, service: Any, *, now: datetime, close: bool = False) -> Parsing:
    """A parse ready to work, after what a killed one left behind was taken back."""
    take_back(ctx, service.id, now)
    return Parsing(ctx, service, now, close, parse_options(ctx, service, now), Profiles(ctx, service.id, now))


def parse_new(ctx: FlowContext, service: Any, *, now: datetime, close: bool = False) -> ParseResult:
    """Parses the raw rows behind the cursor and ends entries that are silent. Writes nothing when there is nothing."""
    slug = service.id
    written = ctx.lake.last_batch(RAW, slug)
    with store.begin(ctx.engine) as conn:
        cursor = store.cursors.parse_cursor(conn, slug)
        waiting = store.cursors.open_streams(conn, slug)
    newest = written.batch if written else 0
    ended = _ended(ctx, waiting, now, close=close)
    if newest <= cursor and not ended:
        take_back(ctx, slug, now)
        return ParseResult(slug)
    work = begin_parse(ctx, service, now=now, close=close)
    chunks = _chunks(ctx, slug, cursor)
    for number, (start, end) in enumerate(chunks):
        final = number == len(chunks) - 1
        new = ctx.lake.scan(RAW, slug, batch_after=cursor, start=start, end=end).collect()
        if final and number:  # streams that earlier pieces left open
            with store.begin(ctx.engine) as conn:
                ended = _ended(ctx, store.cursors.open_streams(conn, slug), now, close=close)
        _parse_chunk(work, new, ended if final else [], end=end, final=final, cursor=newest if final else None)
    return work.result()


def _ended(ctx: FlowContext, waiting: Sequence[StreamState], now: datetime, *, close: bool) -> list[StreamState]:
    """Streams whose last entries are kept back and to which nothing is added any more."""
    quiet = timedelta(seconds=ctx.settings.open_entry_seconds)
    return [state for state in waiting if close or state.last_event_time is None or now - state.last_event_time > quiet]


def _chunks(ctx: FlowContext, service: str, cursor: int) -> list[tuple[datetime | None, datetime | None]]:
    """The times between new rows cut so that each piece holds about `ctx.piece_rows` rows, oldest first."""
    times = ctx.lake.scan(RAW, service, batch_after=cursor, columns=["event_time"]).collect().get_column("event_time")
    if len(times) <= ctx.piece_rows + ctx.piece_rows // 4:
        return [(None, None)]
    cuts = (
        times.sort()
        .gather(list(range(ctx.piece_rows, len(times), ctx.piece_rows)))
        .unique(maintain_order=True)
        .to_list()
    )
    borders: list[datetime | None] = [None, *cuts, None]
    return list(pairwise(borders))


def _parse_chunk(
    work: Parsing,
    new: pl.DataFrame,
    ended: Sequence[StreamState],
    *,
    end: datetime | None,
    final: bool,
    cursor: int | None,
) -> None:
    """Parses rows that are new (all before `end`), writes what they make, and moves states and, when final, the cursor."""
    ctx, slug = work.ctx, work.slug
    streams = new.get_column("stream").unique().to_list()
    with store.begin(ctx.engine) as conn:
        states = store.cursors.stream_states(conn, slug, streams)
        floor = raw_floor(conn, slug)
    states.update((state.stream, state) for state in ended)
    reset = [stream for stream, state in states.items() if state.last_event_time is None]
    known = {stream: state for stream, state in states.items() if stream not in reset}
    rows, late = _with_tails(ctx, slug, new, known, end)
    again: dict[date, Again] = {}
    gone = pl.lit(False) if floor is None else pl.col("day") < floor
    alone = late.filter(gone)
    for stream, at in _first_of_days(late.filter(~gone)):
        since = at - _BEFORE_LATE
        for day in {since.date(), at.date()}:
            again.setdefault(day, Again()).add(stream, since)
    for stream, day in _all_days(ctx, slug, reset):
        again.setdefault(day, Again()).add(stream, None)
    profiles = profiles_of(work, rows)
    parsed = parse_rows(rows.select([*RAW_LOGS]), profiles, work.options)
    tails = tails_of(work, rows, parsed, final=final)
    for stream, (first, first_day) in changed_tails(rows, parsed, known).items():
        again.setdefault(first_day, Again()).add(stream, first)
    fresh = unwritten(rows, parsed, tails, known, again)
    redone = [parse_alone(work, part) for part in alone.partition_by("day")] if alone.height else []
    redone += [
        parse_again(work, day, wanted, end=end, final=final, tails=tails) for day, wanted in sorted(again.items())
    ]
    write(work, parsed, fresh, redone, tails, states, new, cursor)


def _with_tails(
    ctx: FlowContext, service: str, new: pl.DataFrame, known: Mapping[str, StreamState], end: datetime | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """New rows with the kept-back rows of their streams, in order, with `_new`; and the late ones of the new rows.

    Late is a new row that stands before a row of an entry that was written and is not one of the last.
    """
    fresh = new.with_columns(pl.lit(True).alias("_new"), pl.lit(False).alias("_closed"))
    if not known:
        return ordered(fresh), new.clear()
    windows: list[Any] = [
        (state.open_event_time or state.last_event_time, _last(state) + _TICK) for state in known.values()
    ]
    if len(windows) > _WINDOWS:
        windows = [(min(start for start, _ in windows), max(last for _, last in windows))]
    around = (
        ctx.lake.scan(RAW, service, windows=windows, streams=[*known])
        .filter(pl.col("event_time") < end if end is not None else pl.lit(True))
        .collect()
    )
    ids = new.get_column("doc_id")
    twice = ids.filter(ids.is_in(around.get_column("doc_id").implode()))
    if len(twice):
        around = around.filter(~pl.col("doc_id").is_in(twice.implode()))
    opened = pl.Series("doc_id", [doc for state in known.values() for doc in state.open_rows], dtype=pl.Utf8)
    around = around.with_columns(
        pl.lit(False).alias("_new"), (~pl.col("doc_id").is_in(opened.implode())).alias("_closed")
    )
    starts = pl.DataFrame(
        {
            "stream": [*known],
            "_first": [state.open_event_time or state.last_event_time for state in known.values()],
            "_last": [state.last_event_time for state in known.values()],
        },
        schema={"stream": pl.Utf8, "_first": RAW_LOGS["event_time"], "_last": RAW_LOGS["event_time"]},
    )
    # not those that other streams' windows bring
    own = pl.col("event_time").is_between(pl.col("_first"), pl.col("_last"))
    around = around.join(starts, on="stream", how="left", maintain_order="left").filter(own)
    rows = ordered(pl.concat([fresh, around.select(fresh.columns)]))
    early = (new.get_column("event_time") < starts["_first"].max()).any()
    if not early and not around.get_column("_closed").any():
        return rows.drop("_closed"), new.clear()  # as nearly always: nothing is late
    rows = rows.join(starts, on="stream", how="left", maintain_order="left").with_columns(
        (
            pl.col("_new")
            & (
                pl.col("_closed").cast(pl.Int8).cum_max(reverse=True).over("stream").cast(pl.Boolean)
                | (pl.col("event_time") < pl.col("_first")).fill_null(False)
            )
        ).alias("_late")
    )
    kept = rows.filter(~pl.col("_late") & ~pl.col("_closed")).drop("_first", "_last", "_late", "_closed")
    return kept, rows.filter("_late").select(new.columns)


def _first_of_days(late: pl.DataFrame) -> list[tuple[str, datetime]]:
    """(stream, time) of the first late row of each stream and day."""
    first = late.group_by("stream", "day").agg(pl.col("event_time").min()).sort("stream", "day")
    return list(first.select("stream", "event_time").iter_rows())


def _last(state: StreamState) -> datetime:
    """Event time of the last parsed row of a stream that has one."""
    if state.last_event_time is None:
        message = f"stream {state.stream} has no last row"
        raise ValueError(message)
    return state.last_event_time


def _all_days(ctx: FlowContext, service: str, streams: Sequence[str]) -> list[tuple[str, date]]:
    """(stream, day) wherever these streams have raw rows or entries."""
    if not streams:
        return []
    both = [
        ctx.lake.scan(kind, service, streams=streams, columns=["stream", "day"]).unique().collect()
        for kind in (RAW, ENTRIES)
    ]
    return list(pl.concat(both).unique().sort("day", "stream").iter_rows())


def parse_day_again(work: Parsing, day: date) -> None:
    """Parses all streams of a day from its raw rows and replaces what the lake has of it. Everything new was parsed before."""
    tails: dict[str, Tail] = {}
    piece = parse_again(work, day, Again(None), end=None, final=True, tails=tails)
    nothing = pl.DataFrame(schema=RAW_LOGS)
    with store.begin(work.ctx.engine) as conn:
        states = store.cursors.stream_states(conn, work.slug, [*piece.tails])
    blank = parse_rows(nothing, {}, work.options)
    write(work, blank, blank.entries, [piece], tails, states, nothing, None)
    read = piece.rows.filter(pl.col("day") == day).height
    work.rows += read
    work.days.setdefault(day, [0, 0, 0, 0])[0] += read
