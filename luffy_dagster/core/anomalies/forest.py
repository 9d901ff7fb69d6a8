"""Isolation Forest and Local Outlier Factor over whole windows, as the documents ask.

They see a window of two minutes as one point and know neither time of day nor what came before, so they are beside the
detectors that decide: they are fitted on the same history, evaluated by `luffy eval incidents`, and told with an anomaly when they
agree. A score is −log10 of the share of history's windows that are as odd, beyond the oddest of them by distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from luffy_dagster.core.anomalies.ticks import Array, Ticks
from luffy_dagster.core.anomalies.windows import TICKS

FOREST, LOF = "isolation-forest-2026-11", "local-outlier-factor-2026-11"
FEATURES = ("lines", "errors", "error ratio", "templates", "share of the first", "median number", "errors before")
_MOST = 5_040  # windows that are fitted: a week
_LEAST = 360


def window_points(ticks: Ticks) -> Array:
    """One row per window, one column per name of `FEATURES`."""
    count = ticks.size // TICKS
    size = count * TICKS

    def per_window(values: Array) -> Array:
        return values[..., :size].reshape(*values.shape[:-1], count, TICKS).sum(axis=-1)

    lines, errors = per_window(ticks.total), per_window(ticks.errors)
    keys = per_window(ticks.counts) if len(ticks.keys) else np.zeros((1, count))
    some = np.maximum(lines, 1.0)
    number, seen = np.zeros(count), np.zeros(count)
    for slot in ticks.slots:
        if slot.unit != "s" or not len(slot.values):
            continue
        at = slot.at // TICKS
        inside = at < count
        np.add.at(number, at[inside], np.log(np.maximum(slot.values[inside], 1e-6)))
        np.add.at(seen, at[inside], 1.0)
    before = np.concatenate([np.zeros(1), errors[:-1]]) if count else errors
    return np.stack(
        [
            np.log1p(lines),
            np.log1p(errors),
            errors / some,
            (keys > 0).sum(axis=0).astype(float),
            keys.max(axis=0) / some,
            number / np.maximum(seen, 1.0),
            np.log1p(before),
        ],
        axis=1,
    )


@dataclass(frozen=True)
class Outliers:
    """A fitted estimator with what history's own windows scored."""

    id: str
    estimator: Any
    middle: Array
    spread: Array
    own: Array  # sorted, the oddest last

    def score(self, points: Array) -> Array:
        """Of each window; rising with oddness."""
        odd = -self.estimator.score_samples((points - self.middle) / self.spread)
        behind = len(self.own) - np.searchsorted(self.own, odd, "left")
        rank = -np.log10((behind + 0.5) / (len(self.own) + 1))
        beyond = np.maximum(odd - self.own[-1], 0.0) / max(float(self.own[-1] - self.own[len(self.own) // 2]), 1e-9)
        return np.asarray(rank + 3.0 * beyond)


def fit_outliers(points: Array) -> tuple[Outliers, ...]:
    """Both estimators on history's windows (none when there are too few); the same windows give the same estimators."""
    if len(points) < _LEAST:
        return ()
    from sklearn.ensemble import IsolationForest
    from sklearn.neighbors import LocalOutlierFactor

    points = points[-_MOST:]
    middle = np.median(points, axis=0)
    spread = np.maximum(np.quantile(points, 0.9, axis=0) - np.quantile(points, 0.1, axis=0), 1e-3)
    scaled = (points - middle) / spread
    found = []
    estimators: Sequence[tuple[str, Any]] = (
        (FOREST, IsolationForest(n_estimators=100, random_state=0)),
        # Windows that repeat exactly would have a distance of 0: enough neighbours, and a grain of noise that is always the same.
        (LOF, LocalOutlierFactor(n_neighbors=35, novelty=True)),
    )
    noise = np.random.default_rng(0).normal(0, 1e-3, scaled.shape)
    for name, estimator in estimators:
        estimator.fit(scaled + noise)
        own = np.sort(-estimator.score_samples(scaled + noise))
        found.append(Outliers(name, estimator, middle, spread, own))
    return tuple(found)
