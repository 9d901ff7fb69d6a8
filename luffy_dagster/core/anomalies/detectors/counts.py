"""Too many: errors in all, errors at once, one template, route or exception far above its share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from luffy_dagster.core.anomalies.detectors.base import (
    ERROR_LEVELS,
    MINUTE,
    TRIM,
    Scores,
    State,
    View,
    block_alpha,
    capped,
)
from luffy_dagster.core.anomalies.detectors.releases import reworded
from luffy_dagster.core.anomalies.model import Feature
from luffy_dagster.core.anomalies.tails import dispersion, excess, trimmed_sum, window_sum
from luffy_dagster.core.anomalies.windows import TICK

_HOUR = 60 * MINUTE
_FLOOD = 40.0  # lines of one template within two minutes


@dataclass(frozen=True)
class Errors:
    """More errors than expected, in all: over 4 to 80 minutes without their busiest two and a half."""

    id: str = "errors-2026-12"
    family: str = "errors"
    floor: float = 3.8
    widths: Sequence[int] = (4 * MINUTE, 6 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE, 80 * MINUTE)

    def fit(self, view: View) -> State:
        """Errors per expected line, and how unevenly they come."""
        errors, lines = view.ticks.errors, float(view.mean.sum())
        rate = capped(errors, 20 * MINUTE) * len(errors)
        share = (rate + 0.5) / max(lines, 1.0)
        return {"share": share, "alpha": block_alpha(errors, share * view.mean, 20 * MINUTE)}

    def score(self, view: View, state: State) -> Scores:
        """The most surprising of the windows."""
        errors = view.masked(view.ticks.errors)
        mean = view.masked(view.mean) * state["share"]
        per_width = []
        for width in self.widths:
            seen = trimmed_sum(errors, width, TRIM)
            awaited = window_sum(mean, width) + 0.05
            per_width.append(excess(seen, awaited, state["alpha"]))
        table = np.stack(per_width)
        short = 6 * MINUTE
        recent = excess(window_sum(errors, short), window_sum(mean, short) + 0.05, state["alpha"]) > 2.0

        def explain(tick: int) -> list[Feature]:
            best = int(table[:, tick].argmax())
            width = self.widths[best]
            seen, awaited = window_sum(errors, width)[tick], window_sum(mean, width)[tick]
            return [
                Feature(
                    "errors",
                    round(float(awaited), 2),
                    float(seen),
                    "lines",
                    float(table[best, tick]),
                    0.0,
                    width * TICK,
                    self.id,
                )
            ]

        return Scores(table.max(axis=0), recent, explain)


@dataclass(frozen=True)
class Burst:
    """So many errors at once that no blip of history compares: without trimming, over one to four minutes."""

    id: str = "error-burst-2026-11"
    family: str = "burst"
    floor: float = 10.0
    widths: Sequence[int] = (2, 4, 8)

    def fit(self, view: View) -> State:
        """As of all errors."""
        return Errors().fit(view)

    def score(self, view: View, state: State) -> Scores:
        """The most surprising of the windows."""
        errors = view.masked(view.ticks.errors)
        mean = view.masked(view.mean) * state["share"]
        table = np.stack(
            [excess(window_sum(errors, w), window_sum(mean, w) + 0.1, state["alpha"]) for w in self.widths]
        )
        short = 6 * MINUTE
        recent = excess(window_sum(errors, short), window_sum(mean, short) + 0.05, state["alpha"]) > 2.0

        def explain(tick: int) -> list[Feature]:
            width = self.widths[int(table[:, tick].argmax())]
            seen, awaited = window_sum(errors, width)[tick], window_sum(mean, width)[tick]
            score = float(table[:, tick].max())
            return [
                Feature("errors", round(float(awaited), 2), float(seen), "lines", score, 0.0, width * TICK, self.id)
            ]

        return Scores(table.max(axis=0), recent, explain)


@dataclass(frozen=True)
class Keys:
    """One template, route or fingerprint far more often than its share: errors and warnings, or the rest."""

    errors: bool
    id: str = "keys-2026-12-2"
    widths: Sequence[int] = (5 * MINUTE, 10 * MINUTE, 20 * MINUTE)
    floor: float = 4.0

    @property
    def family(self) -> str:
        """Errors back up the error rate, the rest shows floods and other mixes."""
        return "error_keys" if self.errors else "mix"

    def _mine(self, key: str, level: str) -> bool:
        return (key[:2] == "f:" or level in ERROR_LEVELS) == self.errors

    def fit(self, view: View) -> State:
        """Share of the lines of each key and its dispersion; keys that come like clockwork are left to `Heartbeat`."""
        ticks = view.ticks
        lines = max(float(view.mean.sum()), 1.0)
        block = 20 * MINUTE
        blocks = ticks.size // block
        mean = view.mean[: blocks * block].reshape(blocks, block).sum(axis=1)
        names, shares, alphas = [], [], []
        for i, key in enumerate(ticks.keys):
            if not self._mine(key, ticks.levels[i]):
                continue
            share = (capped(ticks.counts[i], block) * ticks.size + 0.5) / lines
            if blocks >= 20:
                seen = ticks.counts[i, : blocks * block].reshape(blocks, block).sum(axis=1)
                alpha = dispersion(seen, share * mean, share=0.98)
            else:
                alpha = 0.3
            names.append(key)
            shares.append(share)
            alphas.append(max(alpha, 0.02))
        return {
            "keys": names,
            "shares": np.array(shares),
            "alphas": np.array(alphas),
            "lines": lines,
            "known": list(ticks.keys) if self.errors else [],
            "errors": (capped(ticks.errors, block) * ticks.size + 0.5) / lines,
        }

    def score(self, view: View, state: State) -> Scores:
        """The most surprising key and window, corrected for their number."""
        ticks = view.ticks
        known = {key: i for i, key in enumerate(state["keys"])}
        # Other keys than errors are judged only where history knows their share.
        rows = [
            i
            for i, key in enumerate(ticks.keys)
            if self._mine(key, ticks.levels[i]) and (self.errors or key in known) and ticks.counts[i].max() > 0
        ]
        size = ticks.size
        if not rows:
            return Scores(np.zeros(size), np.zeros(size, dtype=bool), lambda _: [])
        place = [known.get(ticks.keys[i], -1) for i in rows]
        share = np.array([state["shares"][p] if p >= 0 else 1.0 / state["lines"] for p in place])[:, None]
        alpha = np.array([state["alphas"][p] if p >= 0 else 0.5 for p in place])[:, None]
        counts = ticks.counts[rows] * view.mask
        mean, total = view.masked(view.mean), view.masked(ticks.total)
        handicap = np.log10(
            max(len(known), 1)
        )  # history's keys: what else is in the piece that is judged must not count
        best = np.zeros(size)
        which = np.zeros(size, dtype=int)
        span = np.zeros(size, dtype=int)
        least = 3.0 if self.errors else 6.0
        # The same error in a release's other words is no new one.
        fresh = [n for n, p in enumerate(place) if p < 0]
        held = reworded(view, state["known"], state["errors"], _HOUR) if self.errors and fresh else None
        for width in self.widths:
            seen = trimmed_sum(counts, width, TRIM)
            base = window_sum(mean, width)
            if not self.errors:  # neither when all lines became more, nor when only the others became fewer
                base = np.maximum(base, window_sum(total, width))
            awaited = share * base + 0.05
            score = excess(seen, awaited, alpha)
            score[(seen < least) | (seen < 2.5 * awaited)] = 0.0
            if held is not None:
                score[np.ix_(np.array(fresh), held)] = 0.0
            top = score.argmax(axis=0)
            value = score[top, np.arange(size)] - handicap
            better = value > best
            best, which, span = (
                np.where(better, value, best),
                np.where(better, top, which),
                np.where(better, width, span),
            )
        if not self.errors:
            for width in (2, 4):  # a flood: so much of one line at once that it is no blip
                seen = window_sum(counts, width)
                awaited = share * np.maximum(window_sum(mean, width), 1.0) + 0.05
                score = 0.4 * excess(seen, awaited, alpha)
                score[(seen < _FLOOD) | (seen < 10 * awaited)] = 0.0
                top = score.argmax(axis=0)
                value = score[top, np.arange(size)] - handicap
                better = value > best
                best, which, span = (
                    np.where(better, value, best),
                    np.where(better, top, which),
                    np.where(better, width, span),
                )
            best = np.where(view.mute, 0.0, best)
        short = 6 * MINUTE
        now = excess(window_sum(counts, short), share * window_sum(mean, short) + 0.05, alpha)
        recent = (now - handicap > 2.0).any(axis=0)

        def explain(tick: int) -> list[Feature]:
            row, width = int(which[tick]), int(span[tick]) or self.widths[0]
            key = ticks.keys[rows[row]]
            seen = float(window_sum(counts[row], width)[tick])
            awaited = float(share[row, 0] * window_sum(mean, width)[tick])
            name = "exception" if key[:2] == "f:" else "template"
            return [Feature(name, round(awaited, 2), seen, "lines", float(best[tick]), 0.0, width * TICK, self.id, key)]

        return Scores(best, recent, explain)
