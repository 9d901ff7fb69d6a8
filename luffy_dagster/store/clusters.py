"""Clusters of exceptions: ids minted once, members by a versioned mapping, states, true rolling counts by event time.

Which fingerprint belongs where is decided in `core.clustering`, a state in `core.lifecycle`; what people decided is in
`decisions`. This module keeps it and answers questions about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select, text, update
from sqlalchemy.dialects.postgresql import insert

from luffy_dagster.core.lifecycle import Occurrences, cluster_state
from luffy_dagster.core.model import ClusterState, Severity
from luffy_dagster.store import audit, shapes
from luffy_dagster.store.decisions import decide, decisions, revoke
from luffy_dagster.store.errors import InvalidError, NotFoundError
from luffy_dagster.store.schema import cluster, cluster_alias, cluster_mapping, fingerprint, mapping_move
from luffy_dagster.store.shapes import Change

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "ClusterRow", "Member", "apply_assignment", "assign_owner", "count_clusters", "decide", "decisions", "get", "list_clusters",
    "members", "merge", "refresh_states", "resolve", "revoke", "set_severity", "set_state", "split",
]  # fmt: skip

ALGORITHM = "clusters-2026-11"


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


def resolve(conn: Connection, service: str, cluster_id: str) -> str:
    """The id that a cluster goes by today (aliases followed)."""
    seen = {cluster_id}
    while True:
        a = cluster_alias.c
        nxt = conn.execute(select(a.cluster_id).where(a.service_id == service, a.alias == cluster_id)).scalar()
        if nxt is None or nxt in seen:
            return cluster_id
        cluster_id = nxt
        seen.add(nxt)


def _mapped(conn: Connection, service: str, algorithm: str) -> dict[str, tuple[str, bool]]:
    m = cluster_mapping.c
    rows = conn.execute(
        select(m.fingerprint, m.cluster_id, m.manual).where(m.service_id == service, m.algorithm == algorithm)
    )
    return {r.fingerprint: (r.cluster_id, r.manual) for r in rows}


def _title(row: Any) -> str:
    message = (row.message or "").strip().splitlines()
    head = row.root_type or row.type
    return ": ".join(p for p in (head, message[0][:200] if message else None) if p) or "exception"


def apply_assignment(conn: Connection, service: str, rows: pl.DataFrame, *, algorithm: str, now: datetime) -> Change:
    """Writes which cluster each fingerprint belongs to (fingerprint, cluster_id, reason); members put by hand stay.

    A cluster id that is not known is minted, with the title of its earliest member. What moves is kept in mapping_move.
    """
    if rows.is_empty():
        return Change(0, 0)
    before = _mapped(conn, service, algorithm)
    goes_by = {c: resolve(conn, service, c) for c in rows["cluster_id"].unique().to_list()}
    wanted = {
        r["fingerprint"]: (goes_by[r["cluster_id"]], r.get("reason"))
        for r in rows.sort("fingerprint").iter_rows(named=True)
    }
    changed = {f: v for f, v in wanted.items() if f not in before or (before[f][0] != v[0] and not before[f][1])}
    _mint(conn, service, changed, now)
    if changed:
        values = [
            {
                "service_id": service,
                "algorithm": algorithm,
                "fingerprint": f,
                "cluster_id": c,
                "reason": r,
                "manual": False,
                "at": now,
            }
            for f, (c, r) in changed.items()
        ]
        statement = insert(cluster_mapping)
        new = {
            "cluster_id": statement.excluded.cluster_id,
            "reason": statement.excluded.reason,
            "at": statement.excluded.at,
        }
        conn.execute(
            statement.on_conflict_do_update(index_elements=["service_id", "algorithm", "fingerprint"], set_=new), values
        )
    moved = {f: v for f, v in changed.items() if f in before}
    if moved:
        conn.execute(
            insert(mapping_move),
            [
                {
                    "service_id": service,
                    "kind": "clusters",
                    "algorithm": algorithm,
                    "member": f,
                    "from_id": before[f][0],
                    "to_id": c,
                    "reason": r,
                    "at": now,
                }
                for f, (c, r) in moved.items()
            ],
        )
    shapes.put_active(conn, service, "clusters", algorithm, actor="luffy", now=now)
    _refresh_times(conn, service)
    return Change(moved=len(moved), new=len(changed) - len(moved))


def _mint(conn: Connection, service: str, assigned: dict[str, tuple[str, str | None]], now: datetime) -> None:
    ids = {c for c, _ in assigned.values()}
    known = set(
        conn.execute(
            select(cluster.c.cluster_id).where(cluster.c.service_id == service, cluster.c.cluster_id.in_(ids))
        ).scalars()
    )
    new = ids - known
    if not new:
        return
    f = fingerprint.c
    facts = {
        r.fingerprint: r
        for r in conn.execute(select(fingerprint).where(f.service_id == service, f.fingerprint.in_(assigned))).all()
    }
    values = []
    for cluster_id in sorted(new):
        own = [facts[m] for m, (c, _) in assigned.items() if c == cluster_id and m in facts]
        if not own:
            raise NotFoundError("fingerprint of cluster", cluster_id)
        founder = min(own, key=lambda r: (r.first_seen, r.fingerprint))
        values.append(
            {
                "service_id": service,
                "cluster_id": cluster_id,
                "title": _title(founder),
                "type": founder.root_type or founder.type,
                "culprit": founder.culprit,
                "founder": founder.fingerprint,
                "first_seen": min(r.first_seen for r in own),
                "last_seen": max(r.last_seen for r in own),
                "created_at": now,
                "updated_at": now,
            }  # fmt: skip
        )
    conn.execute(insert(cluster).on_conflict_do_nothing(), values)


def _refresh_times(conn: Connection, service: str) -> None:
    """First and last seen of every cluster are those of its members in force."""
    conn.execute(
        text(
            "UPDATE cluster c SET first_seen = x.first, last_seen = x.last FROM ("
            " SELECT m.cluster_id, min(f.first_seen) AS first, max(f.last_seen) AS last FROM cluster_mapping m"
            " JOIN fingerprint f USING (service_id, fingerprint)"
            " JOIN active_mapping a ON a.service_id = m.service_id AND a.kind = 'clusters' AND a.algorithm = m.algorithm"
            " WHERE m.service_id = :service GROUP BY m.cluster_id) x"
            " WHERE c.service_id = :service AND c.cluster_id = x.cluster_id AND (c.first_seen, c.last_seen) IS DISTINCT FROM (x.first, x.last)"
        ),
        {"service": service},
    )


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


def _move_members(conn: Connection, service: str, fingerprints: list[str], to: str, reason: str, now: datetime) -> None:
    algorithm = shapes.active_algorithm(conn, service, "clusters") or ALGORITHM
    before = _mapped(conn, service, algorithm)
    m = cluster_mapping
    conn.execute(
        update(m)
        .where(m.c.service_id == service, m.c.algorithm == algorithm, m.c.fingerprint.in_(fingerprints))
        .values(cluster_id=to, reason=reason, manual=True, at=now)
    )
    moves = [
        {
            "service_id": service,
            "kind": "clusters",
            "algorithm": algorithm,
            "member": f,
            "from_id": before[f][0],
            "to_id": to,
            "reason": reason,
            "at": now,
        }
        for f in fingerprints
        if f in before
    ]
    if moves:
        conn.execute(insert(mapping_move), moves)
    _refresh_times(conn, service)


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
    _move_members(
        conn,
        service,
        [m.fingerprint for m in members(conn, service, gone.cluster_id)],
        kept.cluster_id,
        f"merged by {actor}",
        now,
    )
    conn.execute(
        insert(cluster_alias)
        .values(
            service_id=service, alias=gone.cluster_id, cluster_id=kept.cluster_id, actor=actor, reason=reason, at=now
        )
        .on_conflict_do_nothing()
    )
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


def split(conn: Connection, service: str, one: str, *, actor: str, reason: str | None, now: datetime) -> str:
    """Takes a fingerprint out of its cluster for good; the id of the cluster it founds."""
    algorithm = shapes.active_algorithm(conn, service, "clusters") or ALGORITHM
    mapped = _mapped(conn, service, algorithm)
    if one not in mapped:
        raise NotFoundError("fingerprint", one)
    old = mapped[one][0]
    others = [m.fingerprint for m in members(conn, service, old) if m.fingerprint != one]
    if not others:
        raise InvalidError("fingerprint", f"{one} is the only one of cluster {old}: there is nothing to split")
    decide(conn, service, "split", one, others[0], actor=actor, reason=reason, now=now)
    new = "c-" + one.removeprefix("fp-")[:12]
    if new == old:
        new += "s"
    _mint(conn, service, {one: (new, reason)}, now)
    _move_members(conn, service, [one], new, f"split by {actor}", now)
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


def set_state(
    conn: Connection, service: str, cluster_id: str, state: ClusterState, *, actor: str, now: datetime
) -> None:
    """Sets the state; resolving keeps when."""
    _set(
        conn,
        service,
        cluster_id,
        "state",
        ClusterState(state).value,
        actor,
        now,
        resolved_at=now if state == ClusterState.RESOLVED else None,
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


def refresh_states(conn: Connection, service: str, now: datetime) -> int:
    """Sets every cluster's state to what `core.lifecycle` says at `now`; how many changed."""
    changed = 0
    for row in list_clusters(conn, service, now=now, limit=1_000_000):
        state = cluster_state(
            row.state, Occurrences(row.first_seen, row.last_seen, row.count_24h, row.count_7d, row.resolved_at), now
        )
        if state is not row.state:
            conn.execute(
                update(cluster)
                .where(cluster.c.service_id == service, cluster.c.cluster_id == row.cluster_id)
                .values(state=state.value, updated_at=now)
            )
            changed += 1
    return changed
