"""Clusters of exceptions: ids minted once, members by a versioned mapping, states, true rolling counts by event time.

Which fingerprint belongs where is decided in `core.clustering`, a state in `core.lifecycle`; what people decided is in
`decisions`, the mapping itself in `assignments`. This module keeps it and answers questions about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, text, update

from luffy_dagster.core.model import ClusterState, Decision, Severity
from luffy_dagster.store import audit, shapes
from luffy_dagster.store import decisions as _decisions
from luffy_dagster.store.assignments import (
    ALGORITHM,
    apply_assignment,
    drop_alias,
    mapped,
    mint,
    move_members,
    put_alias,
    resolve,
    undo_moves,
)
from luffy_dagster.store.decisions import decide, decisions
from luffy_dagster.store.errors import InvalidError, NotFoundError
from luffy_dagster.store.schema import cluster, cluster_mapping, fingerprint

__all__ = [
    "ClusterRow", "Member", "apply_assignment", "assign_owner", "count_clusters", "decide", "decisions", "get", "list_clusters",
    "members", "merge", "obey", "resolve", "revoke", "set_severity", "split",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """One cluster with its counts at the time asked for."""

    cluster_id: str
    service_id: str
    title: str
    type: str | None
    culprit: str | None
    state: ClusterState
    severity: Severity
    rca_status: str | None
    owner: str | None
    first_seen: datetime
    last_seen: datetime
    count_24h: int
    count_7d: int
    count_total: int
    fingerprints: int
    example_entry_id: str | None
    example: str | None
    resolved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """One fingerprint of a cluster and why it is there."""

    fingerprint: str
    reason: str | None
    manual: bool
    type: str | None
    message: str | None
    culprit: str | None
    first_seen: datetime
    last_seen: datetime


_LIST = """
WITH member AS (
  SELECT m.service_id, m.cluster_id, m.fingerprint FROM cluster_mapping m
  JOIN active_mapping a ON a.service_id = m.service_id AND a.kind = 'clusters' AND a.algorithm = m.algorithm
  WHERE CAST(:service AS text) IS NULL OR m.service_id = :service
), counted AS (
  SELECT m.service_id, m.cluster_id,
    coalesce(sum(h.count) FILTER (WHERE h.hour > :day AND h.hour <= :now), 0) AS count_24h,
    coalesce(sum(h.count) FILTER (WHERE h.hour > :week AND h.hour <= :now), 0) AS count_7d,
    coalesce(sum(h.count), 0) AS count_total, count(DISTINCT m.fingerprint) AS fingerprints,
    bool_or(h.environment = CAST(:environment AS text)) AS in_environment
  FROM member m LEFT JOIN hourly_fingerprint h ON h.service_id = m.service_id AND h.fingerprint = m.fingerprint
    AND (CAST(:environment AS text) IS NULL OR h.environment = :environment)
  GROUP BY 1, 2
)
SELECT c.cluster_id, c.service_id, c.title, c.type, c.culprit, c.state, c.severity, c.rca_status, c.owner, c.first_seen, c.last_seen,
  n.count_24h, n.count_7d, n.count_total, n.fingerprints, f.entry_id AS example_entry_id, f.trace AS example, c.resolved_at
FROM counted n JOIN cluster c USING (service_id, cluster_id)
LEFT JOIN fingerprint f ON f.service_id = c.service_id AND f.fingerprint = c.founder
WHERE (CAST(:cluster AS text) IS NULL OR c.cluster_id = :cluster) AND (CAST(:states AS text[]) IS NULL OR c.state = ANY(CAST(:states AS text[])))
  AND (CAST(:environment AS text) IS NULL OR n.in_environment)
