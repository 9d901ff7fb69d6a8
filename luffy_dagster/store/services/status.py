"""The status of services as CONTRACT names it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from luffy_dagster.core.lifecycle import LifecycleState
from luffy_dagster.store.errors import NotFoundError
from luffy_dagster.store.schema import log_source, service


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """What CONTRACT's status of a service holds."""

    service_id: str
    service_name: str
    is_active: bool
    lifecycle_state: str
    last_log_fetch: datetime | None
    last_rca_generation: datetime | None
    last_code_indexing: datetime | None
    log_sources_count: int
    active_log_sources: int
    configuration: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """As plain values (times stay datetimes)."""
        return {field: getattr(self, field) for field in self.__slots__}


def status_all(conn: Connection, include_archived: bool = False, *, only: str | None = None) -> list[ServiceStatus]:
    """Status of every service, by id, in one query."""
    sources = (
        select(
            log_source.c.service_id,
            func.count().label("all"),
            func.count().filter(log_source.c.is_active & log_source.c.fetch_enabled).label("active"),
        )
        .group_by(log_source.c.service_id)
        .subquery()
    )
    query = (
        select(service, sources.c["all"], sources.c.active)
        .outerjoin(sources, sources.c.service_id == service.c.id)
        .order_by(service.c.id)
    )
    if only is not None:
        query = query.where(service.c.id == only)
    elif not include_archived:
        query = query.where(service.c.lifecycle_state != LifecycleState.ARCHIVED.value)
    intervals = ("log_fetch_interval_minutes", "rca_generation_interval_minutes", "code_indexing_interval_hours")
    return [
        ServiceStatus(
            service_id=row["id"],
            service_name=row["name"],
            is_active=row["is_active"],
            lifecycle_state=row["lifecycle_state"],
            last_log_fetch=row["last_log_fetch"],
            last_rca_generation=row["last_rca_generation"],
            last_code_indexing=row["last_code_indexing"],
            log_sources_count=row["all"] or 0,
            active_log_sources=row["active"] or 0,
            configuration={field: row[field] for field in intervals},
        )
        for row in conn.execute(query).mappings()
    ]


def status(conn: Connection, service_id: str) -> ServiceStatus:
    """Status of one service; raises NotFoundError."""
    found = status_all(conn, only=service_id)
    if not found:
        raise NotFoundError("service", service_id)
    return found[0]
