"""Numbers in the lines: durations that moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from luffy_dagster.core.anomalies.detectors.base import (
    MINUTE,
    Scores,
    State,
    View,
)
from luffy_dagster.core.anomalies.model import Feature
from luffy_dagster.core.anomalies.tails import window_sum
from luffy_dagster.core.anomalies.ticks import Array
from luffy_dagster.core.anomalies.windows import TICK

# Of the stored quantiles: fine where it is rare, so that what comes once in a hundred lines is not taken for what never came.
_AT = np.concatenate([np.linspace(0, 0.99, 100), [0.995, 0.998, 0.999, 1.0]])
_MEDIAN, _HIGH = 50, 90
_TOLD = 1.3  # times the usual: what moved less is not told beside what moved most


@dataclass(frozen=True)
class Numbers:
    """Durations of the same lines moved: ranks against the template's own history, pooled over templates."""

    id: str = "numbers-2026-12"
    family: str = "latency"
    floor: float = 4.5
    effect: float = 0.47  # of the mean log ratio: 1.6 times the usual
    widths: Sequence[int] = (2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 16 * MINUTE, 30 * MINUTE)
    least: int = 60  # values that a template's history must have

    def fit(self, view: View) -> State:
        """Quantiles of each number, and how much more the pooled mean varies than independent values would."""
        names, grids = [], []
        for slot in view.ticks.slots:
            values = np.log(np.maximum(slot.values, 1e-6))
            if slot.unit != "s" or len(values) < self.least or np.unique(values).size < 5:
                continue
            names.append(slot.key)
            grids.append(np.quantile(values, _AT))
        state: State = {"slots": names, "grids": np.array(grids).reshape(len(names), len(_AT)), "wander": 0.1}
        z, n, _ = self._per_tick(view, state)
        found = [0.01]
        for width in (
            8 * MINUTE,
            30 * MINUTE,
        ):  # the mean of a block varies by 1/n of chance, the rest is the day's course
            blocks = len(z) // width
            if blocks < 20:
                continue
            a = z[: blocks * width].reshape(blocks, width).sum(axis=1)
            b = n[: blocks * width].reshape(blocks, width).sum(axis=1)
            some = b >= 5
            if some.sum() >= 20:
                more = np.sort((a[some] / b[some]) ** 2 - 1.0 / b[some])
                found.append(float(more[: max(1, int(0.97 * len(more)))].mean()))
        state["wander"] = max(found)
        return state

    def _per_tick(self, view: View, state: State) -> tuple[Array, Array, Array]:
        """Sums of normal scores, of values, and of log ratios to the median, per tick."""
        from scipy.special import ndtri

        size = view.ticks.size
        z, n, ratio = np.zeros(size), np.zeros(size), np.zeros(size)
        place = {name: i for i, name in enumerate(state["slots"])}
        for slot in view.ticks.slots:
            i = place.get(slot.key)
            if i is None or not len(slot.values):
                continue
            grid = state["grids"][i]
            values = np.log(np.maximum(slot.values, 1e-6))
            low, high = np.searchsorted(grid, values, "left"), np.searchsorted(grid, values, "right")
            last = len(_AT) - 1
            rank = (_AT[np.maximum(low - 1, 0)] + _AT[np.minimum(high, last)]) / 2
            scores = ndtri(np.clip(rank, 0.01, 0.9995))
            # beyond what was ever seen it counts by how far
            spread = max(float(grid[_HIGH] - grid[_MEDIAN]), 0.1) / 1.34
            far = np.minimum((values - grid[_MEDIAN]) / spread, 5.0)
            scores = np.where(values > grid[-1], np.maximum(scores, far), scores)
            np.add.at(z, slot.at, scores)
            np.add.at(n, slot.at, 1.0)
            np.add.at(ratio, slot.at, values - grid[_MEDIAN])
        return z, n, ratio

    def score(self, view: View, state: State) -> Scores:
        """The most surprising of the windows whose typical ratio is large enough to matter."""
        z, n, ratio = (view.masked(a) for a in self._per_tick(view, state))
        per_width = []
        for width in self.widths:
            count = window_sum(n, width)
            mean = window_sum(z, width) / np.maximum(count, 1.0)
            mean = mean / np.sqrt(1.0 / np.maximum(count, 1.0) + state["wander"])
            score = np.where(mean > 0, mean**2 / 2 / np.log(10), 0.0)
            effect = window_sum(ratio, width) / np.maximum(count, 1.0)
            per_width.append(np.where((count >= 3) & (effect >= self.effect), score, 0.0))
        table = np.stack(per_width)
        short = 4 * MINUTE
        count = window_sum(n, short)
        recent = (count >= 2) & (window_sum(ratio, short) / np.maximum(count, 1) > 0.4)

        def explain(tick: int) -> list[Feature]:
            width = self.widths[int(table[:, tick].argmax())]
            return _slot_features(view, state, tick, width, float(table[:, tick].max()), self.id)

        return Scores(table.max(axis=0), recent, explain)


def _slot_features(view: View, state: State, tick: int, width: int, score: float, ident: str) -> list[Feature]:
    place = {name: i for i, name in enumerate(state["slots"])}
    found = []
    for slot in view.ticks.slots:
        i = place.get(slot.key)
        if i is None:
            continue
        a, b = np.searchsorted(slot.at, [tick - width + 1, tick + 1])
        if b > a:
            usual = float(np.exp(state["grids"][i][_MEDIAN]))
            # the mean of the ratios, as the score has it: when it fires, half of the lines may still be as they were
            seen = float(np.exp(np.log(np.maximum(slot.values[a:b], 1e-6)).mean()))
            found.append((b - a, seen / max(usual, 1e-9), slot.key, usual, seen))
    found.sort(key=lambda item: -item[0] * np.log(max(item[1], 1e-6)))
    found = found[:1] + [item for item in found[1:3] if item[1] >= _TOLD]  # those that did not move are no reason
    return [
        Feature("duration", round(usual, 4), round(seen, 4), "s", score, 0.0, width * TICK, ident, key)
        for _, _, key, usual, seen in found
    ]
