"""Fitting on history: the model of one service and environment, with thresholds learnt from its own past.

A threshold is max(floor, 1 + 2 × the fourth largest two-hour maximum of history): what a service does a few times a
week on its own is no news, and a few real incidents in history do not raise it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from luffy_dagster.core.anomalies.baseline import Profile, expected, fit_profile, followed
from luffy_dagster.core.anomalies.detectors import Restarts, State, View, all_detectors
from luffy_dagster.core.anomalies.forest import fit_outliers, window_points
from luffy_dagster.core.anomalies.model import Coverage
from luffy_dagster.core.anomalies.ticks import Array, Ticks
from luffy_dagster.core.anomalies.windows import TICK

MODEL = "anomalies-2026-12-4"
_FACTOR, _FACTOR_OF_TOTALS = 2.0, 1.4  # all lines together are the best known: less beyond their usual is needed
_TOTALS = ("drop", "silence")
_POINTS = 5_040  # windows kept for the estimators that see windows as points: a week
_BLOCK = 240  # ticks: two hours
RATIOS = ("heartbeat", "novelty", "restarts")  # their scores are shares of what is allowed
_NEEDED_DAYS = {
    "errors": 0.5,
    "burst": 0.5,
    "error_keys": 1.0,
    "mix": 2.0,
    "drop": 1.0,
    "rise": 1.0,
    "silence": 0.5,
    "latency": 0.25,
}


@dataclass(frozen=True)
class Model:
    """A fitted state: the profile, what each detector stores, and the thresholds."""

    version: str
    data_from: datetime
    data_until: datetime
    zone: str
    profile: Profile
    states: Mapping[str, State]  # by family
    thresholds: Mapping[str, float]
    coverage: Coverage
    algorithm: str = MODEL
    history: Mapping[str, list[float]] = field(default_factory=dict)  # two-hour maxima per family
    outliers: Mapping[str, Array] = field(default_factory=dict)  # Isolation Forest and LOF, as arrays


def local_times(times: Array, zone: str) -> Array:
    """Epoch seconds shifted by the zone's offset at each of them."""
    tz: tzinfo = ZoneInfo(zone)
    hours = times // 3600
    shift = {
        int(h): int((datetime.fromtimestamp(int(h) * 3600, tz).utcoffset() or UTC.utcoffset(None)).total_seconds())
        for h in np.unique(hours)
    }
    return times + np.array([shift[int(h)] for h in hours], dtype=np.int64) if len(times) else times


def fit(ticks: Ticks, zone: str = "UTC") -> Model:
    """The model of a service's history (one to several weeks; what comes after `ticks.end` is never looked at)."""
    local = local_times(ticks.times(), zone)
    profile = fit_profile(ticks.total, local)
    ones = np.ones(ticks.size)
    base = expected(profile, local, own=0.35)
    mean = followed(ticks.total, base)
    restarts = Restarts()
    nothing = View(ticks, mean, ones, base, np.zeros(ticks.size, dtype=bool))
    mute = restarts.muted(ticks, restarts.fit(nothing))
    view = View(ticks, mean, ones, base, mute)
    days = _days(ticks)
    states: dict[str, State] = {}
    thresholds: dict[str, float] = {}
    history: dict[str, list[float]] = {}
    for detector in all_detectors():
        state = detector.fit(view)
        states[detector.family] = state
        if detector.family in RATIOS:
            thresholds[detector.family] = detector.floor
            continue
        maxima = _maxima(detector.score(view, state).series)
        history[detector.family] = [round(float(m), 2) for m in maxima]
        factor = _FACTOR_OF_TOTALS if detector.family in _TOTALS else _FACTOR
        thresholds[detector.family] = _threshold(maxima, detector.floor, factor)
    until = datetime.fromtimestamp(ticks.end, UTC)
    return Model(
        version=f"{MODEL}/{until:%Y%m%dT%H%M}",
        data_from=datetime.fromtimestamp(ticks.start, UTC),
        data_until=until,
        zone=zone,
        profile=profile,
        states=states,
        thresholds=thresholds,
        coverage=_coverage(ticks, days),
        history=history,
        outliers=fit_outliers(window_points(ticks)[-_POINTS:]),
    )


