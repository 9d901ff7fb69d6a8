"""The state of clusters in the store: what it depends on, every move with actor and reason, what a person decides.

Which state follows is `core.clustering.states`' business; counts are read by event time, so they fall when time passes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, insert, select, text, update

from luffy_dagster.core.clustering import states
from luffy_dagster.core.model import ClusterState, Severity
from luffy_dagster.store import audit
from luffy_dagster.store.assignments import resolve as known_as
from luffy_dagster.store.errors import InvalidError, NotFoundError
from luffy_dagster.store.schema import active_mapping, cluster, cluster_mapping, cluster_transition, hourly_fingerprint

HOURS = 24 * 8  # of history that a state is judged by


@dataclass(frozen=True, slots=True)
class Judged:
    """One cluster with what its state is judged by."""

    service_id: str
    cluster_id: str
    title: str
    severity: Severity
    standing: states.Standing
    first_seen: datetime
    last_seen: datetime
    hourly: tuple[int, ...]  # the last `HOURS` hours, the running one at the end
    total: int
    fingerprints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Transition:
    """One move of a cluster's state."""

    id: int
    service_id: str
    cluster_id: str
    from_state: str
    to_state: str
    reason: str
    actor: str
    at: datetime


def unsettled(conn: Connection, now: datetime) -> list[str]:
    """Services with clusters whose state or severity time alone may change."""
    c = cluster.c
    recent = c.last_seen > now - timedelta(hours=HOURS)
    moving = c.state.in_([ClusterState.NEW, ClusterState.ESCALATING, ClusterState.IGNORED]) | (c.severity != "low")
    return list(conn.execute(select(c.service_id).where(recent | moving).distinct().order_by(c.service_id)).scalars())


