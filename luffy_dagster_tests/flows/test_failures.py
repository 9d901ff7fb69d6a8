"""One bad thing stays one bad thing: failing sources, services and documents."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from luffy_dagster import store
from luffy_dagster.core.schemas import RowFlag
from luffy_dagster.flows import due_services, process_service, reconcile, run_tick
from luffy_dagster_tests.flows.support import NOW, Doc, line, minutes_of_logs, rows_of

START = NOW - timedelta(hours=2)


def last_fetch(world, slug: str = "web"):
    with store.begin(world.engine) as conn:
        return store.services.get(conn, slug).last_log_fetch


def test_a_source_that_fails_names_itself_and_the_others_go_on(world) -> None:
    bad, broken = world.service()
    _, sound = world.source("web", name="second")
    broken.down = True
    sound.add(*minutes_of_logs(50, START))
    result = process_service(world.ctx, "web")
    assert not result.ok
    assert bad in result.error
    assert "nobody answers" in result.error
    assert result.parse.rows == 50
    assert last_fetch(world) is None
    with store.begin(world.engine) as conn:
        assert [alarm.kind for alarm in store.alarms.open_alarms(conn, "web")] == ["failed"]


def test_broken_in_the_middle_and_back_again_fetches_the_gap(world) -> None:
    _, server = world.service()
    server.page = 20
    docs = minutes_of_logs(200, START)
    server.add(*docs[:50])
    process_service(world.ctx, "web")
    first = last_fetch(world)
    server.add(*docs[50:])
    server.break_after = 100
    world.later(minutes=5)
    result = process_service(world.ctx, "web")
    assert not result.ok
    assert "broke while reading" in result.error
    assert last_fetch(world) == first
    world.later(minutes=2)
    server.break_after = None
    assert process_service(world.ctx, "web").ok
    assert world.raw().height == 200
    assert world.entries().get_column("lines").sum() == 200
    assert last_fetch(world) == world.clock
    with store.begin(world.engine) as conn:
        assert not store.alarms.open_alarms(conn, "web")


def test_a_source_backs_off_alone_and_says_so(world) -> None:
    _, server = world.service()
    server.down = True
    process_service(world.ctx, "web")
    server.fetches = 0
    result = process_service(world.ctx, "web")
    assert "backing off" in result.error
    assert server.fetches == 0


def test_a_tick_works_through_all_and_one_failure_is_one_result(world) -> None:
    for number in range(6):
        _, server = world.service(f"svc{number}")
        server.add(*minutes_of_logs(20, START))
        server.down = number == 3
    seen, main = [], threading.get_ident()
    due = due_services(world.ctx)
    assert len(due) == 6
    results = run_tick(
        world.ctx, due, parallel=3, on_result=lambda result: seen.append((result.service, threading.get_ident() == main))
    )
    assert {result.service for result in results if not result.ok} == {"svc3"}
    assert sorted(seen) == [(f"svc{number}", True) for number in range(6)]
    assert all(world.raw(f"svc{number}").height == (0 if number == 3 else 20) for number in range(6))
    assert [each.service for each in due_services(world.ctx, world.clock + timedelta(minutes=2))] in ([], ["svc3"])


def test_an_error_nobody_thought_of_stays_in_its_service(world, monkeypatch) -> None:
    world.service("good")
    world.service("bad")
    import luffy_dagster.flows.tick as tick

    real = tick.process_service

    def breaks(ctx, service):
        if service == "bad":
            raise ZeroDivisionError("odd")
        return real(ctx, service)

    monkeypatch.setattr(tick, "process_service", breaks)
    results = {result.service: result for result in run_tick(world.ctx, due_services(world.ctx), parallel=2)}
    assert results["good"].ok
    assert results["bad"].error == "ZeroDivisionError: odd"


def test_two_runs_of_one_service_at_once_do_no_harm(world) -> None:
    _, server = world.service()
    server.add(*minutes_of_logs(500, START))
    results = []
    threads = [threading.Thread(target=lambda: results.append(process_service(world.ctx, "web"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.fetch.rows for result in results) == [0, 0, 0, 500]
    assert world.entries().get_column("lines").sum() == 500


def test_who_does_not_want_to_wait_is_told(world) -> None:
    world.service()
    with store.service_lock(world.engine, "web"):
        outcome = []
        thread = threading.Thread(target=lambda: outcome.append(process_service(world.ctx, "web", wait=False)))
        thread.start()
        thread.join()
    assert outcome[0].skipped


def test_impossible_times_are_kept_under_the_day_of_receipt(world) -> None:
    _, server = world.service()
    server.add(
        Doc("old", datetime(1970, 1, 1, tzinfo=UTC), "first day of all"),
        Doc("far", datetime(2400, 1, 1, tzinfo=UTC), "long from now"),
        Doc("none", None, "no time at all"),
        Doc("good", START, line(START, "INFO", "fine")),
    )
    world.clock = NOW
    for _ in range(2):
        assert process_service(world.ctx, "web").ok
        world.later(minutes=5)
    raw = world.raw()
    assert raw.height == 4
    flags = {row["doc_id"].split("/")[1]: row["flags"] for row in raw.to_dicts()}
    assert flags["old"] & RowFlag.TIME_OUT_OF_RANGE
    assert flags["far"] & RowFlag.TIME_OUT_OF_RANGE
    assert flags["none"] & RowFlag.TIME_FROM_RECEIPT
    assert flags["good"] == 0
    assert set(raw.filter(pl.col("flags") != 0).get_column("day")) == {NOW.date()}
    assert "2400-01-01" in raw.filter(pl.col("doc_id").str.ends_with("far")).item(0, "fields")
    assert world.entries().get_column("lines").sum() == 4


@pytest.mark.parametrize(
    "body",
    ['{"level": "info", "msg": ', "nul \x00 byte", "\ufffd\ufffd broken utf-8", "", " ", "x" * 2_000_000, "\u202e\u0007 odd", "{" * 500],
    ids=["json", "nul", "utf8", "empty", "blank", "long", "control", "deep"],
)
def test_bad_lines_are_kept_and_counted(world, body: str) -> None:
    _, server = world.service()
    docs = minutes_of_logs(30, START)
    server.add(*docs, Doc("bad", docs[-1].at + timedelta(seconds=1), body, seq=999), Doc("end", NOW - timedelta(minutes=5), line(START, "INFO", "after"), seq=1000))
    result = process_service(world.ctx, "web")
    assert result.ok, result.error
    assert world.raw().height == 32
    assert world.entries().get_column("lines").sum() == 32


def test_a_gap_of_days_is_fetched_in_pieces_and_only_where_documents_are(world) -> None:
    _, server = world.service()
    server.add(*minutes_of_logs(20, START))
    process_service(world.ctx, "web")
    world.later(days=6)
    server.add(*minutes_of_logs(30, NOW + timedelta(days=2), tag="gap"))
    server.fetches = 0
    assert process_service(world.ctx, "web").fetch.rows == 30
    assert server.fetches <= 4
    assert world.raw().height == 50


def test_nothing_older_than_the_retention_is_fetched(world) -> None:
    _, server = world.service(retention_entries_days=3)
    server.add(*minutes_of_logs(20, START))
    process_service(world.ctx, "web")
    world.later(days=10)
    server.add(Doc("ancient", NOW + timedelta(days=1), "too old now"), Doc("kept", world.clock - timedelta(days=2), "young enough"))
    assert process_service(world.ctx, "web").fetch.rows == 1


def test_reconciliation_finds_what_came_too_late_for_the_overlap(world) -> None:
    _, server = world.service()
    docs = minutes_of_logs(300, START, step=25.0)
    server.add(*docs[:100], *docs[130:])
    process_service(world.ctx, "web")
    server.add(*docs[100:130])
    world.clock = NOW.replace(hour=23) + timedelta(hours=3)
    server.add(Doc("new", world.clock, line(world.clock, "INFO", "next day")))
    process_service(world.ctx, "web")
    assert world.raw().height == 271
    result = reconcile(world.ctx, "web")
    assert result.rows == 30
    assert result.differing
    assert not result.unresolved
    assert world.entries().get_column("lines").sum() in (300, 301)
    assert reconcile(world.ctx, "web").differing == ()


def test_a_stream_that_shows_its_format_late_is_read_anew(world) -> None:
    docs = [Doc("b0", START, "  ____ ", seq=0), Doc("b1", START, " |    | my app", seq=1), *minutes_of_logs(60, START + timedelta(seconds=1))]
    _, whole = world.service("whole")
    _, parts = world.service("parts")
    whole.add(*docs)
    process_service(world.ctx, "whole")
    for first, last in ((0, 2), (2, 4), (4, 62)):
        parts.add(*docs[first:last])
        world.later(minutes=5)
        process_service(world.ctx, "parts")
    assert world.raw("parts").height == 62
    made = [
        rows_of(world.entries(slug).with_columns(pl.col("entry_id", "stream").str.replace(r"^[^/]+/", "")).drop("source_id"))
        for slug in ("whole", "parts")
    ]
    assert made[0] == made[1]
