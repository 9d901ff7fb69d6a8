"""Root causes as they are kept: which clusters may qualify, results, investigations by evidence, what persons said.

Rules are `core.rca.rules`', reports `core.rca.report`'s. A result is written whole with its investigation and the cluster's state,
in one transaction, or stored as failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from luffy_dagster.store import audit
from luffy_dagster.store.errors import InvalidError, NotFoundError
from luffy_dagster.store.schema import cluster, investigation, rca_feedback, rca_result


@dataclass(frozen=True, slots=True)
class Candidate:
    """An active cluster as the rules judge it."""

    service_id: str
    cluster_id: str
    title: str
    state: str
    severity: str
    rca_status: str | None
    rca_reason: str | None
    first_seen: datetime
    last_seen: datetime
    resolved_at: datetime | None
    updated_at: datetime
    count: int
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class RcaResult:
    """One stored report (or failure)."""

    id: int
    service_id: str
    cluster_id: str
    status: str
    trigger: str
    verdict: str | None
    cause: str | None
    culprit_commit: str | None
    confidence: float | None
    analysis: str
    recommendations: list[Any]
    evidence: list[Any]
    report: dict[str, Any] | None
    evidence_hash: str
    algorithm: str
    provider: str | None
    model: str | None
    sentences_removed: int
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    error: str | None
    rca_generated_at: datetime


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person said of a report."""

    id: int
    result_id: int
    rating: int
    validated: bool | None
    comment: str | None
    actor: str
    at: datetime


_CANDIDATES = """
SELECT c.service_id, c.cluster_id, c.title, c.state, c.severity, c.rca_status, c.rca_reason, c.first_seen, c.last_seen, c.resolved_at, c.updated_at,
  coalesce((SELECT sum(h.count) FROM cluster_mapping m
    JOIN active_mapping a ON a.service_id = m.service_id AND a.kind = 'clusters' AND a.algorithm = m.algorithm
    JOIN hourly_fingerprint h ON h.service_id = m.service_id AND h.fingerprint = m.fingerprint
    WHERE m.service_id = c.service_id AND m.cluster_id = c.cluster_id), 0) AS count,
  (SELECT max(r.rca_generated_at) FROM rca_result r WHERE r.service_id = c.service_id AND r.cluster_id = c.cluster_id AND r.status = 'completed') AS completed_at
FROM cluster c
WHERE c.state IN ('new', 'ongoing', 'escalating', 'regressed') AND (CAST(:service AS text) IS NULL OR c.service_id = :service)
  AND NOT EXISTS (SELECT 1 FROM cluster_alias x WHERE x.service_id = c.service_id AND x.alias = c.cluster_id)
ORDER BY c.service_id, array_position(ARRAY['critical', 'high', 'medium', 'low'], c.severity), c.first_seen, c.cluster_id
"""


def candidates(conn: Connection, service: str | None = None) -> list[Candidate]:
    """Active clusters with their counts, the most severe first."""
    rows = conn.execute(text(_CANDIDATES), {"service": service}).mappings()
    return [Candidate(**{**row, "count": int(row["count"])}) for row in rows]


def set_status(
    conn: Connection, service: str, cluster_id: str, status: str | None, reason: str | None, now: datetime
) -> None:
    """Sets rca_status (null, pending, completed, skipped, failed) with its reason."""
    conn.execute(
        update(cluster)
        .where(cluster.c.service_id == service, cluster.c.cluster_id == cluster_id)
        .values(rca_status=status, rca_reason=reason, updated_at=now)
    )


def status_of(conn: Connection, service: str, cluster_id: str) -> tuple[str | None, str | None]:
    """(rca_status, its reason) of a cluster."""
    where = (cluster.c.service_id == service, cluster.c.cluster_id == cluster_id)
    row = conn.execute(select(cluster.c.rca_status, cluster.c.rca_reason).where(*where)).first()
    if row is None:
        raise NotFoundError("cluster", cluster_id)
    return row[0], row[1]


def put(conn: Connection, values: dict[str, Any], *, now: datetime) -> int:
    """Writes a completed result, its investigation and the cluster's state; its number."""
    number = int(
        conn.execute(
            insert(rca_result).values({**values, "rca_generated_at": now}).returning(rca_result.c.id)
        ).scalar_one()
    )
    service, own = values["service_id"], values["cluster_id"]
    if values["status"] == "completed":
        row = {"service_id": service, "cluster_id": own, "evidence_hash": values["evidence_hash"], "result_id": number}
        statement = upsert(investigation).values({**row, "times": 1, "first_at": now, "last_at": now})
        conn.execute(
            statement.on_conflict_do_update(
                index_elements=["service_id", "cluster_id", "evidence_hash"],
                set_={"result_id": number, "times": investigation.c.times + 1, "last_at": now},
            )
        )
        set_status(conn, service, own, "completed", None, now)
    else:
        set_status(conn, service, own, "failed", values.get("error"), now)
    return number


