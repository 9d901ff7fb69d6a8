"""Which fingerprint belongs to which cluster: the versioned mapping, minting of ids, aliases, and what moved.

Where a fingerprint belongs is decided in `core.clustering`, or by a person (`decisions`, `clusters`); this module writes it down.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert

from luffy_dagster.core.clustering import CLUSTER_ALGORITHM as ALGORITHM
from luffy_dagster.store import shapes
from luffy_dagster.store.errors import NotFoundError
from luffy_dagster.store.schema import cluster, cluster_alias, cluster_mapping, fingerprint, mapping_move
from luffy_dagster.store.shapes import Change

if TYPE_CHECKING:
    import polars as pl


def resolve(conn: Connection, service: str, cluster_id: str) -> str:
    """The id that a cluster goes by today (aliases followed)."""
    seen = {cluster_id}
    while True:
        a = cluster_alias.c
        nxt = conn.execute(select(a.cluster_id).where(a.service_id == service, a.alias == cluster_id)).scalar()
        if nxt is None or nxt in seen:
            return cluster_id
        cluster_id = nxt
        seen.add(nxt)


def mapped(conn: Connection, service: str, algorithm: str) -> dict[str, tuple[str, bool]]:
    """Cluster of each fingerprint in an algorithm's mapping, and whether a person put it there."""
    m = cluster_mapping.c
    rows = conn.execute(
        select(m.fingerprint, m.cluster_id, m.manual).where(m.service_id == service, m.algorithm == algorithm)
    )
    return {r.fingerprint: (r.cluster_id, r.manual) for r in rows}


def _title(row: Any) -> str:
    """What was thrown with its own message, and the innermost cause's type where that is another."""
    message = (row.message or "").strip().splitlines()
    head = row.type or row.root_type
    said = ": ".join(p for p in (head, message[0][:200] if message else None) if p) or "exception"
    inner = row.root_type if row.root_type and row.root_type != head else ""
    return f"{said} (caused by {inner.rpartition('.')[2]})" if inner else said


def apply_assignment(conn: Connection, service: str, rows: pl.DataFrame, *, algorithm: str, now: datetime) -> Change:
    """Writes which cluster each fingerprint belongs to (fingerprint, cluster_id, reason); members put by hand stay.

    A cluster id that is not known is minted, with the title of its earliest member. What moves is kept in mapping_move.
    """
    if rows.is_empty():
        return Change(0, 0)
    before = mapped(conn, service, algorithm)
    goes_by = {c: resolve(conn, service, c) for c in rows["cluster_id"].unique().to_list()}
    wanted = {
        r["fingerprint"]: (goes_by[r["cluster_id"]], r.get("reason"))
        for r in rows.sort("fingerprint").iter_rows(named=True)
    }
    changed = {f: v for f, v in wanted.items() if f not in before or (before[f][0] != v[0] and not before[f][1])}
    mint(conn, service, changed, now)
    if changed:
        values = [
            {
                "service_id": service,
                "algorithm": algorithm,
                "fingerprint": f,
                "cluster_id": c,
                "reason": r,
                "manual": False,
                "at": now,
            }
            for f, (c, r) in changed.items()
        ]
        statement = insert(cluster_mapping)
        new = {
            "cluster_id": statement.excluded.cluster_id,
            "reason": statement.excluded.reason,
            "at": statement.excluded.at,
        }
        conn.execute(
            statement.on_conflict_do_update(index_elements=["service_id", "algorithm", "fingerprint"], set_=new), values
        )
    moved = {f: v for f, v in changed.items() if f in before}
    if moved:
        conn.execute(
            insert(mapping_move),
            [
                {
                    "service_id": service,
                    "kind": "clusters",
                    "algorithm": algorithm,
                    "member": f,
                    "from_id": before[f][0],
                    "to_id": c,
                    "reason": r,
                    "at": now,
                }
                for f, (c, r) in moved.items()
            ],
        )
    shapes.put_active(conn, service, "clusters", algorithm, actor="luffy", now=now)
    refresh_times(conn, service)
    return Change(moved=len(moved), new=len(changed) - len(moved))


