"""Log sources of services: where the logs are, how to get in, and how far they have been read. Secrets encrypted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, insert, or_, select
from sqlalchemy import delete as sa_delete
from sqlalchemy import update as sa_update
from sqlalchemy.exc import IntegrityError

from luffy_dagster.core.lifecycle import LifecycleState
from luffy_dagster.store import audit, crypto, git_credentials, outbox, services
from luffy_dagster.store.checks import storable
from luffy_dagster.store.crypto import Secret
from luffy_dagster.store.errors import DuplicateError, InvalidError, NotFoundError
from luffy_dagster.store.schema import log_source

TYPES = ("opensearch", "elasticsearch", "file")
SECRETS = ("password", "api_key", "client_key")
MOST_PAUSE = timedelta(minutes=60)
_PLAIN = (
    *(
        "name",
        "type",
        "environment",
        "host",
        "port",
        "username",
        "use_tls",
        "verify_certs",
        "ca_cert",
        "client_cert",
        "index_pattern",
        "query_filter",
    ),
    *("field_mapping", "paths", "stream_field", "options", "identity", "assume_tz", "is_active", "fetch_enabled"),
)


_TEXTS = (
    "name", "type", "environment", "host", "username", "ca_cert", "client_cert", "index_pattern", "stream_field", "identity",
    "assume_tz",
)  # fmt: skip
_NEVER_NULL = (
    "name",
    "type",
    "port",
    "identity",
    "assume_tz",
    "use_tls",
    "verify_certs",
    "is_active",
    "fetch_enabled",
    "paths",
)


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


def _source(row: Any) -> LogSource:
    values = {f: row[f] for f in LogSource.__slots__ if f in row}
    values |= {f"has_{s}": row[f"{s}_encrypted"] is not None for s in SECRETS}
    return LogSource(**{**values, "id": f"s{row['id']}", "paths": tuple(row["paths"])})


def _number(source_id: str) -> int:
    text = str(source_id)
    if not text.startswith("s") or not text[1:].isdigit():
        raise NotFoundError("log source", source_id)
    return int(text[1:])


def _checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for field, value in fields.items():
        if field in SECRETS:
            if value is not None and not isinstance(value, str):
                raise InvalidError(field, "is no text")
            storable(field, value)
            if value != "********":  # what was shown in its place: unchanged
                out[f"{field}_encrypted"] = crypto.encrypt(value or None)
            continue
        if field not in _PLAIN:
            raise InvalidError(field, f"no such field; known: {', '.join((*_PLAIN, *SECRETS))}")
        if field in _TEXTS and value is not None and not isinstance(value, str):
            raise InvalidError(field, f"{value!r} is no text")
        if field in _NEVER_NULL and value is None:
            raise InvalidError(field, "must not be empty")
        storable(field, value)
        if field == "host" and value and "@" in value:
            raise InvalidError(field, "carries a user or password; say them as username and password")
        out[field] = value
    if "type" in out and out["type"] not in TYPES:
        raise InvalidError("type", f"{out['type']!r} is not supported; choose one of {', '.join(TYPES)}")
    if "port" in out and (
        isinstance(out["port"], bool) or not isinstance(out["port"], int) or not 1 <= out["port"] <= 65535
    ):
        raise InvalidError("port", f"{out['port']!r} is no port from 1 to 65535")
    if "assume_tz" in out:
        try:
            ZoneInfo(out["assume_tz"])
        except (ValueError, OSError, TypeError, KeyError):
            raise InvalidError(
                "assume_tz", f"{out['assume_tz']!r} is no time zone of the IANA list, such as Europe/Berlin"
            ) from None
    if "identity" in out and out["identity"] not in ("id", "content"):
        raise InvalidError("identity", f"{out['identity']!r} is neither id nor content")
    for field in ("query_filter", "field_mapping", "options"):
        if field not in out:
            continue
        if field == "query_filter" and isinstance(out[field], str):
            out[field] = {"query": out[field]}
        elif out[field] is None or isinstance(out[field], Mapping):
            out[field] = dict(out[field] or {})
        else:
            raise InvalidError(field, f"{out[field]!r} is no object")
    if "paths" in out:
        paths = out["paths"]
        if not isinstance(paths, (str, list, tuple)):
            raise InvalidError("paths", f"{paths!r} is no list of paths or globs")
        out["paths"] = [paths] if isinstance(paths, str) else [str(p) for p in paths]
    for field in ("use_tls", "verify_certs", "is_active", "fetch_enabled"):
        if field in out and not isinstance(out[field], bool):
            raise InvalidError(field, f"{out[field]!r} is neither true nor false")
    return out


def _complete(values: Mapping[str, Any]) -> None:
    if values["type"] == "file":
        if not values.get("paths"):
            raise InvalidError("paths", "a file source needs at least one path or glob")
    else:
        if not values.get("host"):
            raise InvalidError("host", f"a source of type {values['type']} needs a host")
        if not values.get("index_pattern"):
            raise InvalidError(
                "index_pattern", f"a source of type {values['type']} needs an index pattern, such as logs-*"
            )


def create(conn: Connection, service: str, fields: Mapping[str, Any], *, actor: str, now: datetime) -> LogSource:
    """Adds a source to a service. Raises InvalidError, NotFoundError (service) or DuplicateError (name)."""
    services.get(conn, service)
    values = _checked(fields)
    if "type" not in values:
        raise InvalidError("type", f"say which: {', '.join(TYPES)}")
    _complete(values)
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


def _row(conn: Connection, source_id: str) -> Any:
    row = conn.execute(select(log_source).where(log_source.c.id == _number(source_id))).mappings().first()
    if row is None:
        raise NotFoundError("log source", source_id)
    return row


def get(conn: Connection, source_id: str) -> LogSource:
    """The source; raises NotFoundError."""
    return _source(_row(conn, source_id))


def list_sources(conn: Connection, service: str | None = None, *, enabled_only: bool = False) -> list[LogSource]:
    """Sources in the order they were added."""
    query = select(log_source).order_by(log_source.c.id)
    if service is not None:
        query = query.where(log_source.c.service_id == service)
    if enabled_only:
        query = query.where(log_source.c.is_active, log_source.c.fetch_enabled)
    return [_source(row) for row in conn.execute(query).mappings()]


def update(conn: Connection, source_id: str, changes: Mapping[str, Any], *, actor: str, now: datetime) -> LogSource:
    """Changes the named fields; whether it connects is then unknown again."""
    before = _row(conn, source_id)
    values = _checked(changes)
    _complete({**before, **values})
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
    row = _row(conn, source_id)
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


def credentials(conn: Connection, source_id: str) -> Credentials:
    """How to get into the source."""
    row = _row(conn, source_id)
    return Credentials(row["username"], *(crypto.decrypt(row[f"{s}_encrypted"]) for s in SECRETS))


def set_monitoring(conn: Connection, source_id: str, on: bool, *, actor: str, now: datetime) -> LogSource:
    """Switches the fetching of a source on or off."""
    row = _row(conn, source_id)
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


def record_test(
    conn: Connection, source_id: str, ok: bool, reason: str | None, ms: float, *, actor: str, now: datetime
) -> LogSource:
    """Keeps the outcome of a connection test and moves the service along (Testing, TestFailed)."""
    row = _row(conn, source_id)
    conn.execute(
        sa_update(log_source)
        .where(log_source.c.id == row["id"])
        .values(
            connection_status="connected" if ok else "failed",
            connection_reason=None if ok else reason,
            connection_ms=ms,
            connection_tested_at=now,
            **({"consecutive_failures": 0, "next_attempt_at": None} if ok else {}),
        )
    )
    state = services.get(conn, row["service_id"]).lifecycle_state
    if state in (
        LifecycleState.CREATED,
        LifecycleState.CONFIGURING,
        LifecycleState.LOG_SOURCES_ADDED,
        LifecycleState.TEST_FAILED,
        LifecycleState.TESTING,
    ):
        if state is LifecycleState.TEST_FAILED:
            services.move(conn, row["service_id"], LifecycleState.LOG_SOURCES_ADDED, actor=actor, now=now)
        services.advance(conn, row["service_id"], LifecycleState.TESTING, actor=actor, now=now)
        if not ok:
            services.move(conn, row["service_id"], LifecycleState.TEST_FAILED, actor=actor, now=now, reason=reason)
    return get(conn, source_id)


def readable(conn: Connection, service: str, now: datetime) -> list[LogSource]:
    """Sources to read now: active, fetching switched on, and not pausing after failures."""
    query = select(log_source).where(
        log_source.c.service_id == service,
        log_source.c.is_active,
        log_source.c.fetch_enabled,
        or_(log_source.c.next_attempt_at.is_(None), log_source.c.next_attempt_at <= now),
    )
    return [_source(row) for row in conn.execute(query.order_by(log_source.c.id)).mappings()]


def record_failure(conn: Connection, source_id: str, reason: str, now: datetime) -> LogSource:
    """Counts a failed fetch; the pause before the next is 1, 2, 4 … minutes, an hour at most."""
    row = _row(conn, source_id)
    failures = row["consecutive_failures"] + 1
    pause = min(timedelta(minutes=2 ** min(failures - 1, 6)), MOST_PAUSE)
    conn.execute(
        sa_update(log_source)
        .where(log_source.c.id == row["id"])
        .values(
            consecutive_failures=failures,
            next_attempt_at=now + pause,
            last_error=reason,
            connection_status="failed",
            connection_reason=reason,
        )
    )
    return get(conn, source_id)


def record_fetch(
    conn: Connection,
    source_id: str,
    *,
    watermark: datetime | None,
    now: datetime,
    position: Mapping[str, Any] | None = None,
) -> LogSource:
    """Keeps how far a fetch that succeeded has read; the watermark never goes back."""
    number = _number(source_id)
    values: dict[str, Any] = {
        "last_fetch_at": now,
        "consecutive_failures": 0,
        "next_attempt_at": None,
        "last_error": None,
        "connection_status": "connected",
        "connection_reason": None,
    }
    if watermark is not None:
        values["watermark"] = func.greatest(log_source.c.watermark, watermark)
    if position is not None:
        values["position"] = dict(position)
    conn.execute(sa_update(log_source).where(log_source.c.id == number).values(values))
    return get(conn, source_id)


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
