"""Silences, acknowledgements and maintenance windows, each with owner and reason, and which alert each of them hid."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from luffy_dagster.core.alerting.mute import FIELDS, Hidden, Silence, Window
from luffy_dagster.core.model import Severity
from luffy_dagster.store import audit, services
from luffy_dagster.store.errors import InvalidError, NotFoundError
from luffy_dagster.store.schema import acknowledgement, alert, hidden_alert, maintenance_window, silence


@dataclass(frozen=True, slots=True)
class Ack:
    """Somebody has an incident: its repeats and updates are not told until `until` (None: until it is over)."""

    id: int
    incident_id: str
    owner: str
    reason: str | None
    at: datetime
    until: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class HiddenRow:
    """One alert that was hidden: by what, from when, until when (None: still)."""

    alert_id: int
    by_kind: str
    by_id: int
    reason: str
    from_at: datetime
    until_at: datetime | None
    title: str
    service_id: str
    severity: str


def _owned(owner: str, reason: str) -> None:
    if not reason or not reason.strip():
        raise InvalidError("reason", "must be given: whoever reads it later wants to know why")
    if not owner:
        raise InvalidError("owner", "must not be empty")


def _times(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    if ends_at <= starts_at or ends_at <= now:
        raise InvalidError("until", f"{ends_at:%Y-%m-%d %H:%M} UTC is not after its beginning, or lies in the past")


def add_silence(
    conn: Connection,
    matchers: Mapping[str, str],
    *,
    owner: str,
    reason: str,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    most: Severity = Severity.CRITICAL,
) -> int:
    """Silences the alerts that match every matcher; its number. Raises InvalidError."""
    _owned(owner, reason)
    _times(starts_at, ends_at, now)
    unknown = sorted(set(matchers) - set(FIELDS))
    if unknown or not matchers:
        said = f"{', '.join(unknown)}: no such field" if unknown else "none given: it would silence everything"
        raise InvalidError("matchers", f"{said}; known: {', '.join(FIELDS)}")
    values = {
        "matchers": dict(matchers), "most": str(most), "owner": owner, "reason": reason, "starts_at": starts_at,
        "ends_at": ends_at, "created_at": now,
    }  # fmt: skip
    number = int(conn.execute(insert(silence).values(values).returning(silence.c.id)).scalar_one())
    audit.write(conn, owner, "create", "silence", number, service=matchers.get("service"), now=now, after=values)
    return number


def silences(conn: Connection, *, since: datetime | None = None) -> list[dict[str, Any]]:
    """Silences as rows, newest first; with `since` only those that end after it."""
    query = select(silence).order_by(silence.c.id.desc())
    if since is not None:
        query = query.where(silence.c.ends_at > since)
    return [dict(row) for row in conn.execute(query).mappings()]


def in_force(conn: Connection, now: datetime) -> tuple[tuple[Silence, ...], tuple[Window, ...]]:
    """Silences and windows that may hide something now."""
    s, w = silence.c, maintenance_window.c
    silent = conn.execute(select(silence).where(s.starts_at <= now, s.ends_at > now).order_by(s.id)).mappings()
    windows = conn.execute(select(maintenance_window).where(w.starts_at <= now, w.ends_at > now).order_by(w.id))
    return tuple(map(_silence, silent)), tuple(_window(row) for row in windows.mappings())


def _silence(row: Any) -> Silence:
    names = ("id", "matchers", "owner", "reason", "starts_at", "ends_at")
    return Silence(**{name: row[name] for name in names}, most=Severity(row["most"]))


def _window(row: Any) -> Window:
    names = ("id", "owner", "reason", "starts_at", "ends_at")
    return Window(**{name: row[name] for name in names}, services=tuple(row["services"]))


def end_silence(conn: Connection, number: int, *, actor: str, now: datetime) -> None:
    """Ends a silence early; raises NotFoundError when it is over already."""
    s = silence.c
    done = conn.execute(
        update(silence).where(s.id == number, s.ends_at > now).values(ends_at=now, ended_early_at=now, ended_by=actor)
    )
    if not done.rowcount:
        raise NotFoundError("silence in force", number)
    audit.write(conn, actor, "end", "silence", number, now=now)


def expired(conn: Connection, now: datetime) -> list[tuple[str, dict[str, Any]]]:
    """Silences and windows that are over and whose end was not noted yet."""
    out = []
    for kind, table in (("silence", silence), ("maintenance", maintenance_window)):
        query = select(table).where(table.c.ends_at <= now, table.c.expiry_noted_at.is_(None)).order_by(table.c.id)
        out += [(kind, dict(row)) for row in conn.execute(query).mappings()]
    return out


def note_expiry(conn: Connection, kind: str, number: int, now: datetime) -> None:
    """The end was noted: it is told once."""
    table = silence if kind == "silence" else maintenance_window
    conn.execute(update(table).where(table.c.id == number).values(expiry_noted_at=now))


def add_window(
    conn: Connection,
    services_: Collection[str],
    *,
    owner: str,
    reason: str,
    starts_at: datetime,
    ends_at: datetime,
    pause: bool,
    now: datetime,
) -> int:
    """Plans a maintenance window; with `pause` the services' work stops while it lasts. Raises InvalidError, NotFoundError."""
    _owned(owner, reason)
    _times(starts_at, ends_at, now)
    for one in services_:
        services.get(conn, one)
    if pause and not services_:
        raise InvalidError("services", "name the services whose work is to pause")
    values = {
        "services": sorted(set(services_)), "owner": owner, "reason": reason, "starts_at": starts_at,
        "ends_at": ends_at, "pause": pause, "created_at": now,
    }  # fmt: skip
    statement = insert(maintenance_window).values(values).returning(maintenance_window.c.id)
    number = int(conn.execute(statement).scalar_one())
    audit.write(conn, owner, "create", "maintenance_window", number, now=now, after=values)
    return number


