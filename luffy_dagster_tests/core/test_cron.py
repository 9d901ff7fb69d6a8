"""Cron expressions: what they allow, when they fire, clock changes, what is refused."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luffy_dagster.core.cron import CronError, following_firing, last_firing, parse


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "zone", "before", "after"),
    [
        ("*/15 * * * *", "UTC", at(2026, 11, 24, 12, 0), at(2026, 11, 24, 12, 15)),
        ("0 9-17/4 * * mon-fri", "UTC", at(2026, 11, 24, 9, 0), at(2026, 11, 24, 13, 0)),
        ("0 0 1 * *", "UTC", at(2026, 11, 1), at(2026, 12, 1)),
        ("0 0 29 2 *", "UTC", at(2024, 2, 29), at(2028, 2, 29)),
        ("0 0 13 * fri", "UTC", at(2026, 11, 20), at(2026, 11, 27)),  # either day, as in POSIX
        ("5 4 * * 7", "UTC", at(2026, 11, 22, 4, 5), at(2026, 11, 29, 4, 5)),
        ("5 4 * * sun", "UTC", at(2026, 11, 22, 4, 5), at(2026, 11, 29, 4, 5)),
        ("0 12 * * *", "Asia/Kolkata", at(2026, 11, 24, 6, 30), at(2026, 11, 25, 6, 30)),
        ("59 23 31 dec *", "UTC", at(2025, 12, 31, 23, 59), at(2026, 12, 31, 23, 59)),
    ],
)
def test_firings_around_a_moment(expression, zone, before, after):
    now = at(2026, 11, 24, 12, 7)
    assert last_firing(expression, zone, now) == before
    assert following_firing(expression, zone, now) == after


def test_hours_that_the_clock_skips_and_repeats():
    # Berlin, 2026-03-29: 02:30 does not exist. 2026-10-25: 02:30 comes twice, and fires once.
    assert last_firing("30 2 * * *", "Europe/Berlin", at(2026, 3, 29, 20)) == at(2026, 3, 28, 1, 30)
    first = following_firing("30 2 * * *", "Europe/Berlin", at(2026, 10, 24, 20))
    assert first == at(2026, 10, 25, 0, 30)
    assert following_firing("30 2 * * *", "Europe/Berlin", first) == at(2026, 10, 26, 1, 30)


@pytest.mark.parametrize(
    "expression", ["", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *", "a * * * *", "1,,2 * * * *", "@daily"]
)
def test_what_cannot_be_read_is_refused_with_the_expression(expression):
    with pytest.raises(CronError) as error:
        parse(expression)
    assert repr(expression) in str(error.value)


def test_a_zone_that_does_not_exist_is_named():
    with pytest.raises(CronError, match="Mars/Base"):
        last_firing("* * * * *", "Mars/Base", at(2026, 1, 1))


def test_what_never_fires_gives_none():
    assert last_firing("0 0 30 2 *", "UTC", at(2026, 1, 1)) is None
    assert following_firing("0 0 30 2 *", "UTC", at(2026, 1, 1)) is None


fields = st.tuples(
    st.sampled_from(["*", "0", "*/7", "5,35", "10-20"]), st.sampled_from(["*", "3", "*/6", "8-18"]),
    st.sampled_from(["*", "1", "*/10"]), st.sampled_from(["*", "1-6", "jan,jul"]), st.sampled_from(["*", "mon-fri", "0"]),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    fields.map(" ".join),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]),
    st.datetimes(min_value=datetime(2024, 1, 1), max_value=datetime(2030, 1, 1), timezones=st.just(UTC)),
)
def test_last_and_following_are_neighbours(expression, zone, now):
    last, following = last_firing(expression, zone, now), following_firing(expression, zone, now)
    assert last <= now < following
    assert following_firing(expression, zone, last) == following
    assert last_firing(expression, zone, following - timedelta(seconds=1)) == last
