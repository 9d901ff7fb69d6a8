"""From scores to alerts: one calibrated score, opened when it passes 1, closed when nothing is abnormal any more.

The score of a tick is the largest of the detectors' scores, each divided by its threshold. When an alert closes, what
lies in it is left out of every window after it, so that it neither holds the next alert back nor raises it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from luffy_dagster.core.anomalies.baseline import expected, followed
from luffy_dagster.core.anomalies.detectors import MINUTE, Detector, Restarts, Scores, View, all_detectors
from luffy_dagster.core.anomalies.fit import _NEEDED_DAYS, RATIOS, Model, local_times
from luffy_dagster.core.anomalies.forest import outlier_scores, window_points
from luffy_dagster.core.anomalies.model import BUDGET, DEFAULT_SETTINGS, DetectorSettings, Feature
from luffy_dagster.core.anomalies.ticks import Array, Ticks
from luffy_dagster.core.anomalies.windows import TICK, TICKS

_QUIET = 8 * MINUTE  # without anything abnormal, then an alert closes
ODD = 3.0  # one window in a thousand of history: forest and LOF agree from there on
_LOOK = 5 * MINUTE  # after it fired: that long the message waits for what belongs to it anyway
# Reasons told as they are then: a level, and what is missing. Counts of what is there are told as they were when the alert fired.
_LEVELS = ("duration", "silence", "lines")
_ODD_WINDOWS = 60  # the last two hours before it fired are looked at
_MISSING = ("drop", "silence")
_MOST_ALERTS = 200  # in one piece of time: a bound on the work


@dataclass(frozen=True)
class Alert:
    """Ticks of an alert (`last` exclusive; `open` when it was not over at the end), its score and reasons."""

    first: int  # tick of the first sign
    fired: int  # tick at whose end it fired
    last: int
    open: bool
    score: float
    families: tuple[str, ...]  # strongest first, at the time it fired and later
    features: tuple[Feature, ...]


@dataclass(frozen=True)
class Judged:
    """The combined score per tick (1 is the threshold), per family, and the alerts in order."""

    score: Array
    families: Mapping[str, Array]
    alerts: tuple[Alert, ...]
    mute: Array = field(default_factory=lambda: np.zeros(0, dtype=bool))


def judge(ticks: Ticks, model: Model, settings: DetectorSettings = DEFAULT_SETTINGS, *, since: int = 0) -> Judged:
    """Scores of all ticks and the alerts that fire from tick `since` on; what lies before is only looked back at.

    A model that ends after `ticks.start + since` would know what it judges: raises ValueError.
    """
    if model.data_until.timestamp() > ticks.start + since * TICK:
        raise ValueError(f"model {model.version} knows the time that is judged: take one that ends before it")
    local = local_times(ticks.times(), model.zone)
    base = expected(model.profile, local)
    restarts = Restarts()
    mute = restarts.muted(ticks, model.states[restarts.family])
    detectors = [d for d in all_detectors() if _usable(d, model)]
    mask = np.ones(ticks.size)
    combined = np.zeros(ticks.size)
    per_family = {d.family: np.zeros(ticks.size) for d in detectors}
    alerts: list[Alert] = []
    begin = 0
    while begin < ticks.size and len(alerts) < _MOST_ALERTS:
        view = View(ticks, followed(ticks.total, base, mask), mask, base, mute)
        scores = {d.family: d.score(view, model.states[d.family]) for d in detectors}
        limit = {d.family: _limit(d, model.thresholds[d.family], settings) for d in detectors}
        shares = {name: scores[name].series / limit[name] for name in scores}
        now = np.max(np.stack(list(shares.values())), axis=0) if shares else np.zeros(ticks.size)
        combined[begin:] = now[begin:]
        for name in shares:
            per_family[name][begin:] = shares[name][begin:]
        alert = None
        at = begin
        while alert is None:
            above = np.flatnonzero(now[max(at, since) :] >= 1.0)
            if not len(above):
                break
            fired = int(above[0]) + max(at, since)
            alert = _open(fired, scores, shares, limit, begin, settings)
            at = fired + 1
        if alert is None:
            break
        alerts.append(alert)
        mask[alert.first : alert.last] = 0.0
        begin = alert.last
        if alert.open:
            break
    if alerts and model.outliers:
        alerts = _seconded(alerts, ticks, model)
    return Judged(combined, per_family, tuple(alerts), mute)


def _seconded(alerts: list[Alert], ticks: Ticks, model: Model) -> list[Alert]:
    """The alerts, with forest and LOF among the reasons of those whose first windows they find odd as well."""
    points = window_points(ticks)
    told = []
    for alert in alerts:
        begin, last = alert.first // TICKS, min(alert.fired // TICKS + 1, len(points))
        first = max(begin, last - _ODD_WINDOWS)
        scores = outlier_scores(dict(model.outliers), points[first:last]).items()
        found = [
            Feature(
                "window",
                None,
                None,
                "",
                round(float(score.max()), 2),
                ODD,
                (last - first) * TICKS * TICK,
                name,
            )
            for name, score in scores
            if last > first and float(score.max()) >= ODD
        ]
        told.append(replace(alert, features=(*alert.features, *found)))
    return told


def _usable(detector: Detector, model: Model) -> bool:
    return model.coverage.days >= _NEEDED_DAYS.get(detector.family, 1.0)


def _limit(detector: Detector, threshold: float, settings: DetectorSettings) -> float:
    """The threshold in force. Scores are −log10 of a chance: a tenth of the false alarms is one more to pass."""
    if detector.family in RATIOS:
        return threshold * max(settings.sensitivity, 1.0)
    return max(threshold - math.log10(settings.budget / BUDGET), 1.0) * settings.sensitivity


def _open(
    fired: int,
    scores: Mapping[str, Scores],
    shares: Mapping[str, Array],
    limit: Mapping[str, float],
    begin: int,
    settings: DetectorSettings,
) -> Alert | None:
    """The alert that opens at a tick, up to where it closes; None when the settings keep it silent."""
    passing = sorted((name for name in shares if shares[name][fired] >= 1.0), key=lambda name: -shares[name][fired])
    told: list[Feature] = []
    families: list[str] = []
    for name in passing:
        found = [
            replace(f, threshold=round(limit[name], 2), score=round(f.score, 2)) for f in scores[name].explain(fired)
        ]
        kept = [f for f in found if not _suppressed(f, settings)]
        if kept or not found:
            told += kept
            families.append(name)
    if not families:
        return None
    size = len(next(iter(shares.values())))
    quiet = 0
    involved = set(families)
    end = fired
    for tick in range(fired, size):
        for name in shares:
            if shares[name][tick] >= 1.0:
                involved.add(name)
        if any(scores[name].recent[tick] for name in involved):
            quiet = 0
        else:
            quiet += 1
        end = tick + 1
        if quiet >= _QUIET:
            break
    still = quiet < _QUIET
    span = max((f.span_seconds for f in told), default=0) // TICK
    told = _as_it_is(told, passing, scores, shares, min(fired + _LOOK, end - 1), limit)
    peak = max(float(shares[name][fired:end].max()) for name in families)
    late = sorted(involved - set(families))
    return Alert(max(begin, fired - span + 1), fired, end, still, peak, (*families, *late), tuple(told))


def _as_it_is(
    told: list[Feature],
    passing: list[str],
    scores: Mapping[str, Scores],
    shares: Mapping[str, Array],
    tick: int,
    limit: Mapping[str, float],
) -> list[Feature]:
    """The reasons with what is seen five minutes later, where it is still so: the first sign shows half of it."""
    later = {
        (f.name, f.subject): replace(f, threshold=round(limit[name], 2), score=round(f.score, 2))
        for name in passing
        if shares[name][tick] >= 1.0
        for f in scores[name].explain(tick)
    }
    kept = [later.get((f.name, f.subject), f) if f.name in _LEVELS else f for f in told]
    if not any(name in passing for name in _MISSING):
        return kept
    # of what is missing each look says something else: how much, and since when not a single line
    named = {f.name for f in kept}
    also = [f for name in _MISSING if name in shares and shares[name][tick] >= 1.0 for f in scores[name].explain(tick)]
    return kept + [f for f in also if f.name not in named]


def _suppressed(feature: Feature, settings: DetectorSettings) -> bool:
    """Whether a rule of the service keeps this deviation silent."""
    if feature.expected is None or feature.actual is None:
        return False
    for rule in settings.suppressions:
        if rule.feature not in ("*", feature.name):
            continue
        above = feature.actual >= feature.expected
        if (rule.direction == "above" and not above) or (rule.direction == "below" and above):
            return True
        if rule.absolute is not None and abs(feature.actual - feature.expected) < rule.absolute:
            return True
        low, high = sorted((max(feature.actual, 0.0), max(feature.expected, 0.0)))
        if rule.ratio is not None and high < rule.ratio * low:
            return True
    return False
