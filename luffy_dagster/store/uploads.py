"""Uploaded log files and their states: uploaded, processing, processed, failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from luffy_dagster.store import audit
from luffy_dagster.store.errors import InvalidError, NotFoundError
from luffy_dagster.store.schema import log_file

STATES = ("uploaded", "processing", "processed", "failed")


@dataclass(frozen=True, slots=True)
class LogFile:
    """One uploaded file."""

    id: int
    service_id: str
    filename: str
    sha256: str
    size: int
    path: str
    source: str | None
    env: str | None
    log_type: str | None
    status: str
    entries: int | None
    parse_error_count: int | None
    confidence: float | None
    error: str | None
    actor: str
    upload_time: datetime
    processed_at: datetime | None


def create_file(
    conn: Connection, service: str, filename: str, sha256: str, size: int, path: str, *,
    actor: str, now: datetime, source: str | None = None, env: str | None = None, log_type: str | None = None,
) -> LogFile:  # fmt: skip
    """Adds a file; the same content for the same service gives the row that is there."""
    known = (
        conn.execute(select(log_file).where(log_file.c.service_id == service, log_file.c.sha256 == sha256))
        .mappings()
        .first()
    )
    if known is not None:
        return LogFile(**known)
    values = {
        "service_id": service,
        "filename": filename,
        "sha256": sha256,
        "size": size,
        "path": path,
        "source": source,
        "env": env,
        "log_type": log_type,
    }
    row = (
        conn.execute(insert(log_file).values(**values, actor=actor, upload_time=now).returning(log_file))
        .mappings()
        .one()
    )
    audit.write(
        conn,
        actor,
        "upload",
        "log_file",
        row["id"],
        service=service,
        now=now,
        after={"filename": filename, "size": size},
    )
    return LogFile(**row)


def set_status(
    conn: Connection, file_id: int, status: str, *, now: datetime,
    entries: int | None = None, parse_error_count: int | None = None, confidence: float | None = None, error: str | None = None,
) -> LogFile:  # fmt: skip
    """Moves a file to a state."""
    if status not in STATES:
        raise InvalidError("status", f"{status!r} is none of {', '.join(STATES)}")
    values: dict[str, object] = {
        "status": status,
        "entries": entries,
        "parse_error_count": parse_error_count,
        "confidence": confidence,
        "error": error,
    }
    if status in ("processed", "failed"):
        values["processed_at"] = now
    row = (
        conn.execute(update(log_file).where(log_file.c.id == file_id).values(values).returning(log_file))
        .mappings()
        .first()
    )
    if row is None:
        raise NotFoundError("file", file_id)
    return LogFile(**row)


def get(conn: Connection, file_id: int) -> LogFile:
    """The file; raises NotFoundError."""
    row = conn.execute(select(log_file).where(log_file.c.id == file_id)).mappings().first()
    if row is None:
        raise NotFoundError("file", file_id)
    return LogFile(**row)


def list_files(
    conn: Connection, service: str | None = None, *, status: str | None = None, limit: int = 100
) -> list[LogFile]:
    """Files, the latest first."""
    query = select(log_file).order_by(log_file.c.id.desc()).limit(limit)
    if service is not None:
        query = query.where(log_file.c.service_id == service)
    if status is not None:
        query = query.where(log_file.c.status == status)
    return [LogFile(**row) for row in conn.execute(query).mappings()]
