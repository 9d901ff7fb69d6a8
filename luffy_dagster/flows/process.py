"""One service: fetch, parse and clusters in one, or one day of it anew. Everything here runs under the service's advisory lock."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

from luffy_dagster import store
from luffy_dagster.core.lifecycle import LifecycleState
from luffy_dagster.core.model import TimeRange
from luffy_dagster.core.scheduling import Kind
from luffy_dagster.flows.cluster import cluster_new
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.detect import detect_days
from luffy_dagster.flows.fetch import fetch_sources, read_again
from luffy_dagster.flows.intake import RAW, finish_fetch
from luffy_dagster.flows.parse import begin_parse, parse_day_again, parse_new
from luffy_dagster.flows.results import (
    ClusterResult,
    DetectResult,
    FetchResult,
    ParseResult,
    ServiceResult,
    SourceResult,
)
from luffy_dagster.flows.retention import raw_floor
from luffy_dagster.flows.templates import map_templates

_DAY = timedelta(days=1)


def _service(ctx: FlowContext, slug: str) -> Any:
    with store.begin(ctx.engine) as conn:
        return store.services.get(conn, slug)


def fetch(ctx: FlowContext, service: str) -> FetchResult:
    """Fetches what is new from the service's sources; a source that fails fails alone (see the result)."""
    with store.service_lock(ctx.engine, service):
        return fetch_sources(ctx, _service(ctx, service), now=ctx.now())


def parse(ctx: FlowContext, service: str, *, close: bool = False) -> ParseResult:
    """Parses what is new in raw_logs; with `close` nothing stays open."""
    with store.service_lock(ctx.engine, service):
        return parse_new(ctx, _service(ctx, service), now=ctx.now(), close=close)


def process_service(
    ctx: FlowContext, service: str, *, trigger: str = "schedule", wait: bool = True, close: bool = False
) -> ServiceResult:
    """Fetch, parse and clusters of one service.

    Sources that fail make a result with ok=False while what the others gave is processed. `wait=False`: when another run works on
    the service, returns at once with skipped=True. `close=True`: the last entries are not kept open (complete files).
    """
    started, clock = ctx.now(), time.perf_counter()
    with store.service_lock(ctx.engine, service, wait=wait) as got:
        if not got:
            return ServiceResult(service, ok=True, started_at=started, skipped=True)
        found = _service(ctx, service)
        fetched = fetch_sources(ctx, found, now=started)
        parsed = parse_new(ctx, found, now=ctx.now(), close=close)
        changed = bool(fetched.rows or parsed.batch)
        clustered = _finish(ctx, service, parsed, changed=changed)
        _stamp(ctx, found, fetched, started)
        complete = started if fetched.ok and fetched.sources and not close else None
        detected = _detect(ctx, service, complete)
        if changed or not fetched.ok:
            _note_run(ctx, service, trigger, started, fetched, parsed)
    return ServiceResult(
        service=service,
        ok=fetched.ok,
        started_at=started,
        seconds=time.perf_counter() - clock,
        fetch=fetched,
        parse=parsed,
        cluster=clustered,
        detect=detected,
        error=fetched.error,
        days=tuple(sorted({*fetched.days, *parsed.days})),
        changed=changed,
    )


def _finish(ctx: FlowContext, service: str, parsed: ParseResult, *, changed: bool) -> ClusterResult:
    """Mappings over what a parse found: templates when there are new shapes, clusters when there are new rows."""
    if parsed.new_shapes:
        map_templates(ctx, service, now=ctx.now())
    return cluster_new(ctx, service, now=ctx.now(), changed=changed, days=parsed.days)


def _detect(ctx: FlowContext, service: str, complete: datetime | None, again: tuple[date, ...] = ()) -> DetectResult:
    """Windows and anomalies. What fails here stops neither fetch nor parse: it is told in the result.

    `complete`: the service's sources were read at that time, so what is older by the wait for open entries is all there.
    """
    until = None if complete is None else complete - timedelta(seconds=ctx.settings.open_entry_seconds)
    try:
        return detect_days(ctx, service, now=ctx.now(), until=until, again=again)
    except Exception as error:  # noqa: BLE001 - whatever it is, the service's logs were read and must stay read
        reason = " ".join(str(error).split())[:500] or type(error).__name__
        return DetectResult(service, error=f"{type(error).__name__}: {reason}")


