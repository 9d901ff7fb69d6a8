"""Shapes of messages (facts) and the mapping shape → template (versioned, one in force per service)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY, insert

from luffy_dagster.core.schemas import UTC_US
from luffy_dagster.store import bulk
from luffy_dagster.store.schema import active_mapping, hourly_shape, shape, template_mapping

if TYPE_CHECKING:
    import polars as pl

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Change:
    """What a new mapping changes: members that moved, that are new, that are gone."""

    moved: int
    new: int
    gone: int = 0


def upsert(conn: Connection, service: str, rows: pl.DataFrame, *, algorithm: str, now: datetime) -> int:
    """Adds shapes (shape_id, shape, example, level, first_seen, last_seen); known ones widen their times. How many are new."""
    import polars as pl

    if rows.is_empty():
        return 0
    if "level" not in rows.columns:
        rows = rows.with_columns(level=pl.lit(None, dtype=pl.Utf8))
    rows = rows.unique("shape_id").sort("shape_id")  # one order in every process: no deadlock
    clean = [
        pl.col(c).str.replace_all("\x00", "�", literal=True) for c in ("shape", "example")
    ]  # PostgreSQL takes no NUL
    before = known(conn, service, rows["shape_id"].to_list())
    types = {
        "shape_id": "text",
        "shape": "text",
        "example": "text",
        "level": "text",
        "first_seen": "timestamptz",
        "last_seen": "timestamptz",
    }
    bulk.run(
        conn,
        "INSERT INTO shape (service_id, shape_id, shape, algorithm, example, level, first_seen, last_seen, created_at)"
        " SELECT :service, shape_id, shape, :algorithm, example, level, first_seen, last_seen, :now FROM {rows}"
        " ON CONFLICT (service_id, shape_id) DO UPDATE SET first_seen = least(shape.first_seen, excluded.first_seen),"
        " last_seen = greatest(shape.last_seen, excluded.last_seen)",
        rows.with_columns(clean),
        types,
        service=service,
        algorithm=algorithm,
        now=now,
    )
    return rows.height - len(before)


def known(conn: Connection, service: str, shape_ids: Sequence[str]) -> set[str]:
    """Which of these the service has already."""
    query = select(shape.c.shape_id).where(shape.c.service_id == service, shape.c.shape_id.in_(list(shape_ids)))
    return set(conn.execute(query).scalars())


def count_by_day(conn: Connection, service: str, days: Iterable[date]) -> dict[date, int]:
    """How many shapes were seen for the first time on each of these UTC days."""
    counted: dict[date, int] = {}
    for day in sorted(set(days)):
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        first = shape.c.first_seen
        query = select(func.count()).where(shape.c.service_id == service, first >= start, first < start + _DAY)
        counted[day] = conn.execute(query).scalar_one()
    return counted


def list_shapes(
    conn: Connection,
    service: str,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
) -> pl.DataFrame:
    """Shapes of a service that occur (by the hourly counts, within the range) with how often, the most frequent first."""
    import polars as pl

    counted = (
        select(hourly_shape.c.shape_id, func.sum(hourly_shape.c.count).label("n"))
        .where(hourly_shape.c.service_id == service)
        .group_by(hourly_shape.c.shape_id)
    )
    if since is not None:
        counted = counted.where(hourly_shape.c.hour >= since)
    if until is not None:
        counted = counted.where(hourly_shape.c.hour < until)
    c = counted.subquery()
    total = func.coalesce(c.c.n, 0)
    query = select(
        shape.c.shape_id, shape.c.shape, shape.c.example, shape.c.level, shape.c.first_seen, shape.c.last_seen, total
    ).where(shape.c.service_id == service)
    query = query.join(c, c.c.shape_id == shape.c.shape_id, isouter=False).order_by(total.desc(), shape.c.shape_id)
    if limit is not None:
        query = query.limit(limit)
    text_ = pl.Utf8
    schema = {
        "shape_id": text_,
        "shape": text_,
        "example": text_,
        "level": text_,
        "first_seen": UTC_US,
        "last_seen": UTC_US,
        "count": pl.Int64,
    }
    return bulk.frame(conn, query, schema)


def texts(conn: Connection, service: str, shape_ids: Sequence[str]) -> pl.DataFrame:
    """shape_id, shape of these shapes, as far as they are known."""
    import polars as pl

    schema = {"shape_id": pl.Utf8, "shape": pl.Utf8}
    if not shape_ids:
        return pl.DataFrame(schema=schema)
    wanted = func.unnest(bindparam("ids", list(shape_ids), type_=ARRAY(Text)))
    query = select(shape.c.shape_id, shape.c.shape).where(
        shape.c.service_id == service, shape.c.shape_id.in_(select(wanted))
    )
    return bulk.frame(conn, query, schema)


def put_templates(
    conn: Connection,
    service: str,
    rows: pl.DataFrame,
    *,
    algorithm: str,
    now: datetime,
    actor: str = "luffy",
    activate: bool = True,
) -> Change:
    """Writes the mapping of an algorithm (shape_id, template_id, template); rows set by hand stay. Puts it in force with `activate`."""
    m = template_mapping
    before = dict(
        conn.execute(select(m.c.shape_id, m.c.template_id).where(m.c.service_id == service, m.c.algorithm == algorithm))
        .tuples()
        .all()
    )
    rows = rows.unique("shape_id").sort("shape_id")
    bulk.run(
        conn,
        "INSERT INTO template_mapping (service_id, algorithm, shape_id, template_id, template, actor, at)"
        " SELECT :service, :algorithm, shape_id, template_id, replace(template, chr(1), ''), :actor, :now FROM {rows}"
        " ON CONFLICT (service_id, algorithm, shape_id) DO UPDATE SET template_id = excluded.template_id, template = excluded.template,"
        " actor = excluded.actor, at = excluded.at WHERE NOT template_mapping.manual AND (template_mapping.template_id, template_mapping.template)"
        " IS DISTINCT FROM (excluded.template_id, excluded.template)",
        rows,
        {"shape_id": "text", "template_id": "text", "template": "text"},
        service=service,
        algorithm=algorithm,
        actor=actor,
        now=now,
    )
    if activate:
        put_active(conn, service, "templates", algorithm, actor=actor, now=now)
    after = dict(zip(rows["shape_id"].to_list(), rows["template_id"].to_list(), strict=True))
    moved = sum(1 for s, t in after.items() if s in before and before[s] != t)
    return Change(moved=moved, new=sum(1 for s in after if s not in before))


def put_active(conn: Connection, service: str, kind: str, algorithm: str, *, actor: str, now: datetime) -> None:
    """Puts the mapping of an algorithm in force (`kind` is templates or clusters)."""
    values = {"algorithm": algorithm, "actor": actor, "at": now}
    statement = insert(active_mapping).values(service_id=service, kind=kind, **values)
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["service_id", "kind"], set_=values, where=active_mapping.c.algorithm != algorithm
        )
    )


def active_algorithm(conn: Connection, service: str, kind: str) -> str | None:
    """The algorithm whose mapping is in force."""
    a = active_mapping
    return conn.execute(select(a.c.algorithm).where(a.c.service_id == service, a.c.kind == kind)).scalar()


def templates(conn: Connection, service: str, algorithm: str | None = None) -> pl.DataFrame:
    """The mapping in force (or of `algorithm`): shape_id, template_id, template, manual."""
    import polars as pl

    m = template_mapping
    wanted = algorithm or active_algorithm(conn, service, "templates")
    query = (
        select(m.c.shape_id, m.c.template_id, m.c.template, m.c.manual)
        .where(m.c.service_id == service, m.c.algorithm == wanted)
        .order_by(m.c.shape_id)
    )
    return bulk.frame(
        conn, query, {"shape_id": pl.Utf8, "template_id": pl.Utf8, "template": pl.Utf8, "manual": pl.Boolean}
    )
