"""Which services are due for what: slots, attempts and next runs, decided from values with the clock passed in.

Time is cut into slots of the length of a service's interval, aligned to the epoch and shifted by a stable hash of the
service, so that not all services are due at one tick. Work is due when the slot of `now` is later than the slot of the
last success; so a tick that was missed, or ten, is made up by one run. Attempts are counted per slot. A cron
expression takes the place of the interval (then its firing times are the slots, and nothing is shifted).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from luffy_dagster.core.cron import following_firing, last_firing


class Kind(StrEnum):
    """What the master scheduler schedules."""

    LOG_FETCH = "log_fetch"
    RCA = "rca"
    CODE_INDEX = "code_index"


MAX_ATTEMPTS = 3
RETRY_AFTER = timedelta(minutes=1)  # before the second attempt of a slot; five times as long before the third
RETRY_FACTOR = 5


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """What one service's work of one kind is judged by."""

    service: str
    kind: Kind
    enabled: bool  # active, in a state that works, and this kind switched on
    interval_seconds: int
    cron: str | None = None
    timezone: str = "UTC"  # of the cron expression
    last_success: datetime | None = None  # start of the last work that succeeded
    attempt_slot: datetime | None = None  # the slot that `attempts` counts in
    attempts: int = 0
    last_attempt: datetime | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """One piece of work to do now. `attempt` counts from 1."""

    service: str
    kind: Kind
    slot: datetime
    attempt: int


@lru_cache(maxsize=100_000)
def _offset(service: str, kind: Kind, interval_seconds: int) -> int:
    # crc32 is the same in every process and version, unlike hash().
    return zlib.crc32(f"{service}\0{kind.value}".encode()) % interval_seconds


def slot_of(service: str, kind: Kind, interval_seconds: int, at: datetime) -> datetime:
    """Start of the slot that `at` lies in (UTC).

    Raises ValueError when the interval is not positive.
    """
    return datetime.fromtimestamp(_slot_second(service, kind, interval_seconds, at.timestamp()), UTC)


def _slot_second(service: str, kind: Kind, interval_seconds: int, at: float) -> int:
    if interval_seconds <= 0:
        raise ValueError(f"interval of {service} is {interval_seconds} s: must be positive")
    offset = _offset(service, kind, interval_seconds)
    return int((at - offset) // interval_seconds) * interval_seconds + offset


def current_slot(row: ScheduleRow, at: datetime) -> datetime | None:
    """The slot that `at` lies in, by the row's cron expression or else its interval; None before a cron's first firing."""
    if row.cron:
        return last_firing(row.cron, row.timezone, at)
    return slot_of(row.service, row.kind, row.interval_seconds, at)


def retry_at(attempts: int, last_attempt: datetime) -> datetime:
    """When a slot with `attempts` failed attempts (1 or more) may be tried again."""
    return last_attempt + RETRY_AFTER * RETRY_FACTOR ** (attempts - 1)


def due(rows: Iterable[ScheduleRow], now: datetime, max_attempts: int = MAX_ATTEMPTS) -> list[Due]:
    """The work to start at `now`, longest waiting first (by last success; what never succeeded comes before all).

    A row is due when the slot of `now` is later than the slot of its last success, fewer than `max_attempts` attempts
    were made in the slot, and the pause after the last one is over.
    """
    found: list[tuple[float, str, str, Due]] = []
    second = now.timestamp()
    for row in rows:
        if not row.enabled:
            continue
        last = row.last_success.timestamp() if row.last_success is not None else None
        if row.cron:
            slot = last_firing(row.cron, row.timezone, now)
            if slot is None or (last is not None and last >= slot.timestamp()):
                continue
        else:
            start = _slot_second(row.service, row.kind, row.interval_seconds, second)
            if last is not None and last >= start:
                continue
            slot = datetime.fromtimestamp(start, UTC)
        attempts = row.attempts if row.attempt_slot == slot else 0
        if attempts >= max_attempts:
            continue
        if attempts and row.last_attempt is not None and now < retry_at(attempts, row.last_attempt):
            continue
        found.append((last or 0.0, row.service, row.kind.value, Due(row.service, row.kind, slot, attempts + 1)))
    found.sort(key=lambda item: item[:3])
    return [item[3] for item in found]


def next_run(row: ScheduleRow, now: datetime, max_attempts: int = MAX_ATTEMPTS) -> datetime | None:
    """When this work is due next: `now` when it already is, None when it is switched off (or a cron never fires)."""
    if not row.enabled:
        return None
    slot = current_slot(row, now)
    done = slot is None or (row.last_success is not None and row.last_success >= slot)
    if not done:
        attempts = row.attempts if row.attempt_slot == slot else 0
        if attempts == 0 or row.last_attempt is None:
            return now
        if attempts < max_attempts:
            following, retry = _following_slot(row, slot, now), retry_at(attempts, row.last_attempt)
            return max(now, retry if following is None else min(retry, following))
    return _following_slot(row, slot, now)


def _following_slot(row: ScheduleRow, slot: datetime | None, now: datetime) -> datetime | None:
    if row.cron or slot is None:
        return following_firing(row.cron, row.timezone, now) if row.cron else None
    return slot + timedelta(seconds=row.interval_seconds)
