"""Abnormal sessions of a service in a range: requests, orders, blocks whose lines differ from those of all others.

Read from the lake, judged by `core.sessions`, named by the templates in force. Nothing is stored: the same range gives the same answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.core import sessions
from luffy_dagster.core.model import TimeRange
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.results import Result

MOST_LINES = 2_000_000  # the latest ones; bounds the memory whatever a service logs


@dataclass(frozen=True)
class SessionsResult(Result):
    """The sessions of a range; each row has session, lines, first, last, score, anomalous, open, evidence (with templates)."""

    service: str
    range: TimeRange
    key: str | None  # by what lines were told apart
    lines: int
    covered: float  # share of the lines that belong to a session
    sessions: int
    learning: bool  # too few sessions to call anything usual
    cut: bool  # more lines than MOST_LINES: only the latest were read
    abnormal: list[dict[str, Any]]


def find_abnormal_sessions(ctx: FlowContext, service: str, span: TimeRange) -> SessionsResult:
    """Judges the sessions in `span`, the most abnormal first. Raises store.errors.NotFoundError for an unknown service."""
    with store.begin(ctx.engine) as conn:
        store.services.get(conn, service)
        mapping = store.shapes.templates(conn, service)
    columns = ["event_time", "shape_id", "message", "trace_id"]
    lines = ctx.lake.scan("entries", service, start=span.start, end=span.end, columns=columns)
    entries = lines.sort("event_time").tail(MOST_LINES + 1).collect()
    cut = entries.height > MOST_LINES
    group = dict(mapping.select("shape_id", "template_id").iter_rows())
    texts = dict(mapping.select("template_id", "template").iter_rows())
    found = sessions.find_sessions(
        entries.tail(MOST_LINES).with_columns(template_id=pl.col("shape_id").replace(group)).drop("shape_id")
    )
    rows = found.rows.filter("anomalous").to_dicts()
    for row in rows:
        row["evidence"] = [
            {**one, "template": texts.get(one["template_id"], one["template_id"])}
            for one in json.loads(row["evidence"])
        ]
    return SessionsResult(
        service,
        span,
        found.key,
        min(entries.height, MOST_LINES),
        found.covered,
        len(found.rows),
        found.learning,
        cut,
        rows,
    )
