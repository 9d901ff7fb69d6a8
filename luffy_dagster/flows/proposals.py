"""Clusters that may be one, and clusters that are like one: proposals for a person, nothing is mapped here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from luffy_dagster import store
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.results import Result


@dataclass(frozen=True)
class MergeProposals(Result):
    """Pairs of clusters with their titles; `silhouette` and `noise` say how far to trust them (None: cannot be told)."""

    service: str
    method: str
    silhouette: float | None
    noise: float | None
    rows: pl.DataFrame  # cluster_a, title_a, cluster_b, title_b, similarity, reason


def propose(ctx: FlowContext, service: str, *, method: Literal["hdbscan", "kmeans"] = "hdbscan") -> MergeProposals:
    """Merges proposed by similarity of what the exemplars say; pairs that a person keeps apart are left out."""
    from luffy_dagster.core.clustering.propose import propose_merges

    with store.begin(ctx.engine) as conn:
        store.services.get(conn, service)
        exemplars = store.fingerprints.exemplars(conn, service)
        titles = {name: title for name, (_, title) in store.replay.clusters(conn, service).items()}
        decided = store.clusters.decisions(conn, service)
    found = propose_merges(exemplars, method)
    place = dict(exemplars.select("fingerprint", "cluster_id").iter_rows())
    apart = {
        frozenset((place.get(one.fingerprint_a), place.get(one.fingerprint_b)))
        for one in decided
        if one.kind == "split"
    }
    kept = [frozenset(pair) not in apart for pair in found.rows.select("cluster_a", "cluster_b").iter_rows()]
    named = found.rows.filter(pl.Series(kept, dtype=pl.Boolean)).with_columns(
        pl.col(f"cluster_{side}").replace_strict(titles, default="", return_dtype=pl.Utf8).alias(f"title_{side}")
        for side in "ab"
    )
    order = ("cluster_a", "title_a", "cluster_b", "title_b", "similarity", "reason")
    return MergeProposals(service, method, found.silhouette, found.noise, named.select(order))


def similar(ctx: FlowContext, service: str, cluster_id: str, *, most: int = 5) -> list[dict[str, object]]:
    """Clusters of all services, past ones too, that say nearly the same: with state, owner and when they were resolved."""
    from luffy_dagster.core.clustering.propose import similar_clusters

    now = ctx.now()
    with store.begin(ctx.engine) as conn:
        own = store.clusters.get(conn, service, cluster_id, now=now)
        frames = []
        for one in store.services.list_services(conn, include_archived=True):
            exemplars = store.fingerprints.exemplars(conn, one.id).filter(pl.col("cluster_id").is_not_null())
            frames.append(exemplars.with_columns(key=pl.lit(f"{one.id}\0") + pl.col("cluster_id")))
        every = pl.concat(frames)
        key = f"{service}\0{own.cluster_id}"
        mine, others = every.filter(pl.col("key") == key), every.filter(pl.col("key") != key)
        result: list[dict[str, object]] = []
        for name, likeness in similar_clusters(others, mine, most).iter_rows():
            where, _, cluster = name.partition("\0")
            row = store.clusters.get(conn, where, cluster, now=now)
            result.append({"similarity": likeness, "service_id": where, "cluster_id": cluster, "title": row.title,
                           "state": row.state, "owner": row.owner, "resolved_at": row.resolved_at, "last_seen": row.last_seen})  # fmt: skip
    return result
