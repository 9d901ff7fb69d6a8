"""Who changed what: one row per change a person made, written in the transaction of the change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from luffy_dagster.store.schema import audit

_HIDDEN = ("password", "api_key", "client_key", "webhook", "secret", "token")


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One change; `before` and `after` hold only the fields that differ, secrets masked."""

    id: int
    at: datetime
    actor: str
    action: str
    kind: str
    key: str
    service_id: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def _plain(value: Any) -> Any:
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(k): masked(str(k), v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(v) for v in value]
    return str(value)


def masked(field: str, value: Any) -> Any:
    """A value fit for the audit: secrets become stars, other types their text."""
    if value is not None and any(word in field.lower() for word in _HIDDEN) and not isinstance(value, bool):
        return "********"
    return _plain(value)


def write(
    conn: Connection,
    actor: str,
    action: str,
    kind: str,
    key: object,
    *,
    now: datetime,
    service: str | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Adds a row. `before` and `after` are whole: fields that are equal in both are left out."""
    if before is not None and after is not None:
        changed = {f for f in {*before, *after} if before.get(f) != after.get(f)}
        before = {f: v for f, v in before.items() if f in changed}
        after = {f: v for f, v in after.items() if f in changed}
    conn.execute(
        insert(audit).values(
            at=now,
            actor=actor,
            action=action,
            kind=kind,
            key=str(key),
            service_id=service,
            before=None if before is None else {f: masked(f, v) for f, v in before.items()},
            after=None if after is None else {f: masked(f, v) for f, v in after.items()},
        )
    )


def list_audit(
    conn: Connection, service: str | None = None, *, kind: str | None = None, limit: int = 100
) -> list[AuditRow]:
    """The latest rows first."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if service is not None:
        query = query.where(audit.c.service_id == service)
    if kind is not None:
        query = query.where(audit.c.kind == kind)
    return [AuditRow(**row) for row in conn.execute(query).mappings()]
