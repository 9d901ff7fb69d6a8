"""The lifecycle of a service and of a cluster: which states there are and which moves are legal.

Pure decisions only. Keeping a move with its time and actor is `store.services`' business, and so is making one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from luffy_dagster.core.model import ClusterState


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


@dataclass(frozen=True, slots=True)
class Occurrences:
    """What the state of a cluster is judged by. Counts are true rolling counts by event time."""

    first_seen: datetime
    last_seen: datetime
    count_24h: int
    count_7d: int  # the 24 hours included
    resolved_at: datetime | None = None


NEW_FOR = timedelta(hours=24)
ESCALATION_FACTOR = 3.0
ESCALATION_MINIMUM = 10


def cluster_state(
    current: ClusterState,
    seen: Occurrences,
    now: datetime,
    *,
    new_for: timedelta = NEW_FOR,
    factor: float = ESCALATION_FACTOR,
    minimum: int = ESCALATION_MINIMUM,
) -> ClusterState:
    """The state that a cluster has at `now`.

    Ignored stays. Resolved becomes regressed by an occurrence after it was resolved, and a regressed cluster stays
    that until a person changes it. Otherwise: new for `new_for` after it was first seen; escalating when the last 24
    hours hold at least `minimum` occurrences and `factor` times the mean of the six days before; else ongoing.
    """
    if current is ClusterState.IGNORED:
        return current
    if current is ClusterState.RESOLVED:
        back = seen.resolved_at is not None and seen.last_seen > seen.resolved_at
        return ClusterState.REGRESSED if back else current
    if current is ClusterState.REGRESSED:
        return current
    if now - seen.first_seen < new_for:
        return ClusterState.NEW
    daily_before = (seen.count_7d - seen.count_24h) / 6
    if seen.count_24h >= minimum and seen.count_24h >= factor * max(daily_before, 1.0):
        return ClusterState.ESCALATING
    return ClusterState.ONGOING
