"""Services made and configured. Whatever a person changes is audited here; defaults are `core.presets`'."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy import update as sa_update
from sqlalchemy.exc import IntegrityError

from luffy_dagster.core import presets
from luffy_dagster.core.lifecycle import LifecycleState
from luffy_dagster.store import audit, crypto
from luffy_dagster.store.errors import DuplicateError, InvalidError
from luffy_dagster.store.schema import lifecycle_event, service, service_dependency
from luffy_dagster.store.services.fields import SLUG, check_preset, checked, checked_name, slug
from luffy_dagster.store.services.lifecycle import advance
from luffy_dagster.store.services.records import Service, find, get


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
    name = checked_name(said.pop("name", None) or said.get("id"))
    service_id = said.pop("id", None) or slug(name)
    if not isinstance(service_id, str) or not SLUG.match(service_id):
        raise InvalidError(
            "id", f"{service_id!r} is no slug: small letters, digits and hyphens, at most 63, no hyphen in front"
        )
    preset = said.pop("preset", None) or presets.DEFAULT_PRESET
    check_preset(preset)
    config = presets.fill(preset, checked(said))
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
        name = checked_name(changes.pop("name"))
        if (
            conn.execute(select(service.c.id).where(service.c.name == name, service.c.id != service_id)).first()
            is not None
        ):
            raise DuplicateError("service", service_id, f"the name {name!r} is taken; choose another")
        columns["name"] = name
    if "preset" in changes:
        preset = changes.pop("preset")
        check_preset(preset)
        if preset != before.preset:
            changes = {**presets.PRESETS[preset], **changes}
        columns["preset"] = preset
    config = checked(changes)
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
    check_preset(preset)
    name = said.pop("name", before.name)
    if said.get("notification_webhook_url") == "********" and before.notification_webhook_url is not None:
        said["notification_webhook_url"] = before.notification_webhook_url.reveal()
    update(
        conn, service_id, {"name": name, "preset": preset, **presets.fill(preset, checked(said))}, actor=actor, now=now
    )
    advance(conn, service_id, LifecycleState.CONFIGURING, actor=actor, now=now)
    return get_config(conn, service_id)


def pause(conn: Connection, service_id: str, *, actor: str, now: datetime) -> Service:
    """Stops all work of the service; its data stays."""
    return update(conn, service_id, {"is_active": False}, actor=actor, now=now)


def resume(conn: Connection, service_id: str, *, actor: str, now: datetime) -> Service:
    """Takes the work up again; the gap is fetched."""
    return update(conn, service_id, {"is_active": True}, actor=actor, now=now)
