"""What calls of language models cost, and answers that were given before. Caps of a day are enforced here, under a lock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from luffy_dagster.store.schema import llm_answer, llm_call


@dataclass(frozen=True, slots=True)
class Spending:
    """Sums over calls of one service, provider, model and day."""

    day: datetime
    service_id: str | None
    provider: str
    model: str
    calls: int
    failed: int
    cached: int
    tokens_in: int
    tokens_out: int
    cost_usd: float


class CapReachedError(Exception):
    """A cap of the day would be passed; the text says which."""


def _day(at: datetime) -> tuple[datetime, datetime]:
    start = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return start, start + timedelta(days=1)


def spent(conn: Connection, at: datetime) -> tuple[int, float]:
    """Tokens and dollars of the UTC day of `at`; a call under way counts with its estimate."""
    start, end = _day(at)
    c = llm_call.c
    row = conn.execute(
        select(func.coalesce(func.sum(c.tokens_in + c.tokens_out), 0), func.coalesce(func.sum(c.cost_usd), 0.0)).where(
            c.at >= start, c.at < end
        )
    ).one()
    return int(row[0]), float(row[1])


def reserve(conn: Connection, values: dict[str, Any], *, token_cap: int, cost_cap: float) -> int:
    """Writes a pending call with its estimate; its number. Raises CapReachedError: calls side by side cannot pass a cap together."""
    conn.execute(text("SELECT pg_advisory_xact_lock(hashtext('luffy:llm budget'))"))
    tokens, cost = spent(conn, values["at"])
    wanted = values["tokens_in"] + values["tokens_out"]
    if tokens + wanted > token_cap:
        raise CapReachedError(f"{tokens:,} of {token_cap:,} tokens of the day are spent, this call may take {wanted:,}")
    if values["cost_usd"] and cost + values["cost_usd"] > cost_cap:
        raise CapReachedError(f"{cost:.2f} of {cost_cap:.2f} dollars of the day are spent")
    return int(conn.execute(insert(llm_call).values(values).returning(llm_call.c.id)).scalar_one())


def settle(conn: Connection, number: int, values: dict[str, Any]) -> None:
    """Puts what the call really was in the place of its estimate (the time it began stays)."""
    kept = {name: value for name, value in values.items() if name != "at"}
    conn.execute(update(llm_call).where(llm_call.c.id == number).values(kept))


def note(conn: Connection, values: dict[str, Any]) -> None:
    """Writes a call."""
    conn.execute(insert(llm_call).values(values))


def spending(conn: Connection, start: datetime, end: datetime, service: str | None = None) -> list[Spending]:
    """Sums per day, service, provider and model, latest day first."""
    c = llm_call.c
    day = func.date_trunc("day", c.at, "UTC").label("day")
    query = (
        select(
            day, c.service_id, c.provider, c.model, func.count(), func.count().filter(c.outcome != "ok"),
            func.count().filter(c.cached.is_not(None)), func.sum(c.tokens_in), func.sum(c.tokens_out), func.coalesce(func.sum(c.cost_usd), 0.0),
        )
        .where(c.at >= start, c.at < end)
        .group_by(day, c.service_id, c.provider, c.model)
        .order_by(day.desc(), c.service_id, c.provider)
    )  # fmt: skip
    if service is not None:
        query = query.where(c.service_id == service)
    return [
        Spending(r[0], r[1], r[2], r[3], int(r[4]), int(r[5]), int(r[6]), int(r[7]), int(r[8]), float(r[9]))
        for r in conn.execute(query)
    ]


def exact(conn: Connection, key: str, since: datetime) -> tuple[str, str, str] | None:
    """(answer, provider, model) kept under a key since a time."""
    a = llm_answer.c
    row = conn.execute(select(a.answer, a.provider, a.model).where(a.key == key, a.at >= since)).first()
    return None if row is None else (row[0], row[1], row[2])


def near(
    conn: Connection, service: str | None, task: str, evidence: str, since: datetime
) -> list[tuple[list[float], tuple[str, str, str]]]:
    """Vectors and answers of one scope since a time; the caller compares."""
    a = llm_answer.c
    query = select(a.vector, a.answer, a.provider, a.model).where(
        a.service_id.is_not_distinct_from(service),
        a.task == task,
        a.evidence == evidence,
        a.at >= since,
        a.vector.is_not(None),
    )
    return [(list(r[0]), (r[1], r[2], r[3])) for r in conn.execute(query)]


def keep(conn: Connection, values: dict[str, Any]) -> None:
    """Keeps an answer; the latest under a key stays."""
    statement = upsert(llm_answer).values(values)
    rest = {name: value for name, value in values.items() if name != "key"}
    conn.execute(statement.on_conflict_do_update(index_elements=["key"], set_=rest))


def purge_answers(conn: Connection, before: datetime) -> int:
    """Removes answers older than a time; how many."""
    return conn.execute(delete(llm_answer).where(llm_answer.c.at < before)).rowcount
