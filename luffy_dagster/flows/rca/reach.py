"""How far a failure reaches, counted from logs: occurrences, environments, streams, requests, users, other services."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import Connection

from luffy_dagster import store
from luffy_dagster.core.rca.report import BlastRadius
from luffy_dagster.flows.context import FlowContext

MANY_SERVICES = 50  # up to so many are asked for the same requests; beyond, only those that depend on the service
_ENTRIES = 20_000  # failing entries that are read for the users they name, and whose requests are looked for elsewhere
_NEAR = timedelta(minutes=5)
# user=17, "customer_id": "c-9", account [EMAIL:1a2b3c4d]; redaction has put the same place holder for the same person
_USER = (
    r"(?i)\b(?:user|customer|account|member|client|tenant|buyer|login)(?:[_ .-]?(?:id|name|no|uuid))?"
    r"[\"']?\s{0,2}[=:]\s{0,2}[\"']?(\[[A-Z_]+:[0-9a-f]{8}\]|[\w@.+-]{1,64})"
)


def counted(conn: Connection, service: str, cluster: Any, fingerprints: Sequence[str], now: datetime) -> BlastRadius:
    """What the kept counts say, and which other services have a cluster of the same title."""
    counts = store.counts.fingerprint_counts(
        conn, service, cluster.first_seen - timedelta(hours=1), now + timedelta(hours=1)
    )
    own = counts.filter(pl.col("fingerprint").is_in([*fingerprints]))
    per_hour = own.group_by("hour").agg(pl.col("count").sum())
    peak = per_hour.get_column("count").max() if per_hour.height else 0
    others = [
        row.service_id
        for row in store.clusters.list_clusters(conn, None, now=now, state="active", limit=1_000)
        if row.service_id != service and row.title == cluster.title
    ]
    return BlastRadius(
        occurrences=cluster.count_total,
        last_24h=cluster.count_24h,
        per_hour_peak=int(str(peak or 0)),
        environments=sorted({e for e in own.get_column("environment").to_list() if e}),
        services=sorted(set(others)),
    )


def reached(ctx: FlowContext, service: Any, seen: pl.DataFrame, blast: BlastRadius) -> BlastRadius:
    """`blast` with what the occurrences in the lake (`seen`) add: streams, requests, users, services of the same requests."""
    if seen.is_empty():
        return blast
    latest = seen.tail(_ENTRIES)
    requests = latest.get_column("trace_id").drop_nulls().unique()
    return blast.model_copy(
        update={
            "streams": seen.get_column("stream").n_unique(),
            "requests": seen.get_column("trace_id").drop_nulls().n_unique(),
            "users": _users(ctx, service.id, latest),
            "services": sorted({*blast.services, *_same_requests(ctx, service, latest, requests)}),
        }
    )


def _users(ctx: FlowContext, service: str, latest: pl.DataFrame) -> int | None:
    """How many distinct users the failing entries name; None where none does."""
    start, end = _range(latest)
    entries = ctx.lake.scan("entries", service, start=start, end=end, columns=["entry_id", "raw_line"])
    named = (
        entries.filter(pl.col("entry_id").is_in(latest.get_column("entry_id").implode()))
        .select(pl.col("raw_line").str.extract(_USER, 1).str.to_lowercase().alias("user"))
        .drop_nulls()
        .collect()
    )
    return named.get_column("user").n_unique() or None


def _same_requests(ctx: FlowContext, service: Any, latest: pl.DataFrame, requests: pl.Series) -> list[str]:
    """Other services that log an exception under one of the trace ids."""
    if requests.is_empty():
        return []
    with store.begin(ctx.engine) as conn:
        services = [s for s in store.services.list_services(conn) if s.id != service.id]
    if len(services) > MANY_SERVICES:
        services = [s for s in services if service.id in s.depends_on]
    start, end = _range(latest)
    out = []
    for other in services:
        theirs = ctx.lake.scan("exceptions", other.id, start=start - _NEAR, end=end + _NEAR, columns=["trace_id"])
        if theirs.filter(pl.col("trace_id").is_in(requests.implode())).head(1).collect().height:
            out.append(other.id)
    return out


def _range(rows: pl.DataFrame) -> tuple[datetime, datetime]:
    times = rows.get_column("event_time")
    start, end = times.min(), times.max()
    assert isinstance(start, datetime)
    assert isinstance(end, datetime)
    return start, end + timedelta(microseconds=1)
