"""A service's own masks and grouping rules; tried on history before they are put in force, revoked rather than deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from luffy_dagster.store import audit
from luffy_dagster.store.errors import InvalidError, NotFoundError
from luffy_dagster.store.schema import grouping_rule, service_mask

_TABLES: dict[str, Table] = {"mask": service_mask, "grouping_rule": grouping_rule}


@dataclass(frozen=True, slots=True)
class Mask:
    """An expression whose matches count as one value in messages of the service."""

    id: int
    name: str
    pattern: str
    replacement: str
    active: bool


@dataclass(frozen=True, slots=True)
class GroupingRule:
    """What exceptions it matches (fields of the exception) and what it does with them."""

    id: int
    name: str
    matcher: dict[str, Any]
    action: dict[str, Any]
    active: bool


def add_mask(
    conn: Connection, service: str, name: str, pattern: str, replacement: str, *, actor: str, now: datetime
) -> int:
    """Adds a mask, not yet in force; raises InvalidError for a pattern that the column engine does not take."""
    import polars as pl

    if not name.strip() or not replacement:
        raise InvalidError("name" if replacement else "replacement", "it must not be empty")
    try:
        if pl.Series([""]).str.contains(pattern).any():
            raise InvalidError(
                "pattern", f"{pattern!r} matches nothing at all everywhere: it must match at least a character"
            )
    except pl.exceptions.ComputeError as error:
        raise InvalidError("pattern", str(error).splitlines()[0]) from None
    return _add(conn, "mask", service, actor, now, name=name, pattern=pattern, replacement=replacement)


def add_grouping_rule(
    conn: Connection,
    service: str,
    name: str,
    matcher: Mapping[str, Any],
    action: Mapping[str, Any],
    *,
    actor: str,
    now: datetime,
) -> int:
    """Adds a grouping rule, not yet in force; raises InvalidError for one that can do nothing."""
    from luffy_dagster.core.clustering.own import RuleError, check_rule

    try:
        check_rule(matcher, action)
    except RuleError as error:
        raise InvalidError("rule", str(error)) from None
    return _add(conn, "grouping_rule", service, actor, now, name=name, matcher=dict(matcher), action=dict(action))


def _add(conn: Connection, kind: str, service: str, actor: str, now: datetime, **values: Any) -> int:
    table = _TABLES[kind]
    number = conn.execute(
        insert(table).values(service_id=service, actor=actor, at=now, **values).returning(table.c.id)
    ).scalar_one()
    audit.write(conn, actor, "create", kind, number, service=service, now=now, after=values)
    return number


def _in_force(conn: Connection, kind: str, service: str, only_active: bool) -> list[Any]:
    table = _TABLES[kind]
    query = select(table).where(table.c.service_id == service, table.c.revoked_at.is_(None)).order_by(table.c.id)
    if only_active:
        query = query.where(table.c.active)
    return list(conn.execute(query).mappings())


def list_masks(conn: Connection, service: str, *, only_active: bool = False) -> list[Mask]:
    """Masks that are not revoked, oldest first."""
    return [Mask(**{f: r[f] for f in Mask.__slots__}) for r in _in_force(conn, "mask", service, only_active)]


def list_grouping_rules(conn: Connection, service: str, *, only_active: bool = False) -> list[GroupingRule]:
    """Grouping rules that are not revoked, oldest first."""
    return [
        GroupingRule(**{f: r[f] for f in GroupingRule.__slots__})
        for r in _in_force(conn, "grouping_rule", service, only_active)
    ]


def activate(conn: Connection, kind: str, number: int, *, actor: str, now: datetime) -> None:
    """Puts a mask or grouping rule (`kind`) in force."""
    _change(conn, kind, number, "activate", {"active": True}, actor, now)


def revoke(conn: Connection, kind: str, number: int, *, actor: str, now: datetime) -> None:
    """Takes a mask or grouping rule (`kind`) out for good."""
    _change(conn, kind, number, "revoke", {"revoked_at": now, "active": False}, actor, now)


def _change(
    conn: Connection, kind: str, number: int, action: str, values: Mapping[str, Any], actor: str, now: datetime
) -> None:
    table = _TABLES[kind]
    row = conn.execute(update(table).where(table.c.id == number).values(values).returning(table.c.service_id)).first()
    if row is None:
        raise NotFoundError(kind, number)
    audit.write(conn, actor, action, kind, number, service=row.service_id, now=now, after=values)
