"""Detectors of a service: which fitted states there are, and the setting in force. Rows of anomalies are in `anomalies`.

A proposal changes nothing until a person activates it; what was active before stays readable and can be activated again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.dialects import postgresql

from luffy_dagster.core.anomalies.model import DEFAULT_SETTINGS, DetectorSettings
from luffy_dagster.store import audit
from luffy_dagster.store.errors import InvalidError, NotFoundError
from luffy_dagster.store.schema import anomaly_model, detector_setting


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A fit: what it rests on and where its file lies."""

    service_id: str
    version: str
    environment: str
    algorithm: str
    data_until: datetime
    path: str
    sha256: str
    data_from: datetime | None = None
    lines: int = 0
    coverage: dict[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    fitted_at: datetime | None = None
    rolled_back_at: datetime | None = None
    rolled_back_by: str | None = None
    rolled_back_reason: str | None = None


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A version of a service's detector setting."""

    service_id: str
    version: int
    setting: DetectorSettings
    state: str  # proposed, active, retired, rejected
    reason: str | None
    backtest: dict[str, Any]
    actor: str
    at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None


def put_model(conn: Connection, model: ModelRow, *, now: datetime) -> None:
    """Adds a fit; one of the same version is replaced (a fit of the same data gives the same state)."""
    values = {name: getattr(model, name) for name in ModelRow.__slots__ if not name.startswith("rolled_back")}
    values["fitted_at"] = now
    statement = postgresql.insert(anomaly_model).values(values)
    keys = ("service_id", "environment", "version")
    changed = {name: value for name, value in values.items() if name not in keys}
    conn.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=changed))


def models(conn: Connection, service: str, environment: str | None = None) -> list[ModelRow]:
    """The service's fits, newest data first."""
    m = anomaly_model
    query = select(m).where(m.c.service_id == service).order_by(m.c.data_until.desc(), m.c.version.desc())
    if environment is not None:
        query = query.where(m.c.environment == environment)
    return [ModelRow(**{name: row[name] for name in ModelRow.__slots__}) for row in conn.execute(query).mappings()]


def drop_models(conn: Connection, service: str, before: datetime) -> list[str]:
    """Forgets fits whose data end before `before`, but never the newest in force of an environment; paths of their files."""
    rows = models(conn, service)
    newest = {row.environment: row.version for row in reversed(rows) if row.rolled_back_at is None}
    gone = [row for row in rows if row.data_until < before and newest.get(row.environment) != row.version]
    m = anomaly_model.c
    for row in gone:
        conn.execute(
            anomaly_model.delete().where(
                m.service_id == service, m.environment == row.environment, m.version == row.version
            )
        )
    return [row.path for row in gone]


def model_for(conn: Connection, service: str, environment: str, at: datetime) -> ModelRow | None:
    """The newest fit in force whose data end at or before `at`."""
    rows = models(conn, service, environment)
    return next((row for row in rows if row.data_until <= at and row.rolled_back_at is None), None)


def roll_back(
    conn: Connection, service: str, environment: str, version: str, *, actor: str, reason: str | None, now: datetime
) -> ModelRow | None:
    """Takes a fit out of use, and gives the one that is in force then (None: none). Raises NotFoundError."""
    m = anomaly_model.c
    done = conn.execute(
        update(anomaly_model)
        .where(m.service_id == service, m.environment == environment, m.version == version, m.rolled_back_at.is_(None))
        .values(rolled_back_at=now, rolled_back_by=actor, rolled_back_reason=reason)
    )
    if not done.rowcount:
        raise NotFoundError("model in force", version)
    audit.write(conn, actor, "roll back", "anomaly_model", version, service=service, now=now, after={"reason": reason})
    return model_for(conn, service, environment, now)


def active_setting(conn: Connection, service: str) -> DetectorSettings:
    """The setting in force; the defaults (version 0) when none was ever activated."""
    s = detector_setting.c
    row = conn.execute(select(s.setting, s.version).where(s.service_id == service, s.state == "active")).first()
    return DEFAULT_SETTINGS if row is None else DetectorSettings.of_json(row[0], row[1])


def settings(conn: Connection, service: str) -> list[SettingRow]:
    """All versions, newest first."""
    s = detector_setting
    rows = conn.execute(select(s).where(s.c.service_id == service).order_by(s.c.version.desc())).mappings()
    return [_setting(row) for row in rows]


def propose(
    conn: Connection,
    service: str,
    setting: DetectorSettings,
    *,
    reason: str | None,
    backtest: Mapping[str, Any],
    actor: str,
    now: datetime,
) -> SettingRow:
    """Keeps a setting that is not in force, with what it would have changed."""
    s = detector_setting
    last = conn.execute(select(func.max(s.c.version)).where(s.c.service_id == service)).scalar() or 0
    kept = {name: value for name, value in setting.as_json().items() if name != "version"}
    values = {
        "service_id": service,
        "version": last + 1,
        "setting": kept,
        "state": "proposed",
        "reason": reason,
        "backtest": dict(backtest),
        "actor": actor,
        "at": now,
    }
    row = conn.execute(insert(s).values(values).returning(s)).mappings().one()
    audit.write(conn, actor, "propose", "detector_setting", last + 1, service=service, now=now, after=kept)
    return _setting(row)


def decide(conn: Connection, service: str, version: int, *, activate: bool, actor: str, now: datetime) -> SettingRow:
    """Activates a version (the active one retires) or rejects a proposal. Raises NotFoundError, InvalidError."""
    s = detector_setting
    mine = (s.c.service_id == service, s.c.version == version)
    row = conn.execute(select(s).where(*mine).with_for_update()).mappings().first()
    if row is None:
        raise NotFoundError("detector setting", f"{service}/{version}")
    if not activate and row["state"] != "proposed":
        raise InvalidError("version", f"{version} is {row['state']}: only a proposal can be rejected")
    if activate and row["state"] == "active":
        return _setting(row)
    if activate:
        conn.execute(update(s).where(s.c.service_id == service, s.c.state == "active").values(state="retired"))
    state = "active" if activate else "rejected"
    done = update(s).where(*mine).values(state=state, decided_by=actor, decided_at=now).returning(s)
    changed = conn.execute(done).mappings().one()
    action = "activate" if activate else "reject"
    audit.write(conn, actor, action, "detector_setting", version, service=service, now=now, after=row["setting"])
    return _setting(changed)


def _setting(row: Mapping[Any, Any]) -> SettingRow:
    values = {name: row[name] for name in SettingRow.__slots__}
    values["setting"] = DetectorSettings.of_json(row["setting"], row["version"])
    return SettingRow(**values)
