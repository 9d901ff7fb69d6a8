"""What people decided about clusters: join, split, merge, each a row that no later run overrides."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from luffy_dagster.core.model import Decision
from luffy_dagster.store import audit
from luffy_dagster.store.errors import InvalidError, NotFoundError
from luffy_dagster.store.schema import cluster_decision, fingerprint


def decisions(conn: Connection, service: str) -> list[Decision]:
    """Decisions in force, oldest first."""
    d = cluster_decision.c
    rows = conn.execute(
        select(cluster_decision).where(d.service_id == service, d.revoked_at.is_(None)).order_by(d.id)
    ).mappings()
    return [Decision(**{f: r[f] for f in Decision.__slots__}) for r in rows]


def decide(
    conn: Connection, service: str, kind: str, a: str, b: str, *, actor: str, reason: str | None, now: datetime
) -> int:
    """Adds a decision about two fingerprints; its number. Raises InvalidError, NotFoundError."""
    if kind not in ("join", "split"):
        raise InvalidError("kind", f"{kind!r} is neither join nor split")
    if a == b:
        raise InvalidError("fingerprint_b", "the two fingerprints are the same one")
    for one in (a, b):
        if (
            conn.execute(
                select(fingerprint.c.fingerprint).where(
                    fingerprint.c.service_id == service, fingerprint.c.fingerprint == one
                )
            ).first()
            is None
        ):
            raise NotFoundError("fingerprint", one)
    values = {
        "service_id": service,
        "kind": kind,
        "fingerprint_a": a,
        "fingerprint_b": b,
        "actor": actor,
        "reason": reason,
        "at": now,
    }
    number = conn.execute(insert(cluster_decision).values(values).returning(cluster_decision.c.id)).scalar_one()
    audit.write(
        conn,
        actor,
        kind,
        "cluster_decision",
        number,
        service=service,
        now=now,
        after={"a": a, "b": b, "reason": reason},
    )
    return number


def revoke(conn: Connection, number: int, *, actor: str, now: datetime) -> Any:
    """Takes a decision back; it stays readable. Its row; raises NotFoundError when it is none in force."""
    d = cluster_decision
    row = conn.execute(
        update(d).where(d.c.id == number, d.c.revoked_at.is_(None)).values(revoked_at=now).returning(d)
    ).first()
    if row is None:
        raise NotFoundError("decision", number)
    audit.write(conn, actor, "revoke", "cluster_decision", number, service=row.service_id, now=now)
    return row
