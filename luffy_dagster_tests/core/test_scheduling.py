"""Due sets, attempts and next runs: properties over any interval, clock and history."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luffy_dagster.core.scheduling import MAX_ATTEMPTS, Due, Kind, ScheduleRow, current_slot, due, next_run, slot_of
from luffy_dagster_tests.growth import assert_near_linear

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
moments = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1), timezones=st.just(UTC))
intervals = st.integers(min_value=1, max_value=7 * 24 * 60).map(lambda minutes: minutes * 60)
names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
kinds = st.sampled_from(list(Kind))
TICK = timedelta(minutes=5)


@given(names, kinds, intervals, moments)
def test_a_slot_holds_its_moment_and_is_as_long_as_the_interval(name, kind, interval, at):
    slot = slot_of(name, kind, interval, at)
    assert slot <= at < slot + timedelta(seconds=interval)
    assert slot_of(name, kind, interval, slot) == slot
    assert slot_of(name, kind, interval, slot - timedelta(microseconds=1)) == slot - timedelta(seconds=interval)


@given(names, intervals, st.lists(st.integers(0, 72 * 60), min_size=1, max_size=60), moments)
def test_missed_ticks_never_run_a_slot_twice(name, interval, minutes, start):
    """Whenever ticks happen, succeeding work runs at most once per slot, and the first tick of a slot runs it."""
    row = ScheduleRow(name, Kind.LOG_FETCH, True, interval)
    ran = []
    for offset in sorted(minutes):
        now = start + timedelta(minutes=offset)
        found = due([row], now)
        slot = slot_of(name, Kind.LOG_FETCH, interval, now)
        assert bool(found) == (slot not in ran)
        if found:
            assert found == [Due(name, Kind.LOG_FETCH, slot, 1)]
            ran.append(slot)
            row = replace(row, last_success=now)


@given(names, kinds, intervals, moments, st.integers(0, 5), st.integers(0, 30), st.one_of(st.none(), st.integers(0, 10_000)))
def test_next_run_is_the_first_moment_at_which_it_is_due(name, kind, interval, now, attempts, ago, success_ago):
    slot = slot_of(name, kind, interval, now)
    last_attempt = max(slot, now - timedelta(minutes=ago))
    row = ScheduleRow(
        name, kind, True, interval,
        last_success=None if success_ago is None else now - timedelta(minutes=success_ago),
        attempt_slot=slot if attempts else None, attempts=attempts, last_attempt=last_attempt if attempts else None,
    )  # fmt: skip
    promised = next_run(row, now)
    assert promised is not None
    assert promised >= now
    assert due([row], promised), "the promise is met"
    if promised > now:
        assert not due([row], now)
        assert not due([row], promised - timedelta(microseconds=1)), "and not before"
        assert promised - now <= timedelta(seconds=interval)


@given(names, st.integers(5, 24 * 60).map(lambda m: m * 60), moments)
def test_a_failing_slot_is_tried_three_times_with_growing_pauses(name, interval, start):
    start = slot_of(name, Kind.LOG_FETCH, interval, start)
    row = ScheduleRow(name, Kind.LOG_FETCH, True, interval)
    tried = []
    now = start
    while now < start + timedelta(seconds=interval):
        for one in due([row], now):
            tried.append(now)
            count = row.attempts + 1 if row.attempt_slot == one.slot else 1
            assert one.attempt == count
            row = replace(row, attempt_slot=one.slot, attempts=count, last_attempt=now)
        now += timedelta(minutes=1)
    assert tried[0] == start
    assert len(tried) <= MAX_ATTEMPTS
    pauses = [b - a for a, b in zip(tried, tried[1:], strict=False)]
    assert pauses == sorted(pauses)
    if interval >= 600:
        assert pauses == [timedelta(minutes=1), timedelta(minutes=5)]
    following = start + timedelta(seconds=interval)
    assert [d.attempt for d in due([row], following)] == [1], "the following slot begins anew"


def test_the_exact_due_set_of_each_tick():
    """Three services over three hours of ticks: every interval is kept, whatever its offset."""
    intervals = {"critical": 5, "standard": 30, "slow": 60}
    rows = {name: ScheduleRow(name, Kind.LOG_FETCH, True, minutes * 60, last_success=START) for name, minutes in intervals.items()}
    ran = {name: [] for name in rows}
    for n in range(1, 37):
        now = START + n * TICK
        expected = {name for name, row in rows.items() if slot_of(name, row.kind, row.interval_seconds, now) > slot_of(name, row.kind, row.interval_seconds, row.last_success)}
        assert {d.service for d in due(rows.values(), now)} == expected
        for name in expected:
            ran[name].append(now)
            rows[name] = replace(rows[name], last_success=now)
    assert {name: len(times) for name, times in ran.items()} == {"critical": 36, "standard": 6, "slow": 3}


def test_work_that_ends_in_the_following_slot_costs_no_slot():
    """The stamp is the start of the work: a fetch that takes long leaves the slot it ended in to be done."""
    slot = slot_of("a", Kind.LOG_FETCH, 300, START)
    row = ScheduleRow("a", Kind.LOG_FETCH, True, 300, last_success=slot + timedelta(seconds=299))
    assert due([row], slot + timedelta(seconds=300))


def test_services_are_spread_over_the_interval():
    rows = [ScheduleRow(f"service-{n}", Kind.LOG_FETCH, True, 1800, last_success=START) for n in range(1000)]
    per_tick = []
    for n in range(1, 7):
        found = {d.service for d in due(rows, START + n * TICK)}
        per_tick.append(len(found))
        rows = [replace(r, last_success=START + n * TICK) if r.service in found else r for r in rows]
    assert sum(per_tick) == 1000
    assert max(per_tick) < 250  # 1000 / 6 each, give or take


def test_switched_off_is_never_due_and_has_no_next_run():
    row = ScheduleRow("a", Kind.RCA, False, 300)
    assert due([row], START) == []
    assert next_run(row, START) is None


def test_longest_waiting_first():
    never = ScheduleRow("never", Kind.LOG_FETCH, True, 60)
    long = ScheduleRow("long", Kind.LOG_FETCH, True, 60, last_success=START - timedelta(days=2))
    short = ScheduleRow("short", Kind.LOG_FETCH, True, 60, last_success=START - timedelta(hours=2))
    assert [d.service for d in due([short, long, never], START)] == ["never", "long", "short"]


def test_a_cron_takes_the_place_of_the_interval():
    row = ScheduleRow("a", Kind.LOG_FETCH, True, 300, cron="30 9 * * *", timezone="Europe/Berlin")
    fired = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
    assert current_slot(row, START) == fired
    assert due([row], START) == [Due("a", Kind.LOG_FETCH, fired, 1)]
    done = replace(row, last_success=fired)
    assert due([done], START) == []
    assert next_run(done, START) == fired + timedelta(days=1)
    assert due([done], fired + timedelta(days=1))
    failed = replace(row, attempt_slot=fired, attempts=1, last_attempt=START)
    assert next_run(failed, START) == START + timedelta(minutes=1)


def test_an_interval_of_nothing_is_refused():
    with pytest.raises(ValueError, match="must be positive"):
        slot_of("a", Kind.RCA, 0, START)


def test_the_cost_of_deciding_grows_with_the_services():
    def rows(count):
        return [ScheduleRow(f"s{n}", kind, True, 300, last_success=START) for n in range(count) for kind in Kind]

    assert_near_linear(lambda given: due(given, START + timedelta(seconds=1)), rows, 20_000)


