"""Anomalies: the rows of what was found, and what people said of them. Models and settings are in `detectors`.

A day that is scored anew replaces its rows; an anomaly that comes out again keeps its id, and feedback outlives its row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypedDict, Unpack

from sqlalchemy import Connection, Select, and_, delete, false, func, insert, not_, or_, select
from sqlalchemy.dialects import postgresql

from luffy_dagster.core.anomalies.model import Anomaly
from luffy_dagster.core.model import Severity
from luffy_dagster.store import audit
from luffy_dagster.store.errors import InvalidError, NotFoundError
from luffy_dagster.store.schema import anomaly, anomaly_feedback

_IN_DETAIL = ("features", "entry_ids", "detectors", "mentions", "trace_ids")


@dataclass(frozen=True, slots=True)
class AnomalyRow:
    """An anomaly as stored. `verdict`: the latest feedback, "useful" or "noise", or None."""

    anomaly: Anomaly
    day: date
    setting_version: int
    created_at: datetime
    updated_at: datetime
    verdict: str | None = None

    @property
    def id(self) -> str:
        """The anomaly's id."""
        return self.anomaly.anomaly_id


class Asked(TypedDict, total=False):
    """Which anomalies: whose interval touches [start, end), of an environment, of kinds, from a severity on, that go on."""

    start: datetime | None
    end: datetime | None
    environment: str | None
    kinds: Collection[str] | None
    least: Severity | None
    open_only: bool


