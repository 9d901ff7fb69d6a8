"""A release with other wordings: what detectors of new and rare texts must know of it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from luffy_dagster.core.anomalies.carry import OFTEN
from luffy_dagster.core.anomalies.detectors.base import ERROR_LEVELS, View
from luffy_dagster.core.anomalies.tails import excess, window_sum
from luffy_dagster.core.anomalies.ticks import Array

_TEXTS = 3  # usual lines that are new and come often: then the words have changed, not the service


def reworded(view: View, known: Collection[str], share: float, within: int) -> Array:
    """Where a release has other wordings and no more errors than before: a new text of an error is then no news.

    Args:
        view: what is looked at.
        known: all keys of history.
        share: of errors among history's lines.
        within: ticks in which errors are compared with that share.
    """
    ticks, past, known = view.ticks, view.past, set(known)
    over = past.closed(view.mask)  # what was in the alert that is open at `since` is told by now
    usual = [
        i
        for i, key in enumerate(ticks.keys)
        if key not in known and not (key[:2] == "f:" or ticks.levels[i] in ERROR_LEVELS)
    ]
    before = {key: one.often + (0 if over else one.during) for key, one in past.seen.items() if key not in known}
    if not (usual or before):
        return np.zeros(ticks.size, dtype=bool)
    times = (ticks.counts[usual] > 0) & (view.mask > 0)
    of_past = np.array([ticks.keys[i] in past.seen for i in usual], dtype=bool)
    times[of_past, : past.horizon] = False
    often = np.cumsum(times, axis=1) + np.array([before.get(ticks.keys[i], 0) for i in usual])[:, None]
    elsewhere = sum(n >= OFTEN for key, n in before.items() if key not in ticks.place)
    changed = (often >= OFTEN).sum(axis=0) + elsewhere >= _TEXTS
    failed = window_sum(view.masked(ticks.errors), within)
    more = excess(failed, window_sum(view.masked(view.mean), within) * share + 0.1, 0.3) > 2.0
    return np.asarray(changed & ~more)
