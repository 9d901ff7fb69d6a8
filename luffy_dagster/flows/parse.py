"""Parsing: from raw_logs to entries and exceptions, with shapes, fingerprints and hourly counts.

Entries are a function of the raw rows: what is new is parsed stream by stream behind the cursor, together with the rows of the
entries that may still go on; what arrives before rows that were parsed already is parsed again from a little before it to the
end of its day and replaced. The caller holds the service's lock.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.parsing import ParsedRows, ParseOptions, parse_rows
from luffy_dagster.core.schemas import RAW_LOGS, RowFlag
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.counts import recount
from luffy_dagster.flows.facts import store_facts
from luffy_dagster.flows.policy import parse_options
from luffy_dagster.flows.profiles import Profiles
from luffy_dagster.flows.results import DayCounts, ParseResult
from luffy_dagster.flows.retention import raw_floor
from luffy_dagster.flows.rows import ordered
from luffy_dagster.lake import Span
from luffy_dagster.store.cursors import StreamState

RAW, ENTRIES, EXCEPTIONS = "raw_logs", "entries", "exceptions"
_BEFORE_LATE = timedelta(minutes=2)  # a late row may belong to an entry that began before it
# Rows read around what is parsed again, so that entries across its borders come out whole.
_MARGIN = timedelta(minutes=10)
_TICK = timedelta(microseconds=1)
_KEPT_OPEN = int(RowFlag.KEPT_OPEN)
_LATE = int(RowFlag.LATE)
_WINDOWS = 50  # more windows than these are read as one


@dataclass
class Again:
    """Streams of one day to be parsed again: stream → from which time on (None: the whole day); None as a whole: every stream."""

    since: dict[str, datetime | None] | None = field(default_factory=dict)

    def add(self, stream: str, since: datetime | None) -> None:
        """From that time on, or from an earlier one when that was asked for already."""
        if self.since is None:
            return
        before = self.since.get(stream, since)
        self.since[stream] = None if since is None or before is None else min(since, before)


@dataclass
class Parsing:
    """One parse of a service under way: settings, clock, and the sums of its result."""

    ctx: FlowContext
    service: Any
    now: datetime
    close: bool
    options: ParseOptions
    profiles: Profiles
    rows: int = 0
    folded: int = 0
    unparsed: int = 0
    redacted: int = 0
    batch: int = 0
    new_shapes: int = 0
    new_templates: int = 0
    open_rows: int = 0
    replaced: set[str] = field(default_factory=set)
    days: dict[date, list[int]] = field(default_factory=dict)
    levels: Counter[str] = field(default_factory=Counter)

    @property
    def slug(self) -> str:
        """The service's id."""
        return str(self.service.id)

    @property
    def quiet(self) -> timedelta:
        """Silence after which a stream's last entries end."""
        return timedelta(seconds=self.ctx.settings.open_entry_seconds)

    def result(self) -> ParseResult:
        """The sums so far."""
        per_day = {day: DayCounts(*counts) for day, counts in sorted(self.days.items())}
        return ParseResult(
            service=self.slug,
            batch=self.batch,
            rows=self.rows,
            entries=sum(counts.entries for counts in per_day.values()),
            exceptions=sum(counts.exceptions for counts in per_day.values()),
            folded=self.folded,
            unparsed=sum(counts.unparsed for counts in per_day.values()),
            new_shapes=self.new_shapes,
            days=tuple(per_day),
            per_day=per_day,
            replaced_streams=len(self.replaced),
            open_rows=self.open_rows,
            levels=dict(self.levels),
            redacted=self.redacted,
            new_templates=self.new_templates,
        )


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
    return list(itertools.pairwise(borders))


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
    profiles = _profiles(work, rows)
    parsed = parse_rows(rows.select([*RAW_LOGS]), profiles, work.options)
    tails = _tails(work, rows, parsed, final=final)
    for stream, (first, first_day) in _changed_tails(rows, parsed, known).items():
        again.setdefault(first_day, Again()).add(stream, first)
    fresh = _unwritten(rows, parsed, tails, known, again)
    redone = [_alone(work, part) for part in alone.partition_by("day")] if alone.height else []
    redone += [_reparse(work, day, wanted, end=end, final=final, tails=tails) for day, wanted in sorted(again.items())]
    _write(work, parsed, fresh, redone, tails, states, new, cursor)


