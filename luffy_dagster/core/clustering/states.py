"""The states of a cluster of exceptions: which there are, what moves one to another, and why.

new → ongoing ⇄ escalating; a person resolves (now, in a release, in a commit) or ignores (until N more, until a time, for
ever); a resolved one becomes regressed by an occurrence of a newer release only. Pure: counts, releases and the clock come in;
keeping the move with its actor is `store.clusters`' business, telling it is alerting's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import accumulate
from math import log, sqrt

from luffy_dagster.core.model import ClusterState
from luffy_dagster.core.releases import Occurrence, Releases

ALGORITHM = "cluster-states-2026-11"


class ResolvedIn(StrEnum):
    """What a person said when resolving a cluster."""

    NOW = "now"
    RELEASE = "release"
    COMMIT = "commit"


@dataclass(frozen=True, slots=True)
class Resolution:
    """When a cluster was resolved and in what; `value` is the version or the commit."""

    kind: ResolvedIn
    at: datetime
    value: str = ""


@dataclass(frozen=True, slots=True)
class Ignore:
    """Ignored until a time, until so many more occurrences (counted from `total` on), or for ever."""

    at: datetime
    until: datetime | None = None
    occurrences: int | None = None
    total: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """A cluster's state with what it depends on."""

    state: ClusterState
    since: datetime
    resolution: Resolution | None = None
    ignored: Ignore | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the state is judged by. `hourly`: occurrences per hour by event time, oldest first; the last hour is running."""

    first_seen: datetime
    hourly: Sequence[int]
    total: int
    regression: str | None = None  # why a resolved cluster has come back, from `regression`


@dataclass(frozen=True, slots=True)
class StateSettings:
    """Defaults: an escalation is at least ten occurrences, twice what was expected, and past the forecast."""

    new_for: timedelta = timedelta(hours=24)
    windows: tuple[int, ...] = (1, 3, 24)  # hours that are looked at, the running one included
    history: int = 168  # hours
    least_history: int = 24
    deviations: float = 4.0
    least: int = 10
    ratio: float = 2.0
    calm: float = 0.5  # an escalation ends when every window is below this share of its limit
    hold: timedelta = timedelta(hours=1)  # and not before


DEFAULT = StateSettings()


def forecast(hourly: Sequence[int], window: int, settings: StateSettings = DEFAULT) -> float | None:
    """The most occurrences that the last `window` hours should hold, from the hours before them; None with too little history.

    Mean of the earlier windows plus `deviations` times their spread (never less than Poisson's), and never less than
    what was seen before, so that what happens every day, or every Monday, is expected.
    """
    before = list(hourly[: len(hourly) - window])[-settings.history :]
    if len(before) < max(settings.least_history, 2 * window):
        return None
    upto = [0, *accumulate(before)]
    sums = [upto[i] - upto[i - window] for i in range(window, len(before) + 1)]
    mean = sum(before) / len(before) * window
    variance = sum((one - mean) ** 2 for one in sums) / len(sums)
    return max(mean + settings.deviations * sqrt(max(variance, mean)), float(max(sums)), settings.ratio * mean)


def escalation(hourly: Sequence[int], settings: StateSettings = DEFAULT) -> str | None:
    """Why the recent hours are more than forecast, or None."""
    for window in settings.windows:
        limit = forecast(hourly, window, settings)
        seen = sum(hourly[-window:])
        if limit is not None and seen >= settings.least and seen > limit:
            hours = "hour" if window == 1 else f"{window} hours"
            return f"{seen} in the last {hours}, at most {limit:.0f} were expected"
    return None


def rise_start(times: Sequence[float], per_hour: float, until: float) -> float | None:
    """Of occurrences (epoch seconds, in order) the one from which on they come most unlike `per_hour`; None without any.

    The change point of greatest likelihood between the usual Poisson rate and that of all that follows it up to `until`.
    """
    best, found = 0.0, None
    for place, at in enumerate(times):
        seen = len(times) - place
        usual = max(per_hour, 1 / 24) * max(until - at, 60.0) / 3600
        gain = seen * log(seen / usual) - (seen - usual) if seen > usual else 0.0
        if gain > best:
            best, found = gain, at
    return found


def is_calm(hourly: Sequence[int], settings: StateSettings = DEFAULT) -> bool:
    """Whether the shorter windows are well below what makes an escalation."""
    for window in settings.windows[:2]:
        seen = sum(hourly[-window:])
        limit = forecast(hourly, window, settings)
        if seen >= settings.least and (limit is None or seen > settings.calm * limit):
            return False
    return True


def next_standing(
    standing: Standing, facts: Facts, now: datetime, settings: StateSettings = DEFAULT
) -> tuple[Standing, str]:
    """What the state is at `now`, and why it changed ("" when it did not). A person's moves are made elsewhere."""
    state = standing.state
    if state is ClusterState.IGNORED:
        return _ignored(standing, facts, now)
    if state is ClusterState.RESOLVED:
        if facts.regression is None:
            return standing, ""
        return _moved(ClusterState.REGRESSED, now), facts.regression
    if state is ClusterState.REGRESSED:
        return standing, ""  # until a person says otherwise
    if state is ClusterState.NEW and now - facts.first_seen < settings.new_for:
        return standing, ""
    why = escalation(facts.hourly, settings)
    if state is ClusterState.ESCALATING:
        if why is not None or now - standing.since < settings.hold or not is_calm(facts.hourly, settings):
            return standing, ""
        return _moved(ClusterState.ONGOING, now), "back to what was expected"
    if why is not None:
        return _moved(ClusterState.ESCALATING, now), why
    return (standing, "") if state is ClusterState.ONGOING else (_moved(ClusterState.ONGOING, now), "known for a day")


def _ignored(standing: Standing, facts: Facts, now: datetime) -> tuple[Standing, str]:
    ignored = standing.ignored
    if ignored is None:
        return standing, ""
    more = facts.total - ignored.total
    if ignored.occurrences is not None and more >= ignored.occurrences:
        return _moved(
            ClusterState.ESCALATING, now
        ), f"{more} occurrences since it was ignored until {ignored.occurrences}"
    if ignored.until is not None and now >= ignored.until:
        return _moved(ClusterState.ONGOING, now), f"ignored until {ignored.until:%Y-%m-%d %H:%M} UTC, which is over"
    return standing, ""


def _moved(state: ClusterState, now: datetime) -> Standing:
    return Standing(state, now)


def resolve(standing: Standing, resolution: Resolution) -> Standing:
    """What a person's "resolved" makes of any standing."""
    return replace(standing, state=ClusterState.RESOLVED, since=resolution.at, resolution=resolution, ignored=None)


def ignore(standing: Standing, ignored: Ignore) -> Standing:
    """What a person's "ignored" makes of any standing."""
    return replace(standing, state=ClusterState.IGNORED, since=ignored.at, resolution=None, ignored=ignored)


def reopen(standing: Standing, now: datetime) -> Standing:
    """What a person's "open again" makes of a resolved, ignored or regressed cluster."""
    del standing
    return Standing(ClusterState.ONGOING, now)


def regression(
    resolution: Resolution,
    occurrences: Iterable[Occurrence],
    releases: Releases,
    contains: Callable[[str], bool | None] = lambda _commit: None,
) -> str | None:
    """Why a resolved cluster has come back: the first occurrence that proves it; None when none does.

    Resolved in a release: an occurrence of a newer one (in its own environment). Resolved in a commit: an occurrence of a
    release whose commit `contains` it. Resolved now: an occurrence after that moment, unless it is of a release older than
    the one that ran then. An old release's late line proves nothing, nor does a line whose release is not known.
    """
    for one in sorted(occurrences, key=lambda o: o.at):
        run = releases.of_occurrence(one)
        named = f" in release {run.version}" if run is not None else ""
        if resolution.kind is ResolvedIn.NOW:
            if one.at <= resolution.at:
                continue
            ran = releases.running(one.environment, resolution.at)
            if one.version and run is None:
                continue  # of a version that nobody knows: it may be an old one
            if run is not None and ran is not None and run.at < ran.at:
                continue
            return f"occurred again at {one.at:%Y-%m-%d %H:%M} UTC{named}"
        if run is None:
            continue
        if resolution.kind is ResolvedIn.RELEASE:
            fixed = releases.named(one.environment, resolution.value)
            if fixed is not None and run.at > fixed.at:
                return f"occurred at {one.at:%Y-%m-%d %H:%M} UTC{named}, newer than {resolution.value}"
        elif run.commit is not None and contains(run.commit):
            return f"occurred at {one.at:%Y-%m-%d %H:%M} UTC{named}, which has commit {resolution.value[:12]}"
    return None
