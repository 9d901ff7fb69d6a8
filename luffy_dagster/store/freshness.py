"""What silence is judged by, in few queries whatever the number of services. Decisions are `core.freshness`'."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, text

from luffy_dagster.core.freshness import Rhythm, Watched, WatchedSource
from luffy_dagster.core.lifecycle import LifecycleState, runs_work
from luffy_dagster.store.schema import log_source, service

RHYTHM_DAYS = 7
_WORKING = [state.value for state in LifecycleState if runs_work(state)]


def watched(conn: Connection) -> list[Watched]:
    """The services that are worked on, each with the sources that are to be read."""
    s, o = service.c, log_source.c
    sources: dict[str, list[WatchedSource]] = {}
    columns = (o.id, o.service_id, o.name, o.type, o.updated_at, o.created_at, o.watermark, o.consecutive_failures)
    for row in conn.execute(select(*columns).where(o.is_active, o.fetch_enabled).order_by(o.id)):
        sources.setdefault(row.service_id, []).append(
            WatchedSource(
                source_id=f"s{row.id}",
                name=row.name,
                type=row.type,
                since=row.updated_at,
                created_at=row.created_at,
                newest=row.watermark,
                failing=row.consecutive_failures > 0,
            )
        )
    query = select(s.id, s.log_fetch_interval_minutes, s.log_fetch_cron, s.timezone, s.updated_at, s.last_log_fetch)
    rows = conn.execute(query.where(s.is_active, s.lifecycle_state.in_(_WORKING)).order_by(s.id))
    return [
        Watched(
            service=row.id,
            interval=timedelta(minutes=row.log_fetch_interval_minutes),
            cron=row.log_fetch_cron,
            timezone=row.timezone,
            since=row.updated_at,
            last_success=row.last_log_fetch,
            sources=tuple(sources.get(row.id, ())),
        )
        for row in rows
    ]


def rhythms(conn: Connection, services: Sequence[str], now: datetime) -> dict[str, Rhythm]:
    """How these services have logged in the last seven days, by whole hours."""
    rows = conn.execute(
        text(
            "SELECT service_id, max(gap) AS gap, avg(n) AS rate FROM ("
            " SELECT service_id, n, extract(epoch FROM hour - lag(hour) OVER (PARTITION BY service_id ORDER BY hour)) / 3600 - 1 AS gap"
            " FROM (SELECT service_id, hour, sum(count) AS n FROM hourly_level"
            "  WHERE service_id = ANY(:services) AND hour >= :since AND hour <= :now GROUP BY 1, 2) h) g GROUP BY 1"
        ),
        {"services": list(services), "since": now - timedelta(days=RHYTHM_DAYS), "now": now},
    )
    return {row.service_id: Rhythm(int(row.gap or 0), float(row.rate or 0)) for row in rows}
