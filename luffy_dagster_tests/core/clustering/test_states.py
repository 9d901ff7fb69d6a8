"""States of clusters: each move, when it is made and when not, and that nothing else is ever done."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luffy_dagster.core.clustering import states as s
from luffy_dagster.core.model import ClusterState as C
from luffy_dagster.core.releases import Occurrence, Releases, Run

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def ago(**delta):
    return NOW - timedelta(**delta)


def standing(state, since=None, **more):
    return s.Standing(state, since or ago(days=3), **more)


def after(before, hourly=(0,) * 168, first=None, total=0, regression=None, now=NOW):
    return s.next_standing(before, s.Facts(first or ago(days=9), hourly, total, regression), now)


def test_new_for_a_day_then_ongoing():
    assert after(standing(C.NEW), first=ago(hours=23))[0].state is C.NEW
    moved, why = after(standing(C.NEW), first=ago(hours=25))
    assert (moved.state, moved.since) == (C.ONGOING, NOW)
    assert why


STEADY = [2] * 168
DAILY_PEAK = ([1] * 9 + [80] + [1] * 14) * 7


@pytest.mark.parametrize(
    ("hourly", "expected"),
    [
        (STEADY, C.ONGOING),
        (STEADY[:-1] + [30], C.ESCALATING),
        (STEADY[:-3] + [9, 9, 9], C.ESCALATING),
        ([0] * 167 + [9], C.ONGOING),  # too few to say
        ([0] * 167 + [10], C.ESCALATING),
        (DAILY_PEAK[: 24 * 6 + 10], C.ONGOING),  # the peak that comes every day
        (DAILY_PEAK[: 24 * 6 + 5] + [80] * 3, C.ESCALATING),
        ([0] * 20 + [50], C.ONGOING),  # not a day of history: no forecast
    ],
)
def test_escalating_by_forecast(hourly, expected):
    assert after(standing(C.ONGOING), hourly)[0].state is expected


def test_an_escalation_holds_and_ends_in_calm():
    risen = STEADY[:-1] + [30]
    up, why = after(standing(C.ONGOING), risen)
    assert "expected" in why
    assert after(up, STEADY, now=NOW + timedelta(minutes=30))[0].state is C.ESCALATING, "held for an hour"
    assert after(up, risen[1:] + [25], now=NOW + 2 * HOUR)[0].state is C.ESCALATING
    assert after(up, risen[4:] + [2] * 4, now=NOW + 4 * HOUR)[0].state is C.ONGOING


def test_ignored_until_n_more_a_time_or_for_ever():
    until_n = standing(C.IGNORED, ignored=s.Ignore(ago(hours=2), occurrences=50, total=1000))
    assert after(until_n, total=1049)[0] is until_n
    moved, why = after(until_n, total=1050)
    assert moved.state is C.ESCALATING
    assert "50 occurrences" in why
    until = standing(C.IGNORED, ignored=s.Ignore(ago(hours=2), until=NOW))
    assert after(until, now=NOW - timedelta(seconds=1))[0] is until
    assert after(until)[0].state is C.ONGOING
    for_ever = standing(C.IGNORED, ignored=s.Ignore(ago(days=300)))
    assert after(for_ever, [1000] * 168, total=10**9)[0] is for_ever


# R1 since ten days, R2 since three, R3 since an hour; staging is ahead
RELEASES = Releases.of(
    [
        ("prod", Run("1", ago(days=10), "a" * 40)),
        ("prod", Run("2", ago(days=3), "b" * 40)),
        ("prod", Run("3", ago(hours=1), "c" * 40)),
        ("staging", Run("3", ago(days=2), "c" * 40)),
    ]
)


def seen(version=None, environment="prod", **delta):
    return Occurrence(ago(**delta), environment, version)


@pytest.mark.parametrize(
    ("resolution", "occurrences", "back"),
    [
        # in a release: only a newer one, whatever the time of the line
        (("release", "2"), [seen("1", minutes=5)], False),
        (("release", "2"), [seen("2", minutes=5)], False),
        (("release", "2"), [seen("3", minutes=5)], True),
        (("release", "2"), [seen(None, minutes=5)], True),  # 3 ran then
        (("release", "2"), [seen(None, hours=2)], False),  # 2 ran then: a late line
        (("release", "3"), [seen(None, minutes=5)], False),
        (("release", "9"), [seen("3", minutes=5)], False),  # not deployed yet
        (("release", "2"), [seen(None, environment="lab", minutes=5)], False),  # nobody knows what ran there
        (("release", "2"), [seen("0.9-old", minutes=5)], False),
        # now: any line after it, but not an old release's
        (("now", ""), [seen(None, hours=3)], False),
        (("now", ""), [seen(None, minutes=5)], True),
        (("now", ""), [seen("1", minutes=5)], False),
        (("now", ""), [seen("2", minutes=5)], True),  # what ran when it was resolved
        (("now", ""), [seen(None, environment="lab", minutes=5)], True),
        # in a commit: a release that has it
        (("commit", "c" * 40), [seen("2", minutes=5)], False),
        (("commit", "c" * 40), [seen("3", minutes=5)], True),
        (("commit", "c" * 40), [seen(None, hours=2)], False),
    ],
)
def test_only_a_newer_release_regresses(resolution, occurrences, back):
    made = s.Resolution(s.ResolvedIn(resolution[0]), ago(hours=2), resolution[1])
    why = s.regression(made, occurrences, RELEASES, lambda commit: commit == "c" * 40)
    assert (why is not None) is back
    before = s.resolve(standing(C.ESCALATING), made)
    moved, told = after(before, [900] * 168, regression=why)
    assert moved.state is (C.REGRESSED if back else C.RESOLVED)
    assert told == (why or "")


ALLOWED = {
    (C.NEW, C.ONGOING), (C.NEW, C.ESCALATING), (C.ONGOING, C.ESCALATING), (C.ESCALATING, C.ONGOING),
    (C.RESOLVED, C.REGRESSED), (C.IGNORED, C.ESCALATING), (C.IGNORED, C.ONGOING),
}  # fmt: skip

counts = st.lists(st.integers(0, 500), min_size=1, max_size=190)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["tick", "resolve", "ignore", "ignore-n", "ignore-until", "reopen"]),
            counts,
            st.booleans(),
            st.integers(1, 200),
        ),
        max_size=25,
    ),
    st.integers(0, 20),
)
def test_the_machine_makes_legal_moves_and_says_why(steps, age):
    now, first = NOW, NOW - timedelta(days=age)
    current, total = s.Standing(C.NEW, first), 0
    for action, hourly, regressed, n in steps:
        now += timedelta(minutes=n)
        total += sum(hourly)
        if action == "resolve":
            current = s.resolve(current, s.Resolution(s.ResolvedIn.NOW, now))
            continue
        if action.startswith("ignore"):
            ignored = s.Ignore(now, now + timedelta(minutes=n) if action == "ignore-until" else None, n if action == "ignore-n" else None, total)
            current = s.ignore(current, ignored)
            continue
        if action == "reopen":
            current = s.reopen(current, now)
            continue
        facts = s.Facts(first, hourly, total, "it is back" if regressed else None)
        moved, why = s.next_standing(current, facts, now)
        if moved.state is current.state:
            assert moved == current
            assert why == ""
        else:
            assert (current.state, moved.state) in ALLOWED
            assert why
            assert moved.since == now
        if current.state is C.RESOLVED:
            assert (moved.state is C.REGRESSED) == regressed
        if current.state is C.REGRESSED:
            assert moved == current
        # what was judged once is settled: the same facts at the same moment move nothing more
        assert s.next_standing(moved, facts, now)[0].state in (moved.state, C.ESCALATING if moved.state is C.ONGOING else moved.state)
        current = moved
    assert (current.resolution is not None) == (current.state is C.RESOLVED)
    assert (current.ignored is not None) == (current.state is C.IGNORED)


def test_a_rise_begins_where_occurrences_become_unlike_what_was_usual():
    usual = [3600.0 * n for n in range(20)]  # one an hour
    rise = [72_000.0 + 60 * n for n in range(10)]
    assert s.rise_start([*usual, *rise], 1.0, 72_700.0) == 72_000.0
    assert s.rise_start(usual, 1.0, 72_000.0) in (None, usual[0], usual[-1])
    assert s.rise_start([], 1.0, 0.0) is None
