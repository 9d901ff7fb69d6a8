"""Legal moves of services as CONTRACT lists them, and the states of clusters."""

from datetime import UTC, datetime, timedelta

import pytest

from luffy_dagster.core.lifecycle import LifecycleState as L
from luffy_dagster.core.lifecycle import Occurrences, allowed, cluster_state, legal, path, reached, runs_work
from luffy_dagster.core.model import ClusterState as C

# Created → Configuring → LogSourcesAdded → Testing → TestFailed (→ LogSourcesAdded) or MonitoringEnabled → Active ⇄ Processing;
# Active ⇄ Maintenance; Active → Archived. Any other move is refused.
LEGAL = {
    (L.CREATED, L.CONFIGURING),
    (L.CONFIGURING, L.LOG_SOURCES_ADDED),
    (L.LOG_SOURCES_ADDED, L.TESTING),
    (L.TESTING, L.TEST_FAILED),
    (L.TEST_FAILED, L.LOG_SOURCES_ADDED),
    (L.TESTING, L.MONITORING_ENABLED),
    (L.MONITORING_ENABLED, L.ACTIVE),
    (L.ACTIVE, L.PROCESSING),
    (L.PROCESSING, L.ACTIVE),
    (L.ACTIVE, L.MAINTENANCE),
    (L.MAINTENANCE, L.ACTIVE),
    (L.ACTIVE, L.ARCHIVED),
}


def test_the_legal_moves_are_exactly_the_contracts():
    assert {(a, b) for a in L for b in L if legal(a, b)} == LEGAL
    assert {(a, b) for a in L for b in allowed(a)} == LEGAL


@pytest.mark.parametrize("start", list(L))
@pytest.mark.parametrize("end", list(L))
def test_every_path_is_made_of_legal_moves(start, end):
    steps = path(start, end)
    if steps is None:
        assert start is L.ARCHIVED or end in (L.CREATED, L.CONFIGURING, L.LOG_SOURCES_ADDED, L.TESTING, L.TEST_FAILED, L.MONITORING_ENABLED)
        return
    for a, b in zip((start, *steps), steps, strict=False):
        assert legal(a, b)
    assert not {L.TEST_FAILED, L.ARCHIVED} & set(steps[:-1]), "never failed or archived on the way"
    assert ((start, *steps)[-1]) is end


def test_onboarding_in_one_go():
    assert path(L.CREATED, L.ACTIVE) == (L.CONFIGURING, L.LOG_SOURCES_ADDED, L.TESTING, L.MONITORING_ENABLED, L.ACTIVE)
    assert path(L.ARCHIVED, L.ACTIVE) is None
    assert path(L.ACTIVE, L.TESTING) is None


def test_what_was_reached_stays_reached():
    assert all(reached(state, L.ACTIVE) for state in (L.ACTIVE, L.PROCESSING, L.MAINTENANCE, L.ARCHIVED))
    assert not reached(L.TEST_FAILED, L.LOG_SOURCES_ADDED)
    assert reached(L.TEST_FAILED, L.CONFIGURING)


def test_work_runs_only_while_monitored():
    assert {state for state in L if runs_work(state)} == {L.MONITORING_ENABLED, L.ACTIVE, L.PROCESSING}


NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def seen(days, last=0.0, day=0, week=0, resolved=None):
    ago = lambda d: NOW - timedelta(days=d)  # noqa: E731
    return Occurrences(ago(days), ago(last), day, week, None if resolved is None else ago(resolved))


@pytest.mark.parametrize(
    ("current", "what", "expected"),
    [
        (C.NEW, seen(0.5, day=100, week=100), C.NEW),
        (C.NEW, seen(2, day=5, week=6), C.ONGOING),
        (C.ONGOING, seen(9, day=60, week=120), C.ESCALATING),  # 10 a day before, now 60
        (C.ONGOING, seen(9, day=25, week=85), C.ONGOING),
        (C.ONGOING, seen(9, day=9, week=9), C.ONGOING),  # too few to say
        (C.ESCALATING, seen(9, day=5, week=200), C.ONGOING),
        (C.RESOLVED, seen(9, last=3, resolved=2), C.RESOLVED),
        (C.RESOLVED, seen(9, last=1, day=1, week=1, resolved=2), C.REGRESSED),
        (C.REGRESSED, seen(9, last=5), C.REGRESSED),  # until a person says otherwise
        (C.IGNORED, seen(0.1, day=1000, week=1000), C.IGNORED),
    ],
)
def test_states_of_clusters(current, what, expected):
    assert cluster_state(current, what, NOW) is expected
