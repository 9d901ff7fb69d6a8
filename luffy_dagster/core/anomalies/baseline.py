"""What volume to expect: a robust seasonal profile by time of day and weekday, and the level of the last hour on it.

Each past day gives a smoothed curve; days of the same weekday count most, those of the same kind (working day, weekend)
less. Stretches that no other day knows (an outage, a flood) are left out. So a rise that every Monday has is expected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from luffy_dagster.core.anomalies.tails import window_sum
from luffy_dagster.core.anomalies.windows import TICK

BASELINE = "seasonal-2026-11"
Array = np.ndarray
DAY = 86_400
_STEP = 300  # seconds between the points of a curve
_POINTS = DAY // _STEP
_SIGMA = 40  # ticks
_SAME_DAY, _SAME_KIND, _OTHER = 1.0, 0.35, 0.05
_LAG, _SPAN = 20, 120  # ticks: the level is that of the hour that ended ten minutes ago
FOLLOWS = _LAG + _SPAN  # ticks that a level is taken from
_LEAST, _MOST = 0.35, 3.0


@dataclass(frozen=True)
class Profile:
    """Curves of past days: lines per tick at each point of the day; NaN where a day says nothing."""

    curves: Array  # days × points
    days: Array  # local day number of each curve

    @property
    def known(self) -> float:
        """Days' worth of points."""
        return float(np.isfinite(self.curves).sum() / _POINTS)


def weekday(day: Array) -> Array:
    """0 Monday to 6 Sunday of local day numbers (days since the epoch)."""
    return (day + 3) % 7


def fit_profile(total: Array, local: Array, valid: Array | None = None) -> Profile:
    """The profile of counts per tick at local times (epoch seconds shifted by the zone's offset)."""
    from scipy.ndimage import gaussian_filter1d

    keep = np.ones(len(total)) if valid is None else valid.astype(float)
    profile = Profile(np.zeros((0, _POINTS)), np.zeros(0, dtype=int))
    for _ in range(2):
        smooth = gaussian_filter1d(total * keep, _SIGMA, mode="nearest")
        weight = gaussian_filter1d(keep, _SIGMA, mode="nearest")
        curve = np.where(weight > 0.2, smooth / np.maximum(weight, 1e-9), np.nan)
        profile = _cut(curve, local)
        keep = keep * _usual(total, profile, local)
    return profile


def _cut(curve: Array, local: Array) -> Profile:
    days = np.unique(local // DAY)
    curves = np.full((len(days), _POINTS), np.nan)
    first = local % _STEP < TICK
    row = np.searchsorted(days, local[first] // DAY)
    curves[row, (local[first] % DAY) // _STEP] = curve[first]
    enough = np.isfinite(curves).sum(axis=1) >= _POINTS // 8
    return Profile(curves[enough], days[enough].astype(int))


def _usual(total: Array, profile: Profile, local: Array) -> Array:
    """1 where twenty minutes are like those of the other days, 0 where they are far from them."""
    if len(profile.days) < 3:
        return np.ones(len(total))
    mean = expected(profile, local, own=0.0)
    width = 40
    blocks = len(total) // width
    seen = total[: blocks * width].reshape(blocks, width).sum(axis=1)
    awaited = mean[: blocks * width].reshape(blocks, width).sum(axis=1)
    ratio = (seen + 3) / (awaited + 3)
    odd = (ratio < 0.35) | (ratio > 3.0)
    return np.concatenate([np.repeat(~odd, width), np.ones(len(total) - blocks * width, dtype=bool)]).astype(float)


def expected(profile: Profile, local: Array, *, own: float | None = None) -> Array:
    """Lines per tick expected at local times. `own`: weight of a time's own day, if that is among the curves."""
    if not len(profile.days):
        return np.zeros(len(local))
    out = np.zeros(len(local))
    day = local // DAY
    x = (local % DAY) / _STEP
    wd = weekday(profile.days)
    for one in np.unique(day):
        at = day == one
        mine = int(weekday(np.array([one]))[0])
        kind = (wd >= 5) == (mine >= 5)
        weights = np.where(wd == mine, _SAME_DAY, np.where(kind, _SAME_KIND, _OTHER))
        if own is not None:
            weights = np.where(profile.days == one, own, weights)
        w = np.where(np.isfinite(profile.curves), weights[:, None], 0.0)
        total = w.sum(axis=0)
        mean = np.where(total > 0, (w * np.nan_to_num(profile.curves)).sum(axis=0) / np.maximum(total, 1e-9), np.nan)
        if np.isnan(mean).any():
            known = np.isfinite(mean)
            if not known.any():
                continue
            mean = np.interp(np.arange(_POINTS), np.flatnonzero(known), mean[known], period=_POINTS)
        out[at] = np.interp(x[at], np.arange(_POINTS + 1), np.append(mean, mean[0]))
    return out


def followed(total: Array, mean: Array) -> Array:
    """`mean` times the level of the last hour, with a lag of ten minutes, shrunk towards 1 and clipped; causal."""
    seen, awaited = window_sum(total, _SPAN), window_sum(mean, _SPAN)
    prior = 15.0
    level = np.clip((seen + prior) / (awaited + prior), _LEAST, _MOST)
    lagged = (
        np.concatenate([np.ones(min(_LAG, len(level))), level[:-_LAG]]) if len(level) > _LAG else np.ones(len(level))
    )
    return mean * lagged
