"""Made-up services that are hard to be silent about: counts per tick of a week and a day, with or without an incident in the day.

They are made as `Ticks` at once, not as text, so that hundreds of service-days take a minute. Calm kinds: little traffic, bursts,
drifting shares, weekdays and hours, releases that reword their lines or say nothing, blips, nightly jobs. Incidents are half as
strong as those one would call clear.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from luffy_dagster.core.anomalies.ticks import Slot, Ticks
from luffy_dagster.core.anomalies.windows import TICK

Array = np.ndarray
START = int(datetime(2026, 11, 2, tzinfo=UTC).timestamp())  # a Monday
DAY, MINUTE, DAYS = 86_400 // TICK, 60 // TICK, 8
TEST = (DAYS - 1) * DAY
_NAMES = ("t:ask", "t:answer", "t:stored", "t:sent", "t:seldom", "t:late", "t:failed", "t:refused")
_LEVELS = ("info", "info", "info", "debug", "info", "warn", "error", "error")
_SHARES = (0.34, 0.30, 0.15, 0.12, 0.05, 0.02, 0.012, 0.008)
CALM = ("poisson", "bursts", "drift", "seasons", "reworded", "unannounced", "blips", "nightly", "weekend", "growth")
HARM = ("errors", "drop", "silence", "slow", "share", "new_error")


@dataclass
class World:
    """One service: `ticks` of all days, and where its incident lies (ticks), if it has one."""

    ticks: Ticks
    incident: tuple[int, int] | None = None


@dataclass
class _Draft:
    rng: np.random.Generator
    rate: Array  # lines per tick
    names: list[str] = field(default_factory=lambda: list(_NAMES))
    levels: list[str] = field(default_factory=lambda: list(_LEVELS))
    shares: Array = field(default_factory=lambda: np.array(_SHARES)[:, None] * np.ones(DAYS * DAY))
    extra: Array = field(default_factory=lambda: np.zeros((len(_NAMES), DAYS * DAY)))  # lines per tick on top
    slower: Array = field(default_factory=lambda: np.ones(DAYS * DAY))
    clump: float = 1.0  # lines that come together

    def add_key(self, name: str, level: str) -> int:
        """A further template that nothing has yet."""
        self.names.append(name)
        self.levels.append(level)
        self.shares = np.vstack([self.shares, np.zeros(DAYS * DAY)])
        self.extra = np.vstack([self.extra, np.zeros(DAYS * DAY)])
        return len(self.names) - 1


def make(kind: str, per_minute: float, seed: int, harm: str | None = None) -> World:
    """A world of a calm kind at about so many lines a minute, with an incident when `harm` is one of HARM."""
    rng = np.random.default_rng([seed, CALM.index(kind), round(per_minute * 10), HARM.index(harm) + 1 if harm else 0])
    size = DAYS * DAY
    hour = np.arange(size) / DAY * 24 % 24
    day = np.arange(size) // DAY
    draft = _Draft(rng, np.full(size, per_minute / MINUTE))
    if kind != "poisson":
        draft.rate = draft.rate * (0.6 + 0.8 * np.exp(-0.5 * ((hour - rng.uniform(11, 16)) / 4) ** 2))
        draft.rate *= np.exp(_slow_noise(rng, size, 30 * MINUTE, 0.12))
    _calm(draft, kind, hour, day)
    at = TEST + int(rng.uniform(8, 21) * 60) * MINUTE
    incident = _harm(draft, harm, at) if harm else None
    return World(_ticks(draft), incident)


def _slow_noise(rng: np.random.Generator, size: int, width: int, sigma: float) -> Array:
    knots = rng.normal(0, sigma, size // width + 2)
    return np.interp(np.arange(size) / width, np.arange(len(knots)), knots)


def _calm(d: _Draft, kind: str, hour: Array, day: Array) -> None:
    rng, size = d.rng, len(d.rate)
    if kind == "bursts":
        d.clump = 4.0
    elif kind == "drift":
        for i in range(len(d.names)):
            d.shares[i] *= np.exp(_slow_noise(rng, size, 6 * 60 * MINUTE, 0.25))
    elif kind == "seasons":
        d.rate *= np.where(day % 7 >= 5, 0.3, 1.0)
        d.rate *= np.where((day % 7 == 0) & (hour > 8) & (hour < 11), 2.0, 1.0)  # Monday morning; the last day is one
    elif kind == "weekend":
        d.rate *= np.where((day % 7 == 0), 0.5, 1.0) * np.where((hour > 1) & (hour < 4), 0.15, 1.0)
    elif kind == "reworded":
        at = TEST + int(rng.uniform(9, 18) * 60) * MINUTE
        d.rate[at - 2 : at + 2] = 0
        for n, text in enumerate(("t:stopping", "t:bye", "t:begins", "t:config", "t:ready")):
            key = d.add_key(text, "info")
            d.extra[key, at + n // 2] = 1.0
        _reword(d, at, range(6), keep=0.0)
    elif kind == "unannounced":
        at = TEST + int(rng.uniform(9, 18) * 60) * MINUTE
        _reword(d, at, (1, 3), keep=0.5)
        d.slower[at:] *= 1.12
        d.shares[2, at:] *= 1.25
    elif kind == "blips":
        for place in rng.integers(0, size - 40, 40):
            length = int(rng.uniform(1, 2.5) * MINUTE)
            row = int(rng.choice([0, 1, 5, 6, 7]))
            d.extra[row, place : place + length] += 0.4 * d.rate[place] + 1.0
    elif kind == "nightly":
        job = d.add_key("t:exported", "info")
        for n in range(DAYS):
            at = n * DAY + int((2 * 60 + rng.uniform(-6, 6)) * MINUTE)
            d.extra[job, at : at + 15 * MINUTE] = 2.0 * d.rate.mean() + 2.0
    elif kind == "growth":
        d.rate *= 1.0 + 0.05 * day


def _reword(d: _Draft, at: int, rows: object, *, keep: float) -> None:
    for i in list(rows):  # type: ignore[call-overload]
        new = d.add_key(d.names[i] + " anew", d.levels[i])
        d.shares[new, at:] = d.shares[i, at:] * (1 - keep)
        d.shares[i, at:] *= keep


def _harm(d: _Draft, harm: str, at: int) -> tuple[int, int]:
    if harm == "errors":
        end = at + 30 * MINUTE
        d.extra[6, at:end] += max(0.06 * d.rate[at], 0.5 / MINUTE)
    elif harm == "drop":
        end = at + 45 * MINUTE
        d.rate[at:end] *= 0.4
    elif harm == "silence":
        end = at + 40 * MINUTE
        d.rate[at:end] = 0.0
        d.extra[:, at:end] = 0.0
    elif harm == "slow":
        end = at + 30 * MINUTE
        d.slower[at:end] *= 2.2
    elif harm == "share":
        end = at + 30 * MINUTE
        d.extra[4, at:end] += 0.3 * d.rate[at] + 0.5 / MINUTE
    else:
        end = at + 30 * MINUTE
        key = d.add_key("f:never", "error")
        d.extra[key, at:end] += 0.4 / MINUTE
    return at, end


def _ticks(d: _Draft) -> Ticks:
    """Drawn: lines by Poisson times (clumped where asked for), durations of the second template."""
    rng, size = d.rng, len(d.rate)
    shares = d.shares / np.maximum(d.shares.sum(axis=0), 1e-9)
    mean = shares * d.rate
    together = rng.geometric(1 / d.clump, mean.shape) if d.clump > 1 else 1
    counts = rng.poisson(mean / d.clump) * together
    counts = (counts + rng.poisson(d.extra)).astype(np.float32)
    lines = np.array([not name.startswith("f:") for name in d.names])
    bad = np.array([level == "error" for level in d.levels])
    total = counts[lines].sum(axis=0) + counts[~lines].sum(axis=0)
    slots = []
    for i in (0, 1):
        here = counts[i].astype(int)
        at = np.repeat(np.arange(size), np.minimum(here, 16))
        values = np.exp(rng.normal(np.log(0.04), 0.5, len(at))) * d.slower[at]
        values = np.where(rng.random(len(at)) < 0.01, values * 20, values)  # one in a hundred hangs
        slots.append(Slot(f"{d.names[i][2:]}/0", "s", at, values))
    order = sorted(range(len(d.names)), key=lambda i: d.names[i])
    keys = tuple(d.names[i] for i in order)
    levels = tuple(d.levels[i] for i in order)
    table = counts[order]
    return Ticks(
        START, size, total.astype(float), counts[bad].sum(axis=0).astype(float), keys, levels, table, tuple(slots),
        {key: i for i, key in enumerate(keys)},
    )  # fmt: skip