def _stamp(ctx: FlowContext, service: Any, fetched: FetchResult, started: datetime) -> None:
    """last_log_fetch moves only when every enabled source was read; the first success makes the service active."""
    if not fetched.ok or not fetched.sources:
        return
    with store.begin(ctx.engine) as conn:
        store.schedule.record_success(conn, service.id, Kind.LOG_FETCH, started)
        if service.lifecycle_state == LifecycleState.MONITORING_ENABLED:
            store.services.advance(conn, service.id, LifecycleState.ACTIVE, actor="luffy", now=started)


def _note_run(
    ctx: FlowContext, service: str, trigger: str, started: datetime, fetched: FetchResult, parsed: ParseResult
) -> None:
    stats = {"rows": fetched.rows, "entries": parsed.entries, "exceptions": parsed.exceptions}
    with store.begin(ctx.engine) as conn:
        run = store.runs.start(conn, "logs", service, now=started, trigger=trigger)
        status = "succeeded" if fetched.ok else "failed"
        store.runs.finish(conn, run, status=status, now=ctx.now(), stats=stats, error=fetched.error)


def rebuild_day(ctx: FlowContext, service: str, day: date, *, refetch: bool | None = None) -> ServiceResult:
    """Materialises one UTC day by hand: what is missing of it is fetched, its raw rows are parsed again, its rows replaced.

    `refetch=None` reads the sources for the day when the lake holds no raw rows of it; True always, False never. What was fetched
    after the last parse is parsed first, so that a rebuilt day and a scheduled one hold the same rows.
    """
    started, clock = ctx.now(), time.perf_counter()
    with store.service_lock(ctx.engine, service):
        found = _service(ctx, service)
        finish_fetch(ctx, service, started)
        with store.begin(ctx.engine) as conn:
            floor = raw_floor(conn, service)
        whole = floor is None or day >= floor
        held = whole and day in set(ctx.lake.days(RAW, service).get_column("day").to_list())
        fetched = None
        if refetch or (refetch is None and not held):
            fetched = _fetch_day(ctx, found, day, started)
            held = held or bool(fetched.rows)
        new = parse_new(ctx, found, now=started)
        parsed = new
        if held:
            work = begin_parse(ctx, found, now=started)
            parse_day_again(work, day)
            work.new_shapes += new.new_shapes
            parsed = work.result()
        clustered = _finish(ctx, service, parsed, changed=True)
        detected = _detect(ctx, service, found.last_log_fetch, again=(day,))
        error = fetched.error if fetched is not None else None
    return ServiceResult(
        service=service,
        ok=error is None,
        started_at=started,
        seconds=time.perf_counter() - clock,
        fetch=fetched,
        parse=parsed,
        cluster=clustered,
        detect=detected,
        error=error,
        days=tuple(sorted({day, *parsed.days, *new.days})),
        changed=held,
    )


def _fetch_day(ctx: FlowContext, service: Any, day: date, now: datetime) -> FetchResult:
    """The day's documents from every enabled source, whatever its watermark."""
    from luffy_dagster.adapters.errors import SourceError

    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    window = TimeRange(start, start + _DAY)
    with store.begin(ctx.engine) as conn:
        sources = store.sources.list_sources(conn, service.id, enabled_only=True)
    results: list[SourceResult] = []
    per_day: dict[date, int] = {}
    batch = 0
    for source in sources:
        try:
            intake = read_again(ctx, service, source, window, now=now)
        except (SourceError, OSError) as error:
            results.append(
                SourceResult(
                    source.id,
                    source.name or source.id,
                    ok=False,
                    error=str(error),
                    window_start=window.start,
                    window_end=window.end,
                )
            )
            continue
        results.append(intake.result())
        batch = max(batch, intake.batch)
        for each, count in intake.per_day.items():
            per_day[each] = per_day.get(each, 0) + count
    return FetchResult(
        service=service.id,
        batch=batch,
        rows=sum(result.rows for result in results),
        duplicates=sum(result.duplicates for result in results),
        days=tuple(sorted(per_day)),
        per_day=per_day,
        sources=tuple(results),
    )
