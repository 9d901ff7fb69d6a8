"""When a message about an incident is due, and which alert leads it: critical at once, the rest in batches, never more than bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from luffy_dagster.core.alerting.model import Alert, Source
from luffy_dagster.core.anomalies.model import Kind
from luffy_dagster.core.model import Severity

MOST_DOUBLINGS = 5
_COUNTS = frozenset({Kind.ERRORS.value, Kind.NEW_ERROR.value, Kind.VOLUME_DROP.value})


@dataclass(frozen=True, slots=True)
class Policy:
    """How often people are told. The cooldown doubles with each update of an incident."""

    batch: timedelta = timedelta(minutes=5)
    cooldown: timedelta = timedelta(minutes=15)
    repeat: timedelta = timedelta(hours=4)
    tell_resolved: bool = True
    at_once: bool = False  # everything there is has been read: neither batch nor root is waited for


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of an incident so far."""

    messages: int
    last_at: datetime
    severity: Severity
    root: str | None
    services: frozenset[str]
    grave: frozenset[str] = frozenset()  # titles of its alerts that are high or critical
    resolved: bool = False  # the last message said that it is over


@dataclass(frozen=True, slots=True)
class Standing:
    """An incident now, without what is hidden."""

    firing: bool
    severity: Severity
    since: datetime  # when its first alert that is not hidden fired
    declare_at: datetime
    root: str | None
    services: frozenset[str]
    grave: frozenset[str] = frozenset()
    acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """A message that is due: "first", "update", "repeat" or "resolved"; `urgent` ones go alone and at once."""

    kind: str
    urgent: bool
    why: tuple[str, ...] = ()


def next_batch(at: datetime, batch: timedelta) -> datetime:
    """The first border of batches at or after `at` (borders are aligned to the epoch)."""
    seconds = batch.total_seconds()
    number = -(-at.timestamp() // seconds)
    return datetime.fromtimestamp(number * seconds, UTC)


def decide(now_: Standing, told: Told | None, policy: Policy, now: datetime) -> Decision | None:
    """The message that is due about an incident at `now`, or None.

    An incident that is over before anybody was told of it is not told. While it is acknowledged only its becoming
    critical and its end are.
    """
    critical = now_.severity is Severity.CRITICAL
    if told is None:
        if not now_.firing:
            return None
        if critical:
            return Decision("first", urgent=True)
        if policy.at_once:
            return Decision("first", urgent=False)
        due = next_batch(now_.since, policy.batch)
        if now_.root is None:
            due = max(due, now_.declare_at)
        return Decision("first", urgent=False) if now >= due else None
    if not now_.firing:
        over = policy.tell_resolved and not told.resolved and not now_.acknowledged
        pause = policy.cooldown * (2 ** min(max(told.messages - 3, 0), MOST_DOUBLINGS))
        calm = told.messages <= 3 or now - told.last_at >= pause
        return Decision("resolved", urgent=False) if over and calm else None
    if critical and told.severity is not Severity.CRITICAL:
        return Decision("update", urgent=True, why=("it has become critical",))
    if now_.acknowledged:
        return None
    pause = policy.cooldown * 2 ** min(max(told.messages - 1, 0), MOST_DOUBLINGS)
    why = _news(now_, told)
    if why and now - told.last_at >= pause:
        return Decision("update", urgent=False, why=why)
    if now - told.last_at >= policy.repeat * 2 ** min(max(told.messages - 2, 0), 3):
        return Decision("repeat", urgent=False, why=("it goes on",))
    return None


def _news(now_: Standing, told: Told) -> tuple[str, ...]:
    why = []
    if told.resolved:
        why.append("it is back")
    if now_.root is not None and now_.root != told.root and len(now_.services | told.services) > 1:
        why.append(f"its root is {now_.root}")
    if now_.severity.rank > told.severity.rank:
        why.append(f"it is {now_.severity} now")
    joined = sorted(now_.services - told.services)
    if joined:
        why.append(f"{', '.join(joined)} joined")
    grave = sorted(now_.grave - told.grave)
    if grave and not joined:
        why.append(f"{len(grave)} more: {'; '.join(grave[:3])}")
    return tuple(why)


def leading_first(alerts: Sequence[Alert], root: str | None, now: datetime) -> list[Alert]:
    """Alerts of one incident, what leads first: the root's, an exception before how many lines or errors come (its name says more), the worst."""
    named = {one.service for one in alerts if one.source is Source.CLUSTER}

    def rank(one: Alert) -> tuple[bool, bool, int, datetime, int]:
        counts = one.source is Source.ANOMALY and one.kind in _COUNTS and one.service in named
        return one.service != root, counts, -one.severity.rank, one.fired_at or now, one.id

    return sorted(alerts, key=rank)
