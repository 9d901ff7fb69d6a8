"""Sessions: told apart by the identifier that fits, and judged without labels; what varies by nature is no evidence."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luffy_dagster.core.sessions import LEAST, TRACE, find_sessions

START = datetime(2026, 11, 24, 9, tzinfo=UTC)
STEPS = ["order {} received from 10.0.0.7", "reserved stock for order {}", "order {} charged", "order {} sent"]
ODD = {"order 70007": [0, 1, 3], "order 70019": [0, 1, 2, 2, 3], "order 70033": [0, 1, 2, 4, 3]}


def shop(orders: int = 200, *, seed: int = 1) -> list[tuple[datetime, str, str]]:
    """(time, template, message): four steps an order, polls as often as it comes, three orders that went another way."""
    rng = random.Random(seed)
    steps = [*STEPS, "card of order {} refused twice"]
    rows = []
    for number in range(70000, 70000 + orders):
        at = START + timedelta(seconds=7 * (number - 70000))
        for step in ODD.get(f"order {number}", range(4)):
            at += timedelta(milliseconds=rng.randrange(10, 900))
            rows.append((at, f"t{step}", steps[step].format(number)))
        for _ in range(rng.randrange(0, 9)):
            rows.append((at + timedelta(milliseconds=rng.randrange(900)), "poll", f"status of order {number} asked"))
        rows.append((at, "tick", "queue is empty"))
    return sorted(rows)


def entries(rows: list[tuple[datetime, str, str]], trace: list[str | None] | None = None) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=["event_time", "template_id", "message"], orient="row")
    return frame.with_columns(
        pl.col("event_time").cast(pl.Datetime("us", "UTC")), trace_id=pl.Series(trace or [None] * len(rows), dtype=pl.Utf8)
    )


def test_odd_orders_are_found_and_told() -> None:
    found = find_sessions(entries(shop()))
    assert found.key == "order"
    assert len(found.rows) == 200
    bad = found.rows.filter("anomalous")
    assert set(bad["session"]) == set(ODD)
    told = {row["session"]: json.loads(row["evidence"])[0] for row in bad.to_dicts()}
    assert (told["order 70007"]["kind"], told["order 70007"]["template_id"]) == ("missing", "t2")
    assert (told["order 70019"]["kind"], told["order 70019"]["seen"], told["order 70019"]["usual"]) == ("count", 2, 1)
    assert (told["order 70033"]["kind"], told["order 70033"]["template_id"]) == ("rare", "t4")
    assert bad["score"].min() > 0 == found.rows.filter(~pl.col("anomalous"))["score"].max()


@pytest.mark.parametrize("name", ["job_{}", "blk_-{}", "task-{}", "req{}", "id={}", "0123456789abcdef{}"])
def test_identifiers_of_many_kinds(name) -> None:
    rows = [(at, kind, said.replace("order ", "").replace(n, name.format(n))) for at, kind, said in shop() for n in [_number(said)] if n]
    found = find_sessions(entries(rows))
    assert len(found.rows) == 200
    assert len(found.rows.filter("anomalous")) == 3


def _number(said: str) -> str | None:
    return next((word for word in said.split() if word.isdigit() and len(word) == 5), None)


def test_a_trace_id_is_a_session_too() -> None:
    rows = shop()
    trace = [None if (n := _number(said)) is None else f"trace-{n}" for _, _, said in rows]
    plain = [(at, kind, said.replace(_number(said) or "", "…")) for at, kind, said in rows]
    found = find_sessions(entries(plain, trace))
    assert found.key == TRACE
    assert set(found.rows.filter("anomalous")["session"]) == {name.replace("order ", "trace-") for name in ODD}


def test_few_sessions_are_learning() -> None:
    found = find_sessions(entries(shop(LEAST - 1)))
    assert found.learning
    assert found.rows["anomalous"].sum() == 0


def test_what_still_goes_on_lacks_nothing() -> None:
    rows = [row for row in shop() if row[0] < START + timedelta(seconds=7 * 150, milliseconds=500)]
    names = set(find_sessions(entries(rows)).rows.filter("anomalous")["session"])
    assert names == set(ODD)


@pytest.mark.parametrize("rows", [[], [(START, "a", "nothing to tell apart")] * 5, [(START, "a", f"order {n} done") for n in range(10000, 10100)]])
def test_without_sessions(rows) -> None:
    found = find_sessions(entries(rows))
    assert found.key is None
    assert found.rows.is_empty()


@given(st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_the_order_of_the_rows_changes_nothing(seed) -> None:
    rows = shop(60)
    mixed = list(rows)
    random.Random(seed).shuffle(mixed)
    assert find_sessions(entries(rows)).rows.equals(find_sessions(entries(mixed)).rows)


@given(st.lists(st.tuples(st.integers(0, 5), st.text(max_size=40)), max_size=80))
@settings(max_examples=60, deadline=None)
def test_never_fails(said) -> None:
    found = find_sessions(entries([(START, f"t{kind}", text) for kind, text in said]))
    assert found.rows.height <= sum(len(text) for _, text in said)
