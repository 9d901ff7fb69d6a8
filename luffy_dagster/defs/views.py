"""What a page of Dagster shows of one service's day, read from the store's counts in a few small queries.

Values only: how they are shown is `metadata.py`'s business. Imported inside functions, for it loads polars.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

TOP = 8


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message with its variables masked: how often it came on the day, and one example."""

    shape: str
    level: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """A cluster of exceptions seen on the day."""

    cluster_id: str
    title: str
    state: str
    severity: str
    culprit: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class DayView:
    """One service's UTC day. `hours` gives entries per level for each of the 24 hours."""

    service: str
    day: date
    hours: tuple[dict[str, int], ...] = tuple({} for _ in range(24))
    messages: tuple[MessageRow, ...] = ()
    clusters: tuple[ClusterRow, ...] = ()

    @property
    def levels(self) -> dict[str, int]:
        """Entries per level over the day."""
        found: dict[str, int] = {}
        for hour in self.hours:
            for level, count in hour.items():
                found[level] = found.get(level, 0) + count
        return found


def day_view(engine: Engine, service: str, day: date, *, now: datetime) -> DayView:
    """The view of `service` on `day`; empty parts where nothing is counted."""
    from luffy_dagster import store

    start = datetime.combine(day, time(), UTC)
    end = start + timedelta(days=1)
    hours: list[dict[str, int]] = [{} for _ in range(24)]
    with store.begin(engine) as conn:
        for row in store.counts.by_level(conn, service, start=start, end=end).iter_rows(named=True):
            bucket = hours[row["hour"].hour]
            level = row["level"] or "none"
            bucket[level] = bucket.get(level, 0) + row["count"]
        shapes = store.shapes.list_shapes(conn, service, since=start, until=end, limit=TOP)
        counted = store.counts.fingerprint_counts(conn, service, start, end)
        by_fingerprint: dict[str, int] = {}
        for fingerprint, count in counted.select("fingerprint", "count").iter_rows():
            by_fingerprint[fingerprint] = by_fingerprint.get(fingerprint, 0) + count
        clusters = _clusters(conn, service, by_fingerprint, now)
    messages = tuple(
        MessageRow(
            shape=row["shape"] or "", level=row["level"] or "", count=row["count"] or 0, example=row["example"] or ""
        )
        for row in shapes.iter_rows(named=True)
    )
    return DayView(service=service, day=day, hours=tuple(hours), messages=messages, clusters=clusters)


def _clusters(conn: Connection, service: str, counts: dict[str, int], now: datetime) -> tuple[ClusterRow, ...]:
    if not counts:
        return ()
    from luffy_dagster import store

    per_cluster: dict[str, int] = {}
    for fingerprint, cluster_id in store.fingerprints.clusters_of(conn, service, counts).items():
        per_cluster[cluster_id] = per_cluster.get(cluster_id, 0) + counts[fingerprint]
    known = {each.cluster_id: each for each in store.clusters.list_clusters(conn, service, now=now, limit=1000)}
    top = sorted(((count, key) for key, count in per_cluster.items() if key in known), reverse=True)[:TOP]
    return tuple(
        ClusterRow(
            cluster_id=key,
            title=known[key].title or "",
            state=str(known[key].state),
            severity=str(known[key].severity),
            culprit=known[key].culprit or "",
            count=count,
            example=known[key].example or "",
        )
        for count, key in top
    )