def _days(ticks: Ticks) -> float:
    """Days from the first line on."""
    some = np.flatnonzero(ticks.total > 0)
    return float(ticks.size - some[0]) * TICK / 86_400 if len(some) else 0.0


def _maxima(series: Array) -> Array:
    blocks = max(1, len(series) // _BLOCK)
    return np.array([chunk.max() for chunk in np.array_split(series, blocks)]) if len(series) else np.zeros(1)


def _threshold(maxima: Array, floor: float, factor: float) -> float:
    ranked = np.sort(maxima)[::-1]
    return float(max(floor, 1.0 + factor * ranked[min(3, len(ranked) - 1)]))


def _coverage(ticks: Ticks, days: float) -> Coverage:
    missing = tuple(
        f"{family}: needs {need:g} days of history, has {days:.1f}"
        for family, need in _NEEDED_DAYS.items()
        if days < need
    )
    lines = int(ticks.total.sum())
    return Coverage(days=round(days, 3), lines=lines, learning=days < 1.0 or lines < 200, missing=missing)


# ---- storing


def dump(model: Model) -> bytes:
    """The model as bytes: arrays compressed, the rest as JSON beside them; nothing that runs when it is read."""
    arrays: dict[str, Array] = {
        "profile.curves": model.profile.curves,
        "profile.days": model.profile.days,
        **{f"outliers.{name}": value for name, value in model.outliers.items()},
    }
    plain: dict[str, Any] = {}
    for family, state in model.states.items():
        plain[family] = {}
        for name, value in state.items():
            if isinstance(value, np.ndarray):
                arrays[f"{family}.{name}"] = value
            else:
                plain[family][name] = value
    head = {
        "version": model.version,
        "algorithm": model.algorithm,
        "data_from": model.data_from.isoformat(),
        "data_until": model.data_until.isoformat(),
        "zone": model.zone,
        "thresholds": dict(model.thresholds),
        "history": dict(model.history),
        "coverage": {
            "days": model.coverage.days,
            "lines": model.coverage.lines,
            "learning": model.coverage.learning,
            "missing": list(model.coverage.missing),
        },
        "states": plain,
    }
    out = io.BytesIO()
    np.savez_compressed(out, head=np.frombuffer(json.dumps(head).encode(), dtype=np.uint8), **arrays)  # type: ignore[arg-type]
    return out.getvalue()


def load(data: bytes) -> Model:
    """The opposite of `dump`; raises ValueError when it is no model or one of another algorithm."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        head = json.loads(arrays.pop("head").tobytes().decode())
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"this is no stored model ({error}); fit it again") from error
    if head["algorithm"] != MODEL:
        raise ValueError(f"model of {head['algorithm']}, not of {MODEL}: fit it again")
    states: dict[str, State] = {family: dict(state) for family, state in head["states"].items()}
    profile = Profile(arrays.pop("profile.curves"), arrays.pop("profile.days"))
    outliers = {name[9:]: arrays.pop(name) for name in list(arrays) if name.startswith("outliers.")}
    for name, value in arrays.items():
        family, _, field_name = name.partition(".")
        states[family][field_name] = value
    covered = head["coverage"]
    return Model(
        version=head["version"],
        data_from=datetime.fromisoformat(head["data_from"]),
        data_until=datetime.fromisoformat(head["data_until"]),
        zone=head["zone"],
        profile=profile,
        states=states,
        thresholds=head["thresholds"],
        coverage=Coverage(covered["days"], covered["lines"], covered["learning"], tuple(covered["missing"])),
        history=head["history"],
        outliers=outliers,
    )
