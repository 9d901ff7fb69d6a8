"""Adaptive intervals: a service whose exceptions rise is fetched more often; `core.adaptive` decides, the reason is kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from luffy_dagster import store
from luffy_dagster.core.adaptive import Adapted, adapt
from luffy_dagster.flows.context import FlowContext

_HOURS = 26


def adapt_service(ctx: FlowContext, conn: Any, name: str, now: datetime) -> Adapted | None:
    """Judges one service's interval and keeps it; None where its interval is fixed (a cron expression, or switched off)."""
    service = store.services.get(conn, name)
    before = store.schedule.adapted(conn, name)
    if not ctx.settings.adaptive_intervals or service.log_fetch_cron:
        if before is not None:
            store.schedule.put_adapted(conn, name, None, now)
        return None
    running = now.replace(minute=0, second=0, microsecond=0)
    start = running - timedelta(hours=_HOURS - 1)
    counts = store.counts.fingerprint_counts(conn, name, start, now + timedelta(hours=1))
    hourly = [0] * _HOURS
    for hour, count in counts.select("hour", "count").iter_rows():
        hourly[min(_HOURS - 1, int((hour - start).total_seconds() // 3600))] += count
    after = adapt(service.log_fetch_interval_minutes * 60, hourly, before)
    if after != before:
        store.schedule.put_adapted(conn, name, after if after.reason else None, now)
    return after
