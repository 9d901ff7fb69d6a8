"""Retention and compaction: what goes, what stays, and that rows stay the same."""

from __future__ import annotations

from datetime import timedelta

from luffy_dagster import store
from luffy_dagster.flows import compact, process_service, rebuild_day, retain
from luffy_dagster_tests.flows.support import NOW, Doc, line, minutes_of_logs, rows_of


def test_compaction_joins_files_and_changes_no_row(world) -> None:
    _, server = world.service()
    world.clock = NOW - timedelta(days=1)
    for number in range(4):
        server.add(*minutes_of_logs(30, world.clock - timedelta(minutes=4), tag=f"t{number}"))
        process_service(world.ctx, "web")
        world.later(minutes=20)
    before = rows_of(world.entries())
    world.clock = NOW
    result = compact(world.ctx, "web")
    assert result.joined["raw_logs"] >= 4
    assert world.lake.size("raw_logs", "web").files == 1
    assert rows_of(world.entries()) == before
    server.add(Doc("more", NOW - timedelta(minutes=2), line(NOW, "INFO", "after")))
    assert process_service(world.ctx, "web").fetch.rows == 1


def test_old_days_go_raw_rows_first_and_counts_stay(world) -> None:
    _, server = world.service(retention_raw_days=2, retention_entries_days=10)
    for day in range(6):
        world.clock = NOW + timedelta(days=day)
        server.add(*minutes_of_logs(20, world.clock - timedelta(hours=1), tag=f"d{day}"))
        process_service(world.ctx, "web")
    counted = world.counts().get_column("count").sum()
    entries = world.entries().height
    result = retain(world.ctx, "web")
    assert result.removed["raw_logs"] == 60
    assert sorted(world.raw().get_column("day").unique())[0] == result.raw_from
    assert world.entries().height == entries
    world.later(days=8)
    assert retain(world.ctx, "web").removed["entries"] > 0
    assert world.counts().get_column("count").sum() == counted
    assert process_service(world.ctx, "web").ok


def test_a_day_whose_raw_rows_are_gone_is_fetched_again(world) -> None:
    _, server = world.service(retention_raw_days=2)
    server.add(*minutes_of_logs(50, NOW - timedelta(hours=1)))
    process_service(world.ctx, "web")
    before = rows_of(world.entries())
    world.later(days=5)
    retain(world.ctx, "web")
    assert world.raw().is_empty()
    result = rebuild_day(world.ctx, "web", NOW.date())
    assert result.fetch.rows == 50
    assert rows_of(world.entries()) == before


def test_a_late_row_of_a_day_without_raw_rows_is_added_and_nothing_is_lost(world) -> None:
    _, server = world.service(retention_raw_days=2)
    start = NOW - timedelta(hours=1)
    docs = minutes_of_logs(50, start)
    server.add(*docs)
    process_service(world.ctx, "web")
    before = world.entries().get_column("lines").sum()
    world.later(days=5)
    retain(world.ctx, "web")
    with store.begin(world.engine) as conn:
        conn.exec_driver_sql("update log_source set watermark = watermark - interval '2 hours'")
    server.docs.clear()
    server.add(Doc("late", docs[20].at, line(docs[20].at, "INFO", "late by days")))
    assert process_service(world.ctx, "web").fetch.rows == 1
    assert world.entries().get_column("lines").sum() == before + 1
    assert world.counts().get_column("count").sum() == world.entries().height
