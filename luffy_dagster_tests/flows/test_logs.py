"""Searching entries: filters, totals, pages that neither miss nor repeat."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from luffy_dagster.flows import LogQuery, process_service, query_logs
from luffy_dagster.flows.logs import QueryError
from luffy_dagster_tests.flows.support import NOW, Doc, line, minutes_of_logs

START = NOW - timedelta(hours=2)


@pytest.fixture
def filled(world):
    for slug in ("one", "two"):
        _, server = world.service(slug)
        server.add(*minutes_of_logs(150, START))
        process_service(world.ctx, slug)
    return world


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("services", [("one",), ()])
def test_pages_give_every_entry_once_in_order(filled, order: str, services: tuple[str, ...]) -> None:
    pages, cursor = [], None
    for _ in range(100):
        page = query_logs(filled.ctx, LogQuery(services, limit=7, cursor=cursor, order=order))
        pages.append(page.rows)
        cursor = page.next_cursor
        if cursor is None:
            break
    rows = pl.concat(pages)
    expected = pl.concat([filled.entries(slug) for slug in services or ("one", "two")])
    assert page.total == rows.height == expected.height
    assert rows.select("service_id", "entry_id").is_unique().all()
    times = rows.get_column("event_time")
    assert times.is_sorted(descending=order == "desc")


def test_equal_times_are_paged_by_id(world) -> None:
    _, server = world.service()
    at = START.replace(microsecond=0)
    server.add(*(Doc(f"e{number:03d}", at, line(at, "INFO", f"event {number}"), seq=number) for number in range(50)))
    process_service(world.ctx, "web")
    first = query_logs(world.ctx, LogQuery(("web",), limit=20))
    second = query_logs(world.ctx, LogQuery(("web",), limit=40, cursor=first.next_cursor))
    assert pl.concat([first.rows, second.rows]).get_column("entry_id").n_unique() == 50
    assert second.next_cursor is None


def test_filters(filled) -> None:
    def total(**fields) -> int:
        return query_logs(filled.ctx, LogQuery(("one",), **fields)).total

    entries = filled.entries("one")
    errors = entries.filter(pl.col("level") == "error")
    assert total(levels=["ERROR"]) == errors.height > 0
    assert total(text="keyerror") == total(text=r"Key\w+", regex=True) == errors.height
    assert total(text="no such text") == 0
    middle = entries.get_column("event_time").sort().item(30)
    assert total(start=middle) == entries.filter(pl.col("event_time") >= middle).height
    assert total(end=middle) == entries.filter(pl.col("event_time") < middle).height
    shape = entries.get_column("shape_id").item(0)
    assert total(shape_ids=[shape]) == entries.filter(pl.col("shape_id") == shape).height
    assert total(entry_ids=entries.get_column("entry_id").head(3).to_list()) == 3
    assert total(stream=entries.item(0, "stream")) == entries.height
    assert total(trace_id="none") == 0


def test_a_service_without_entries_has_none(world) -> None:
    world.service("empty")
    page = query_logs(world.ctx, LogQuery(("empty",)))
    assert (page.total, page.rows.height, page.next_cursor) == (0, 0, None)


@pytest.mark.parametrize("fields", [{"order": "up"}, {"limit": 0}, {"cursor": "??"}, {"text": "(", "regex": True}])
def test_a_question_that_makes_no_sense_is_refused(filled, fields: dict) -> None:
    with pytest.raises(QueryError):
        query_logs(filled.ctx, LogQuery(("one",), **fields))
