"""What tests and fetches leave behind at a log source: whether it answers, how far it was read, how long it pauses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func
from sqlalchemy import update as sa_update

from luffy_dagster.core.lifecycle import LifecycleState
from luffy_dagster.store import services
from luffy_dagster.store.schema import log_source
from luffy_dagster.store.sources.records import LogSource, get, number_of, row_of

MOST_PAUSE = timedelta(minutes=60)


def record_test(
    conn: Connection, source_id: str, ok: bool, reason: str | None, ms: float, *, actor: str, now: datetime
) -> LogSource:
    """Keeps the outcome of a connection test and moves the service along (Testing, TestFailed)."""
    row = row_of(conn, source_id)
    conn.execute(
        sa_update(log_source)
        .where(log_source.c.id == row["id"])
        .values(
            connection_status="connected" if ok else "failed",
            connection_reason=None if ok else reason,
            connection_ms=ms,
            connection_tested_at=now,
            **({"consecutive_failures": 0, "next_attempt_at": None} if ok else {}),
        )
    )
    state = services.get(conn, row["service_id"]).lifecycle_state
    if state in (
        LifecycleState.CREATED,
        LifecycleState.CONFIGURING,
        LifecycleState.LOG_SOURCES_ADDED,
        LifecycleState.TEST_FAILED,
        LifecycleState.TESTING,
    ):
        if state is LifecycleState.TEST_FAILED:
            services.move(conn, row["service_id"], LifecycleState.LOG_SOURCES_ADDED, actor=actor, now=now)
        services.advance(conn, row["service_id"], LifecycleState.TESTING, actor=actor, now=now)
        if not ok:
            services.move(conn, row["service_id"], LifecycleState.TEST_FAILED, actor=actor, now=now, reason=reason)
    return get(conn, source_id)


def record_failure(conn: Connection, source_id: str, reason: str, now: datetime) -> LogSource:
    """Counts a failed fetch; the pause before the next is 1, 2, 4 … minutes, an hour at most."""
    row = row_of(conn, source_id)
    failures = row["consecutive_failures"] + 1
    pause = min(timedelta(minutes=2 ** min(failures - 1, 6)), MOST_PAUSE)
    conn.execute(
        sa_update(log_source)
        .where(log_source.c.id == row["id"])
        .values(
            consecutive_failures=failures,
            next_attempt_at=now + pause,
            last_error=reason,
            connection_status="failed",
            connection_reason=reason,
        )
    )
    return get(conn, source_id)


def record_fetch(
    conn: Connection,
    source_id: str,
    *,
    watermark: datetime | None,
    now: datetime,
    position: Mapping[str, Any] | None = None,
) -> LogSource:
    """Keeps how far a fetch that succeeded has read; the watermark never goes back."""
    number = number_of(source_id)
    values: dict[str, Any] = {
        "last_fetch_at": now,
        "consecutive_failures": 0,
        "next_attempt_at": None,
        "last_error": None,
        "connection_status": "connected",
        "connection_reason": None,
    }
    if watermark is not None:
        values["watermark"] = func.greatest(log_source.c.watermark, watermark)
    if position is not None:
        values["position"] = dict(position)
    conn.execute(sa_update(log_source).where(log_source.c.id == number).values(values))
    return get(conn, source_id)
