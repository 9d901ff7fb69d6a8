"""Services: created, configured, moved through their lifecycle, archived; their status.

Rules of the lifecycle are `core.lifecycle`'s, defaults `core.presets`'. Whatever a person changes is audited here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy import update as sa_update
from sqlalchemy.exc import IntegrityError

from luffy_dagster.core import presets
from luffy_dagster.core.cron import last_firing
from luffy_dagster.core.lifecycle import LifecycleState, allowed, path, reached
from luffy_dagster.core.model import Severity
from luffy_dagster.core.scheduling import Kind
from luffy_dagster.store import audit, crypto
from luffy_dagster.store.checks import storable
from luffy_dagster.store.crypto import Secret
from luffy_dagster.store.errors import DuplicateError, IllegalMoveError, InvalidError, NotFoundError
from luffy_dagster.store.schema import lifecycle_event, log_source, service, service_dependency

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
_PASSWORD_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/@\s]*:[^/@\s]+@|https?://[^/@\s]+@", re.IGNORECASE)
_POSITIVE = {
    "log_fetch_interval_minutes": 7 * 24 * 60,
    "rca_generation_interval_minutes": 7 * 24 * 60,
    "code_indexing_interval_hours": 24 * 366,
    "rca_min_count": 10**9,
    "retention_raw_days": 36_500,
    "retention_entries_days": 36_500,
    "retention_counts_days": 36_500,
}
_FLAGS = ("is_active", "rca_generation_enabled", "rca_on_critical", "code_indexing_enabled", "notification_enabled")
_LISTS = ("notification_channels", "notification_email", "in_app_paths", "depends_on")
_OBJECTS = ("redaction_policy", "parse_options")


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


@dataclass(frozen=True, slots=True)
class LifecycleEvent:
    """One move of a service."""

    service_id: str
    from_state: str | None
    to_state: str
    actor: str
    at: datetime
    reason: str | None


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


def _dependencies(conn: Connection, service_id: str | None = None) -> dict[str, tuple[str, ...]]:
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


def slug(name: str) -> str:
    """A slug made from a name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63]


def _checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration's fields, each checked; raises InvalidError naming the field, the reason and what would do."""
    out: dict[str, Any] = {}
    for field, value in fields.items():
        if field not in presets.DEFAULTS:
            raise InvalidError(field, f"no such field; known: {', '.join(sorted(presets.DEFAULTS))}")
        if field in _POSITIVE:
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _POSITIVE[field]:
                raise InvalidError(field, f"{value!r} is no whole number from 1 to {_POSITIVE[field]}")
        elif field == "rca_min_age_minutes":
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise InvalidError(field, f"{value!r} is no whole number from 0")
        elif field in _FLAGS:
            if not isinstance(value, bool):
                raise InvalidError(field, f"{value!r} is neither true nor false")
        elif field in _LISTS:
            value = [value] if isinstance(value, str) else value
            if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) for v in value):
                raise InvalidError(field, f"{value!r} is no list of texts")
            value = list(value)
        elif field in _OBJECTS:
            if not isinstance(value, Mapping):
                raise InvalidError(field, f"{value!r} is no object")
            value = dict(value)
        elif value is not None and not isinstance(value, str):
            raise InvalidError(field, f"{value!r} is no text")
        storable(field, value)
        _check_meaning(field, value)
        out[field] = value
    return out


def _check_meaning(field: str, value: Any) -> None:
    if field == "rca_min_severity" and value not in list(Severity):
        raise InvalidError(field, f"{value!r} is none of {', '.join(Severity)}")
    if field == "timezone":
        try:
            ZoneInfo(value)
        except (ValueError, OSError, TypeError, KeyError):
            raise InvalidError(field, f"{value!r} is no time zone of the IANA list, such as Europe/Berlin") from None
    if field == "log_fetch_cron" and value:
        from datetime import UTC

        try:
            last_firing(value, "UTC", datetime(2026, 1, 1, tzinfo=UTC))
        except ValueError as error:
            raise InvalidError(field, str(error)) from None
    if field == "repository_url" and value and _PASSWORD_IN_URL.match(value):
        raise InvalidError(field, "carries a password or token; leave it out and let Git's credential helper give it")
    if field == "git_branch" and not value:
        raise InvalidError(field, "must not be empty")
    if field == "notification_webhook_url" and value and not value.startswith(("http://", "https://")):
        raise InvalidError(field, "must begin with http:// or https://")
    if field == "notification_email":
        for address in value:
            if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+|[^@\s]+@localhost", address):
                raise InvalidError(field, f"{address!r} is no e-mail address")


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name.strip():
        raise InvalidError("name", "must be a text that is not empty")
    storable("name", name)
    return name


def _check_preset(preset: Any) -> None:
    if preset not in list(presets.PRESETS):
        raise InvalidError("preset", f"{preset!r} is none of {', '.join(presets.PRESETS)}")


