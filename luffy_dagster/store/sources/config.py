"""What a person changes of log sources, each with its audit row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy import delete as sa_delete
from sqlalchemy import update as sa_update
from sqlalchemy.exc import IntegrityError

from luffy_dagster.core.lifecycle import LifecycleState
from luffy_dagster.store import audit, crypto, git_credentials, outbox, services
from luffy_dagster.store.errors import DuplicateError, InvalidError
from luffy_dagster.store.schema import log_source
from luffy_dagster.store.sources.fields import TYPES, checked, complete
from luffy_dagster.store.sources.records import SECRETS, LogSource, get, list_sources, row_of


def create(conn: Connection, service: str, fields: Mapping[str, Any], *, actor: str, now: datetime) -> LogSource:
    """Adds a source to a service. Raises InvalidError, NotFoundError (service) or DuplicateError (name)."""
    services.get(conn, service)
    values = checked(fields)
    if "type" not in values:
        raise InvalidError("type", f"say which: {', '.join(TYPES)}")
    complete(values)
    if not values.get("name"):
        taken = set(conn.execute(select(log_source.c.name).where(log_source.c.service_id == service)).scalars())
        base = values["type"]
        values["name"] = next(
            n for n in (base if i == 1 else f"{base}-{i}" for i in range(1, 10_000)) if n not in taken
        )
    try:
        with conn.begin_nested():
            number = conn.execute(
                insert(log_source)
                .values(service_id=service, created_at=now, updated_at=now, **values)
                .returning(log_source.c.id)
            ).scalar_one()
    except IntegrityError:
        raise DuplicateError(
            "log source", values["name"], f"service {service} has a source of this name; choose another"
        ) from None
    services.advance(conn, service, LifecycleState.LOG_SOURCES_ADDED, actor=actor, now=now)
    shown = {k: v for k, v in fields.items() if k not in SECRETS}
    audit.write(conn, actor, "create", "log_source", f"s{number}", service=service, now=now, after=shown)
    return get(conn, f"s{number}")


def update(conn: Connection, source_id: str, changes: Mapping[str, Any], *, actor: str, now: datetime) -> LogSource:
    """Changes the named fields; whether it connects is then unknown again."""
    before = row_of(conn, source_id)
    values = checked(changes)
    complete({**before, **values})
    if set(values) - {"is_active", "fetch_enabled", "name", "environment", "assume_tz"}:
        values |= {
            "connection_status": "untested",
            "connection_reason": None,
            "consecutive_failures": 0,
            "next_attempt_at": None,
        }
    conn.execute(sa_update(log_source).where(log_source.c.id == before["id"]).values(updated_at=now, **values))
    shown = {k: v for k, v in changes.items() if k not in SECRETS} | {k: "changed" for k in changes if k in SECRETS}
    audit.write(
        conn, actor, "update", "log_source", source_id, service=before["service_id"], now=now,
        before={k: before.get(k) for k in shown}, after=shown,
    )  # fmt: skip
    return get(conn, source_id)


def delete(conn: Connection, source_id: str, *, actor: str, now: datetime) -> None:
    """Removes a source; what was read from it stays until retention takes it."""
    row = row_of(conn, source_id)
    conn.execute(sa_delete(log_source).where(log_source.c.id == row["id"]))
    audit.write(
        conn,
        actor,
        "delete",
        "log_source",
        source_id,
        service=row["service_id"],
        now=now,
        before={"name": row["name"], "type": row["type"]},
    )


def set_monitoring(conn: Connection, source_id: str, on: bool, *, actor: str, now: datetime) -> LogSource:
    """Switches the fetching of a source on or off."""
    row = row_of(conn, source_id)
    conn.execute(sa_update(log_source).where(log_source.c.id == row["id"]).values(fetch_enabled=on, updated_at=now))
    audit.write(
        conn, actor, "monitoring", "log_source", source_id, service=row["service_id"], now=now,
        before={"fetch_enabled": row["fetch_enabled"]}, after={"fetch_enabled": on},
    )  # fmt: skip
    if on:
        services.advance(conn, row["service_id"], LifecycleState.MONITORING_ENABLED, actor=actor, now=now)
    return get(conn, source_id)


def set_monitoring_all(conn: Connection, service: str, on: bool, *, actor: str, now: datetime) -> int:
    """The same for all sources of a service; how many there are."""
    found = list_sources(conn, service)
    for source in found:
        set_monitoring(conn, source.id, on, actor=actor, now=now)
    return len(found)


def rotate_secrets(conn: Connection, *, actor: str, now: datetime) -> int:
    """Encrypts every secret (of sources, and webhooks of services) under the newest key; how many."""
    done = services.rotate_secrets(conn) + git_credentials.rotate_secrets(conn) + outbox.rotate_secrets(conn)
    for row in conn.execute(select(log_source)).mappings().all():
        fresh = {
            f"{s}_encrypted": crypto.rotate(row[f"{s}_encrypted"]) for s in SECRETS if row[f"{s}_encrypted"] is not None
        }
        if fresh:
            conn.execute(sa_update(log_source).where(log_source.c.id == row["id"]).values(fresh))
            done += len(fresh)
    audit.write(conn, actor, "rotate", "secrets", "all", now=now, after={"count": done})
    return done
