"""Releases per service and environment: which version ran when, and from which commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from luffy_dagster.core.releases import Releases, Run
from luffy_dagster.store import audit, services
from luffy_dagster.store.errors import InvalidError
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


def known(conn: Connection, service: str) -> Releases:
    """All releases of a service, as what states are judged by."""
    r = release.c
    query = select(r.environment, r.version, r.at, r.commit).where(r.service_id == service)
    return Releases.of((row.environment, Run(row.version, row.at, row.commit)) for row in conn.execute(query))


def list_releases(conn: Connection, service: str, environment: str | None = None, *, limit: int = 100) -> list[Release]:
    """Releases, newest first."""
    r = release.c
    query = select(release).where(r.service_id == service).order_by(r.at.desc(), r.id.desc()).limit(limit)
    if environment is not None:
        query = query.where(r.environment == environment)
    return [Release(**{f: row[f] for f in Release.__slots__}) for row in conn.execute(query).mappings()]


def add(
    conn: Connection,
    service: str,
    environment: str | None,
    version: str,
    commit: str | None,
    at: datetime,
    *,
    actor: str,
    now: datetime,
) -> None:
    """A release that a person or a pipeline tells of; audited. Raises NotFoundError, InvalidError."""
    services.get(conn, service)
    if not version.strip() or len(version) > 200:
        raise InvalidError("version", f"{version!r} is no name of a release")
    if at > now + timedelta(days=1):
        raise InvalidError("at", f"{at:%Y-%m-%d %H:%M} UTC lies in the future")
    put(conn, service, environment, version, commit, at, "api")
    after = {"version": version, "environment": environment, "commit": commit, "at": at}
    audit.write(conn, actor, "add", "release", version, service=service, now=now, after=after)