def _columns(config: Mapping[str, Any]) -> dict[str, Any]:
    columns = {k: v for k, v in config.items() if k not in ("depends_on", "notification_webhook_url")}
    if "notification_webhook_url" in config:
        columns["notification_webhook_url_encrypted"] = crypto.encrypt(config["notification_webhook_url"] or None)
    return columns


def _put_dependencies(conn: Connection, service_id: str, depends_on: list[str]) -> None:
    conn.execute(delete(service_dependency).where(service_dependency.c.service_id == service_id))
    for other in sorted(set(depends_on)):
        if other == service_id:
            raise InvalidError("depends_on", "a service cannot depend on itself")
        if find(conn, other) is None:
            raise InvalidError("depends_on", f"service {other} does not exist")
        conn.execute(insert(service_dependency).values(service_id=service_id, depends_on=other))


def create(conn: Connection, fields: Mapping[str, Any], *, actor: str, now: datetime) -> Service:
    """Makes a service. `fields`: name, and id, preset and any field of the configuration if wanted.

    Raises InvalidError or DuplicateError (id or name taken).
    """
    said = dict(fields)
    name = _name(said.pop("name", None) or said.get("id"))
    service_id = said.pop("id", None) or slug(name)
    if not isinstance(service_id, str) or not _SLUG.match(service_id):
        raise InvalidError(
            "id", f"{service_id!r} is no slug: small letters, digits and hyphens, at most 63, no hyphen in front"
        )
    preset = said.pop("preset", None) or presets.DEFAULT_PRESET
    _check_preset(preset)
    config = presets.fill(preset, _checked(said))
    if find(conn, service_id) is not None:
        raise DuplicateError(
            "service", service_id, "this id is taken (an archived service keeps its id); choose another"
        )
    if conn.execute(select(service.c.id).where(service.c.name == name)).first() is not None:
        raise DuplicateError("service", service_id, f"the name {name!r} is taken; choose another")
    row = {
        "id": service_id,
        "name": name,
        "preset": preset,
        "lifecycle_state": LifecycleState.CREATED.value,
        "created_at": now,
        "updated_at": now,
        **_columns(config),
    }
    try:
        with conn.begin_nested():
            conn.execute(insert(service).values(row))
    except IntegrityError:  # somebody made it between the questions above and this
        raise DuplicateError("service", service_id, "the id or the name is taken; choose another") from None
    _put_dependencies(conn, service_id, list(config["depends_on"]))  # type: ignore[call-overload]
    conn.execute(
        insert(lifecycle_event).values(
            service_id=service_id, from_state=None, to_state=LifecycleState.CREATED.value, actor=actor, at=now
        )
    )
    audit.write(
        conn,
        actor,
        "create",
        "service",
        service_id,
        service=service_id,
        now=now,
        after={"name": name, "preset": preset, **said},
    )
    return get(conn, service_id)


def get_config(conn: Connection, service_id: str) -> dict[str, Any]:
    """Name, preset and every field of the configuration; the webhook's address masked."""
    found = get(conn, service_id)
    config = {field: getattr(found, field) for field in presets.DEFAULTS}
    for field, value in config.items():
        if isinstance(value, tuple):
            config[field] = list(value)
    if found.notification_webhook_url is not None:
        config["notification_webhook_url"] = "********"
    return {"name": found.name, "preset": found.preset, **config}


def update(conn: Connection, service_id: str, changes: Mapping[str, Any], *, actor: str, now: datetime) -> Service:
    """Changes the named fields (PATCH). A preset fills its own fields unless they are named too."""
    before = get(conn, service_id)
    changes = dict(changes)
    if changes.get("notification_webhook_url") == "********":
        del changes["notification_webhook_url"]  # what GET showed in its place: unchanged
    if "id" in changes and changes.pop("id") != service_id:
        raise InvalidError("id", "the id of a service never changes; its name may")
    columns: dict[str, Any] = {"updated_at": now}
    if "name" in changes:
        name = _name(changes.pop("name"))
        if (
            conn.execute(select(service.c.id).where(service.c.name == name, service.c.id != service_id)).first()
            is not None
        ):
            raise DuplicateError("service", service_id, f"the name {name!r} is taken; choose another")
        columns["name"] = name
    if "preset" in changes:
        preset = changes.pop("preset")
        _check_preset(preset)
        if preset != before.preset:
            changes = {**presets.PRESETS[preset], **changes}
        columns["preset"] = preset
    config = _checked(changes)
    if "depends_on" in config:
        _put_dependencies(conn, service_id, config["depends_on"])
    conn.execute(sa_update(service).where(service.c.id == service_id).values(**columns, **_columns(config)))
    after = get(conn, service_id)
    fields = [f for f in Service.__slots__ if f != "updated_at"]
    audit.write(
        conn, actor, "update", "service", service_id, service=service_id, now=now,
        before={f: getattr(before, f) for f in fields}, after={f: getattr(after, f) for f in fields},
    )  # fmt: skip
    return after


