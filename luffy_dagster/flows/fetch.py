"""Fetching: from a service's sources into raw_logs, each source by itself, nothing lost and nothing twice.

A source is read by event time from its watermark with an overlap (files: from their positions); what is there already is left
out. Rows go to the lake first, with everything PostgreSQL needs in the commit's metadata, then one transaction moves the
watermark. The caller holds the service's lock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from luffy_dagster import store
from luffy_dagster.core.model import TimeRange
from luffy_dagster.flows.connections import open_reader
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.intake import Intake, finish_fetch, gathered, keep, move
from luffy_dagster.flows.policy import retention_floor
from luffy_dagster.flows.profiles import Profiles
from luffy_dagster.flows.results import FetchResult, SourceResult

_AHEAD = timedelta(days=1)


def fetch_sources(ctx: FlowContext, service: Any, *, now: datetime) -> FetchResult:
    """Reads every enabled source of the service that is not backing off. A source that fails fails alone (see the result)."""
    finish_fetch(ctx, service.id, now)
    with store.begin(ctx.engine) as conn:
        enabled = store.sources.list_sources(conn, service.id, enabled_only=True)
        readable = {source.id for source in store.sources.readable(conn, service.id, now)}
    profiles = Profiles(ctx, service.id, now)
    results, per_day, batch = [], Counter[date](), 0
    for source in enabled:
        if source.id not in readable:
            waits = f"backing off until {source.next_attempt_at:%H:%M:%S} UTC after: {source.last_error}"
            results.append(SourceResult(source.id, source.name or source.id, ok=False, error=waits))
            continue
        intake = Intake(source)
        results.append(_fetch_one(ctx, service, intake, profiles, now))
        per_day.update(intake.per_day)
        batch = max(batch, intake.batch)
    return FetchResult(
        service=service.id,
        batch=batch,
        rows=sum(result.rows for result in results),
        duplicates=sum(result.duplicates for result in results),
        days=tuple(sorted(per_day)),
        per_day=dict(per_day),
        sources=tuple(results),
    )


def _fetch_one(ctx: FlowContext, service: Any, intake: Intake, profiles: Profiles, now: datetime) -> SourceResult:
    from luffy_dagster.adapters.errors import SourceError

    source = intake.source
    reader = None
    try:
        reader = open_reader(ctx, source)
        if intake.is_file:
            _read_files(ctx, service, intake, reader, profiles, now)
        else:
            _read_windows(ctx, service, intake, reader, profiles, now)
    except (SourceError, store.errors.StoreError, OSError) as error:
        reason = str(error) or type(error).__name__
        with store.begin(ctx.engine) as conn:
            store.sources.record_failure(conn, source.id, reason, now)
            store.alarms.raise_alarm(conn, service.id, "failed", reason, now, source_id=source.id)
        return intake.result(reason)
    finally:
        if reader is not None:
            reader.close()
    _alarms(ctx, service, intake, now)
    return intake.result()


def _alarms(ctx: FlowContext, service: Any, intake: Intake, now: datetime) -> None:
    """A source that answered is not failing any more; a capped fetch is stated."""
    source = intake.source
    if not (source.consecutive_failures or intake.capped or intake.rows):
        return
    with store.begin(ctx.engine) as conn:
        if source.consecutive_failures:
            store.alarms.clear_alarm(conn, service.id, "failed", now, source_id=source.id)
        if intake.capped:
            detail = f"{intake.rows} rows taken, more are there: the next fetch goes on; raise LUFFY_DOCS_PER_FETCH"
            store.alarms.raise_alarm(conn, service.id, "capped", detail, now, source_id=source.id)
        else:
            store.alarms.clear_alarm(conn, service.id, "capped", now, source_id=source.id)


def _read_windows(
    ctx: FlowContext, service: Any, intake: Intake, reader: Any, profiles: Profiles, now: datetime
) -> None:
    source = intake.source
    settings = ctx.settings
    start = (
        now - timedelta(hours=settings.first_lookback_hours)
        if source.watermark is None
        else source.watermark - timedelta(minutes=settings.fetch_overlap_minutes)
    )
    start = max(min(start, now), retention_floor(ctx, service, now))
    pieces = list(_pieces(start, now, timedelta(hours=settings.fetch_piece_hours)))
    if len(pieces) > 1:
        pieces = _with_documents(reader, pieces)
    intake.window = TimeRange(start, now)
    state = (source.position or {}).get("adapter")
    cap = settings.docs_per_fetch or None
    for piece in pieces:
        final = piece is pieces[-1]
        left = None if cap is None else cap - intake.rows
        with reader.fetch(piece, state=state if final else None, limit=left, undated=final) as fetched:
            for frame in gathered(fetched, ctx.piece_rows):
                keep(ctx, service, intake, profiles, frame, now=now, window=piece)
        summary = fetched.summary
        intake.bytes += summary.bytes
        intake.notes.extend(summary.notes)
        intake.capped = summary.capped
        reached = summary.covered.end if summary.capped else intake.seen
        position = {"adapter": summary.state} if final and summary.state is not None else None
        move(ctx, intake, None if reached is None else min(reached, now), position, now)
        if summary.capped:
            return


def _pieces(start: datetime, now: datetime, length: timedelta) -> Iterator[TimeRange]:
    """[start, now] cut from the oldest on; the last reaches a day ahead, as clocks of hosts may run fast."""
    while start + length < now:
        yield TimeRange(start, start + length)
        start += length
    yield TimeRange(start, now + _AHEAD)


def _with_documents(reader: Any, pieces: list[TimeRange]) -> list[TimeRange]:
    """Pieces that hold documents, by one question to the source, and always the last; all when the source cannot say."""
    counts = reader.count_by_hour(TimeRange(pieces[0].start, pieces[-1].end))
    if counts is None:
        return pieces
    hours = [hour for hour, count in counts.items() if count]
    hour = timedelta(hours=1)
    return [
        piece
        for piece in pieces
        if piece is pieces[-1] or any(at < piece.end and at + hour > piece.start for at in hours)
    ]


def read_again(ctx: FlowContext, service: Any, source: Any, window: TimeRange, *, now: datetime) -> Intake:
    """Reads one window of a source again and keeps what is not there yet; the watermark stays where it is.

    Files are read from their beginnings under the same identities. Raises SourceError.
    """
    intake = Intake(source, window=window)
    profiles = Profiles(ctx, service.id, now)
    reader = open_reader(ctx, source)
    try:
        state = None
        if intake.is_file:
            from luffy_dagster.adapters.sources import rewound

            state = rewound((source.position or {}).get("adapter"))
        with reader.fetch(window, state=state, limit=None, undated=False) as fetched:
            for frame in gathered(fetched, ctx.piece_rows):
                keep(ctx, service, intake, profiles, frame, now=now, window=window)
    finally:
        reader.close()
    return intake


def _read_files(ctx: FlowContext, service: Any, intake: Intake, reader: Any, profiles: Profiles, now: datetime) -> None:
    source = intake.source
    position = dict(source.position or {})
    intake.last_times = {
        stream: datetime.fromisoformat(at) for stream, at in (position.get("last_times") or {}).items()
    }
    window = TimeRange(now - timedelta(hours=ctx.settings.first_lookback_hours), now)
    intake.window = TimeRange(source.watermark or window.start, now)
    state = position.get("adapter")
    cap = ctx.settings.docs_per_fetch or None
    while True:
        piece = ctx.piece_rows if cap is None else min(ctx.piece_rows, cap - intake.rows)
        with reader.fetch(window, state=state, limit=piece, undated=False) as fetched:
            for frame in gathered(fetched, ctx.piece_rows):
                keep(ctx, service, intake, profiles, frame, now=now, window=None)
        summary = fetched.summary
        intake.bytes += summary.bytes
        intake.notes.extend(note for note in summary.notes if note not in intake.notes)
        state = summary.state
        times = {stream: at.isoformat() for stream, at in intake.last_times.items()}
        reached = None if intake.seen is None else min(intake.seen, now)
        move(ctx, intake, reached, {"adapter": state, "last_times": times}, now, unchanged=source.position or {})
        intake.capped = summary.capped and cap is not None and intake.rows >= cap
        if not summary.capped or intake.capped or not summary.documents:
            return
