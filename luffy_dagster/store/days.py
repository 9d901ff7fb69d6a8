"""What a page shows of one service's day, in one question: its levels by hour, its top messages, its largest clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

_SUMMARY = text("""
WITH leveled AS (
  SELECT CAST(extract(hour FROM hour AT TIME ZONE 'UTC') AS int) AS at, level, sum(count) AS n FROM hourly_level
  WHERE service_id = :service AND hour >= :start AND hour < :end GROUP BY 1, 2
), shaped AS (
  SELECT shape_id, sum(count) AS n FROM hourly_shape
  WHERE service_id = :service AND hour >= :start AND hour < :end GROUP BY 1
), messages AS (
  SELECT s.shape, s.level, n, s.example FROM shaped JOIN shape s USING (shape_id) WHERE s.service_id = :service
  ORDER BY n DESC, shape_id LIMIT :top
), clustered AS (
  SELECT m.cluster_id, sum(h.count) AS n FROM hourly_fingerprint h
  JOIN cluster_mapping m ON m.service_id = h.service_id AND m.fingerprint = h.fingerprint
  JOIN active_mapping a ON a.service_id = m.service_id AND a.kind = 'clusters' AND a.algorithm = m.algorithm
  WHERE h.service_id = :service AND h.hour >= :start AND h.hour < :end AND m.cluster_id IS NOT NULL GROUP BY 1
), clusters AS (
  SELECT c.cluster_id, c.title, c.state, c.severity, c.culprit, n, f.trace FROM clustered
  JOIN cluster c ON c.service_id = :service AND c.cluster_id = clustered.cluster_id
  LEFT JOIN fingerprint f ON f.service_id = c.service_id AND f.fingerprint = c.founder
  ORDER BY n DESC, c.cluster_id DESC LIMIT :top
)
SELECT
  (SELECT json_agg(json_build_array(at, level, n) ORDER BY at, level) FROM leveled) AS levels,
  (SELECT json_agg(json_build_array(shape, level, n, example)) FROM messages) AS messages,
  (SELECT json_agg(json_build_array(cluster_id, title, state, severity, culprit, n, trace)) FROM clusters) AS clusters,
  (SELECT count(*) FROM clustered) AS cluster_count, (SELECT coalesce(sum(n), 0) FROM clustered) AS exceptions
""")


@dataclass(frozen=True, slots=True)
class DaySummary:
    """levels: hour, level, count. messages: shape, level, count, example. clusters: id, title, state, severity, culprit, count, trace."""

    levels: Sequence[tuple[int, str, int]]
    messages: Sequence[tuple[str, str, int, str]]
    clusters: Sequence[tuple[str, str, str, str, str, int, str]]
    cluster_count: int
    exceptions: int


def summary(conn: Connection, service: str, start: datetime, end: datetime, *, top: int) -> DaySummary:
    """The service's counts between `start` and `end` (at most a day), and its `top` most frequent messages and clusters."""
    row = conn.execute(_SUMMARY, {"service": service, "start": start, "end": end, "top": top}).one()

    def rows(cells: Any) -> Sequence[Any]:
        return [tuple("" if cell is None else cell for cell in each) for each in cells or ()]

    return DaySummary(
        rows(row.levels), rows(row.messages), rows(row.clusters), int(row.cluster_count), int(row.exceptions)
    )
