"""What alerting is judged by, each in one query over all services. Decisions are `core.alerting`'s."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select, text

from luffy_dagster.core.lifecycle import LifecycleState, runs_work
from luffy_dagster.core.model import ClusterState
from luffy_dagster.store.schema import (
    alarm,
    cluster,
    cluster_transition,
    hourly_level,
    lifecycle_event,
    log_source,
    outbox,
    service,
    service_dependency,
)


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """One service as alerting sees it. `since`: when it was last set to work."""

    id: str
    environment: str
    works: bool
    word: str | None  # why alerts of it are hidden: "in maintenance", "archived", "switched off"
    interval_minutes: int
    cron: str | None
    timezone: str
    since: datetime
    last_log_fetch: datetime | None
    sources: int
    last_row: datetime | None


def services(conn: Connection) -> list[ServiceFacts]:
    """All services, archived ones too, by id."""
    e, src = lifecycle_event.c, log_source.c
    moved = select(e.service_id, func.max(e.at).label("at")).group_by(e.service_id).subquery()
    sources = (
        select(src.service_id, func.count().label("n"), func.max(src.watermark).label("row"))
        .where(src.is_active, src.fetch_enabled)
        .group_by(src.service_id)
        .subquery()
    )
    s = service.c
    query = (
        select(service, moved.c.at.label("moved"), sources.c.n.label("sources"), sources.c.row.label("last_row"))
        .outerjoin(moved, moved.c.service_id == s.id)
        .outerjoin(sources, sources.c.service_id == s.id)
        .order_by(s.id)
    )
    found = []
    for row in conn.execute(query).mappings():
        state = LifecycleState(row["lifecycle_state"])
        word = None
        if state is LifecycleState.ARCHIVED:
            word = "archived"
        elif state is LifecycleState.MAINTENANCE:
            word = "in maintenance"
        elif not row["is_active"]:
            word = "switched off"
        found.append(
            ServiceFacts(
                id=row["id"],
                environment=row["environment"] or "",
                works=row["is_active"] and runs_work(state),
                word=word,
                interval_minutes=row["log_fetch_interval_minutes"],
                cron=row["log_fetch_cron"],
                timezone=row["timezone"],
                since=max(row["updated_at"], row["moved"] or row["created_at"]),
                last_log_fetch=row["last_log_fetch"],
                sources=row["sources"] or 0,
                last_row=row["last_row"],
            )
        )
    return found


def graph(conn: Connection) -> dict[str, frozenset[str]]:
    """The declared dependencies: service → services that it calls."""
    found: dict[str, set[str]] = {}
    d = service_dependency.c
    for one, other in conn.execute(select(d.service_id, d.depends_on)):
        found.setdefault(one, set()).add(other)
    return {name: frozenset(others) for name, others in found.items()}


def open_alarms(conn: Connection) -> dict[str, list[tuple[str, str, str, datetime]]]:
    """Open alarms of fetching per service: kind, name of the source, detail, since when."""
    a = alarm.c
    names = {f"s{row.id}": row.name for row in conn.execute(select(log_source.c.id, log_source.c.name))}
    found: dict[str, list[tuple[str, str, str, datetime]]] = {}
    for row in conn.execute(select(alarm).where(a.cleared_at.is_(None)).order_by(a.id)):
        name = names.get(str(row.source_id), str(row.source_id))
        found.setdefault(row.service_id, []).append((row.kind, name, row.detail, row.raised_at))
    return found


def first_hours(conn: Connection, names: Collection[str]) -> dict[str, datetime]:
    """Of these services the first hour that has a line."""
    h = hourly_level.c
    query = select(h.service_id, func.min(h.hour)).where(h.service_id.in_(list(names))).group_by(h.service_id)
    return dict(conn.execute(query).tuples().all())


def recent_clusters(conn: Connection, since: datetime) -> list[dict[str, Any]]:
    """Clusters that are news (new, escalating, regressed, or no longer ignored) and occurred since then."""
    c, t = cluster.c, cluster_transition.c
    states = [ClusterState.NEW.value, ClusterState.ESCALATING.value, ClusterState.REGRESSED.value]
    returned = (
        select(t.cluster_id)
        .where(
            t.service_id == c.service_id, t.cluster_id == c.cluster_id, t.from_state == ClusterState.IGNORED.value,
            t.actor == "luffy", t.at == c.state_since,
        )
        .exists()
    )  # fmt: skip
    query = select(cluster).where(c.last_seen >= since, c.state.in_(states) | ((c.state == "ongoing") & returned))
    return [dict(row) for row in conn.execute(query.order_by(c.service_id, c.cluster_id)).mappings()]


def cluster_counts(conn: Connection, keys: Collection[tuple[str, str]], now: datetime) -> dict[tuple[str, str], int]:
    """Occurrences in the last 24 hours of (service, cluster)."""
    if not keys:
        return {}
    rows = conn.execute(
        text(
            "SELECT m.service_id, m.cluster_id, sum(h.count) FROM cluster_mapping m"
            " JOIN active_mapping a ON a.service_id = m.service_id AND a.kind = 'clusters' AND a.algorithm = m.algorithm"
            " JOIN hourly_fingerprint h ON h.service_id = m.service_id AND h.fingerprint = m.fingerprint"
            " WHERE (m.service_id, m.cluster_id) IN (SELECT * FROM unnest(CAST(:services AS text[]), CAST(:clusters AS text[])))"
            " AND h.hour > :since AND h.hour <= :now GROUP BY 1, 2"
        ),
        {
            "services": [s for s, _ in keys],
            "clusters": [c for _, c in keys],
            "since": now - timedelta(hours=24),
            "now": now,
        },
    )
    return {(row[0], row[1]): int(row[2]) for row in rows}


def first_templates(conn: Connection, since: datetime) -> list[dict[str, Any]]:
    """Templates of error lines whose first shape was stored since then: service, template, since when, how often."""
    rows = conn.execute(
        text(
            "SELECT m.service_id, m.template_id, min(m.template) AS template, min(s.first_seen) AS first_seen,"
            " max(s.last_seen) AS last_seen, min(s.example) AS example,"
            " (SELECT coalesce(sum(h.count), 0) FROM hourly_shape h JOIN template_mapping x ON x.service_id = h.service_id"
            "   AND x.shape_id = h.shape_id AND x.algorithm = m.algorithm WHERE h.service_id = m.service_id AND x.template_id = m.template_id) AS count"
            " FROM shape s JOIN template_mapping m ON m.service_id = s.service_id AND m.shape_id = s.shape_id"
            " JOIN active_mapping a ON a.service_id = m.service_id AND a.kind = 'templates' AND a.algorithm = m.algorithm"
            " WHERE s.created_at >= :since AND s.level IN ('error', 'fatal') AND NOT EXISTS ("
            "   SELECT 1 FROM template_mapping o JOIN shape p ON p.service_id = o.service_id AND p.shape_id = o.shape_id"
            "   WHERE o.service_id = m.service_id AND o.algorithm = m.algorithm AND o.template_id = m.template_id AND p.created_at < :since)"
            " GROUP BY m.service_id, m.template_id, m.algorithm ORDER BY 1, 2"
        ),
        {"since": since},
    ).mappings()
    return [dict(row) for row in rows]


def templates_of(conn: Connection, name: str) -> dict[str, tuple[str, str, datetime]]:
    """Of a service's shapes: template id, template, first seen."""
    rows = conn.execute(
        text(
            "SELECT m.shape_id, m.template_id, m.template, s.first_seen FROM template_mapping m"
            " JOIN active_mapping a ON a.service_id = m.service_id AND a.kind = 'templates' AND a.algorithm = m.algorithm"
            " JOIN shape s ON s.service_id = m.service_id AND s.shape_id = m.shape_id WHERE m.service_id = :service"
        ),
        {"service": name},
    )
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def metric(
    conn: Connection, name: str, names: Collection[str] | None, now: datetime
) -> dict[tuple[str, str], float | None]:
    """A count per hour now, per (service, environment): the running hour, and of the one before what it lacks. None: no line."""
    running = now.replace(minute=0, second=0, microsecond=0)
    share = 1 - (now - running).total_seconds() / 3600
    kind, _, what = name.partition(":")
    if kind in ("template", "cluster"):
        table, column, mapping = {
            "template": ("hourly_shape", "shape_id", "template_mapping"),
            "cluster": ("hourly_fingerprint", "fingerprint", "cluster_mapping"),
        }[kind]
        match = (
            f"h.{column} IN (SELECT m.{column} FROM {mapping} m JOIN active_mapping a ON a.service_id = m.service_id"  # noqa: S608 - our own names
            f" AND a.kind = '{kind}s' AND a.algorithm = m.algorithm WHERE m.service_id = h.service_id AND m.{kind}_id = :what)"
        )
    else:
        table = "hourly_level"
        match = {"lines": "true", "errors": "h.level IN ('error', 'fatal')", "level": "h.level = :what"}[kind]
    rows = conn.execute(
        text(
            f"SELECT h.service_id, h.environment, sum(h.count * CASE WHEN h.hour = :running THEN 1.0 ELSE :share END) FROM {table} h"  # noqa: S608 - our own names
            f" WHERE {match} AND h.hour >= :before AND h.hour <= :running"
            " AND (CAST(:services AS text[]) IS NULL OR h.service_id = ANY(:services)) GROUP BY 1, 2"
        ),
        {
            "running": running,
            "before": running - timedelta(hours=1),
            "share": share,
            "what": what,
            "services": None if names is None else list(names),
        },
    )
    return {(row[0], row[1]): float(row[2]) for row in rows}


def undelivered(conn: Connection, since: datetime) -> list[dict[str, Any]]:
    """Messages that were given up, or failed several times, since then: target, since when, how many, why."""
    o = outbox.c
    bad = (o.state == "failed") | (o.attempts >= 3) & (o.state != "sent")
    query = (
        select(
            o.target,
            func.min(o.created_at).label("since"),
            func.count().label("n"),
            func.max(o.last_error).label("why"),
        )
        .where(bad, o.created_at >= since)
        .group_by(o.target)
        .order_by(o.target)
    )
    return [dict(row) for row in conn.execute(query).mappings()]
