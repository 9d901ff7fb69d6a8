"""Cron expressions of five fields: when one fired last and fires next, in a time zone.

Minute, hour, day of month, month, day of week (0 and 7 are Sunday; names of months and days may be used); lists, ranges,
steps. Where both days are restricted a day matches when either does, as in POSIX cron. Local times that a clock
change skips do not fire; those that it repeats fire once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_DAYS = {name: number for number, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
)
_HORIZON_DAYS = 366 * 8 + 2  # 29 February may be eight years away


class CronError(ValueError):
    """The expression or its zone cannot be read; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression: the values that each field allows."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 = Sunday
    any_day: bool  # the day of month is not restricted
    any_weekday: bool

    def matches(self, day: date) -> bool:
        """Whether it fires on this local day."""
        if day.month not in self.months:
            return False
        in_month = day.day in self.days
        in_week = day.isoweekday() % 7 in self.weekdays
        if self.any_day or self.any_weekday:
            return in_month and in_week
        return in_month or in_week


@lru_cache(maxsize=4096)
def parse(expression: str) -> Cron:
    """The parsed expression. Raises CronError."""
    parts = expression.lower().split()
    if len(parts) != 5:
        raise CronError(f"cron {expression!r} has {len(parts)} fields; write minute hour day month weekday")
    values = [_values(part, *field_, expression=expression) for part, field_ in zip(parts, _FIELDS, strict=True)]
    weekdays = frozenset(day % 7 for day in values[4])
    return Cron(
        minutes=tuple(sorted(values[0])),
        hours=tuple(sorted(values[1])),
        days=frozenset(values[2]),
        months=frozenset(values[3]),
        weekdays=weekdays,
        any_day=parts[2].startswith("*"),
        any_weekday=parts[4].startswith("*"),
    )


def _values(part: str, name: str, low: int, high: int, names: dict[str, int], *, expression: str) -> set[int]:
    found: set[int] = set()
    for item in part.split(","):
        span, _, step_text = item.partition("/")
        try:
            step = int(step_text) if "/" in item else 1
            if span == "*":
                first, last = low, high
            else:
                start, dash, end = span.partition("-")
                first = names[start] if start in names else int(start)
                last = (names[end] if end in names else int(end)) if dash else (high if "/" in item else first)
        except ValueError:
            raise CronError(f"cron {expression!r}: {name} {item!r} is no number, range or step") from None
        if step < 1 or first < low or last > high or first > last:
            raise CronError(f"cron {expression!r}: {name} {item!r} is outside {low}-{high} or runs backwards")
        found.update(range(first, last + 1, step))
    return found


def zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises CronError when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CronError(f"time zone {name!r} does not exist; write one like Europe/Berlin or UTC") from None


def last_firing(expression: str, timezone: str, at: datetime) -> datetime | None:
    """The latest firing at or before `at` (UTC); None when it does not fire in the eight years before."""
    cron, local = parse(expression), zone(timezone)
    day = at.astimezone(local).date()
    for back in range(_HORIZON_DAYS):
        current = day - timedelta(days=back)
        if not cron.matches(current):
            continue
        fired = [moment for moment in _firings(cron, current, local) if moment <= at]
        if fired:
            return fired[-1]
    return None


def following_firing(expression: str, timezone: str, at: datetime) -> datetime | None:
    """The first firing after `at` (UTC); None when it does not fire in the eight years to come."""
    cron, local = parse(expression), zone(timezone)
    day = at.astimezone(local).date()
    for ahead in range(_HORIZON_DAYS):
        current = day + timedelta(days=ahead)
        if not cron.matches(current):
            continue
        for moment in _firings(cron, current, local):
            if moment > at:
                return moment
    return None


@lru_cache(maxsize=4096)
def _firings(cron: Cron, day: date, local: ZoneInfo) -> tuple[datetime, ...]:
    moments = []
    for hour in cron.hours:
        for minute in cron.minutes:
            wall = datetime.combine(day, time(hour, minute), tzinfo=local)
            moment = wall.astimezone(UTC)
            # A wall time that the clock jumps over comes back as another one: it does not exist that day.
            if moment.astimezone(local).replace(tzinfo=None) == wall.replace(tzinfo=None):
                moments.append(moment)
    return tuple(sorted(set(moments)))
