"""One source being read: what comes is made rows of raw_logs, what is there already is left out, each piece is one commit.

The lake first, with what the store needs in the commit's metadata, then one transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.model import TimeRange
from luffy_dagster.core.parsing.batches import expanded
from luffy_dagster.core.schemas import RowFlag
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.policy import retention_floor
from luffy_dagster.flows.profiles import Profiles
from luffy_dagster.flows.results import SourceResult
from luffy_dagster.flows.rows import dated_by_lines, identified, raw_frame, timed
from luffy_dagster.lake import Span

RAW = "raw_logs"
FILE_TYPES = frozenset({"file", "upload"})  # sources whose rows are dated by their lines
_TIME_FLAGS = int(RowFlag.TIME_OUT_OF_RANGE | RowFlag.TIME_FROM_RECEIPT)
_BAD = {
    "invalid_utf8": RowFlag.INVALID_UTF8,
    "truncated": RowFlag.TRUNCATED,
    "time_out_of_range": RowFlag.TIME_OUT_OF_RANGE,
    "time_from_receipt": RowFlag.TIME_FROM_RECEIPT,
}
_TICK = timedelta(microseconds=1)
_PIECE_BYTES = 128 << 20  # text held before a commit, whatever the number of rows


@dataclass(frozen=True)
class Earlier:
    """Documents of earlier fetches, read once: those from `start` on (None: all), and those with any of the bits of `flags`."""

    start: datetime | None
    flags: int
    doc_ids: pl.DataFrame

    def covers(self, start: datetime | None, flags: int) -> bool:
        """Whether documents from `start` on, and those with these flags, are among them."""
        return self.start is None or (start is not None and self.start <= start and flags & ~self.flags == 0)


@dataclass
class Intake:
    """One source being read: what its result will say, and the state that goes into the store with the rows."""

    source: Any
    last_times: dict[str, datetime] = field(default_factory=dict)
    rows: int = 0
    duplicates: int = 0
    batch: int = 0
    bytes: int = 0
    capped: bool = False
    late: bool = False
    window: TimeRange | None = None
    per_day: Counter[date] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    seen: datetime | None = None  # largest event time seen that can be
    began: int | None = None  # the last batch there was before this fetch wrote any
    earlier: Earlier | None = None

    @property
    def is_file(self) -> bool:
        """Whether its rows are dated by their lines."""
        return self.source.type in FILE_TYPES

    def result(self, error: str | None = None) -> SourceResult:
        """What came of it so far; `error` is why it could not be read."""
        return SourceResult(
            source_id=self.source.id,
            name=self.source.name or self.source.id,
            ok=error is None,
            rows=self.rows,
            duplicates=self.duplicates,
            window_start=self.window.start if self.window else None,
            window_end=self.window.end if self.window else None,
            error=error,
            capped=self.capped,
            empty=self.rows == 0,
            late=self.late,
            bad=dict(self.bad),
            bytes=self.bytes,
            notes=tuple(self.notes),
        )


def gathered(frames: Iterable[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """The adapter's small frames joined to pieces of about `rows` rows."""
    waiting: list[pl.DataFrame] = []
    count = size = 0
    for frame in frames:
        waiting.append(frame)
        count += frame.height
        size += int(frame.get_column("body").str.len_bytes().sum() or 0)
        if count >= rows or size >= _PIECE_BYTES:
            yield pl.concat(waiting)
            waiting, count, size = [], 0, 0
    if count:
        yield pl.concat(waiting)


