"""Legal moves of services as CONTRACT lists them."""

import pytest

from luffy_dagster.core.lifecycle import LifecycleState as L
from luffy_dagster.core.lifecycle import allowed, legal, path, reached, runs_work

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

