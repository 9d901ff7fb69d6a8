"""The lifecycle of a service: which states there are and which moves are legal (of a cluster: `clustering.states`).

Pure decisions only. Keeping a move with its time and actor is `store.services`' business, and so is making one.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum


class LifecycleState(StrEnum):
    """State of a service, from its creation to the archive."""

    CREATED = "Created"
    CONFIGURING = "Configuring"
    LOG_SOURCES_ADDED = "LogSourcesAdded"
    TESTING = "Testing"
    TEST_FAILED = "TestFailed"
    MONITORING_ENABLED = "MonitoringEnabled"
    ACTIVE = "Active"
    PROCESSING = "Processing"
    MAINTENANCE = "Maintenance"
    ARCHIVED = "Archived"


_S = LifecycleState

MOVES: dict[LifecycleState, tuple[LifecycleState, ...]] = {
    _S.CREATED: (_S.CONFIGURING,),
    _S.CONFIGURING: (_S.LOG_SOURCES_ADDED,),
    _S.LOG_SOURCES_ADDED: (_S.TESTING,),
    _S.TESTING: (_S.TEST_FAILED, _S.MONITORING_ENABLED),
    _S.TEST_FAILED: (_S.LOG_SOURCES_ADDED,),
    _S.MONITORING_ENABLED: (_S.ACTIVE,),
    _S.ACTIVE: (_S.PROCESSING, _S.MAINTENANCE, _S.ARCHIVED),
    _S.PROCESSING: (_S.ACTIVE,),
    _S.MAINTENANCE: (_S.ACTIVE,),
    _S.ARCHIVED: (),
}

# The way of onboarding; a step that was jumped over is made by `path`. A failed test is never made on the way.
_ONBOARDING = (
    _S.CREATED,
    _S.CONFIGURING,
    _S.LOG_SOURCES_ADDED,
    _S.TESTING,
    _S.MONITORING_ENABLED,
    _S.ACTIVE,
)

# How far a state is on that way (what is beside it counts as the state it leaves from).
_REACHED = {state: position for position, state in enumerate(_ONBOARDING)} | {
    _S.TEST_FAILED: _ONBOARDING.index(_S.CONFIGURING),
    _S.PROCESSING: len(_ONBOARDING),
    _S.MAINTENANCE: len(_ONBOARDING),
    _S.ARCHIVED: len(_ONBOARDING),
}


def allowed(state: LifecycleState) -> tuple[LifecycleState, ...]:
    """The states that may follow `state` (empty for Archived)."""
    return MOVES[state]


def legal(current: LifecycleState, wanted: LifecycleState) -> bool:
    """Whether a service in `current` may be moved to `wanted`."""
    return wanted in MOVES[current]


def path(current: LifecycleState, wanted: LifecycleState) -> tuple[LifecycleState, ...] | None:
    """The shortest row of legal moves from `current` to `wanted`, `current` left out; None where there is none.

    A failed test and the archive are never passed on the way: they are reached only when asked for.
    """
    if current == wanted:
        return ()
    queue: deque[tuple[LifecycleState, ...]] = deque([(current,)])
    seen = {current}
    while queue:
        way = queue.popleft()
        for following in MOVES[way[-1]]:
            if following == wanted:
                return (*way[1:], following)
            if following in seen or following in (_S.TEST_FAILED, _S.ARCHIVED):
                continue
            seen.add(following)
            queue.append((*way, following))
    return None


def reached(current: LifecycleState, wanted: LifecycleState) -> bool:
    """Whether the onboarding step `wanted` lies behind a service in `current`, or is where it is."""
    return _REACHED[current] >= _REACHED[wanted]


def runs_work(state: LifecycleState) -> bool:
    """Whether the scheduler works for a service in this state: monitored, and neither in maintenance nor archived."""
    return state in (_S.MONITORING_ENABLED, _S.ACTIVE, _S.PROCESSING)