def keep(
    ctx: FlowContext,
    service: Any,
    intake: Intake,
    profiles: Profiles,
    frame: pl.DataFrame,
    *,
    now: datetime,
    window: TimeRange | None,
) -> None:
    """Writes the rows of `frame` that are not there yet, in one commit."""
    source = intake.source
    came = frame.height
    rows = identified(frame, source.id)
    zones = {source.id: source.assume_tz or "UTC"}
    if intake.is_file:
        packed = rows.height
        rows = expanded(rows)
        came += rows.height - packed
        order = ("seq", "doc_id")
        settled = profiles.settle(rows, zones, by=order)
        rows = _redated(ctx, service, intake, profiles, rows)
        rows = dated_by_lines(rows, settled, intake.last_times, assume_tz=zones[source.id], now=now)
    rows = timed(rows, received_at=now, floor=retention_floor(ctx, service, now))
    if intake.is_file and window is not None:  # whole files were read for the sake of one day
        rows = rows.filter(pl.col("event_time").is_between(window.start, window.end, closed="left"))
        if rows.is_empty():
            return
    sound = rows.filter((pl.col("flags") & _TIME_FLAGS) == 0).get_column("event_time")
    if len(sound):
        latest = sound.max()
        intake.seen = latest if intake.seen is None else max(intake.seen, latest)  # type: ignore[type-var, assignment]
    if profiles.moved:  # these streams hold their earlier rows too, and replace what is there
        moved = pl.col("stream").is_in([*profiles.moved])
        rows = pl.concat([rows.filter(moved), _unknown(ctx, service.id, intake, rows.filter(~moved), window)])
    else:
        rows = _unknown(ctx, service.id, intake, rows, window)
    intake.duplicates += max(came - rows.height, 0)
    if rows.is_empty():
        return
    if not intake.is_file:
        profiles.settle(rows, zones, by=("event_time", "seq", "doc_id"))
        before = source.watermark
        if before is not None and not intake.late:
            intake.late = bool((rows.get_column("event_time") < before).any())
    _commit(ctx, service, intake, profiles, rows, now)


def _unknown(
    ctx: FlowContext, service: str, intake: Intake, rows: pl.DataFrame, window: TimeRange | None
) -> pl.DataFrame:
    """Rows whose documents are not in raw_logs yet (looked for where they could be)."""
    if intake.began is None:
        written = ctx.lake.last_batch(RAW, service)
        intake.began = written.batch if written else 0
    if rows.is_empty() or not ctx.lake.exists(RAW, service):
        return rows
    for known in (_of_earlier_fetches(ctx, service, intake, rows, window), _of_this_fetch(ctx, service, intake, rows)):
        # many are known and hardly ever one of these: to ask which known ones come again is cheaper than to ask which are new
        again = known.filter(pl.col("doc_id").is_in(rows.get_column("doc_id").implode()))
        if not again.is_empty():
            rows = rows.join(again, on="doc_id", how="anti", maintain_order="left")
    return rows


def _of_earlier_fetches(
    ctx: FlowContext, service: str, intake: Intake, rows: pl.DataFrame, window: TimeRange | None
) -> pl.DataFrame:
    """Known documents that earlier fetches brought. A document may stand under another time by now, so all times from the piece's
    beginning on count; the pieces of a fetch rise in time, so they are read once.
    """
    flagged = 0
    start: Any = rows.get_column("event_time").min()
    if intake.is_file:
        # Rows without a time of their own got that of their receipt: a fetch that was killed did so after the last that ended.
        ended = intake.source.last_fetch_at
        start = None if ended is None else min(start, ended, *([window.start] if window is not None else []))
    else:
        bits: Any = rows.get_column("flags").bitwise_or()
        flagged = _TIME_FLAGS & int(bits or 0)
        if window is not None:
            start = min(start, window.start)
    if intake.earlier is None or not intake.earlier.covers(start, flagged):
        if intake.earlier is not None:  # pieces that go back in time: whatever comes, it is read once more only
            start, flagged = None, 0
        known = ctx.lake.doc_ids(service, intake.source.id, [(start, None)], flags=flagged, batch_upto=intake.began)
        intake.earlier = Earlier(start, flagged, known)
    return intake.earlier.doc_ids


def _of_this_fetch(ctx: FlowContext, service: str, intake: Intake, rows: pl.DataFrame) -> pl.DataFrame:
    """Known documents that pieces before this one brought: one and the same has one time, its own or that of this fetch."""
    if not intake.rows:
        return rows.select("doc_id").clear()
    received = (pl.col("flags") & _TIME_FLAGS) != 0
    spans = rows.group_by(received.alias("received")).agg(
        pl.col("event_time").min().alias("first"), pl.col("event_time").max().alias("last")
    )
    windows = [(first, last + _TICK) for first, last in spans.select("first", "last").iter_rows()]
    return ctx.lake.doc_ids(service, intake.source.id, windows, batch_after=intake.began)


def _redated(ctx: FlowContext, service: Any, intake: Intake, profiles: Profiles, rows: pl.DataFrame) -> pl.DataFrame:
    """New rows together with the earlier ones of streams whose profile has just changed: these are dated anew as well."""
    moved = [stream for stream in rows.get_column("stream").unique().to_list() if stream in profiles.moved]
    if not moved:
        return rows
    earlier = ctx.lake.scan(RAW, service.id, streams=moved).collect()
    for stream in moved:
        intake.last_times.pop(stream, None)
    if earlier.is_empty():
        return rows
    time_flags = ~_TIME_FLAGS
    again = earlier.with_columns(
        pl.lit(None).cast(earlier.schema["event_time"]).alias("event_time"), pl.col("flags") & time_flags
    ).select(rows.columns)
    return pl.concat([again, rows], how="vertical_relaxed").unique("doc_id", keep="first", maintain_order=True)