def windows(conn: Connection, *, since: datetime | None = None) -> list[dict[str, Any]]:
    """Windows as rows, newest first; with `since` only those that end after it."""
    w = maintenance_window.c
    query = select(maintenance_window).order_by(w.starts_at.desc(), w.id.desc())
    if since is not None:
        query = query.where(w.ends_at > since)
    return [dict(row) for row in conn.execute(query).mappings()]


def end_window(conn: Connection, number: int, *, actor: str, now: datetime) -> None:
    """Ends a window early; one that has not begun never does. Raises NotFoundError."""
    w = maintenance_window.c
    done = conn.execute(
        update(maintenance_window).where(w.id == number, w.ends_at > now).values(ends_at=now, ended_by=actor)
    )
    if not done.rowcount:
        raise NotFoundError("window that is not over", number)
    audit.write(conn, actor, "end", "maintenance_window", number, now=now)


def set_paused(conn: Connection, number: int, paused: Collection[str]) -> None:
    """Which services the window itself has put into maintenance."""
    w = maintenance_window
    conn.execute(update(w).where(w.c.id == number).values(paused=sorted(paused)))


def to_resume(conn: Connection, now: datetime) -> list[dict[str, Any]]:
    """Windows that are over and still hold services in maintenance."""
    w = maintenance_window
    rows = conn.execute(select(w).where(w.c.ends_at <= now, w.c.paused != []).order_by(w.c.id)).mappings()  # type: ignore[arg-type]
    return [dict(row) for row in rows]


def to_pause(conn: Connection, now: datetime) -> list[dict[str, Any]]:
    """Windows in force that pause work."""
    w = maintenance_window.c
    query = select(maintenance_window).where(w.pause, w.starts_at <= now, w.ends_at > now).order_by(w.id)
    return [dict(row) for row in conn.execute(query).mappings()]


def acknowledge(
    conn: Connection, incident_id: str, *, owner: str, reason: str | None, until: datetime | None, now: datetime
) -> int:
    """Somebody takes an incident; its number. Raises InvalidError."""
    if until is not None and until <= now:
        raise InvalidError("until", f"{until:%Y-%m-%d %H:%M} UTC lies in the past")
    values = {"incident_id": incident_id, "owner": owner, "reason": reason, "at": now, "until": until}
    number = conn.execute(insert(acknowledgement).values(values).returning(acknowledgement.c.id)).scalar_one()
    audit.write(conn, owner, "acknowledge", "incident", incident_id, now=now, after={"reason": reason, "until": until})
    return int(number)


def acknowledgements(conn: Connection, incident_ids: Collection[str], now: datetime | None = None) -> list[Ack]:
    """Acknowledgements of these incidents, oldest first; with `now` only those in force."""
    a = acknowledgement.c
    query = select(acknowledgement).where(a.incident_id.in_(list(incident_ids))).order_by(a.id)
    if now is not None:
        query = query.where(a.revoked_at.is_(None), or_(a.until.is_(None), a.until > now))
    return [Ack(**row) for row in conn.execute(query).mappings()]


def note_hidden(conn: Connection, alert_id: int, hidden: Hidden | None, now: datetime) -> bool:
    """Keeps by what an alert is hidden now (None: by nothing any more); True when that changed."""
    h = hidden_alert.c
    row = conn.execute(select(hidden_alert).where(h.alert_id == alert_id, h.until_at.is_(None))).first()
    same = row is not None and hidden is not None and (row.by_kind, row.by_id) == (hidden.kind, hidden.id)
    if same or (row is None and hidden is None):
        return False
    if row is not None:
        conn.execute(update(hidden_alert).where(h.id == row.id).values(until_at=now))
    if hidden is not None:
        values = {"by_kind": hidden.kind, "by_id": hidden.id, "reason": hidden.reason, "from_at": now}
        conn.execute(insert(hidden_alert).values(alert_id=alert_id, **values))
    ref = None if hidden is None else hidden.ref
    conn.execute(update(alert).where(alert.c.id == alert_id).values(hidden_by=ref))
    return True


def hidden(
    conn: Connection, *, by_kind: str | None = None, by_id: int | None = None, alert_id: int | None = None
) -> list[HiddenRow]:
    """Which alerts were hidden, by what, the latest first."""
    h = hidden_alert.c
    query = (
        select(hidden_alert, alert.c.title, alert.c.service_id, alert.c.severity)
        .join(alert, alert.c.id == h.alert_id)
        .order_by(h.id.desc())
    )
    for column, value in ((h.by_kind, by_kind), (h.by_id, by_id), (h.alert_id, alert_id)):
        if value is not None:
            query = query.where(column == value)
    return [HiddenRow(**{name: row[name] for name in HiddenRow.__slots__}) for row in conn.execute(query).mappings()]