def put_config(
    conn: Connection, service_id: str, config: Mapping[str, Any], *, actor: str, now: datetime
) -> dict[str, Any]:
    """Sets the whole configuration (PUT): what is not named takes the preset's or the default value."""
    before = get(conn, service_id)
    said = dict(config)
    preset = said.pop("preset", before.preset)
    _check_preset(preset)
    name = said.pop("name", before.name)
    if said.get("notification_webhook_url") == "********" and before.notification_webhook_url is not None:
        said["notification_webhook_url"] = before.notification_webhook_url.reveal()
    update(
        conn, service_id, {"name": name, "preset": preset, **presets.fill(preset, _checked(said))}, actor=actor, now=now
    )
    advance(conn, service_id, LifecycleState.CONFIGURING, actor=actor, now=now)
    return get_config(conn, service_id)


def pause(conn: Connection, service_id: str, *, actor: str, now: datetime) -> Service:
    """Stops all work of the service; its data stays."""
    return update(conn, service_id, {"is_active": False}, actor=actor, now=now)


def resume(conn: Connection, service_id: str, *, actor: str, now: datetime) -> Service:
    """Takes the work up again; the gap is fetched."""
    return update(conn, service_id, {"is_active": True}, actor=actor, now=now)


def move(
    conn: Connection, service_id: str, to: LifecycleState, *, actor: str, now: datetime, reason: str | None = None
) -> Service:
    """One legal move, kept with time and actor; to the state it is in: nothing. Raises IllegalMoveError."""
    query = select(service.c.lifecycle_state).where(service.c.id == service_id).with_for_update()
    current_text = conn.execute(query).scalar()
    if current_text is None:
        raise NotFoundError("service", service_id)
    current = LifecycleState(current_text)
    if current == to:
        return get(conn, service_id)
    if to not in allowed(current):
        raise IllegalMoveError(service_id, current, to, [s.value for s in allowed(current)])
    _move(conn, service_id, current, to, actor, now, reason)
    return get(conn, service_id)


def _move(
    conn: Connection,
    service_id: str,
    current: LifecycleState,
    to: LifecycleState,
    actor: str,
    now: datetime,
    reason: str | None,
) -> None:
    conn.execute(sa_update(service).where(service.c.id == service_id).values(lifecycle_state=to.value, updated_at=now))
    conn.execute(
        insert(lifecycle_event).values(
            service_id=service_id, from_state=current.value, to_state=to.value, actor=actor, at=now, reason=reason
        )
    )
    audit.write(
        conn, actor, "move", "service", service_id, service=service_id, now=now,
        before={"lifecycle_state": current.value}, after={"lifecycle_state": to.value, "reason": reason},
    )  # fmt: skip


def advance(conn: Connection, service_id: str, to: LifecycleState, *, actor: str, now: datetime) -> Service:
    """Through the legal steps to `to`; nothing when the service is there or past it."""
    query = select(service.c.lifecycle_state).where(service.c.id == service_id).with_for_update()
    text = conn.execute(query).scalar()
    if text is None:
        raise NotFoundError("service", service_id)
    current = LifecycleState(text)
    if not reached(current, to):
        steps = path(current, to)
        if steps is None:
            raise IllegalMoveError(service_id, current, to, [s.value for s in allowed(current)])
        for step in steps:
            _move(conn, service_id, current, step, actor, now, None)
            current = step
    return get(conn, service_id)


def maintenance(
    conn: Connection, service_id: str, on: bool, *, actor: str, now: datetime, reason: str | None = None
) -> Service:
    """Into maintenance (work and alerts pause, data stays) and back (the gap is fetched). Raises IllegalMoveError."""
    to = LifecycleState.MAINTENANCE if on else LifecycleState.ACTIVE
    if not on and get(conn, service_id).lifecycle_state is not LifecycleState.MAINTENANCE:
        current = get(conn, service_id).lifecycle_state
        raise IllegalMoveError(service_id, current, "out of Maintenance", [s.value for s in allowed(current)])
    return move(conn, service_id, to, actor=actor, now=now, reason=reason)


def archive(conn: Connection, service_id: str, *, actor: str, now: datetime) -> Service:
    """Out of all lists for good; its data stays readable.

    Out of maintenance by way of Active; one that was never active is archived as it is (else nobody could be rid of it).
    """
    current = get(conn, service_id).lifecycle_state
    if current is not LifecycleState.ARCHIVED:
        if LifecycleState.ACTIVE in allowed(current) and reached(current, LifecycleState.ACTIVE):
            _move(conn, service_id, current, LifecycleState.ACTIVE, actor, now, "on its way to the archive")
            current = LifecycleState.ACTIVE
        _move(conn, service_id, current, LifecycleState.ARCHIVED, actor, now, "archived")
        conn.execute(sa_update(service).where(service.c.id == service_id).values(is_active=False))
    return get(conn, service_id)


def history(conn: Connection, service_id: str) -> list[LifecycleEvent]:
    """The moves of a service, oldest first."""
    rows = conn.execute(
        select(lifecycle_event).where(lifecycle_event.c.service_id == service_id).order_by(lifecycle_event.c.id)
    ).mappings()
    return [LifecycleEvent(**{f: row[f] for f in LifecycleEvent.__slots__}) for row in rows]


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