def _commit(
    ctx: FlowContext, service: Any, intake: Intake, profiles: Profiles, rows: pl.DataFrame, now: datetime
) -> None:
    slug = service.id
    with store.begin(ctx.engine) as conn:
        last = store.cursors.last_batch(conn, slug, "fetch")
    written = ctx.lake.last_batch(RAW, slug)
    batch = max(last, written.batch if written else 0) + 1
    moved = sorted(profiles.moved & set(rows.get_column("stream").unique().to_list()))
    per_day = dict(rows.group_by("day").len().iter_rows())
    metadata = {"source_id": intake.source.id, "rows": rows.height, "days": [day.isoformat() for day in per_day]}
    frame = raw_frame(rows, batch)
    if moved and intake.is_file:
        frame = _replace_streams(ctx, slug, frame, moved, batch, metadata)
    ctx.lake.append(RAW, slug, frame, batch=batch, metadata=metadata)
    with store.begin(ctx.engine) as conn:
        store.cursors.commit_batch(
            conn,
            slug,
            "fetch",
            batch,
            now=now,
            rows=rows.height,
            stats={"source": intake.source.id},
            days=sorted(per_day),
        )
        profiles.store_changed(conn)
        if moved:
            reset_streams(conn, slug, moved, now)
    profiles.moved -= set(moved)
    flags = rows.get_column("flags")
    for name, bit in _BAD.items():
        count = int(((flags & int(bit)) != 0).sum())
        if count:
            intake.bad[name] += count
    intake.batch = batch
    intake.rows += rows.height
    intake.per_day.update(per_day)


def _replace_streams(
    ctx: FlowContext, service: str, frame: pl.DataFrame, streams: list[str], batch: int, metadata: Mapping[str, Any]
) -> pl.DataFrame:
    """Puts the whole of `streams` in place of what the lake has of them; gives back the rows of the other streams."""
    own = frame.filter(pl.col("stream").is_in(streams))
    earlier = ctx.lake.scan(RAW, service, streams=streams, columns=["stream", "day"]).unique().collect()
    pairs = pl.concat([earlier, own.select("stream", "day")]).unique().sort("stream", "day")
    spans = [Span(day, stream) for stream, day in pairs.iter_rows()]
    ctx.lake.replace(RAW, service, own, spans=spans, batch=batch, metadata=metadata)
    return frame.filter(~pl.col("stream").is_in(streams))


def reset_streams(conn: Any, service: str, streams: list[str], now: datetime) -> None:
    """Marks streams to be parsed again from their first row."""
    states = store.cursors.stream_states(conn, service, streams)
    blank = [store.cursors.StreamState(stream, state.source_id, raw_batch=-1) for stream, state in states.items()]
    store.cursors.put_stream_states(conn, service, blank, now)


def move(
    ctx: FlowContext,
    intake: Intake,
    watermark: datetime | None,
    position: dict[str, Any] | None,
    now: datetime,
    *,
    unchanged: Mapping[str, Any] | None = None,
) -> None:
    """Moves the source's watermark and position: everything before them is in the lake."""
    if position is not None and unchanged == position:
        position = None
    with store.begin(ctx.engine) as conn:
        store.sources.record_fetch(conn, intake.source.id, watermark=watermark, now=now, position=position)


def finish_fetch(ctx: FlowContext, service: str, now: datetime) -> int:
    """A batch that only the lake knows is finished: the store is told of it. Its rows count; the source is read on from where
    its watermark stands, and what is there already is left out. Returns the number of the last batch.
    """
    written = ctx.lake.last_batch(RAW, service)
    with store.begin(ctx.engine) as conn:
        last = store.cursors.last_batch(conn, service, "fetch")
        if written is None or written.batch <= last:
            return last
        known = ctx.lake.metadata_of(RAW, service, written.batch) or {}
        store.cursors.commit_batch(
            conn,
            service,
            "fetch",
            written.batch,
            now=now,
            rows=int(known.get("rows", 0)),
            stats={"source": known.get("source_id"), "finished": "found in the lake only"},
            days=[date.fromisoformat(day) for day in known.get("days", [])],
        )
    return written.batch
