"""Putting a mapping that was computed over history in force, whole: rows, what moved, aliases, the pointer and the audit row.

The mapping it takes the place of stays readable under its own recipe; what a person put somewhere by hand stays there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select, text

from luffy_dagster.store import assignments, audit, bulk, shapes
from luffy_dagster.store.schema import cluster

if TYPE_CHECKING:
    import polars as pl

_TEXTS = {"member": "text", "group_id": "text", "label": "text", "reason": "text"}
_TABLES = {"templates": ("template_mapping", "shape_id", "template_id"), "clusters": ("cluster_mapping", "fingerprint", "cluster_id")}  # fmt: skip


def manual_rows(conn: Connection, service: str, kind: str, recipe: str | None) -> dict[str, str]:
    """Members that a person put somewhere in the mapping of `recipe`: member → group."""
    table, member, group = _TABLES[kind]
    query = f"SELECT {member}, {group} FROM {table} WHERE service_id = :service AND algorithm = :recipe AND manual"  # noqa: S608 - our own names
    return dict(conn.execute(text(query), {"service": service, "recipe": recipe}).tuples().all())


def clusters(conn: Connection, service: str) -> dict[str, tuple[str, str]]:
    """Founding fingerprint and title of every cluster of the service."""
    c = cluster.c
    rows = conn.execute(select(c.cluster_id, c.founder, c.title).where(c.service_id == service))
    return {row.cluster_id: (row.founder, row.title) for row in rows}


def activate(
    conn: Connection,
    service: str,
    kind: str,
    recipe: str,
    rows: pl.DataFrame,
    *,
    aliases: Mapping[str, str] | None = None,
    actor: str,
    note: Mapping[str, Any],
    now: datetime,
) -> int:
    """Replaces the mapping of `recipe` by `rows` (member, group, label, reason), puts it in force; how many members moved.

    `kind` is templates or clusters; `aliases` are clusters that another one continues. `note` goes into the audit row.
    """
    table, member, group = _TABLES[kind]
    before = shapes.active_algorithm(conn, service, kind)
    values: dict[str, Any] = {"service": service, "recipe": recipe, "before": before, "now": now, "actor": actor}
    if before is not None and before != recipe:
        conn.execute(text(f"DELETE FROM {table} WHERE service_id = :service AND algorithm = :recipe"), values)  # noqa: S608
        more = "template, actor" if kind == "templates" else "reason"
        kept = (
            f"INSERT INTO {table} (service_id, algorithm, {member}, {group}, {more}, manual, at)"  # noqa: S608
            f" SELECT service_id, :recipe, {member}, {group}, {more}, manual, at FROM {table}"
            " WHERE service_id = :service AND algorithm = :before AND manual"
        )
        conn.execute(text(kept), values)
    else:
        conn.execute(
            text(f"DELETE FROM {table} WHERE service_id = :service AND algorithm = :recipe AND NOT manual"),  # noqa: S608
            values,
        )
    frame = rows.rename({"group": "group_id"}).sort("member")
    if kind == "clusters":
        said = frame.select("member", "group_id", "reason").iter_rows()
        assignments.mint(conn, service, {one: (cluster, reason) for one, cluster, reason in said}, now)
        extra, source = "reason", "reason"
    else:
        extra, source = "template, actor", "label, :actor"
    bulk.run(
        conn,
        f"INSERT INTO {table} (service_id, algorithm, {member}, {group}, {extra}, manual, at)"  # noqa: S608
        f" SELECT :service, :recipe, member, group_id, {source}, false, :now FROM {{rows}}"
        f" ON CONFLICT (service_id, algorithm, {member}) DO NOTHING",
        frame,
        _TEXTS,
        **values,
    )
    moved = 0
    if before is not None and before != recipe:
        moved = conn.execute(
            text(
                "INSERT INTO mapping_move (service_id, kind, algorithm, member, from_id, to_id, reason, at)"  # noqa: S608
                f" SELECT :service, :kind, :recipe, b.{member}, b.{group}, a.{group}, 'replay', :now FROM {table} b"
                f" JOIN {table} a ON a.service_id = b.service_id AND a.algorithm = :recipe AND a.{member} = b.{member}"
                f" WHERE b.service_id = :service AND b.algorithm = :before AND a.{group} <> b.{group}"
            ),
            {**values, "kind": kind},
        ).rowcount
    shapes.put_active(conn, service, kind, recipe, actor=actor, now=now)
    for alias, stays in sorted((aliases or {}).items()):
        assignments.put_alias(conn, service, alias, stays, actor=actor, reason="replay", now=now)
    for stays in {*rows["group"].to_list()} if kind == "clusters" else ():
        assignments.drop_alias(conn, service, stays)
    if kind == "clusters":
        assignments.refresh_times(conn, service)
    audit.write(
        conn, actor, "replay", f"{kind} mapping", recipe, service=service, now=now,
        before={"recipe": before}, after={"recipe": recipe, **note, "moved": moved},
    )  # fmt: skip
    return int(moved)
