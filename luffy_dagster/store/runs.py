"""The history of runs: what was done for a service, when, with which outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from luffy_dagster.store.errors import NotFoundError
from luffy_dagster.store.schema import pipeline_run


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """One run: kind of work, service, outcome, counts, error."""

    id: int
    kind: str
    service_id: str | None
    status: str
    trigger: str
    dagster_run_id: str | None
    started_at: datetime
    finished_at: datetime | None
    duration_seconds: float | None
    stats: dict[str, Any]
    error: str | None


def start(
    conn: Connection,
    kind: str,
    service: str | None,
    *,
    now: datetime,
    dagster_run_id: str | None = None,
    trigger: str = "schedule",
) -> int:
    """Notes that a run begins; its number."""
    values = {
        "kind": kind,
        "service_id": service,
        "status": "running",
        "trigger": trigger,
        "dagster_run_id": dagster_run_id,
        "started_at": now,
    }
    return conn.execute(insert(pipeline_run).values(values).returning(pipeline_run.c.id)).scalar_one()


def finish(
    conn: Connection,
    run_id: int,
    *,
    status: str,
    now: datetime,
    stats: Mapping[str, Any] | None = None,
    error: str | None = None,
) -> None:
    """Notes how a run ended: succeeded, failed or skipped."""
    row = conn.execute(select(pipeline_run.c.started_at).where(pipeline_run.c.id == run_id)).first()
    if row is None:
        raise NotFoundError("run", run_id)
    seconds = max(0.0, (now - row.started_at).total_seconds())
    conn.execute(
        update(pipeline_run)
        .where(pipeline_run.c.id == run_id)
        .values(status=status, finished_at=now, duration_seconds=seconds, stats=dict(stats or {}), error=error)
    )


def list_runs(
    conn: Connection,
    service: str | None = None,
    kind: str | None = None,
    status: str | None = None,
    *,
    limit: int = 100,
    offset: int = 0,
) -> list[PipelineRun]:
    """The latest runs first."""
    query = select(pipeline_run).order_by(pipeline_run.c.id.desc()).limit(limit).offset(offset)
    for column, value in (
        (pipeline_run.c.service_id, service),
        (pipeline_run.c.kind, kind),
        (pipeline_run.c.status, status),
    ):
        if value is not None:
            query = query.where(column == value)
    return [PipelineRun(**row) for row in conn.execute(query).mappings()]