# ---- which rows


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
        .join(new.select("doc_id"), on="doc_id", how="anti")
    )
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
    rows = (
        ordered(pl.concat([fresh, around.select(fresh.columns)]))
        .join(starts, on="stream", how="left", maintain_order="left")
        # of other streams' windows, rows outside of the stream's own
        .filter(
            pl.col("_new") | ((pl.col("event_time") >= pl.col("_first")) & (pl.col("event_time") <= pl.col("_last")))
        )
        .with_columns(
            (
                pl.col("_new")
                & (
                    pl.col("_closed").cast(pl.Int8).cum_max(reverse=True).over("stream").cast(pl.Boolean)
                    | (pl.col("event_time") < pl.col("_first")).fill_null(False)
                )
            ).alias("_late")
        )
    )
    kept = rows.filter(~pl.col("_late") & ~pl.col("_closed")).drop("_first", "_last", "_late", "_closed")
    return kept, rows.filter("_late").select(new.columns)


def _first_of_days(late: pl.DataFrame) -> list[tuple[str, datetime]]:
    """(stream, time) of the first late row of each stream and day."""
    first = late.group_by("stream", "day").agg(pl.col("event_time").min()).sort("stream", "day")
    return list(first.select("stream", "event_time").iter_rows())


def _alone(work: Parsing, rows: pl.DataFrame) -> Redone:
    """Late rows of a day whose other raw rows are gone: parsed by themselves and added, nothing is replaced."""
    marked = ordered(rows).with_columns((pl.col("flags") | _LATE).cast(pl.Int32))
    parsed = parse_rows(marked.select([*RAW_LOGS]), _profiles(work, marked), work.options)
    return Redone(marked.item(0, "day"), [], parsed.entries, parsed, {}, marked)


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


def _profiles(work: Parsing, rows: pl.DataFrame) -> dict[str, Any]:
    """The profile of every stream; one that has none (its fetch was killed before it was stored) gets it now."""
    streams = rows.get_column("stream").unique().to_list()
    missing = [stream for stream in streams if stream not in work.profiles.known]
    if missing:
        with store.begin(work.ctx.engine) as conn:
            work.profiles.known.update(store.profiles.active(conn, work.slug, missing))
    bare = [stream for stream in missing if stream not in work.profiles.known]
    if bare:
        raw = work.ctx.lake.scan(RAW, work.slug, streams=bare).collect()
        work.profiles.settle(raw, work.options.assume_tz, by=("event_time", "seq", "doc_id"))
    return {stream: work.profiles.known[stream] for stream in streams}


# ---- entries that may go on


@dataclass(frozen=True)
class Tail:
    """The last entries of a stream: their ids, their rows' doc_ids, and whether they are kept back."""

    entry_ids: tuple[str, ...]
    rows: tuple[str, ...]
    first_time: datetime
    last: tuple[datetime, int | None, str]
    held: bool


def _tails(work: Parsing, rows: pl.DataFrame, parsed: ParsedRows, *, final: bool) -> dict[str, Tail]:
    """The tail of every stream in `rows`: held while more is to come or the stream is not silent yet."""
    if rows.is_empty():
        return {}
    last = rows.group_by("stream", maintain_order=True).agg(
        pl.col("event_time").last(),
        pl.col("seq").last(),
        pl.col("doc_id").last(),
        pl.col("event_time").max().alias("max"),
    )
    entries = pl.DataFrame(
        [(stream, entry) for stream, group in parsed.open.items() for entry in group],
        schema={"stream": pl.Utf8, "entry_id": pl.Utf8},
        orient="row",
    )
    members = parsed.members.join(entries, on="entry_id", how="inner", maintain_order="left")
    times = rows.get_column("event_time").gather(members.get_column("row"))
    grouped = (
        members.with_columns(times.alias("at"))
        .group_by("stream", maintain_order=True)
        .agg(pl.col("doc_id"), pl.col("at").min())
    )
    kept = {stream: (tuple(docs), at) for stream, docs, at in grouped.iter_rows()}
    tails = {}
    for stream, at, seq, doc, newest in last.iter_rows():
        docs, first = kept.get(stream, ((), at))
        silent = work.close or work.now - newest > work.quiet
        tails[stream] = Tail(parsed.open.get(stream, ()), docs, first, (at, seq, doc), held=not final or not silent)
    return tails


