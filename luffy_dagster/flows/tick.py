"""The tick: the services that are due, a bounded number side by side; one that fails fails alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime

from luffy_dagster import store
from luffy_dagster.core.scheduling import Due, Kind, due
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.process import process_service
from luffy_dagster.flows.results import ServiceResult


def due_services(ctx: FlowContext, now: datetime | None = None) -> list[Due]:
    """Services whose log fetch is due, the longest overdue first."""
    with store.begin(ctx.engine) as conn:
        rows = store.schedule_rows(conn)
    found = due(rows, now or ctx.now(), ctx.settings.slot_attempts)
    return [each for each in found if each.kind == Kind.LOG_FETCH]


def run_tick(
    ctx: FlowContext,
    due: Sequence[Due],
    *,
    parallel: int | None = None,
    on_result: Callable[[ServiceResult], None] | None = None,
) -> list[ServiceResult]:
    """Works through the due services with at most `parallel` (default: the setting) at a time.

    `on_result` is called in the caller's thread as each service ends. No exception of a service gets out: it becomes a result with
    ok=False and its reason, and an attempt of its slot is counted.
    """
    if not due:
        return []
    workers = min(parallel or ctx.settings.parallel_services, len(due))
    results = []
    if workers == 1:
        for each in due:
            results.append(_attempt(ctx, each))
            if on_result is not None:
                on_result(results[-1])
        return results
    with ThreadPoolExecutor(workers, thread_name_prefix="service") as pool:
        for future in as_completed([pool.submit(_attempt, ctx, each) for each in due]):
            results.append(future.result())
            if on_result is not None:
                on_result(results[-1])
    return results


def _attempt(ctx: FlowContext, due: Due) -> ServiceResult:
    started, clock = ctx.now(), time.perf_counter()
    try:
        with store.begin(ctx.engine) as conn:
            store.schedule.record_attempt(conn, due.service, due.kind, due.slot, started)
        result = process_service(ctx, due.service)
    except Exception as error:  # noqa: BLE001 - whatever it is, it must stop this service only, and be told
        reason = " ".join(str(error).split()) or type(error).__name__
        result = ServiceResult(
            due.service,
            ok=False,
            started_at=started,
            seconds=time.perf_counter() - clock,
            error=f"{type(error).__name__}: {reason}"[:1000],
        )
    if not result.ok:
        _note_failure(ctx, due, result.error or "unknown reason")
    return result


def _note_failure(ctx: FlowContext, due: Due, reason: str) -> None:
    """Keeps the reason with the slot; when not even that can be written, the result still carries it."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with store.begin(ctx.engine) as conn:
            store.schedule.record_failure(conn, due.service, due.kind, due.slot, reason, ctx.now())
    except (SQLAlchemyError, store.errors.StoreError):
        return