def investigated(
    conn: Connection, service: str, cluster_id: str, evidence_hash: str, now: datetime
) -> RcaResult | None:
    """The report that this very evidence gave before (counted as asked again); None when it gave none."""
    i = investigation.c
    found = conn.execute(
        update(investigation)
        .where(i.service_id == service, i.cluster_id == cluster_id, i.evidence_hash == evidence_hash)
        .values(times=i.times + 1, last_at=now)
        .returning(i.result_id)
    ).scalar()
    return None if found is None else get(conn, int(found))


def get(conn: Connection, number: int) -> RcaResult:
    """One result; raises NotFoundError."""
    row = conn.execute(select(rca_result).where(rca_result.c.id == number)).mappings().first()
    if row is None:
        raise NotFoundError("root cause report", str(number))
    return RcaResult(**row)


def latest(conn: Connection, service: str, cluster_id: str, *, completed: bool = True) -> RcaResult | None:
    """The newest result of a cluster."""
    r = rca_result.c
    query = select(rca_result).where(r.service_id == service, r.cluster_id == cluster_id)
    if completed:
        query = query.where(r.status == "completed")
    row = conn.execute(query.order_by(r.id.desc()).limit(1)).mappings().first()
    return None if row is None else RcaResult(**row)


def list_results(
    conn: Connection,
    service: str | None = None,
    *,
    since: datetime | None = None,
    limit: int = 100,
    newest_only: bool = True,
) -> list[RcaResult]:
    """Results, newest first; `newest_only`: one per cluster."""
    r = rca_result.c
    query = select(rca_result)
    if service is not None:
        query = query.where(r.service_id == service)
    if since is not None:
        query = query.where(r.rca_generated_at >= since)
    if newest_only:
        inner = select(func.max(r.id)).group_by(r.service_id, r.cluster_id)
        query = query.where(r.id.in_(inner))
    return [RcaResult(**row) for row in conn.execute(query.order_by(r.id.desc()).limit(limit)).mappings()]


def give_feedback(
    conn: Connection,
    number: int,
    rating: int,
    *,
    validated: bool | None = None,
    comment: str | None = None,
    actor: str,
    now: datetime,
) -> int:
    """Keeps a rating of 1 to 5 and whether the cause was found to be right; raises InvalidError, NotFoundError."""
    if not 1 <= rating <= 5:
        raise InvalidError("rating", f"{rating} is not between 1 and 5")
    result = get(conn, number)
    values = {
        "result_id": number,
        "rating": rating,
        "validated": validated,
        "comment": comment,
        "actor": actor,
        "at": now,
    }
    made = int(conn.execute(insert(rca_feedback).values(values).returning(rca_feedback.c.id)).scalar_one())
    audit.write(
        conn, actor, "rate", "rca", str(number), service=result.service_id, now=now,
        after={"rating": rating, "validated": validated, "comment": comment},
    )  # fmt: skip
    return made


def feedback(conn: Connection, number: int) -> list[Feedback]:
    """What persons said of a report, newest first."""
    f = rca_feedback.c
    return [
        Feedback(**row)
        for row in conn.execute(select(rca_feedback).where(f.result_id == number).order_by(f.id.desc())).mappings()
    ]


def feedback_summary(conn: Connection, service: str | None = None) -> dict[str, Any]:
    """How reports were rated, by verdict: how many, mean rating, validated right and wrong."""
    f, r = rca_feedback.c, rca_result.c
    query = (
        select(
            r.verdict, func.count(), func.avg(f.rating), func.count().filter(f.validated.is_(True)), func.count().filter(f.validated.is_(False))
        )
        .join(rca_result, r.id == f.result_id)
        .group_by(r.verdict)
    )  # fmt: skip
    if service is not None:
        query = query.where(r.service_id == service)
    return {
        str(v): {"count": int(n), "mean": round(float(mean), 2), "right": int(right), "wrong": int(wrong)}
        for v, n, mean, right, wrong in conn.execute(query)
    }
