"""All lines together: fewer, more, or none at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from luffy_dagster.core.anomalies.carry import NEVER, Waits
from luffy_dagster.core.anomalies.detectors.base import (
    MINUTE,
    TRIM,
    Scores,
    State,
    View,
    block_alpha,
    bundle,
)
from luffy_dagster.core.anomalies.model import Feature
from luffy_dagster.core.anomalies.tails import busiest, excess, shortfall, window_sum
from luffy_dagster.core.anomalies.ticks import Array
from luffy_dagster.core.anomalies.windows import TICK


@dataclass(frozen=True)
class Volume:
    """All lines together, fewer or more than expected, over 3 to 40 minutes."""

    above: bool
    id: str = "volume-2026-12"
    floor: float = 4.8
    widths: Sequence[int] = (3 * MINUTE, 6 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE)

    @property
    def family(self) -> str:
        """Drops and rises have thresholds of their own."""
        return "rise" if self.above else "drop"

    def fit(self, view: View) -> State:
        """Dispersion per window length, and how many lines come at once."""
        return {
            "alphas": np.array([block_alpha(view.ticks.total, view.mean, w) for w in self.widths]),
            "bundles": np.array([bundle(view.ticks.total, view.mean, w) for w in self.widths]),
        }

    def score(self, view: View, state: State) -> Scores:
        """The most surprising of the windows; a rise must be of half as much again, a drop to two thirds."""
        # Back from a low (or high) hour to what the day has at this time is neither a rise nor a drop.
        both = np.maximum(view.mean, view.base) if self.above else np.minimum(view.mean, view.base)
        total, mean = view.masked(view.ticks.total), view.masked(both)
        per_width = []
        for width, alpha, lines in zip(self.widths, state["alphas"], state["bundles"], strict=True):
            seen, awaited = window_sum(total, width), window_sum(mean, width)
            if self.above:
                seen = seen - np.maximum(busiest(total, width, TRIM) - busiest(mean, width, TRIM), 0) * (width > TRIM)
            score = excess(seen, awaited, alpha) if self.above else shortfall(seen, awaited, float(alpha), float(lines))
            far = seen > 1.6 * awaited if self.above else seen < 0.6 * awaited
            per_width.append(np.where(far, score, 0.0))
        table = np.stack(per_width)
        short = 4 * MINUTE
        seen, awaited = window_sum(total, short), window_sum(mean, short)
        recent = (seen > 1.7 * awaited + 5) if self.above else (seen < 0.5 * awaited) & (awaited > 3)
        if not self.above:
            table = np.where(view.mute, 0.0, table)

        def explain(tick: int) -> list[Feature]:
            width = self.widths[int(table[:, tick].argmax())]
            seen, awaited = float(window_sum(total, width)[tick]), float(window_sum(mean, width)[tick])
            score = float(table[:, tick].max())
            return [Feature("lines", round(awaited, 1), seen, "lines", score, 0.0, width * TICK, self.id)]

        return Scores(table.max(axis=0), recent, explain)


@dataclass(frozen=True)
class Silence:
    """Nothing at all since the last line, where lines were expected."""

    id: str = "silence-2026-12"
    family: str = "silence"
    floor: float = 5.0

    def fit(self, view: View) -> State:
        """Dispersion over two minutes."""
        return {"alpha": max(0.02, block_alpha(view.ticks.total, view.mean, 2 * MINUTE))}

    def score(self, view: View, state: State) -> Scores:
        """How unlikely it is that none of the expected lines came."""
        size = view.ticks.size
        last, missing = self.missing(view)
        series = excess(np.zeros(size), missing, state["alpha"], above=False)

        def explain(tick: int) -> list[Feature]:
            span = int(tick - last[tick])
            return [
                Feature(
                    "silence",
                    round(float(missing[tick]), 1),
                    0.0,
                    "lines",
                    float(series[tick]),
                    0.0,
                    span * TICK,
                    self.id,
                )
            ]

        return Scores(series, missing > 4.0, explain)

    def missing(self, view: View) -> tuple[Array, Array]:
        """Of every tick (from `view.past.since` on): the tick of the last line, and the lines expected since then."""
        size, past = view.ticks.size, view.past
        waits = past.waits or Waits()
        since = past.since if past.waits else 0
        here = (view.ticks.total > 0) | (view.mask == 0) | view.mute
        # behind a job that wrote much, as many lines as the day has at this time are enough
        awaited = view.masked(np.minimum(view.mean, view.base))
        here[:since], awaited[:since] = False, 0.0
        awaited = np.cumsum(awaited)
        last = np.maximum.accumulate(np.where(here, np.arange(size), NEVER))
        behind = np.where(last >= 0, awaited[np.maximum(last, 0)], -waits.missing)
        return np.where(last >= 0, last, waits.silent_from), awaited - behind
