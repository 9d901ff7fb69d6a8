"""What should come and does not, what never came before, what begins again and again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from luffy_dagster.core.anomalies.carry import FIRSTS, NEVER, NOTHING, Past, Sighted
from luffy_dagster.core.anomalies.detectors.base import ERROR_LEVELS, MINUTE, Scores, State, View, capped
from luffy_dagster.core.anomalies.detectors.releases import reworded
from luffy_dagster.core.anomalies.model import Feature
from luffy_dagster.core.anomalies.tails import window_sum
from luffy_dagster.core.anomalies.ticks import Array, Ticks
from luffy_dagster.core.anomalies.windows import TICK


@dataclass(frozen=True)
class Heartbeat:
    """A line that comes regularly is overdue by a quarter of its period. The score is 0 in time, 1 when overdue."""

    id: str = "heartbeat-2026-11"
    family: str = "heartbeat"
    floor: float = 1.0
    longest: int = 4 * 3600 // TICK
    least: int = 14  # occurrences

    def fit(self, view: View) -> State:
        """Period and allowed wait (both in ticks) of the regular keys."""
        names, periods, allowed = [], [], []
        for i, key in enumerate(view.ticks.keys):
            if key[:2] == "f:":
                continue
            at = np.flatnonzero(view.ticks.counts[i] > 0)
            if len(at) < self.least:
                continue
            gaps = np.diff(at)
            period = float(np.median(gaps))
            if period < 2 or period > self.longest:
                continue
            near = np.abs(gaps - period) <= max(1.0, 0.08 * period)
            if near.mean() < 0.93:
                continue
            wait = max(1.25 * period, period + 3)
            overdue = int((gaps > wait).sum())
            if overdue > max(3, 0.004 * len(gaps)):
                continue
            if at[-1] < view.ticks.size - 3 * period - 2:  # it had stopped before the fit
                continue
            names.append(key)
            periods.append(period)
            allowed.append(wait)
        return {"keys": names, "periods": np.array(periods), "allowed": np.array(allowed)}

    def last(self, view: View, state: State) -> list[Array]:
        """Of every regular key: at each tick the latest tick at which it came, `NEVER` before the first."""
        ticks, waits, index = view.ticks, view.past.waits, np.arange(view.ticks.size)
        found = []
        for key in state["keys"]:
            row = ticks.place.get(key)
            here = ticks.counts[row] > 0 if row is not None else np.zeros(ticks.size, dtype=bool)
            before = waits.beats.get(key, NEVER) if waits else NEVER
            found.append(np.maximum(np.maximum.accumulate(np.where(here, index, NEVER)), before))
        return found

    def blocked(self, view: View) -> Array:
        """At each tick the latest one that a restart, or an incident that is over, explains: it begins the wait anew."""
        here = view.mute | (view.mask == 0)
        before = view.past.waits.blocked if view.past.waits else NEVER
        return np.maximum(np.maximum.accumulate(np.where(here, np.arange(view.ticks.size), NEVER)), before)

    def score(self, view: View, state: State) -> Scores:
        """Longest wait of any key against what is allowed."""
        size = view.ticks.size
        best, which, waited = np.zeros(size), np.zeros(size, dtype=int), np.zeros(size)
        index = np.arange(size)
        # unknown before the first: counts from the beginning of what is looked at
        origin = view.past.waits.origin if view.past.waits else 0
        lasts, blocked = self.last(view, state), self.blocked(view)
        for j, last in enumerate(lasts):
            since = index - np.maximum(np.maximum(last, blocked), origin - 1)
            period, allowed = float(state["periods"][j]), float(state["allowed"][j])
            late = np.where((last == NEVER) & (blocked == NEVER), index - origin + 1 - period, since)
            wait = np.maximum((late - period - 1.0) / (allowed - period - 1.0), 0.0)  # 0 when in time, 1 when overdue
            better = wait > best
            best, which = np.where(better, wait, best), np.where(better, j, which)
            waited = np.where(better, since, waited)
        best = np.where(view.mute, 0.0, best)

        def explain(tick: int) -> list[Feature]:
            j = int(which[tick])
            period, since = float(state["periods"][j]), float(waited[tick])
            score = float(best[tick])
            return [
                Feature(
                    "heartbeat",
                    period * TICK,
                    since * TICK,
                    "s",
                    score,
                    0.0,
                    int(since) * TICK,
                    self.id,
                    state["keys"][j],
                )
            ]

        return Scores(best, best >= 1.0, explain)


@dataclass(frozen=True)
class Novelty:
    """An error or exception that was never seen. How many sightings it takes follows from how often history had new ones."""

    id: str = "novelty-2026-11"
    family: str = "novelty"
    floor: float = 1.0
    within: int = 60 * MINUTE
    per_day: float = 0.1  # new ones a day that may be told at first sight

    def fit(self, view: View) -> State:
        """Known keys, and how many new ones a day are to be expected (Good and Turing: by those seen once)."""
        ticks = view.ticks
        days = max(ticks.size * TICK / 86_400, 1e-6)
        errors = [i for i, key in enumerate(ticks.keys) if key[:2] == "f:" or ticks.levels[i] in ERROR_LEVELS]
        sums = ticks.counts[errors].sum(axis=1) if errors else np.zeros(0)
        late = ticks.counts[errors][:, ticks.size // 2 :].sum(axis=1) if errors else np.zeros(0)
        fresh = float(((late == sums) & (sums > 0)).sum()) / (days / 2)  # first seen in the second half, per day
        once = float((sums == 1).sum()) / days
        share = (capped(ticks.errors, 20 * MINUTE) * ticks.size + 0.5) / max(float(view.mean.sum()), 1.0)
        return {
            "known": list(ticks.keys),
            "share": share,
            "new_per_day": max(fresh * 0.5, once, 0.25 / days),
            "days": days,
        }

    def score(self, view: View, state: State) -> Scores:
        """Sightings within the hour against how many are needed."""
        ticks, size = view.ticks, view.ticks.size
        known = set(state["known"])
        best, which, recent = np.zeros(size), np.zeros(size, dtype=int), np.zeros(size, dtype=bool)
        need = (
            1.0 if state["new_per_day"] <= self.per_day else 2.0 if state["new_per_day"] <= 10 * self.per_day else 4.0
        )
        if state["days"] < 2:
            need = np.inf
        rows = [
            i
            for i, key in enumerate(ticks.keys)
            if key not in known and (key[:2] == "f:" or ticks.levels[i] in ERROR_LEVELS)
        ]
        index, past = np.arange(size), view.past
        over = past.closed(view.mask)  # what was in the alert that is open at `since` is told by now
        held = reworded(view, known, state["share"], self.within)
        restarted = np.maximum.accumulate(np.where(view.mute, index, NEVER))
        for i in rows:
            counts = ticks.counts[i]
            first = int(np.argmax(counts > 0)) if counts.any() else size
            earlier = past.seen.get(ticks.keys[i])
            if earlier is not None:
                first = min(first, *earlier.firsts)
            seen = window_sum(view.masked(counts), self.within)
            told = np.cumsum(counts * (1 - view.mask)) > 0  # in an alert that is over
            if earlier is not None:
                told |= earlier.told or (over and past.open_from is not None and earlier.last >= past.open_from)
            old = told | held | (index > first + 8 * self.within)  # by then its rate is what counts
            needed = np.where(index - restarted < self.within, 3.0 * need, need)
            value = np.where(old, 0.0, seen / needed)
            better = value > best
            best, which = np.where(better, value, best), np.where(better, i, which)
            recent |= window_sum(counts, 10 * MINUTE) > 0
        recent &= best > 0

        def explain(tick: int) -> list[Feature]:
            i = int(which[tick])
            seen = float(window_sum(ticks.counts[i], self.within)[tick])
            return [
                Feature("new", 0.0, seen, "lines", float(best[tick]), 0.0, self.within * TICK, self.id, ticks.keys[i])
            ]

        return Scores(best, recent, explain)


@dataclass(frozen=True)
class Restarts:
    """Starts again and again: groups of rare lines that follow each other. Also says when a restart mutes others."""

    id: str = "restarts-2026-12"
    family: str = "restarts"
    floor: float = 1.0
    group: int = 3  # ticks
    need: int = 3  # different rare lines in a group
    mute: int = 15 * MINUTE
    window: int = 12 * MINUTE
    ticks: int = 14  # in the window with a start going on: one start takes three to five

    def fit(self, view: View) -> State:
        """How often each key comes in a day."""
        ticks = view.ticks
        days = max(ticks.size * TICK / 86_400, 1e-6)
        return {"keys": list(ticks.keys), "per_day": (ticks.counts > 0).sum(axis=1) / days, "days": days}

    def rare(self, ticks: Ticks, state: State, first_of: Past | None = None) -> Array:
        """Different rare lines per group of ticks, none of them an error; with `first_of` only a new line's first sightings."""
        often = dict(zip(state["keys"], state["per_day"], strict=True))
        rows = [
            i
            for i, key in enumerate(ticks.keys)
            if key[:2] != "f:" and ticks.levels[i] not in ERROR_LEVELS and often.get(key, 0.0) <= 1.5
        ]
        if not rows:
            return np.zeros(ticks.size)
        here = ticks.counts[rows] > 0
        if first_of is not None:  # what a release has reworded is soon no longer rare
            for place, i in enumerate(rows):
                if ticks.keys[i] not in often:
                    here[place] = _firsts(here[place], first_of.seen.get(ticks.keys[i]), first_of.since)
        return (window_sum(here, self.group) > 0).sum(axis=0).astype(float)

    def muted(self, ticks: Ticks, state: State, past: Past = NOTHING) -> Array:
        """True from a restart on, for a quarter of an hour; after two lines of a shutdown for eight minutes."""
        rare = self.rare(ticks, state, past)
        if state["days"] < 1:
            return np.zeros(ticks.size, dtype=bool)
        long = window_sum((rare >= self.need).astype(float), self.mute) > 0
        short = window_sum((rare >= 2).astype(float), 8 * MINUTE) > 0
        return np.asarray(long | short)

    def score(self, view: View, state: State) -> Scores:
        """Ticks of the window in which the service was starting against the number that is too many."""
        groups = (self.rare(view.ticks, state) >= self.need).astype(float)
        starting = window_sum(view.masked(groups), self.window)
        # A service that came up and works is none, however new the words of its release: its usual lines are there, and it
        # reports no failure. Behind a storm the usual lines are those of this time of day.
        usual = view.masked(np.minimum(view.mean, view.base))
        total = view.masked(view.ticks.total)
        failed = window_sum(view.masked(view.ticks.errors), self.window)
        missed = window_sum(total, self.window) < 0.6 * window_sum(usual, self.window)
        value = np.where(missed & (failed >= 3), starting / self.ticks, 0.0)
        short = 6 * MINUTE
        recent = (window_sum(groups, short) > 3) & (
            window_sum(total, short) < 0.6 * window_sum(view.masked(view.base), short)
        )

        def explain(tick: int) -> list[Feature]:
            seconds = float(starting[tick]) * TICK
            return [Feature("restarts", 0.0, seconds, "s", float(value[tick]), 0.0, self.window * TICK, self.id)]

        return Scores(value, recent, explain)


def _firsts(here: Array, before: Sighted | None, since: int) -> Array:
    """Where a key was seen for the first or second time."""
    if before is None:
        return here & (np.cumsum(here) <= FIRSTS)
    index = np.arange(len(here))
    later = here & (index >= since)
    first = later & (np.cumsum(later) <= FIRSTS - len(before.firsts))
    return np.asarray(first | (here & np.isin(index, before.firsts)))