def mint(conn: Connection, service: str, assigned: dict[str, tuple[str, str | None]], now: datetime) -> None:
    """Makes the clusters that are not known yet, titled by their earliest member; raises NotFoundError without a known member."""
    ids = {c for c, _ in assigned.values()}
    known = set(
        conn.execute(
            select(cluster.c.cluster_id).where(cluster.c.service_id == service, cluster.c.cluster_id.in_(ids))
        ).scalars()
    )
    new = ids - known
    if not new:
        return
    f = fingerprint.c
    facts = {
        r.fingerprint: r
        for r in conn.execute(select(fingerprint).where(f.service_id == service, f.fingerprint.in_(assigned))).all()
    }
    values = []
    for cluster_id in sorted(new):
        own = [facts[m] for m, (c, _) in assigned.items() if c == cluster_id and m in facts]
        if not own:
            raise NotFoundError("fingerprint of cluster", cluster_id)
        founder = min(own, key=lambda r: (r.first_seen, r.fingerprint))
        values.append(
            {
                "service_id": service,
                "cluster_id": cluster_id,
                "title": _title(founder),
                "type": founder.root_type or founder.type,
                "culprit": founder.culprit,
                "founder": founder.fingerprint,
                "first_seen": min(r.first_seen for r in own),
                "last_seen": max(r.last_seen for r in own),
                "created_at": now,
                "updated_at": now,
            }  # fmt: skip
        )
    conn.execute(insert(cluster).on_conflict_do_nothing(), values)


def refresh_times(conn: Connection, service: str) -> None:
    """First and last seen of every cluster are those of its members in force."""
    conn.execute(
        text(
            "UPDATE cluster c SET first_seen = x.first, last_seen = x.last FROM ("
            " SELECT m.cluster_id, min(f.first_seen) AS first, max(f.last_seen) AS last FROM cluster_mapping m"
            " JOIN fingerprint f USING (service_id, fingerprint)"
            " JOIN active_mapping a ON a.service_id = m.service_id AND a.kind = 'clusters' AND a.algorithm = m.algorithm"
            " WHERE m.service_id = :service GROUP BY m.cluster_id) x"
            " WHERE c.service_id = :service AND c.cluster_id = x.cluster_id AND (c.first_seen, c.last_seen) IS DISTINCT FROM (x.first, x.last)"
        ),
        {"service": service},
    )


def move_members(conn: Connection, service: str, fingerprints: list[str], to: str, reason: str, now: datetime) -> None:
    """Puts fingerprints into a cluster by hand: no later run moves them."""
    algorithm = shapes.active_algorithm(conn, service, "clusters") or ALGORITHM
    before = mapped(conn, service, algorithm)
    m = cluster_mapping
    conn.execute(
        update(m)
        .where(m.c.service_id == service, m.c.algorithm == algorithm, m.c.fingerprint.in_(fingerprints))
        .values(cluster_id=to, reason=reason, manual=True, at=now)
    )
    moves = [
        {
            "service_id": service,
            "kind": "clusters",
            "algorithm": algorithm,
            "member": f,
            "from_id": before[f][0],
            "to_id": to,
            "reason": reason,
            "at": now,
        }
        for f in fingerprints
        if f in before
    ]
    if moves:
        conn.execute(insert(mapping_move), moves)
    refresh_times(conn, service)


def put_alias(
    conn: Connection, service: str, alias: str, cluster_id: str, *, actor: str, reason: str | None, now: datetime
) -> None:
    """From now on `alias` is another name of the cluster."""
    values = {"cluster_id": cluster_id, "actor": actor, "reason": reason, "at": now}
    statement = insert(cluster_alias).values(service_id=service, alias=alias, **values)
    conn.execute(statement.on_conflict_do_update(index_elements=["service_id", "alias"], set_=values))


def drop_alias(conn: Connection, service: str, alias: str) -> None:
    """The id stands for itself again."""
    conn.execute(delete(cluster_alias).where(cluster_alias.c.service_id == service, cluster_alias.c.alias == alias))


def undo_moves(
    conn: Connection, service: str, members: list[str] | None, at: datetime, reason: str, now: datetime
) -> list[tuple[str, str]]:
    """Takes back the moves made by hand at `at` (of `members`, or all), where nothing moved since; (from, to) of what was undone.

    The members are free again: the next mapping may place them.
    """
    v, m = mapping_move, cluster_mapping
    algorithm = shapes.active_algorithm(conn, service, "clusters") or ALGORITHM
    query = select(v.c.member, v.c.from_id, v.c.to_id).where(
        v.c.service_id == service, v.c.kind == "clusters", v.c.algorithm == algorithm, v.c.at == at
    )
    if members is not None:
        query = query.where(v.c.member.in_(members))
    undone = []
    for row in conn.execute(query.order_by(v.c.id)).all():
        done = conn.execute(
            update(m)
            .where(
                m.c.service_id == service, m.c.algorithm == algorithm, m.c.fingerprint == row.member,
                m.c.cluster_id == row.to_id, m.c.manual,
            )
            .values(cluster_id=row.from_id, manual=False, reason=reason, at=now)
        )  # fmt: skip
        if done.rowcount:
            move = {"member": row.member, "from_id": row.to_id, "to_id": row.from_id, "reason": reason, "at": now}
            conn.execute(insert(v).values(service_id=service, kind="clusters", algorithm=algorithm, **move))
            undone.append((row.from_id, row.to_id))
    refresh_times(conn, service)
    return undone
