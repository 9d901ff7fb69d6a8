"""From a source to clusters: nothing lost, nothing twice, the same rows whichever way they came."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from luffy_dagster import store
from luffy_dagster.core.schemas import RowFlag
from luffy_dagster.flows import process_service, rebuild_day
from luffy_dagster_tests.flows.support import NOW, Doc, line, minutes_of_logs, rows_of

START = NOW - timedelta(hours=2)


def test_from_source_to_entries_and_counts(world) -> None:
    _, server = world.service()
    server.add(*minutes_of_logs(400, START))
    result = process_service(world.ctx, "web")
    assert result.ok, result.error
    assert result.fetch.rows == 400
    assert world.raw().height == 400
    entries = world.entries()
    assert entries.get_column("lines").sum() == 400
    assert entries.height < 400
    assert entries.get_column("entry_id").n_unique() == entries.height
    assert world.counts().get_column("count").sum() == entries.height
    assert (entries.get_column("flags") & int(RowFlag.KEPT_OPEN)).sum() == 0
    with store.begin(world.engine) as conn:
        assert store.services.get(conn, "web").last_log_fetch == NOW


def test_nothing_new_writes_nothing_and_asks_once(world) -> None:
    _, server = world.service()
    server.add(*minutes_of_logs(50, START))
    process_service(world.ctx, "web")
    before = [world.lake.last_batch(kind, "web") for kind in ("raw_logs", "entries")]
    server.fetches = server.counts = 0
    world.later(minutes=5)
    result = process_service(world.ctx, "web")
    assert result.ok
    assert not result.changed
    assert server.fetches + server.counts == 1
    assert [world.lake.last_batch(kind, "web") for kind in ("raw_logs", "entries")] == before


def test_the_same_hour_twice_and_documents_that_come_twice(world) -> None:
    _, server = world.service()
    docs = minutes_of_logs(100, START)
    server.add(*docs, *docs[:30])
    process_service(world.ctx, "web")
    with store.begin(world.engine) as conn:
        conn.exec_driver_sql("update log_source set watermark = null")
    result = process_service(world.ctx, "web")
    assert result.fetch.rows == 0
    assert result.fetch.duplicates == 130
    assert world.raw().height == 100
    assert world.entries().get_column("lines").sum() == 100


def test_what_is_there_already_is_read_once_and_not_at_every_piece(world, monkeypatch) -> None:
    _, server = world.service()
    docs = minutes_of_logs(600, START)
    server.add(*docs)
    server.page = world.piece_rows = 40  # fifteen commits in one fetch
    read: list[int] = []
    real = type(world.lake).doc_ids

    def counted(*given, **named):
        found = real(*given, **named)
        read.append(found.height)
        return found

    monkeypatch.setattr(type(world.lake), "doc_ids", counted)
    process_service(world.ctx, "web")
    assert world.raw().height == 600
    assert sum(read) < 60  # a few at the borders of the pieces, where times are equal
    read.clear()
    with store.begin(world.engine) as conn:
        conn.exec_driver_sql("update log_source set watermark = null")
    server.add(*(Doc(f"new-{number}", doc.at, doc.body, doc.stream) for number, doc in enumerate(docs)))
    result = process_service(world.ctx, "web")
    assert (result.fetch.rows, result.fetch.duplicates) == (600, 600)
    assert sum(read) < 1200


def test_a_document_that_comes_in_two_pieces_is_kept_once(world) -> None:
    _, server = world.service()
    docs = minutes_of_logs(120, START)
    bare = [Doc(f"bare-{number}", None, f"no time {number}") for number in range(20)]
    server.add(*docs, *bare, *docs[:50], *bare)
    server.page = world.piece_rows = 40
    result = process_service(world.ctx, "web")
    assert (result.fetch.rows, result.fetch.duplicates) == (140, 70)
    assert world.raw().get_column("doc_id").n_unique() == world.raw().height == 140


def test_equal_timestamps_by_the_thousand(world) -> None:
    _, server = world.service()
    world.piece_rows = 10_000
    at = START.replace(microsecond=0)
    server.add(*(Doc(f"e{number:06d}", at, line(at, "INFO", f"event {number}"), seq=number) for number in range(25_000)))
    assert process_service(world.ctx, "web").fetch.rows == 25_000
    assert process_service(world.ctx, "web").fetch.rows == 0
    assert world.raw().height == world.entries().height == 25_000
    assert world.counts().get_column("count").sum() == 25_000


@pytest.mark.parametrize("missing", [3, 55, 97, 149])
def test_a_late_document_makes_the_rows_of_a_punctual_one(world, missing: int) -> None:
    _, punctual = world.service("punctual")
    _, late = world.service("late")
    docs = minutes_of_logs(150, NOW - timedelta(minutes=20), step=0.5)
    punctual.add(*docs)
    late.add(*(doc for number, doc in enumerate(docs) if number != missing))
    world.clock = NOW - timedelta(minutes=15)
    process_service(world.ctx, "punctual")
    process_service(world.ctx, "late")
    late.add(docs[missing])
    world.later(minutes=5)
    process_service(world.ctx, "late")
    assert _without_source(world.entries("late")) == _without_source(world.entries("punctual"))
    assert _without_source(world.exceptions("late")) == _without_source(world.exceptions("punctual"))
    assert world.counts("late").drop("service_id").equals(world.counts("punctual").drop("service_id"))


def _without_source(frame: pl.DataFrame) -> list[dict]:
    bare = pl.col("entry_id").str.replace(r"^[^/]+/", ""), pl.col("stream").str.replace(r"^[^/]+/", "")
    return rows_of(frame.with_columns(*bare).drop("source_id"))


def test_a_day_rebuilt_holds_the_rows_of_the_schedule(world) -> None:
    _, server = world.service()
    docs = minutes_of_logs(600, datetime(2026, 11, 23, 23, 50, tzinfo=UTC), step=2.0)
    world.clock = docs[0].at
    position = 0
    for size in (1, 10, 77, 3, 200, 9, 120, 180):
        server.add(*docs[position : position + size])
        position += size
        world.clock = docs[min(position, len(docs)) - 1].at + timedelta(seconds=1)
        process_service(world.ctx, "web")
    world.later(minutes=10)
    process_service(world.ctx, "web")
    before = rows_of(world.entries()), rows_of(world.exceptions()), world.counts().to_dicts()
    assert sum(row["lines"] for row in before[0]) == 600
    days = sorted(world.entries().get_column("day").unique())
    assert len(days) == 2
    for day in days:
        assert rebuild_day(world.ctx, "web", day).ok
    assert (rows_of(world.entries()), rows_of(world.exceptions()), world.counts().to_dicts()) == before


def test_a_trace_across_midnight_belongs_to_the_day_of_its_first_line(world) -> None:
    _, server = world.service()
    at = datetime(2026, 11, 23, 23, 59, 59, 998_000, tzinfo=UTC)
    texts = [
        line(at, "ERROR", "failed"),
        "Traceback (most recent call last):",
        '  File "/srv/a.py", line 1, in f',
        "    g()",
        "ValueError: x",
        line(at + timedelta(milliseconds=5), "INFO", "next"),
    ]
    server.add(*(Doc(f"m{n}", at + timedelta(milliseconds=n), text, seq=n) for n, text in enumerate(texts)))
    process_service(world.ctx, "web")
    first = world.entries().sort("event_time")
    assert first.get_column("lines").to_list() == [5, 1]
    assert [str(day) for day in first.get_column("day")] == ["2026-11-23", "2026-11-24"]
    for day in first.get_column("day"):
        rebuild_day(world.ctx, "web", day)
    assert rows_of(world.entries()) == rows_of(first)


def test_the_last_entry_is_kept_open_until_a_header_or_silence(world) -> None:
    _, server = world.service()
    at = NOW - timedelta(seconds=5)
    server.add(Doc("a", at, line(at, "ERROR", "failed"), seq=0), Doc("b", at, "Traceback (most recent call last):", seq=1))
    process_service(world.ctx, "web")
    assert world.entries().is_empty()
    server.add(Doc("c", at, '  File "/srv/a.py", line 1, in f', seq=2), Doc("d", at, "ValueError: x", seq=3))
    world.later(seconds=10)
    process_service(world.ctx, "web")
    assert world.entries().is_empty()
    world.later(seconds=60)
    process_service(world.ctx, "web")
    assert world.entries().get_column("lines").to_list() == [4]


def test_an_entry_closed_by_silence_goes_on_when_its_rest_comes_late(world) -> None:
    _, server = world.service()
    at = NOW - timedelta(seconds=70)
    server.add(Doc("a", at, line(at, "ERROR", "failed"), seq=0), Doc("b", at, "Traceback (most recent call last):", seq=1))
    process_service(world.ctx, "web")
    assert world.entries().get_column("lines").to_list() == [2]
    server.add(
        Doc("c", at, '  File "/srv/a.py", line 1, in f', seq=2),
        Doc("d", at, "ValueError: x", seq=3),
        Doc("e", at + timedelta(seconds=1), line(at, "INFO", "fine"), seq=4),
    )
    world.later(minutes=5)
    process_service(world.ctx, "web")
    entries = world.entries().sort("event_time")
    assert entries.get_column("lines").to_list() == [4, 1]
    assert world.counts().get_column("count").sum() == 2
