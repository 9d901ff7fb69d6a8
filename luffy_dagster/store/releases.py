"""Releases per service and environment: which version ran when, and from which commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from luffy_dagster.store.schema import release


@dataclass(frozen=True, slots=True)
class Release:
    """A version of a service in an environment, from `at` on."""

    service_id: str
    environment: str
    version: str
    commit: str | None
    source: str  # log | api | gitlab | tag
    at: datetime


def put(
    conn: Connection, service: str, environment: str | None, version: str, commit: str | None, at: datetime, source: str
) -> None:
    """Adds a release; one that is known keeps its earliest time and learns its commit."""
    statement = insert(release).values(
        service_id=service, environment=environment or "", version=version, commit=commit, source=source, at=at
    )
    known = {"at": func.least(release.c.at, at), "commit": func.coalesce(release.c.commit, commit)}
    conn.execute(statement.on_conflict_do_update(index_elements=["service_id", "environment", "version"], set_=known))


def latest(conn: Connection, service: str, environment: str | None, at: datetime) -> Release | None:
    """The release that ran at `at`."""
    r = release.c
    query = (
        select(release)
        .where(r.service_id == service, r.environment == (environment or ""), r.at <= at)
        .order_by(r.at.desc(), r.id.desc())
    )
    row = conn.execute(query.limit(1)).mappings().first()
    return None if row is None else Release(**{f: row[f] for f in Release.__slots__})