"""


def _parameters(
    service: str | None, state: str | None, now: datetime, environment: str | None, cluster_id: str | None = None
) -> dict[str, Any]:
    if state is None:
        states = None
    elif state == "active":
        states = [s.value for s in ClusterState if s.active]
    elif state in list(ClusterState):
        states = [ClusterState(state).value]
    else:
        raise InvalidError("state", f"{state!r} is none of active, {', '.join(ClusterState)}")
    return {
        "service": service, "states": states, "environment": environment, "cluster": cluster_id,
        "now": now, "day": now - timedelta(hours=24), "week": now - timedelta(days=7),
    }  # fmt: skip


def _row(r: Any) -> ClusterRow:
    values = dict(r._mapping)  # noqa: SLF001 - SQLAlchemy's documented name
    for name in ("count_24h", "count_7d", "count_total", "fingerprints"):
        values[name] = int(values[name])
    return ClusterRow(**{**values, "state": ClusterState(values["state"]), "severity": Severity(values["severity"])})


def list_clusters(
    conn: Connection,
    service: str | None = None,
    *,
    now: datetime,
    state: str | None = None,
    environment: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[ClusterRow]:
    """Clusters with true rolling counts of the 24 hours and 7 days before `now`, the busiest first.

    `state` is a state or "active". Counts are by whole hours of event time.
    """
    query = text(
        _LIST
        + " ORDER BY n.count_24h DESC, n.count_7d DESC, n.count_total DESC, c.service_id, c.cluster_id LIMIT :limit OFFSET :offset"
    )
    return [
        _row(r)
        for r in conn.execute(
            query, {**_parameters(service, state, now, environment), "limit": limit, "offset": offset}
        )
    ]


def count_clusters(
    conn: Connection,
    service: str | None = None,
    *,
    now: datetime,
    state: str | None = None,
    environment: str | None = None,
) -> int:
    """How many `list_clusters` would give without a limit."""
    return conn.execute(
        text("SELECT count(*) FROM (" + _LIST + ") x"),  # noqa: S608 - our own text
        _parameters(service, state, now, environment),
    ).scalar_one()


def get(conn: Connection, service: str, cluster_id: str, *, now: datetime | None = None) -> ClusterRow:
    """One cluster by id or alias, counted up to `now` (by default this moment); raises NotFoundError."""
    now = now or datetime.now(UTC)
    found = conn.execute(text(_LIST), _parameters(service, None, now, None, resolve(conn, service, cluster_id))).first()
    if found is None:
        raise NotFoundError("cluster", cluster_id)
    return _row(found)


def members(conn: Connection, service: str, cluster_id: str) -> list[Member]:
    """The fingerprints of a cluster, earliest first, each with the reason why it is there."""
    m, f = cluster_mapping, fingerprint
    algorithm = shapes.active_algorithm(conn, service, "clusters")
    query = (
        select(
            m.c.fingerprint, m.c.reason, m.c.manual, f.c.type, f.c.message, f.c.culprit, f.c.first_seen, f.c.last_seen
        )
        .join(f, (f.c.service_id == m.c.service_id) & (f.c.fingerprint == m.c.fingerprint))
        .where(
            m.c.service_id == service, m.c.algorithm == algorithm, m.c.cluster_id == resolve(conn, service, cluster_id)
        )
        .order_by(f.c.first_seen, f.c.fingerprint)
    )
    return [Member(*r) for r in conn.execute(query)]


def merge(conn: Connection, service: str, a: str, b: str, *, actor: str, reason: str | None, now: datetime) -> str:
    """Joins two clusters; the older one's id is kept (returned), the other becomes its alias."""
    rows = sorted((get(conn, service, c, now=now) for c in (a, b)), key=lambda r: (r.first_seen, r.cluster_id))
    kept, gone = rows
    if kept.cluster_id == gone.cluster_id:
        raise InvalidError("cluster", f"{a} and {b} are the same cluster already")
    founders = dict(
        conn.execute(
            select(cluster.c.cluster_id, cluster.c.founder).where(
                cluster.c.service_id == service, cluster.c.cluster_id.in_([kept.cluster_id, gone.cluster_id])
            )
        )
        .tuples()
        .all()
    )
    decide(
        conn, service, "join", founders[kept.cluster_id], founders[gone.cluster_id], actor=actor, reason=reason, now=now
    )
    _absorb(conn, service, gone.cluster_id, kept.cluster_id, actor=actor, reason=reason, now=now)
    audit.write(
        conn,
        actor,
        "merge",
        "cluster",
        kept.cluster_id,
        service=service,
        now=now,
        after={"merged": gone.cluster_id, "reason": reason},
    )
    return kept.cluster_id


def obey(conn: Connection, service: str, decided: Sequence[Decision]) -> int:
    """Makes one of two clusters wherever a join that is in force asks for it and no later word stands against it.

    The older id stays. The moves bear the time of the decision, so that taking it back takes them along. How many were joined.
    """
    algorithm = shapes.active_algorithm(conn, service, "clusters") or ALGORITHM
    m = cluster_mapping.c
    done = 0
    splits = [d for d in decided if d.kind == "split"]  # fingerprint_a is the one that was taken out
    latest = {frozenset((d.fingerprint_a, d.fingerprint_b)): d for d in sorted(decided, key=lambda d: (d.at, d.id))}
    for decision in sorted(latest.values(), key=lambda d: (d.at, d.id)):
        pair = (decision.fingerprint_a, decision.fingerprint_b)
        if decision.kind != "join" or any(s.at > decision.at and s.fingerprint_a in pair for s in splits):
            continue
        query = select(m.cluster_id).where(m.service_id == service, m.algorithm == algorithm, m.fingerprint.in_(pair))
        ids = set(conn.execute(query).scalars())
        if len(ids) < 2:
            continue
        by_age = select(cluster.c.cluster_id).where(cluster.c.service_id == service, cluster.c.cluster_id.in_(ids))
        kept, gone = conn.execute(by_age.order_by(cluster.c.first_seen, cluster.c.cluster_id)).scalars()
        _absorb(conn, service, gone, kept, actor=decision.actor, reason=decision.reason, now=decision.at)
        done += 1
    return done


