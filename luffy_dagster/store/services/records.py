"""Services as they are kept: read, listed, stamped. Changing them is `config` and `lifecycle`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy import update as sa_update

from luffy_dagster.core.lifecycle import LifecycleState
from luffy_dagster.core.scheduling import Kind
from luffy_dagster.store import crypto
from luffy_dagster.store.crypto import Secret
from luffy_dagster.store.errors import NotFoundError
from luffy_dagster.store.schema import service, service_dependency


@dataclass(frozen=True, slots=True)
class Service:
    """One service with its whole configuration; the webhook's address is a secret."""

    id: str
    name: str
    is_active: bool
    repository_url: str | None
    git_branch: str
    git_repo_path: str | None
    git_subpath: str | None
    log_fetch_interval_minutes: int
    log_fetch_cron: str | None
    rca_generation_enabled: bool
    rca_generation_interval_minutes: int
    rca_on_critical: bool
    code_indexing_enabled: bool
    code_indexing_interval_hours: int
    notification_enabled: bool
    notification_channels: tuple[str, ...]
    notification_webhook_url: Secret | None
    notification_email: tuple[str, ...]
    last_log_fetch: datetime | None
    last_rca_generation: datetime | None
    last_code_indexing: datetime | None
    commit_sha: str | None
    timezone: str
    environment: str | None
    team: str | None
    preset: str
    lifecycle_state: LifecycleState
    rca_min_count: int
    rca_min_age_minutes: int
    rca_min_severity: str
    retention_raw_days: int
    retention_entries_days: int
    retention_counts_days: int
    redaction_policy: dict[str, Any]
    in_app_paths: tuple[str, ...]
    parse_options: dict[str, Any]
    depends_on: tuple[str, ...]
    created_at: datetime
    updated_at: datetime


def _dependencies(conn: Connection, service_id: str | None = None) -> dict[str, tuple[str, ...]]:
    """Which services each depends on; of all, or of the one named."""
    d = service_dependency.c
    query = select(d.service_id, d.depends_on).order_by(d.service_id, d.depends_on)
    if service_id is not None:
        query = query.where(d.service_id == service_id)
    found: dict[str, tuple[str, ...]] = {}
    for row in conn.execute(query):
        found[row.service_id] = (*found.get(row.service_id, ()), row.depends_on)
    return found


def _service(row: Any, depends_on: tuple[str, ...]) -> Service:
    values = {k: row[k] for k in Service.__slots__ if k in row}
    for name in ("notification_channels", "notification_email", "in_app_paths"):
        values[name] = tuple(values[name])
    return Service(
        **{
            **values,
            "lifecycle_state": LifecycleState(row["lifecycle_state"]),
            "notification_webhook_url": crypto.sealed(row["notification_webhook_url_encrypted"]),
            "depends_on": depends_on,
        }
    )


def find(conn: Connection, service_id: str) -> Service | None:
    """The service, or None."""
    row = conn.execute(select(service).where(service.c.id == service_id)).mappings().first()
    return None if row is None else _service(row, _dependencies(conn, service_id).get(service_id, ()))


def get(conn: Connection, service_id: str) -> Service:
    """The service; raises NotFoundError."""
    found = find(conn, service_id)
    if found is None:
        raise NotFoundError("service", service_id)
    return found


def list_services(
    conn: Connection,
    *,
    include_archived: bool = False,
    active_only: bool = False,
    environment: str | None = None,
    team: str | None = None,
) -> list[Service]:
    """Services by id."""
    query = select(service).order_by(service.c.id)
    if not include_archived:
        query = query.where(service.c.lifecycle_state != LifecycleState.ARCHIVED.value)
    if active_only:
        query = query.where(service.c.is_active)
    if environment is not None:
        query = query.where(service.c.environment == environment)
    if team is not None:
        query = query.where(service.c.team == team)
    depends_on = _dependencies(conn)
    return [_service(row, depends_on.get(row["id"], ())) for row in conn.execute(query).mappings()]


_STAMPS = {Kind.LOG_FETCH: "last_log_fetch", Kind.RCA: "last_rca_generation", Kind.CODE_INDEX: "last_code_indexing"}


def stamp(conn: Connection, service_id: str, kind: Kind, at: datetime, commit_sha: str | None = None) -> None:
    """Notes that work which began at `at` succeeded; a stamp never goes back."""
    column = service.c[_STAMPS[kind]]
    values: dict[str, Any] = {column.name: func.greatest(column, at)}
    if commit_sha is not None:
        values["commit_sha"] = commit_sha
    conn.execute(sa_update(service).where(service.c.id == service_id).values(values))


def partition_keys(conn: Connection) -> list[str]:
    """Slugs of all services, archived ones too."""
    return list(conn.execute(select(service.c.id).order_by(service.c.id)).scalars())


def rotate_secrets(conn: Connection) -> int:
    """Encrypts every webhook's address under the newest key; how many."""
    column = service.c.notification_webhook_url_encrypted
    rows = conn.execute(select(service.c.id, column).where(column.is_not(None))).all()
    for service_id, token in rows:
        fresh = {column.name: crypto.rotate(token)}
        conn.execute(sa_update(service).where(service.c.id == service_id).values(fresh))
    return len(rows)
