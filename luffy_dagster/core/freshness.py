"""Silence is noticed: which fetches are late, were never started, or bring nothing although their source answers.

Pure decisions over what the store knows, with the clock passed in; they need no run, for silence has none. What a fetch itself
notices (it failed, it was capped) is said by the fetch; telling people is alerting's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from luffy_dagster.core.cron import last_firing

INTERVALS = 2  # as many may pass
GRACE = timedelta(minutes=1)  # of the last one: a tick comes a few seconds after its minute
GAPS = 10  # silence is news when it lasts ten times as long as the mean time between two rows
_HOUR = timedelta(hours=1)


class AlarmKind(StrEnum):
    """What is wrong with a service's fetches."""

    FAILED = "failed"  # the source cannot be read
    CAPPED = "capped"  # more is there than was taken
    LATE = "late"  # no fetch has succeeded for two intervals
    NEVER_STARTED = "never_started"  # none has ever succeeded
    EMPTY = "empty"  # the source answers and has nothing new
    SHAPES_CAPPED = "shapes_capped"  # more new shapes in a day than are kept


@dataclass(frozen=True, slots=True)
class WatchedSource:
    """One source that is to be read."""

    source_id: str
    name: str
    type: str
    since: datetime  # made, or last changed
    created_at: datetime
    newest: datetime | None  # largest event time seen
    failing: bool


@dataclass(frozen=True, slots=True)
class Watched:
    """One service that is worked on, with the sources that are to be read."""

    service: str
    interval: timedelta
    cron: str | None
    timezone: str
    since: datetime  # made, or last changed: out of maintenance, resumed, another interval
    last_success: datetime | None
    sources: tuple[WatchedSource, ...]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How a service logs, from its hourly counts."""

    longest_gap_hours: int = 0  # longest row of empty hours between two that have rows
    rows_per_hour: float = 0.0  # over the hours that have rows

    @property
    def usual_silence(self) -> timedelta:
        """Silence that nobody has to be told of."""
        night = _HOUR * (self.longest_gap_hours + 1) if self.longest_gap_hours else timedelta()
        rare = _HOUR * GAPS / self.rows_per_hour if self.rows_per_hour else timedelta()
        return max(night, rare)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `source_id` is empty when it is of the service as a whole."""

    service: str
    kind: AlarmKind
    source_id: str
    detail: str


def allowed_silence(watched: Watched, now: datetime) -> timedelta:
    """Time without a success (or a row) after which something is wrong: two intervals, or two firings of the cron expression."""
    if watched.cron:
        firing: datetime | None = now
        for _ in range(INTERVALS):
            firing = last_firing(watched.cron, watched.timezone, firing - GRACE) if firing is not None else None
        return now - firing - GRACE if firing is not None else timedelta.max
    return watched.interval * INTERVALS - GRACE


def judge(services: Iterable[Watched], now: datetime, rhythms: Mapping[str, Rhythm] | None = None) -> list[Finding]:
    """What is late, never started or silent at `now`.

    `rhythms` are how the services usually log; without them (first pass) every silence of two intervals is a finding.
    """
    found: list[Finding] = []
    for watched in services:
        if not watched.sources:
            continue
        allowed = allowed_silence(watched, now)
        since = max([watched.since, *(source.since for source in watched.sources)])
        if watched.last_success is None:
            if now - since >= allowed:
                detail = f"never fetched, although it is watched since {_when(since)}: see luffy doctor"
                found.append(Finding(watched.service, AlarmKind.NEVER_STARTED, "", detail))
        elif now - max(watched.last_success, watched.since) >= allowed:
            detail = f"no fetch has succeeded since {_when(watched.last_success)}; {_every(watched)}: see luffy doctor"
            found.append(Finding(watched.service, AlarmKind.LATE, "", detail))
        rhythm = (rhythms or {}).get(watched.service, Rhythm())
        limit = max(allowed, rhythm.usual_silence)
        found += [
            _silent(watched, source, now) for source in watched.sources if _is_silent(watched, source, now, limit)
        ]
    return found


def _is_silent(watched: Watched, source: WatchedSource, now: datetime, limit: timedelta) -> bool:
    """Whether the source answers, should have had something new, and had not."""
    if source.failing or watched.last_success is None or watched.last_success <= source.since:
        return False  # that is another alarm's business, or it was not read since it was made
    if source.newest is None:
        return now - max(source.since, watched.since) >= limit
    if source.type == "file" and source.newest < source.created_at:
        return False  # files that ended before anybody looked: history, not a stream
    return now - max(source.newest, source.since, watched.since) >= limit


def _silent(watched: Watched, source: WatchedSource, now: datetime) -> Finding:
    if source.newest is None:
        detail = f"source {source.name} answers and has never had a row: see its index or paths and its filter"
    else:
        hours = (now - source.newest) / _HOUR
        detail = f"source {source.name} answers and has had nothing new since {_when(source.newest)} ({hours:.1f} h)"
    return Finding(watched.service, AlarmKind.EMPTY, source.source_id, detail)


def _every(watched: Watched) -> str:
    return (
        f"due by cron {watched.cron}" if watched.cron else f"due every {watched.interval // timedelta(minutes=1)} min"
    )


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
