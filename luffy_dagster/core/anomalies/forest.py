"""Isolation Forest and Local Outlier Factor over whole windows, as the documents ask.

They see a window of two minutes as one point and know neither time of day nor what came before, so they are beside the
detectors that decide: they are fitted with them on the same history, evaluated by `luffy eval incidents`, and told with an anomaly when they
agree. A score is −log10 of the share of history's windows that are as odd, beyond the oddest of them by distance.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from luffy_dagster.core.anomalies.ticks import Array, Ticks
from luffy_dagster.core.anomalies.windows import TICKS

FOREST, LOF = "isolation-forest-2026-12", "local-outlier-factor-2026-12"
_TREES, _NEIGHBOURS = 64, 35
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


State = dict[str, Array]


def fit_outliers(points: Array) -> State:
    """Both estimators on history's windows, as arrays that are stored with the model; empty when there are too few.

    scikit-learn fits them; what is kept is the trees, and the density around each window. Scoring needs nothing else, so that
    no day is judged by anything that was fitted after it, and none pays for a fit.
    """
    if len(points) < _LEAST:
        return {}
    from sklearn.ensemble import IsolationForest
    from sklearn.neighbors import LocalOutlierFactor

    points = points[-_MOST:].astype(float)
    middle = np.median(points, axis=0)
    spread = np.maximum(np.quantile(points, 0.9, axis=0) - np.quantile(points, 0.1, axis=0), 1e-3)
    # Windows that repeat exactly would have a distance of 0: enough neighbours, and a grain of noise that is always the same.
    scaled = ((points - middle) / spread + np.random.default_rng(0).normal(0, 1e-3, points.shape)).astype(np.float32)
    forest = IsolationForest(n_estimators=_TREES, random_state=0).fit(scaled)
    near = LocalOutlierFactor(n_neighbors=_NEIGHBOURS, novelty=True).fit(scaled)
    distances, neighbours = near.kneighbors()
    reach = np.maximum(distances, distances[neighbours, -1])
    state: State = {
        "middle": middle,
        "spread": spread,
        "points": scaled,
        "reach": distances[:, -1].astype(np.float32),
        "density": (1.0 / (reach.mean(axis=1) + 1e-10)).astype(np.float32),
        **_trees(forest),
    }
    state["own.forest"] = np.sort(_forest(state, scaled)).astype(np.float32)
    state["own.lof"] = np.sort(-near.score_samples(scaled)).astype(np.float32)
    return state


def _trees(forest: Any) -> State:
    """All trees in one table of nodes: which column, up to which value left, and at a leaf the length of the path."""
    from sklearn.ensemble._iforest import _average_path_length

    features, thresholds, lefts, rights, lengths, roots = [], [], [], [], [], []
    offset = 0
    for each in forest.estimators_:
        tree = each.tree_
        depth = np.zeros(tree.node_count)
        for node in range(tree.node_count):  # parents come before their children
            for child in (tree.children_left[node], tree.children_right[node]):
                if child >= 0:
                    depth[child] = depth[node] + 1
        features.append(tree.feature)
        thresholds.append(tree.threshold)
        lefts.append(tree.children_left + offset)
        rights.append(tree.children_right + offset)
        lengths.append(depth + _average_path_length(tree.n_node_samples))
        roots.append(offset)
        offset += tree.node_count
    usual = float(_average_path_length([forest.max_samples_])[0])
    return {
        "feature": np.concatenate(features).astype(np.int16),
        "threshold": np.concatenate(thresholds).astype(np.float32),
        "left": np.concatenate(lefts).astype(np.int32),
        "right": np.concatenate(rights).astype(np.int32),
        "length": (np.concatenate(lengths) / usual).astype(np.float32),
        "roots": np.array(roots, dtype=np.int32),
    }


def _forest(state: State, scaled: Array) -> Array:
    node = np.broadcast_to(state["roots"], (len(scaled), len(state["roots"]))).copy()
    rows = np.arange(len(scaled))[:, None]
    while True:
        column = state["feature"][node]
        inner = column >= 0
        if not inner.any():
            break
        left = scaled[rows, np.maximum(column, 0)] <= state["threshold"][node]
        node = np.where(inner, np.where(left, state["left"][node], state["right"][node]), node)
    return np.asarray(2.0 ** -state["length"][node].mean(axis=1))


def _lof(state: State, scaled: Array) -> Array:
    known = state["points"]
    squares = (scaled**2).sum(axis=1)[:, None] + (known**2).sum(axis=1)[None, :] - 2.0 * scaled @ known.T
    neighbours = np.argpartition(squares, _NEIGHBOURS - 1, axis=1)[:, :_NEIGHBOURS]
    distance = np.sqrt(np.maximum(np.take_along_axis(squares, neighbours, axis=1), 0.0))
    density = 1.0 / (np.maximum(distance, state["reach"][neighbours]).mean(axis=1) + 1e-10)
    return np.asarray(state["density"][neighbours].mean(axis=1) / density)


def outlier_scores(state: State, points: Array) -> dict[str, Array]:
    """Of each window by each estimator, rising with oddness; empty when nothing was fitted."""
    if not state or not len(points):
        return {}
    scaled = ((points - state["middle"]) / state["spread"]).astype(np.float32)
    found = {}
    for name, own, odd in (
        (FOREST, state["own.forest"], _forest(state, scaled)),
        (LOF, state["own.lof"], _lof(state, scaled)),
    ):
        behind = len(own) - np.searchsorted(own, odd, "left")
        rank = -np.log10((behind + 0.5) / (len(own) + 1))
        beyond = np.maximum(odd - own[-1], 0.0) / max(float(own[-1] - own[len(own) // 2]), 1e-9)
        found[name] = np.asarray(rank + 3.0 * beyond)
    return found
