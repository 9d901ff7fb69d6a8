"""What a page of Dagster shows of one service's day, read from the store's counts.

Values only: how they are shown is `metadata.py`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine

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
    """One service's UTC day: entries per level for each of the 24 hours, top messages and clusters, how many there are of all."""

    service: str
    day: date
    hours: tuple[dict[str, int], ...] = tuple({} for _ in range(24))
    messages: tuple[MessageRow, ...] = ()
    clusters: tuple[ClusterRow, ...] = ()
    exceptions: int = 0
    cluster_count: int = 0

    @property
    def levels(self) -> dict[str, int]:
        """Entries per level over the day."""
        found: dict[str, int] = {}
        for hour in self.hours:
            for level, count in hour.items():
                found[level] = found.get(level, 0) + count
        return found


def day_view(engine: Engine, service: str, day: date) -> DayView:
    """The view of `service` on `day`; empty parts where nothing is counted."""
    from luffy_dagster import store

    start = datetime.combine(day, time(), UTC)
    with store.begin(engine) as conn:
        found = store.days.summary(conn, service, start, start + timedelta(days=1), top=TOP)
    hours: list[dict[str, int]] = [{} for _ in range(24)]
    for hour, level, count in found.levels:
        hours[hour][level or "none"] = count
    return DayView(
        service=service,
        day=day,
        hours=tuple(hours),
        messages=tuple(MessageRow(shape, level, count, example) for shape, level, count, example in found.messages),
        clusters=tuple(ClusterRow(*row) for row in found.clusters),
        exceptions=found.exceptions,
        cluster_count=found.cluster_count,
    )
