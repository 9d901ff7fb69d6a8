"""Clusters: fingerprints that have none join by rule or found one; times, states and severities are brought up to date.

How a fingerprint joins is `core.clustering`'s business; what a person decided wins over it. The caller of `cluster_new` holds the
service's lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.model import Decision
from luffy_dagster.flows.cluster_states import settle
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.mapping import cluster_recipe, grouping_keys, in_force, made_by
from luffy_dagster.flows.results import ClusterResult

_TOP = 10


def cluster(ctx: FlowContext, service: str) -> ClusterResult:
    """Maps the service's fingerprints that have no cluster yet, under its lock."""
    with store.service_lock(ctx.engine, service):
        return cluster_new(ctx, service, now=ctx.now(), changed=True)


def cluster_new(
    ctx: FlowContext, service: str, *, now: datetime, changed: bool, days: tuple[date, ...] = ()
) -> ClusterResult:
    """The same under a lock that is held already; with `changed` false nothing happened since, and little is looked at."""
    if not changed:
        return ClusterResult(service)
    with store.begin(ctx.engine) as conn:
        exemplars = store.fingerprints.exemplars(conn, service)
        new = exemplars.filter(pl.col("cluster_id").is_null())
        before = exemplars.get_column("cluster_id").n_unique() - int(new.height > 0)
        decided = store.clusters.decisions(conn, service)
        if new.height:
            _assign(conn, service, new, exemplars.filter(pl.col("cluster_id").is_not_null()), decided, now)
        if decided:
            store.clusters.obey(conn, service, decided)
        if exemplars.height:
            store.assignments.refresh_times(conn, service)
            settle(ctx, conn, service, now)
        count = store.clusters.count_clusters(conn, service, now=now) if exemplars.height else 0
        top = store.clusters.list_clusters(conn, service, now=now, limit=_TOP) if exemplars.height else []
    return ClusterResult(
        service=service,
        new_fingerprints=new.height,
        new_clusters=max(0, count - before) if new.height else 0,
        clusters=count,
        days=days,
        top=tuple((row.cluster_id, row.title, row.count_24h) for row in top),
    )


def _assign(
    conn: Any, service: str, new: pl.DataFrame, known: pl.DataFrame, decided: Sequence[Decision], now: datetime
) -> None:
    from luffy_dagster.core.clustering.assign import assign

    rules = store.rules.list_grouping_rules(conn, service, only_active=True)
    keys = grouping_keys(conn, service, pl.concat([known, new]), rules)
    newest = cluster_recipe(rules)
    recipe = in_force(conn, service, "clusters", newest)
    outcome = assign(new, known, decided, keys, kinds=made_by(recipe, newest))
    rows = outcome.rows.select("fingerprint", "cluster_id", "reason")
    store.clusters.apply_assignment(conn, service, rows, algorithm=recipe, now=now)