def _absorb(
    conn: Connection, service: str, gone: str, kept: str, *, actor: str, reason: str | None, now: datetime
) -> None:
    """All of cluster `gone` belongs to `kept` from now on, and its id is another name of it."""
    found = [m.fingerprint for m in members(conn, service, gone)]
    move_members(conn, service, found, kept, f"merged by {actor}", now)
    put_alias(conn, service, gone, kept, actor=actor, reason=reason, now=now)


def split(conn: Connection, service: str, one: str, *, actor: str, reason: str | None, now: datetime) -> str:
    """Takes a fingerprint out of its cluster for good; the id of the cluster it founds."""
    algorithm = shapes.active_algorithm(conn, service, "clusters") or ALGORITHM
    places = mapped(conn, service, algorithm)
    if one not in places:
        raise NotFoundError("fingerprint", one)
    old = places[one][0]
    others = [m.fingerprint for m in members(conn, service, old) if m.fingerprint != one]
    if not others:
        raise InvalidError("fingerprint", f"{one} is the only one of cluster {old}: there is nothing to split")
    decide(conn, service, "split", one, others[0], actor=actor, reason=reason, now=now)
    new = "c-" + one.removeprefix("fp-")[:12]
    if new == old:
        new += "s"
    drop_alias(conn, service, new)  # it may have been split off and taken back before
    mint(conn, service, {one: (new, reason)}, now)
    move_members(conn, service, [one], new, f"split by {actor}", now)
    audit.write(
        conn,
        actor,
        "split",
        "cluster",
        old,
        service=service,
        now=now,
        after={"fingerprint": one, "cluster": new, "reason": reason},
    )
    return new


def revoke(conn: Connection, number: int, *, actor: str, now: datetime) -> None:
    """Takes a decision back, and with it the moves that it made, where nothing moved since; raises NotFoundError."""
    taken = _decisions.revoke(conn, number, actor=actor, now=now)
    service = taken.service_id
    members = [taken.fingerprint_a] if taken.kind == "split" else None
    for before, after in undo_moves(conn, service, members, taken.at, f"decision revoked by {actor}", now):
        if taken.kind == "split":
            put_alias(conn, service, after, before, actor=actor, reason="split revoked", now=now)
        else:
            drop_alias(conn, service, before)


def _set(
    conn: Connection, service: str, cluster_id: str, field: str, value: Any, actor: str, now: datetime, **more: Any
) -> None:
    own = resolve(conn, service, cluster_id)
    where = (cluster.c.service_id == service, cluster.c.cluster_id == own)
    before = conn.execute(select(cluster.c[field]).where(*where)).first()
    if before is None:
        raise NotFoundError("cluster", cluster_id)
    conn.execute(update(cluster).where(*where).values({field: value, "updated_at": now, **more}))
    if before[0] != value:
        audit.write(
            conn,
            actor,
            f"set {field}",
            "cluster",
            own,
            service=service,
            now=now,
            before={field: before[0]},
            after={field: value},
        )


def set_severity(
    conn: Connection, service: str, cluster_id: str, severity: Severity, *, actor: str = "luffy", now: datetime
) -> None:
    """Sets the severity (an algorithm's judgement leaves no audit row)."""
    if actor == "luffy":
        own = resolve(conn, service, cluster_id)
        conn.execute(
            update(cluster)
            .where(cluster.c.service_id == service, cluster.c.cluster_id == own)
            .values(severity=Severity(severity).value)
        )
        return
    _set(conn, service, cluster_id, "severity", Severity(severity).value, actor, now)


def assign_owner(
    conn: Connection, service: str, cluster_id: str, owner: str | None, *, actor: str, now: datetime
) -> None:
    """Gives the cluster to somebody (None takes it back)."""
    _set(conn, service, cluster_id, "owner", owner, actor, now)
