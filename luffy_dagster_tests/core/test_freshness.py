"""Silence is noticed within two intervals, and what is usual is not news."""

from datetime import UTC, datetime, timedelta

import pytest

from luffy_dagster.core.freshness import AlarmKind, Rhythm, Watched, WatchedSource, judge

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=30)


def minutes(count):
    return NOW - timedelta(minutes=count)


def source(newest=5, since=LONG_AGO, **changes):
    fields = {"source_id": "s1", "name": "logs", "type": "opensearch", "since": since, "created_at": since, "failing": False}
    return WatchedSource(**{**fields, "newest": None if newest is None else minutes(newest), **changes})


def watched(last=5, sources=None, since=LONG_AGO, **changes):
    fields = {"service": "web", "interval": timedelta(minutes=30), "cron": None, "timezone": "UTC", "since": since}
    sources = (source(),) if sources is None else sources
    return Watched(**{**fields, "last_success": None if last is None else minutes(last), "sources": sources, **changes})


def kinds(one, **more):
    return [finding.kind for finding in judge([one], NOW, **more)]


def test_a_service_that_is_fetched_in_time_is_no_finding():
    assert kinds(watched(last=35)) == []


@pytest.mark.parametrize(("last", "found"), [(58, []), (59, [AlarmKind.LATE]), (600, [AlarmKind.LATE])])
def test_late_at_two_intervals_and_not_before(last, found):
    assert kinds(watched(last=last, sources=(source(newest=1),))) == found


def test_never_started_after_two_intervals_only():
    new = source(newest=None, since=minutes(58))
    assert kinds(watched(last=None, since=minutes(58), sources=(new,))) == []
    old = source(newest=None, since=minutes(60))
    assert kinds(watched(last=None, since=minutes(60), sources=(old,))) == [AlarmKind.NEVER_STARTED]


def test_a_source_that_answers_and_brings_nothing():
    (found,) = judge([watched(sources=(source(newest=59),))], NOW)
    assert (found.kind, found.source_id) == (AlarmKind.EMPTY, "s1")
    assert "nothing new since 2026-11-24 11:01 UTC" in found.detail
    assert kinds(watched(sources=(source(newest=58),))) == []
    assert kinds(watched(sources=(source(newest=None, since=minutes(61)),))) == [AlarmKind.EMPTY]
    assert kinds(watched(sources=(source(newest=59, failing=True),))) == []  # that one is told as failed


def test_a_night_without_rows_and_a_service_that_logs_rarely_are_usual():
    silent = watched(sources=(source(newest=7 * 60),))
    assert kinds(silent, rhythms={"web": Rhythm(longest_gap_hours=7, rows_per_hour=500.0)}) == []
    assert kinds(silent, rhythms={"web": Rhythm(longest_gap_hours=5, rows_per_hour=500.0)}) == [AlarmKind.EMPTY]
    rare = watched(sources=(source(newest=150),))
    assert kinds(rare, rhythms={"web": Rhythm(rows_per_hour=3.0)}) == []
    assert kinds(rare, rhythms={"web": Rhythm(rows_per_hour=60.0)}) == [AlarmKind.EMPTY]


def test_files_that_ended_before_anybody_looked_are_history():
    old = source(newest=60 * 24 * 40, type="file")
    assert kinds(watched(sources=(old,))) == []
    assert kinds(watched(sources=(source(newest=60 * 24, type="file"),))) == [AlarmKind.EMPTY]


def test_after_maintenance_the_time_begins_anew():
    assert kinds(watched(last=600, since=minutes(10), sources=(source(newest=600),))) == []


def test_cron_is_late_when_two_firings_passed():
    every_hour = {"cron": "0 * * * *", "interval": timedelta(minutes=5)}
    assert kinds(watched(last=90, sources=(source(newest=1),), **every_hour)) == []
    assert kinds(watched(last=125, sources=(source(newest=1),), **every_hour)) == [AlarmKind.LATE]


def test_a_service_without_sources_to_read_is_no_finding():
    assert kinds(watched(last=None, sources=())) == []