def judged(conn: Connection, service: str, now: datetime) -> list[Judged]:
    """All clusters of a service that have members, by id."""
    running = now.replace(minute=0, second=0, microsecond=0)
    start = running - timedelta(hours=HOURS - 1)
    m, a, h = cluster_mapping, active_mapping, hourly_fingerprint
    active = (a.c.service_id == m.c.service_id) & (a.c.kind == "clusters") & (a.c.algorithm == m.c.algorithm)
    members: dict[str, list[str]] = {}
    for cluster_id, one in conn.execute(
        select(m.c.cluster_id, m.c.fingerprint).join(a, active).where(m.c.service_id == service)
    ):
        members.setdefault(cluster_id, []).append(one)
    of = {one: cluster_id for cluster_id, many in members.items() for one in many}
    hourly: dict[str, list[int]] = {}
    counts = select(h.c.fingerprint, h.c.hour, func.sum(h.c.count)).where(
        h.c.service_id == service, h.c.hour >= start, h.c.hour <= now
    )
    for one, hour, count in conn.execute(counts.group_by(h.c.fingerprint, h.c.hour)):
        if one in of:
            row = hourly.setdefault(of[one], [0] * HOURS)
            row[int((hour - start).total_seconds() // 3600)] += int(count)
    totals: dict[str, int] = {}
    whole = select(h.c.fingerprint, func.sum(h.c.count)).where(h.c.service_id == service)
    for one, count in conn.execute(whole.group_by(h.c.fingerprint)):
        if one in of:
            totals[of[one]] = totals.get(of[one], 0) + int(count)
    rows = conn.execute(select(cluster).where(cluster.c.service_id == service).order_by(cluster.c.cluster_id))
    found = []
    for r in rows.mappings():
        if r["cluster_id"] not in members:
            continue
        row = hourly.get(r["cluster_id"], [0] * HOURS)
        # Only hours since it was first seen are history; before that a zero says nothing.
        age = int((running - r["first_seen"].replace(minute=0, second=0, microsecond=0)).total_seconds() // 3600) + 1
        found.append(
            Judged(
                service_id=service,
                cluster_id=r["cluster_id"],
                title=r["title"],
                severity=Severity(r["severity"]),
                standing=_standing(r),
                first_seen=r["first_seen"],
                last_seen=r["last_seen"],
                hourly=tuple(row[-max(1, min(age, HOURS)) :]),
                total=totals.get(r["cluster_id"], 0),
                fingerprints=tuple(sorted(members[r["cluster_id"]])),
            )
        )
    return found


def _standing(r: object) -> states.Standing:
    state = ClusterState(r["state"])  # type: ignore[index]
    get = r.get  # type: ignore[attr-defined]
    resolution = ignored = None
    if state is ClusterState.RESOLVED:
        at = get("resolved_at") or get("updated_at")
        resolution = states.Resolution(
            states.ResolvedIn(get("resolved_kind") or "now"), at, get("resolved_value") or ""
        )
    if state is ClusterState.IGNORED:
        since = get("state_since") or get("updated_at")
        ignored = states.Ignore(since, get("ignored_until"), get("ignored_occurrences"), get("ignored_total") or 0)
    return states.Standing(state, get("state_since") or get("created_at"), resolution, ignored)


def put(
    conn: Connection,
    service: str,
    cluster_id: str,
    standing: states.Standing,
    *,
    actor: str,
    reason: str,
    now: datetime,
) -> None:
    """Keeps a standing and its move; a person's is audited."""
    own = known_as(conn, service, cluster_id)
    where = (cluster.c.service_id == service, cluster.c.cluster_id == own)
    before = conn.execute(select(cluster.c.state).where(*where).with_for_update()).scalar()
    if before is None:
        raise NotFoundError("cluster", cluster_id)
    resolution, ignored = standing.resolution, standing.ignored
    values = {
        "state": standing.state.value,
        "state_since": standing.since,
        "state_reason": reason,
        "state_by": actor,
        "resolved_at": resolution.at if resolution else None,
        "resolved_kind": str(resolution.kind) if resolution else None,
        "resolved_value": (resolution.value or None) if resolution else None,
        "ignored_until": ignored.until if ignored else None,
        "ignored_occurrences": ignored.occurrences if ignored else None,
        "ignored_total": ignored.total if ignored else None,
    }
    conn.execute(update(cluster).where(*where).values(**values, updated_at=now))
    move = {"from_state": before, "to_state": standing.state.value, "reason": reason, "actor": actor, "at": now}
    conn.execute(insert(cluster_transition).values(service_id=service, cluster_id=own, **move))
    if actor != "luffy":
        after = {name: value for name, value in values.items() if value is not None}
        audit.write(
            conn, actor, "set state", "cluster", own, service=service, now=now, before={"state": before}, after=after
        )


def transitions(
    conn: Connection, service: str | None = None, cluster_id: str | None = None, *, since: datetime | None = None
) -> list[Transition]:
    """Moves of states, oldest first."""
    t = cluster_transition.c
    query = select(cluster_transition).order_by(t.id)
    if service is not None:
        query = query.where(t.service_id == service)
    if cluster_id is not None and service is not None:
        query = query.where(t.cluster_id == known_as(conn, service, cluster_id))
    if since is not None:
        query = query.where(t.at >= since)
    return [Transition(**row) for row in conn.execute(query).mappings()]


def standing(conn: Connection, service: str, cluster_id: str) -> states.Standing:
    """The standing of one cluster by id or alias; raises NotFoundError."""
    own = known_as(conn, service, cluster_id)
    query = select(cluster).where(cluster.c.service_id == service, cluster.c.cluster_id == own)
    row = conn.execute(query).mappings().first()
    if row is None:
        raise NotFoundError("cluster", cluster_id)
    return _standing(row)


def ignore(
    conn: Connection,
    service: str,
    cluster_id: str,
    *,
    until: datetime | None,
    occurrences: int | None,
    actor: str,
    reason: str,
    now: datetime,
) -> states.Standing:
    """Ignores a cluster until a time, until so many more occurrences, or (neither) for ever. Raises InvalidError."""
    if until is not None and until <= now:
        raise InvalidError("until", f"{until:%Y-%m-%d %H:%M} UTC lies in the past")
    if occurrences is not None and occurrences < 1:
        raise InvalidError("occurrences", f"{occurrences} is no number from 1")
    before = standing(conn, service, cluster_id)
    own = known_as(conn, service, cluster_id)
    total = next((one.total for one in judged(conn, service, now) if one.cluster_id == own), 0)
    after = states.ignore(before, states.Ignore(now, until, occurrences, total))
    put(conn, service, own, after, actor=actor, reason=reason, now=now)
    return after


def spread(conn: Connection, fingerprints: Collection[str], since: datetime) -> dict[str, int]:
    """In how many services each fingerprint occurred since then."""
    if not fingerprints:
        return {}
    h = hourly_fingerprint.c
    query = select(h.fingerprint, func.count(func.distinct(h.service_id))).where(
        h.fingerprint.in_(list(fingerprints)), h.hour >= since
    )
    return {name: int(count) for name, count in conn.execute(query.group_by(h.fingerprint))}


def environments(conn: Connection, service: str, cluster_id: str) -> dict[str, int]:
    """Occurrences of a cluster per environment."""
    rows = conn.execute(
        text(
            "SELECT h.environment, sum(h.count) FROM cluster_mapping m JOIN active_mapping a ON a.service_id = m.service_id"
            " AND a.kind = 'clusters' AND a.algorithm = m.algorithm JOIN hourly_fingerprint h"
            " ON h.service_id = m.service_id AND h.fingerprint = m.fingerprint"
            " WHERE m.service_id = :service AND m.cluster_id = :cluster GROUP BY 1 ORDER BY 2 DESC, 1"
        ),
        {"service": service, "cluster": known_as(conn, service, cluster_id)},
    )
    return {name: int(count) for name, count in rows}