@dataclass(slots=True)
class Tally:
    """Anomalies of one service counted: all, those that go on, by severity, by kind, by what people said."""

    service_id: str
    total: int = 0
    open: int = 0
    strongest: float = 0.0
    severities: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    verdicts: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Whole:
    """What the tallies of several services come to together."""

    total: int
    open: int
    severities: dict[str, int]
    kinds: dict[str, int]

    @classmethod
    def of(cls, tallies: Sequence[Tally]) -> Whole:
        """The sum of them."""
        severities: Counter[str] = Counter()
        kinds: Counter[str] = Counter()
        for one in tallies:
            severities.update(one.severities)
            kinds.update(one.kinds)
        return cls(sum(one.total for one in tallies), sum(one.open for one in tallies), dict(severities), dict(kinds))


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person said of an anomaly, with the anomaly as it was then."""

    id: int
    service_id: str
    anomaly_id: str
    verdict: str
    reason: str | None
    actor: str
    at: datetime
    anomaly: dict[str, Any]


def replace_days(
    conn: Connection,
    service: str,
    days: Collection[date],
    anomalies: Sequence[Anomaly],
    *,
    now: datetime,
    setting: int = 0,
    since: Mapping[tuple[date, str], datetime] | None = None,
) -> int:
    """Puts `anomalies` in the place of the service's rows of these days (by UTC day of fired_at); how many rows are new.

    Those fired on other days are updated when they exist (one that was open at midnight ends), else left out. `since`: of a day and
    environment only rows fired after it are replaced.
    """
    t = anomaly.c
    known = set(
        conn.execute(
            select(t.anomaly_id).where(
                t.service_id == service, or_(t.day.in_(days), t.anomaly_id.in_([a.anomaly_id for a in anomalies]))
            )
        ).scalars()
    )
    kept = [a for a in anomalies if a.fired_at.date() in days or a.anomaly_id in known]
    before = [
        and_(t.day == day, t.environment == environment, t.fired_at <= at)
        for (day, environment), at in (since or {}).items()
    ]
    conn.execute(
        delete(anomaly).where(
            t.service_id == service,
            t.day.in_(days),
            t.anomaly_id.not_in([a.anomaly_id for a in kept]),
            not_(or_(false(), *before)),
        )
    )
    for one in kept:
        values = _values(service, one, setting)
        statement = postgresql.insert(anomaly).values(**values, created_at=now, updated_at=now)
        changed = {name: value for name, value in values.items() if name not in ("service_id", "anomaly_id")}
        differs = or_(*(t[name].is_distinct_from(statement.excluded[name]) for name in changed))
        conn.execute(
            statement.on_conflict_do_update(
                index_elements=["service_id", "anomaly_id"], set_={**changed, "updated_at": now}, where=differs
            )
        )
    return len({a.anomaly_id for a in kept} - known)


def _values(service: str, one: Anomaly, setting: int) -> dict[str, Any]:
    whole = one.as_json()
    return {
        "service_id": service,
        "anomaly_id": one.anomaly_id,
        "environment": one.environment,
        "day": one.fired_at.date(),
        "started_at": one.started_at,
        "fired_at": one.fired_at,
        "ended_at": one.ended_at,
        "kind": str(one.kind),
        "score": one.score,
        "severity": str(one.severity),
        "description": one.description,
        "template_id": one.template_id,
        "fingerprint": one.fingerprint,
        "detail": {name: whole[name] for name in _IN_DETAIL},
        "model_version": one.model_version,
        "setting_version": setting,
    }


def list_anomalies(
    conn: Connection,
    service: str | None = None,
    *,
    updated_since: datetime | None = None,
    order: str = "fired_at",
    limit: int = 1_000,
    offset: int = 0,
    **asked: Unpack[Asked],
) -> list[AnomalyRow]:
    """Anomalies whose interval touches [start, end), newest first (`order="score"`: strongest first)."""
    t = anomaly.c
    query = _narrowed(_with_verdict(select(anomaly)), service, **asked)
    if updated_since is not None:
        query = query.where(t.updated_at >= updated_since)
    first = t.score.desc() if order == "score" else t.fired_at.desc()
    query = query.order_by(first, t.service_id, t.anomaly_id).limit(limit).offset(offset)
    return [_row(row) for row in conn.execute(query).mappings()]


def _narrowed(query: Select[Any], service: str | None, **asked: Unpack[Asked]) -> Select[Any]:
    """Of a query of anomalies those that are asked for; a list and its summary are narrowed alike."""
    t = anomaly.c
    if service is not None:
        query = query.where(t.service_id == service)
    if (start := asked.get("start")) is not None:
        query = query.where(or_(t.ended_at.is_(None), t.ended_at >= start))
    if (end := asked.get("end")) is not None:
        query = query.where(t.started_at < end)
    if (environment := asked.get("environment")) is not None:
        query = query.where(t.environment == environment)
    if (kinds := asked.get("kinds")) is not None:
        query = query.where(t.kind.in_([str(k) for k in kinds]))
    if (least := asked.get("least")) is not None:
        query = query.where(t.severity.in_([str(s) for s in Severity if s.rank >= least.rank]))
    if asked.get("open_only"):
        query = query.where(t.ended_at.is_(None))
    return query


def summary(conn: Connection, service: str | None = None, **asked: Unpack[Asked]) -> list[Tally]:
    """How many anomalies `list_anomalies` would give without a limit: per service, those with most first."""
    found = _narrowed(_with_verdict(select(anomaly)), service, **asked).subquery()
    c = found.c
    by = (c.service_id, c.severity, c.kind, c.ended_at.is_(None), c.verdict)
    rows = conn.execute(select(*by, func.count(), func.max(c.score)).group_by(*by))
    tallies: dict[str, Tally] = {}
    for name, severity, kind, going_on, verdict, number, score in rows:
        tally = tallies.setdefault(name, Tally(name))
        tally.total += number
        tally.open += number if going_on else 0
        tally.strongest = max(tally.strongest, score)
        for counted, key in ((tally.severities, severity), (tally.kinds, kind), (tally.verdicts, verdict)):
            if key is not None:
                counted[key] = counted.get(key, 0) + number
    return sorted(tallies.values(), key=lambda each: (-each.total, each.service_id))


def of_day(conn: Connection, service: str, day: date) -> list[Anomaly]:
    """Those fired on a UTC day, the first of them first."""
    t = anomaly.c
    query = _with_verdict(select(anomaly)).where(t.service_id == service, t.day == day)
    return [_row(row).anomaly for row in conn.execute(query.order_by(t.fired_at, t.anomaly_id)).mappings()]


def get(conn: Connection, key: str, service: str | None = None) -> AnomalyRow:
    """The anomaly of that id, or of an unambiguous beginning of it; raises NotFoundError, InvalidError."""
    t = anomaly.c
    escaped = key.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    query = _with_verdict(select(anomaly)).where(t.anomaly_id.like(f"{escaped}%"))
    if service is not None:
        query = query.where(t.service_id == service)
    rows = conn.execute(query.limit(2)).mappings().all()
    if not rows:
        raise NotFoundError("anomaly", key)
    if len(rows) > 1:
        raise InvalidError("anomaly", f"{key!r} is the beginning of several ids: give more of it")
    return _row(rows[0])


def count(conn: Connection, service: str | None, start: datetime, end: datetime) -> dict[str, int]:
    """Anomalies fired in [start, end) per service."""
    t = anomaly.c
    query = select(t.service_id, func.count()).where(t.fired_at >= start, t.fired_at < end).group_by(t.service_id)
    if service is not None:
        query = query.where(t.service_id == service)
    return {name: int(n) for name, n in conn.execute(query)}


def _with_verdict(query: Select[Any]) -> Select[Any]:
    f = anomaly_feedback.c
    latest = (
        select(f.verdict)
        .where(f.service_id == anomaly.c.service_id, f.anomaly_id == anomaly.c.anomaly_id)
        .order_by(f.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return query.add_columns(latest.label("verdict"))


def _row(row: Mapping[Any, Any]) -> AnomalyRow:
    values = {**row["detail"], **{name: row[name] for name in row if name in Anomaly.__slots__}}
    values["service"] = row["service_id"]
    return AnomalyRow(
        anomaly=Anomaly.of_json(values),
        day=row["day"],
        setting_version=row["setting_version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        verdict=row["verdict"],
    )


def give_feedback(
    conn: Connection, service: str, anomaly_id: str, verdict: str, *, actor: str, reason: str | None, now: datetime
) -> int:
    """Keeps "useful" or "noise" of an anomaly, with what was judged; the row's number. Raises InvalidError, NotFoundError."""
    if verdict not in ("useful", "noise"):
        raise InvalidError("verdict", f"{verdict!r} is neither useful nor noise")
    row = get(conn, anomaly_id, service)
    values = {
        "service_id": service,
        "anomaly_id": row.id,
        "verdict": verdict,
        "reason": reason,
        "actor": actor,
        "at": now,
        "anomaly": row.anomaly.as_json(),
    }
    number = conn.execute(insert(anomaly_feedback).values(values).returning(anomaly_feedback.c.id)).scalar_one()
    after = {"verdict": verdict, "reason": reason}
    audit.write(conn, actor, "feedback", "anomaly", row.id, service=service, now=now, after=after)
    return int(number)


def feedback(conn: Connection, service: str) -> list[Feedback]:
    """The latest feedback of each of the service's anomalies, oldest first."""
    f = anomaly_feedback
    latest = select(func.max(f.c.id)).where(f.c.service_id == service).group_by(f.c.anomaly_id)
    rows = conn.execute(select(f).where(f.c.id.in_(latest)).order_by(f.c.id)).mappings()
    return [Feedback(**{name: row[name] for name in Feedback.__slots__}) for row in rows]