def _changed_tails(
    rows: pl.DataFrame, parsed: ParsedRows, known: Mapping[str, StreamState]
) -> dict[str, tuple[datetime, date]]:
    """Streams whose last entries were written already and now go on: (time, day) of the first of them."""
    written = [stream for stream, state in known.items() if state.tail_written]
    if not written or rows.is_empty():
        return {}
    numbered = rows.select("stream", "event_time", "_new").with_row_index("row")
    mixed = (
        parsed.members.join(numbered.filter(pl.col("stream").is_in(written)), on="row", how="inner")
        .group_by("stream", "entry_id")
        .agg(pl.col("_new").any().alias("new"), (~pl.col("_new")).any().alias("old"))
        .filter(pl.col("new") & pl.col("old"))
        .get_column("stream")
        .unique()
    )
    first = (
        numbered.filter(pl.col("stream").is_in(mixed.implode()) & ~pl.col("_new"))
        .group_by("stream")
        .agg(pl.col("event_time").min())
    )
    return {stream: (at, at.date()) for stream, at in first.iter_rows()}


def _unwritten(
    rows: pl.DataFrame,
    parsed: ParsedRows,
    tails: Mapping[str, Tail],
    known: Mapping[str, StreamState],
    again: Mapping[date, Again],
) -> pl.DataFrame:
    """Entries to append: not held, not written before, not of a stream and day that is parsed again."""
    entries = parsed.entries
    if entries.is_empty():
        return entries
    held = [entry for tail in tails.values() if tail.held for entry in tail.entry_ids]
    entries = entries.filter(~pl.col("entry_id").is_in(held))
    written = [stream for stream, state in known.items() if state.tail_written]
    if written:
        old = (
            rows.with_row_index("row")
            .filter(pl.col("stream").is_in(written) & ~pl.col("_new"))
            .select("row")
            .join(parsed.members, on="row", how="inner")
            .select("entry_id")
        )
        touched = parsed.members.join(
            rows.with_row_index("row").filter("_new").select("row"), on="row", how="semi"
        ).select("entry_id")
        entries = entries.join(old.join(touched, on="entry_id", how="anti"), on="entry_id", how="anti")
    for day, wanted in again.items():
        names = [*(wanted.since or {})]
        entries = entries.filter(~((pl.col("day") == day) & pl.col("stream").is_in(names)))
    return entries


# ---- parsing again


@dataclass
class Redone:
    """What a day, or some of its streams, came out as when parsed again."""

    day: date
    spans: list[Span]
    entries: pl.DataFrame
    parsed: ParsedRows
    tails: dict[str, Tail]
    rows: pl.DataFrame


