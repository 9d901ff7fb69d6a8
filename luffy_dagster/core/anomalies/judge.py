"""From scores to alerts: one calibrated score, opened when it passes 1, closed when nothing is abnormal any more.

The score of a tick is the largest of the detectors' scores, each divided by its threshold. When an alert closes, what
lies in it is left out of every window after it, so that it neither holds the next alert back nor raises it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from luffy_dagster.core.anomalies.baseline import FOLLOWS, expected, followed
from luffy_dagster.core.anomalies.carry import LOOKBACK, NEVER, NOTHING, WARM, Alert, Carry, Waits, sightings
from luffy_dagster.core.anomalies.detectors import (
    ERROR_LEVELS,
    Detector,
    Heartbeat,
    Novelty,
    Restarts,
    Silence,
    View,
    all_detectors,
)
from luffy_dagster.core.anomalies.fit import _NEEDED_DAYS, RATIOS, Model, local_times
from luffy_dagster.core.anomalies.forest import outlier_scores, window_points
from luffy_dagster.core.anomalies.model import BUDGET, DEFAULT_SETTINGS, DetectorSettings, Feature
from luffy_dagster.core.anomalies.opening import OUTLIERS, Look
from luffy_dagster.core.anomalies.ticks import Array, Ticks
from luffy_dagster.core.anomalies.windows import TICK, TICKS

__all__ = ["LOOKBACK", "ODD", "WARM", "Alert", "Carry", "Judged", "judge"]

ODD = 3.0  # one window in a thousand of history: forest and LOF agree from there on
_ODD_WINDOWS = 60  # the last two hours before it fired are looked at
_MOST_ALERTS = 200  # in one piece of time: a bound on the work


@dataclass(frozen=True)
class Judged:
    """The combined score per tick (1 is the threshold), per family, and the alerts in order."""

    score: Array
    families: Mapping[str, Array]
    alerts: tuple[Alert, ...]
    carry: Carry  # what the judge of the next piece is to be given
    mute: Array = field(default_factory=lambda: np.zeros(0, dtype=bool))


def judge(
    ticks: Ticks,
    model: Model,
    settings: DetectorSettings = DEFAULT_SETTINGS,
    *,
    since: int = 0,
    carry: Carry | None = None,
) -> Judged:
    """Scores of all ticks and the alerts that fire from tick `since` on; what lies before is only looked back at.

    `carry`: of the judge of what ends at `since`; an alert that was open there is the first of the alerts. With it `LOOKBACK` ticks
    before `since` are enough where the model is the same. A model that ends after `since` would know what it judges, a carry of
    another time knows something else: both raise ValueError.
    """
    if model.data_until.timestamp() > ticks.start + since * TICK:
        raise ValueError(f"model {model.version} knows the time that is judged: take one that ends before it")
    if carry is not None and carry.at != ticks.start + since * TICK:
        raise ValueError("the state that is carried over ends at another time than where judging begins")
    past = NOTHING if carry is None else carry.past(ticks.start, model.version)
    local = local_times(ticks.times(), model.zone)
    base = expected(model.profile, local)
    restarts = Restarts()
    mute = restarts.muted(ticks, model.states[restarts.family], past)
    detectors = [d for d in all_detectors() if _usable(d, model)]
    limit = {d.family: _limit(d, model.thresholds[d.family], settings) for d in detectors}
    mask = np.ones(ticks.size)
    known = ticks.total.astype(float)  # lines that the level is taken from
    combined = np.zeros(ticks.size)
    per_family = {d.family: np.zeros(ticks.size) for d in detectors}
    earlier = [alert.moved(since) for alert in carry.alerts] if carry is not None else []
    for over in earlier:
        if not over.open:
            _leave_out(over, mask, known, base)
    opened = next((alert for alert in earlier if alert.open), None)
    alerts: list[Alert] = []
    begin = 0 if carry is None else (carry.free_from - ticks.start) // TICK
    while True:
        view = View(ticks, followed(known, base), mask, base, mute, past)
        scores = {d.family: d.score(view, model.states[d.family]) for d in detectors}
        shares = {name: scores[name].series / limit[name] for name in scores}
        now = np.max(np.stack(list(shares.values())), axis=0) if shares else np.zeros(ticks.size)
        at = max(begin, 0)
        combined[at:] = now[at:]
        for name in shares:
            per_family[name][at:] = shares[name][at:]
        look = Look(view, scores, shares, limit, settings, model.version)
        alert = look.goes_on(opened, since) if opened is not None else look.next_from(max(at, since), begin)
        opened = None
        if alert is None:
            break
        alerts.append(alert)
        if alert.open or len(alerts) >= _MOST_ALERTS:
            break
        mask, known = mask.copy(), known.copy()
        _leave_out(alert, mask, known, base)
        begin = alert.last
    if model.outliers:
        alerts = _seconded(alerts, ticks, model, since)
    left = _carry(view, model, [*earlier, *alerts], begin)
    return Judged(combined, per_family, tuple(alerts), left, mute)


def _leave_out(alert: Alert, mask: Array, known: Array, base: Array) -> None:
    """Takes what lies in an alert that is over out of every window; the level after it is that before it, or what it became."""
    last = max(alert.last, 0)
    inside = slice(max(alert.covers, 0), last)
    mask[inside] = 0.0
    if alert.after is None:
        known[inside] = alert.level * base[inside]
    else:
        begin = slice(max(alert.last - FOLLOWS, 0), last)
        known[begin] = alert.after * base[begin]


def _carry(view: View, model: Model, alerts: Sequence[Alert], free_from: int) -> Carry:
    """The state behind the ticks of `view`."""
    ticks, past = view.ticks, view.past

    def epoch(tick: float) -> int:
        return ticks.start + TICK * int(tick) if tick != NEVER else NEVER

    opened = next((a for a in reversed(alerts) if a.open and a.last == ticks.size), None)
    size = ticks.size
    if size == 0:
        waits = Waits(epoch(0), epoch(0))
    else:
        last, missing = Silence().missing(view)
        beats = Heartbeat()
        state = model.states[beats.family]
        lasts = {
            key: epoch(at[-1])
            for key, at in zip(state["keys"], beats.last(view, state), strict=True)
            if at[-1] != NEVER
        }
        waits = Waits(
            epoch(past.waits.origin if past.waits else 0),
            epoch(last[-1]),
            float(missing[-1]),
            lasts,
            epoch(beats.blocked(view)[-1]),
        )
    looked_at = [a for a in alerts if (a is opened if a.open else a.last > size - WARM)]
    errors = {
        key for key, level in zip(ticks.keys, ticks.levels, strict=True) if key[:2] == "f:" or level in ERROR_LEVELS
    }
    known = set(model.states[Novelty().family]["known"])
    return Carry(
        at=ticks.end,
        model=model.version,
        free_from=epoch(free_from),
        waits=waits,
        alerts=tuple(a.moved(-size) for a in looked_at),
        seen=sightings(ticks, known, errors, past, view.mask, opened),
    )


def _seconded(alerts: list[Alert], ticks: Ticks, model: Model, since: int) -> list[Alert]:
    """The alerts, with forest and LOF among the reasons of those fired from `since` on whose first windows they find odd as well."""
    if all(alert.fired < since for alert in alerts):
        return alerts
    points = window_points(ticks)
    told = []
    for alert in alerts:
        if alert.fired < since:
            told.append(alert)
            continue
        begin, last = alert.first // TICKS, min(alert.fired // TICKS + 1, len(points))
        first = max(begin, last - _ODD_WINDOWS)
        scores = outlier_scores(dict(model.outliers), points[max(first, 0) : last]).items()
        found = [
            Feature(
                OUTLIERS,
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
