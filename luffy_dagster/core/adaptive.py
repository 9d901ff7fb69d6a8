"""Adaptive intervals: a service whose exceptions rise is fetched more often, within limits; calm restores its interval.

Pure: counts per hour come in, oldest first, the last hour running. The reason is part of the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds. The shortest interval is the tick's: nothing looks more often."""

    shortest: int = 300  # seconds
    least: int = 10  # exceptions in the last two hours
    rise: float = 3.0  # times the usual
    calm: float = 1.5
    steepest: int = 8  # the interval is divided by this at most


@dataclass(frozen=True, slots=True)
class Adapted:
    """The interval to use now; `reason` is empty while it is the service's own."""

    interval_seconds: int
    reason: str = ""


def adapt(own_seconds: int, hourly: Sequence[int], before: Adapted | None, limits: Limits = Limits()) -> Adapted:
    """The interval after looking at the exceptions of the last hours.

    The usual is the mean per two hours of the day before. A rise of r times it divides the interval by r (in powers of
    two); while it is above `calm` times the usual a shortened interval stays; then the own one returns.
    """
    recent = sum(hourly[-2:])
    past = list(hourly[-26:-2])
    usual = 2 * sum(past) / len(past) if past else 0.0
    yardstick = max(usual, 1.0)
    # three standard deviations of a Poisson count: a few more of a few are no rise
    rises = recent >= limits.least and recent >= limits.rise * yardstick and recent > usual + 3 * sqrt(max(usual, 1.0))
    if rises and own_seconds > limits.shortest:
        factor = 2
        while factor * 2 <= min(limits.steepest, recent / yardstick):
            factor *= 2
        seconds = max(limits.shortest, own_seconds // factor)
        if before is not None and before.reason and before.interval_seconds <= seconds:
            return before
        return Adapted(seconds, f"{recent} exceptions in two hours, {usual:.0f} are usual")
    if before is not None and before.reason and own_seconds > before.interval_seconds:
        stays = recent >= limits.least and recent > limits.calm * yardstick
        if stays:
            return before
    return Adapted(own_seconds)
