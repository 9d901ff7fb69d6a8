"""What all detectors share: the interface, what they see, what they give.

A score is −log10 of a bound of how likely so much is when nothing is wrong. Windows of several lengths are looked at
at once; only what was seen up to a tick counts for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from luffy_dagster.core.anomalies.carry import NOTHING, Past
from luffy_dagster.core.anomalies.model import Feature
from luffy_dagster.core.anomalies.tails import dispersion
from luffy_dagster.core.anomalies.ticks import Array, Ticks
from luffy_dagster.core.anomalies.windows import TICK

MINUTE = 60 // TICK  # ticks
TRIM = 5  # ticks: the busiest two and a half minutes of a window are a blip
State = dict[str, Any]  # arrays, numbers and lists of strings: what `fit` stores
ERROR_LEVELS = ("error", "fatal")


@dataclass(frozen=True)
class View:
    """What a detector sees: the ticks, expected lines per tick, what is left out, and when a restart mutes."""

    ticks: Ticks
    mean: Array  # expected lines per tick, level followed
    mask: Array  # 1, or 0 where a tick belongs to an incident that is over
    base: Array  # the same without the level of the last hour
    mute: Array  # True where a restart explains drops, missing lines and other shares
    past: Past = NOTHING  # what is known from before the ticks

    def masked(self, values: Array) -> Array:
        """Values with what is left out as 0."""
        return values * self.mask


@dataclass(frozen=True)
class Scores:
    """Score per tick; `recent`: whether it is still abnormal right now; `explain(tick)`: the reasons, strongest first."""

    series: Array
    recent: Array
    explain: Callable[[int], list[Feature]]


class Detector(Protocol):
    """One detector. `family` names its threshold, `id` what computed it."""

    @property
    def id(self) -> str:
        """Dated id."""
        ...

    @property
    def family(self) -> str:
        """Name of its threshold."""
        ...

    @property
    def floor(self) -> float:
        """No threshold is below this."""
        ...

    def fit(self, view: View) -> State:
        """What history says; values of `State` only."""
        ...

    def score(self, view: View, state: State) -> Scores:
        """Scores of every tick, each from what came up to it."""
        ...


def capped(counts: Array, width: int) -> float:
    """Mean per tick of counts, with blocks of `width` ticks that are far above the others cut to a multiple of the mean."""
    blocks = len(counts) // width
    if not blocks:
        return float(counts.mean()) if len(counts) else 0.0
    sums = counts[: blocks * width].reshape(blocks, width).sum(axis=1)
    for _ in range(3):
        sums = np.minimum(sums, max(3.0, 6.0 * float(sums.mean())))
    return float(sums.sum() / (blocks * width))


def bundle(counts: Array, mean: Array, width: int) -> float:
    """How many lines come at once, as variance over mean of the sums of blocks of `width` ticks; 1 when there are too few.

    Like `dispersion` without the most surprising places, but in proportion to the mean, so that quiet hours count as busy ones do.
    """
    blocks = len(counts) // width
    if blocks < 20:
        return 1.0
    a = counts[: blocks * width].reshape(blocks, width).sum(axis=1)
    b = np.maximum(mean[: blocks * width].reshape(blocks, width).sum(axis=1), 1.0)
    surprise = (a - b) ** 2 / b
    return float(np.clip(surprise[surprise <= np.quantile(surprise, 0.98)].mean(), 1.0, 100.0))


def block_alpha(counts: Array, mean: Array, width: int) -> float:
    """Dispersion of the sums of blocks of `width` ticks around their means; 0.1 when there are too few."""
    blocks = len(counts) // width
    if blocks < 20:
        return 0.1
    a = counts[: blocks * width].reshape(blocks, width).sum(axis=1)
    b = mean[: blocks * width].reshape(blocks, width).sum(axis=1)
    return dispersion(a, b)