def _reparse(
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
    parsed = parse_rows(rows.select([*RAW_LOGS]), _profiles(work, rows), work.options)
    newest = _newest(work, rows, tails, stop)
    own = {stream: tail for stream, tail in _tails(work, rows, parsed, final=final).items() if stream in newest}
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


# ---- writing


def _write(
    work: Parsing,
    parsed: ParsedRows,
    fresh: pl.DataFrame,
    redone: Sequence[Redone],
    tails: dict[str, Tail],
    states: Mapping[str, StreamState],
    new: pl.DataFrame,
    cursor: int | None,
) -> None:
    """Entries and exceptions to the lake, then everything else in one transaction."""
    ctx, slug, now = work.ctx, work.slug, work.now
    batch = _next_batch(ctx, slug)
    hours: set[datetime] = set()
    written_entries, written_exceptions = [], []
    for piece in redone:
        entries, exceptions = _numbered(piece.parsed, piece.entries, batch)
        hours |= _hours_of_spans(ctx, slug, piece.spans) | _hours(entries)
        if piece.spans:
            ctx.lake.replace(ENTRIES, slug, entries, spans=piece.spans, batch=batch)
            ctx.lake.replace(EXCEPTIONS, slug, exceptions, spans=piece.spans, batch=batch)
        else:
            ctx.lake.append(ENTRIES, slug, entries, batch=batch)
            ctx.lake.append(EXCEPTIONS, slug, exceptions, batch=batch)
        written_entries.append(entries)
        written_exceptions.append(exceptions)
        work.replaced |= {span.stream or "*" for span in piece.spans}
        for stream, tail in piece.tails.items():
            if stream not in tails or piece.day >= tails[stream].last[0].date():
                tails[stream] = tail
    entries, exceptions = _numbered(parsed, fresh, batch)
    hours |= _hours(entries)
    ctx.lake.append(ENTRIES, slug, entries, batch=batch)
    ctx.lake.append(EXCEPTIONS, slug, exceptions, batch=batch)
    written_entries.append(entries)
    written_exceptions.append(exceptions)
    all_entries, all_exceptions = pl.concat(written_entries), pl.concat(written_exceptions)
    seen = dict(new.group_by("stream").len().iter_rows())
    failed = _failed(all_entries)
    days = _tally(work, parsed, redone, all_entries, all_exceptions, new)
    shapes = pl.concat([parsed.shapes, *(piece.parsed.shapes for piece in redone)])
    with store.begin(ctx.engine) as conn:
        if hours:
            recount(ctx, conn, slug, hours)
        work.new_shapes += store_facts(conn, work.service, shapes, all_exceptions, now=now)
        store.cursors.put_stream_states(conn, slug, _states(tails, states, seen, failed), now)
        work.profiles.store_changed(conn)
        if all_entries.height or redone:
            stats = {"entries": all_entries.height, "exceptions": all_exceptions.height}
            store.cursors.commit_batch(conn, slug, "parse", batch, now=now, rows=new.height, stats=stats, days=days)
            work.batch = batch
        if cursor is not None:
            store.cursors.set_parse_cursor(conn, slug, cursor, now)
    work.open_rows = sum(len(tail.rows) for tail in tails.values() if tail.held)


def _numbered(parsed: ParsedRows, entries: pl.DataFrame, batch: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Entries to be written and the exceptions in them, with their batch; none of them is open any more."""
    number = pl.lit(batch).alias("batch")
    kept = entries.with_columns((pl.col("flags") & ~_KEPT_OPEN).cast(pl.Int32), number)
    exceptions = parsed.exceptions.join(kept.select("entry_id"), on="entry_id", how="semi")
    return kept, exceptions.with_columns(number)


def _states(
    tails: Mapping[str, Tail], states: Mapping[str, StreamState], seen: Mapping[str, int], failed: Mapping[str, int]
) -> list[StreamState]:
    result = []
    for stream, tail in tails.items():
        before = states.get(stream)
        at, seq, doc = tail.last
        fresh = before is None or before.last_event_time is None
        result.append(
            StreamState(
                stream=stream,
                source_id=before.source_id if before else stream.partition("/")[0],
                last_event_time=at,
                last_seq=seq,
                last_doc_id=doc,
                open_entry_id=tail.entry_ids[0] if tail.entry_ids else None,
                open_event_time=tail.first_time,
                open_day=tail.first_time.date(),
                open_rows=tail.rows,
                tail_written=not tail.held,
                rows=(0 if fresh or before is None else before.rows) + seen.get(stream, 0),
                failed=(0 if fresh or before is None else before.failed) + failed.get(stream, 0),
            )
        )
    return result


def _failed(entries: pl.DataFrame) -> dict[str, int]:
    unparsed = (pl.col("flags") & int(RowFlag.UNPARSED)) != 0
    return dict(entries.filter(unparsed).group_by("stream").len().iter_rows())


def _hours(entries: pl.DataFrame) -> set[datetime]:
    return set(entries.get_column("event_time").dt.truncate("1h").unique().to_list())


def _hours_of_spans(ctx: FlowContext, service: str, spans: Sequence[Span]) -> set[datetime]:
    """Hours of the entries that are about to be replaced."""
    if not spans:
        return set()
    streams = [span.stream for span in spans if span.stream is not None]
    whole = any(span.stream is None for span in spans)
    frame = ctx.lake.scan(
        ENTRIES,
        service,
        days=[*{span.day for span in spans}],
        streams=None if whole else streams,
        columns=["event_time"],
    ).select(pl.col("event_time").dt.truncate("1h").unique())
    return set(frame.collect().get_column("event_time").to_list())


def _tally(
    work: Parsing,
    parsed: ParsedRows,
    redone: Sequence[Redone],
    entries: pl.DataFrame,
    exceptions: pl.DataFrame,
    new: pl.DataFrame,
) -> list[date]:
    unparsed = entries.filter((pl.col("flags") & int(RowFlag.UNPARSED)) != 0)
    for position, frame in enumerate((new, entries, exceptions, unparsed)):
        for day, count in frame.group_by("day").len().iter_rows():
            work.days.setdefault(day, [0, 0, 0, 0])[position] += count
    for level, count in entries.group_by("level").len().iter_rows():
        work.levels[level or "none"] += count
    work.rows += new.height
    work.folded += int((entries.get_column("lines") - 1).sum() or 0)
    work.redacted += parsed.stats.redacted + sum(piece.parsed.stats.redacted for piece in redone)
    return sorted(set(entries.get_column("day").unique().to_list()) | {piece.day for piece in redone})


def _next_batch(ctx: FlowContext, service: str) -> int:
    with store.begin(ctx.engine) as conn:
        last = store.cursors.last_batch(conn, service, "parse")
    return max([last, *(commit.batch for commit in _commits(ctx, service))]) + 1


def _commits(ctx: FlowContext, service: str) -> list[Any]:
    found = (ctx.lake.last_batch(kind, service) for kind in (ENTRIES, EXCEPTIONS))
    return [commit for commit in found if commit is not None]


def take_back(ctx: FlowContext, service: str, now: datetime) -> int:
    """Removes the rows of a parse that was killed between lake and store: its raw rows are still behind the cursor.

    Returns the number of rows removed.
    """
    with store.begin(ctx.engine) as conn:
        last = store.cursors.last_batch(conn, service, "parse")
    newest = max((commit.batch for commit in _commits(ctx, service)), default=0)
    if newest <= last:
        return 0
    removed = sum(ctx.lake.delete_batches(kind, service, last) for kind in (ENTRIES, EXCEPTIONS))
    with store.begin(ctx.engine) as conn:
        store.cursors.commit_batch(
            conn,
            service,
            "parse",
            newest,
            now=now,
            rows=0,
            stats={"taken back": removed, "why": "killed before its end"},
        )
    return removed


def parse_day_again(work: Parsing, day: date) -> None:
    """Parses all streams of a day from its raw rows and replaces what the lake has of it. Everything new was parsed before."""
    tails: dict[str, Tail] = {}
    piece = _reparse(work, day, Again(None), end=None, final=True, tails=tails)
    nothing = pl.DataFrame(schema=RAW_LOGS)
    with store.begin(work.ctx.engine) as conn:
        states = store.cursors.stream_states(conn, work.slug, [*piece.tails])
    blank = parse_rows(nothing, {}, work.options)
    _write(work, blank, blank.entries, [piece], tails, states, nothing, None)
    read = piece.rows.filter(pl.col("day") == day).height
    work.rows += read
    work.days.setdefault(day, [0, 0, 0, 0])[0] += read
