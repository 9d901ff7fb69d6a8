"""Services whose last work failed, each with the reason: one value of the installation, changed under a lock."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from luffy_dagster.store import kv

_KEY = "dagster.failing_services"


def reasons(conn: Connection) -> dict[str, str]:
    """Why each service failed that did."""
    return dict(kv.get(conn, _KEY, {}) or {})


def record(conn: Connection, service: str, reason: str | None, now: datetime) -> bool:
    """Keeps whether the service's last work failed (`reason`) or not (None); True when that changed."""
    conn.execute(text("SELECT pg_advisory_xact_lock(hashtext('luffy:failing services'))"))
    known = reasons(conn)
    if known.pop(service, None) == reason:
        return False
    if reason is not None:
        known[service] = reason
    kv.put(conn, _KEY, known, now)
    return True
