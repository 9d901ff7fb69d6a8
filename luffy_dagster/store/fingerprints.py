"""Fingerprints of exceptions: facts, each with its earliest occurrence as exemplar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, String, cast, delete, select, text

from luffy_dagster.core.schemas import UTC_US
from luffy_dagster.store import bulk
from luffy_dagster.store.schema import active_mapping, cluster, cluster_alias, cluster_mapping, fingerprint

if TYPE_CHECKING:
    import polars as pl

_TEXTS = ("language", "type", "message", "root_type", "culprit", "levels", "frames", "trace", "entry_id")


def upsert(conn: Connection, service: str, rows: pl.DataFrame, *, algorithm: str, now: datetime) -> int:
    """Adds fingerprints (fingerprint, the texts of an exception, event_time or first_seen, last_seen), one row each.

    An earlier occurrence than the one known takes its place as exemplar, so that the order in which days are read
    changes nothing. Returns how many are new.
    """
    import polars as pl

    if rows.is_empty():
        return 0
    if "first_seen" not in rows.columns:
        rows = rows.with_columns(first_seen=pl.col("event_time"))
    if "last_seen" not in rows.columns:
        rows = rows.with_columns(last_seen=pl.col("first_seen"))
    rows = rows.with_columns([pl.lit(None, dtype=pl.Utf8).alias(c) for c in _TEXTS if c not in rows.columns])
    rows = (
        rows.sort("first_seen", "entry_id").unique("fingerprint", keep="first", maintain_order=True).sort("fingerprint")
    )
    rows = rows.with_columns([pl.col(c).str.replace_all("\x00", "�", literal=True) for c in _TEXTS])
    rows = rows.with_columns(
        [pl.col(c).str.replace_all("\\u0000", "�", literal=True) for c in ("levels", "frames")]
    )  # jsonb takes none
    query = select(fingerprint.c.fingerprint).where(
        fingerprint.c.service_id == service, fingerprint.c.fingerprint.in_(rows["fingerprint"].to_list())
    )
    known = len(conn.execute(query).all())
    columns = ", ".join(_TEXTS)
    exemplar = ", ".join(f"{c} = CASE WHEN earlier THEN excluded.{c} ELSE fingerprint.{c} END" for c in _TEXTS).replace(
        "earlier", "(excluded.first_seen, excluded.entry_id) < (fingerprint.first_seen, fingerprint.entry_id)"
    )
    values = ", ".join(f"CAST({c} AS jsonb)" if c in ("levels", "frames") else c for c in _TEXTS)
    bulk.run(
        conn,
        f"INSERT INTO fingerprint (service_id, fingerprint, algorithm, {columns}, first_seen, last_seen, created_at)"  # noqa: S608 - our own column names
        f" SELECT :service, fingerprint, :algorithm, {values}, first_seen, last_seen, :now FROM {{rows}}"
        f" ON CONFLICT (service_id, fingerprint) DO UPDATE SET {exemplar}, first_seen = least(fingerprint.first_seen, excluded.first_seen),"
        " last_seen = greatest(fingerprint.last_seen, excluded.last_seen)",
        rows,
        {
            "fingerprint": "text",
            **dict.fromkeys(_TEXTS, "text"),
            "first_seen": "timestamptz",
            "last_seen": "timestamptz",
        },
        service=service,
        algorithm=algorithm,
        now=now,
    )
    return rows.height - known


def withdraw(conn: Connection, service: str, candidates: Sequence[str]) -> int:
    """Takes back those of `candidates` that the hourly counts do not know any more, with the clusters they alone made up.

    Such a fingerprint was read off an exception that late rows made another one. What a person decided about stays, and so
    does a cluster that somebody owns, closed, or had analysed. Returns how many are gone.
    """
    gone = conn.execute(
        text(
            "DELETE FROM fingerprint f WHERE f.service_id = :service AND f.fingerprint = ANY(:candidates)"
            " AND NOT EXISTS (SELECT 1 FROM hourly_fingerprint h WHERE h.service_id = f.service_id AND h.fingerprint = f.fingerprint)"
            " AND NOT EXISTS (SELECT 1 FROM cluster_decision d WHERE d.service_id = f.service_id AND f.fingerprint IN (d.fingerprint_a, d.fingerprint_b))"
            " AND NOT EXISTS (SELECT 1 FROM cluster c JOIN cluster_mapping m USING (service_id, cluster_id) WHERE m.service_id = f.service_id"
            " AND m.fingerprint = f.fingerprint AND (c.owner IS NOT NULL OR c.rca_status IS NOT NULL OR c.state IN ('resolved', 'ignored')))"
            " RETURNING f.fingerprint"
        ),
        {"service": service, "candidates": list(candidates)},
    ).scalars()
    names = list(gone)
    if not names:
        return 0
    m = cluster_mapping.c
    emptied = conn.execute(
        delete(cluster_mapping).where(m.service_id == service, m.fingerprint.in_(names)).returning(m.cluster_id)
    ).scalars()
    held = select(m.cluster_id).where(m.service_id == service)
    named = select(cluster_alias.c.cluster_id).where(cluster_alias.c.service_id == service)
    conn.execute(
        delete(cluster).where(
            cluster.c.service_id == service,
            cluster.c.cluster_id.in_(list(emptied)),
            cluster.c.cluster_id.not_in(held),
            cluster.c.cluster_id.not_in(named),
        )
    )
    return len(names)


def exemplars(conn: Connection, service: str, algorithm: str | None = None) -> pl.DataFrame:
    """All fingerprints of a service with the cluster each is mapped to (null: none yet), earliest first.

    `algorithm` names another mapping than the one in force. levels and frames are JSON text.
    """
    import polars as pl

    f, m = fingerprint, cluster_mapping
    if algorithm is None:
        active = (
            select(active_mapping.c.algorithm)
            .where(active_mapping.c.service_id == service, active_mapping.c.kind == "clusters")
            .scalar_subquery()
        )
        mapping = m.c.algorithm == active
    else:
        mapping = m.c.algorithm == algorithm
    joined = f.outerjoin(m, (m.c.service_id == f.c.service_id) & (m.c.fingerprint == f.c.fingerprint) & mapping)
    texts = ("fingerprint", "algorithm", "language", "type", "message", "root_type", "culprit")
    query = (
        select(
            *(f.c[c] for c in texts), cast(f.c.levels, String), cast(f.c.frames, String), f.c.trace, f.c.entry_id, f.c.first_seen, f.c.last_seen, m.c.cluster_id
        )
        .select_from(joined)
        .where(f.c.service_id == service)
        .order_by(f.c.first_seen, f.c.fingerprint)
    )  # fmt: skip
    schema = dict.fromkeys((*texts, "levels", "frames", "trace", "entry_id"), pl.Utf8) | {
        "first_seen": UTC_US,
        "last_seen": UTC_US,
        "cluster_id": pl.Utf8,
    }
    return bulk.frame(conn, query, schema)


def clusters_of(conn: Connection, service: str, fingerprints: Iterable[str]) -> dict[str, str]:
    """The cluster of each of these fingerprints by the mapping in force; those without one are left out."""
    a, m = active_mapping, cluster_mapping
    query = (
        select(m.c.fingerprint, m.c.cluster_id)
        .join(a, (a.c.service_id == m.c.service_id) & (a.c.kind == "clusters") & (a.c.algorithm == m.c.algorithm))
        .where(m.c.service_id == service, m.c.fingerprint.in_(list(fingerprints)))
    )
    return {fingerprint: cluster_id for fingerprint, cluster_id in conn.execute(query) if cluster_id is not None}
