"""Log sources as they are read: the value without its secrets, the row behind it, how to get in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from luffy_dagster.store import crypto
from luffy_dagster.store.crypto import Secret
from luffy_dagster.store.errors import NotFoundError
from luffy_dagster.store.schema import log_source

SECRETS = ("password", "api_key", "client_key")


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to get into a source; shows nothing of itself."""

    username: str | None
    password: Secret | None
    api_key: Secret | None
    client_key: Secret | None


@dataclass(frozen=True, slots=True)
class LogSource:
    """One log source, without its secrets."""

    id: str
    service_id: str
    name: str
    type: str
    environment: str | None
    host: str | None
    port: int
    username: str | None
    has_password: bool
    has_api_key: bool
    has_client_key: bool
    use_tls: bool
    verify_certs: bool
    ca_cert: str | None
    client_cert: str | None
    index_pattern: str | None
    query_filter: dict[str, Any]
    field_mapping: dict[str, Any]
    paths: tuple[str, ...]
    stream_field: str | None
    options: dict[str, Any]
    identity: str
    assume_tz: str
    is_active: bool
    fetch_enabled: bool
    last_fetch_at: datetime | None
    connection_status: str
    connection_reason: str | None
    connection_ms: float | None
    connection_tested_at: datetime | None
    watermark: datetime | None
    position: dict[str, Any]
    consecutive_failures: int
    next_attempt_at: datetime | None
    last_error: str | None
    created_at: datetime
    updated_at: datetime


def of_row(row: Any) -> LogSource:
    """The source of a row."""
    values = {f: row[f] for f in LogSource.__slots__ if f in row}
    values |= {f"has_{s}": row[f"{s}_encrypted"] is not None for s in SECRETS}
    return LogSource(**{**values, "id": f"s{row['id']}", "paths": tuple(row["paths"])})


def number_of(source_id: str) -> int:
    """The number in the id of a source; raises NotFoundError."""
    text = str(source_id)
    if not text.startswith("s") or not text[1:].isdigit():
        raise NotFoundError("log source", source_id)
    return int(text[1:])


def row_of(conn: Connection, source_id: str) -> Any:
    """The row of a source; raises NotFoundError."""
    row = conn.execute(select(log_source).where(log_source.c.id == number_of(source_id))).mappings().first()
    if row is None:
        raise NotFoundError("log source", source_id)
    return row


def get(conn: Connection, source_id: str) -> LogSource:
    """The source; raises NotFoundError."""
    return of_row(row_of(conn, source_id))


def list_sources(conn: Connection, service: str | None = None, *, enabled_only: bool = False) -> list[LogSource]:
    """Sources in the order they were added."""
    query = select(log_source).order_by(log_source.c.id)
    if service is not None:
        query = query.where(log_source.c.service_id == service)
    if enabled_only:
        query = query.where(log_source.c.is_active, log_source.c.fetch_enabled)
    return [of_row(row) for row in conn.execute(query).mappings()]


def readable(conn: Connection, service: str, now: datetime) -> list[LogSource]:
    """Sources to read now: active, fetching switched on, and not pausing after failures."""
    query = select(log_source).where(
        log_source.c.service_id == service,
        log_source.c.is_active,
        log_source.c.fetch_enabled,
        or_(log_source.c.next_attempt_at.is_(None), log_source.c.next_attempt_at <= now),
    )
    return [of_row(row) for row in conn.execute(query.order_by(log_source.c.id)).mappings()]


def credentials(conn: Connection, source_id: str) -> Credentials:
    """How to get into the source."""
    row = row_of(conn, source_id)
    return Credentials(row["username"], *(crypto.decrypt(row[f"{s}_encrypted"]) for s in SECRETS))
