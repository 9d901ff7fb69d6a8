"""Alerts from scores: where one opens and with which reasons, and how long it goes on. `judge` gives the scores and keeps the order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from luffy_dagster.core.anomalies.carry import Alert, Course
from luffy_dagster.core.anomalies.detectors import MINUTE, Scores, View
from luffy_dagster.core.anomalies.model import DetectorSettings, Feature
from luffy_dagster.core.anomalies.tails import excess
from luffy_dagster.core.anomalies.ticks import Array, Ticks
from luffy_dagster.core.anomalies.windows import TICK

_QUIET = 8 * MINUTE  # without anything abnormal, then an alert closes
_CALM = 60 * MINUTE  # without anything over its threshold: what is merely still odd by then is how things are now
_LOOK = 5 * MINUTE  # after it fired: that long the message waits for what belongs to it anyway
_FAR, _VARIES, _SURE = 1.5, 0.02, 1.5  # lines that changed for good: by how much, against what dispersion, how surely
# Reasons told as they are then: a level, and what is missing. Counts of what is there are told as they were when the alert fired.
_LEVELS = ("duration", "silence", "lines")
_MISSING = ("drop", "silence")
OUTLIERS = "window"  # name of the reasons that forest and LOF give


@dataclass(frozen=True)
class Look:
    """Scores of all ticks, with what is left out of them as it is now."""

    view: View
    scores: Mapping[str, Scores]
    shares: Mapping[str, Array]  # scores over thresholds, by family
    limit: Mapping[str, float]
    settings: DetectorSettings
    model: str

    @property
    def ticks(self) -> Ticks:
        """What is judged."""
        return self.view.ticks

    def next_from(self, tick: int, begin: int) -> Alert | None:
        """The first alert that fires at or after a tick, up to where it closes; its first sign lies not before `begin`."""
        if not self.shares or tick >= self.ticks.size:
            return None
        now = np.max(np.stack(list(self.shares.values())), axis=0)
        for above in np.flatnonzero(now[tick:] >= 1.0):
            alert = self._open(int(above) + tick, begin)
            if alert is not None:
                return alert
        return None

    def goes_on(self, alert: Alert, since: int) -> Alert:
        """The alert that was open at tick `since`, up to where it closes."""
        if alert.course is None:
            raise ValueError("an alert without its course cannot be followed")
        course = replace(alert.course, families=tuple(f for f in alert.course.families if f in self.shares))
        return self._follow(replace(alert, course=course), since)

    def _open(self, fired: int, begin: int) -> Alert | None:
        """The alert that opens at a tick; None when the settings keep it silent."""
        passing = sorted(
            (name for name in self.shares if self.shares[name][fired] >= 1.0),
            key=lambda name: -self.shares[name][fired],
        )
        told: list[Feature] = []
        families: list[str] = []
        for name in passing:
            found = self._explained(name, fired)
            kept = [f for f in found if not suppressed(f, self.settings)]
            if kept or not found:
                told += kept
                families.append(name)
        if not families:
            return None
        span = max((f.span_seconds for f in told), default=0) // TICK
        first = max(begin, fired - span + 1)
        course = Course(tuple(passing), tuple(families), tuple(told))
        alert = Alert(first, fired, fired, True, 0.0, tuple(families), tuple(told), course=course)
        low = max(alert.covers, 0)
        lines, errors = (float(a[low : fired + 1].sum()) for a in (self.ticks.total, self.ticks.errors))
        level = float(self.view.mean[low] / max(self.view.base[low], 1e-9))
        return self._follow(replace(alert, lines=lines, errors=errors, model=self.model, level=level), fired)

    def _follow(self, alert: Alert, since: int) -> Alert:
        """The alert with ticks from `since` on looked at: its end or that it is open, who else joined, its score and reasons."""
        course, size = alert.course, self.ticks.size
        if course is None or since >= size:
            return alert
        involved, quiet, calm, end = set(alert.families) & set(self.shares), course.quiet, course.calm, since
        for tick in range(since, size):
            above = {name for name in self.shares if self.shares[name][tick] >= 1.0}
            involved |= above
            calm = 0 if above else calm + 1
            quiet = 0 if any(self.scores[name].recent[tick] for name in involved) else quiet + 1
            end = tick + 1
            if quiet >= _QUIET or calm >= _CALM:
                break
        features = alert.features
        if alert.fired + _LOOK >= since:
            seconds = [f for f in features if f.name == OUTLIERS]
            features = (*self._as_it_is(course, min(alert.fired + _LOOK, end - 1)), *seconds)
        peak = max([alert.score, *(float(self.shares[name][since:end].max()) for name in course.families)])
        late = sorted({*alert.families, *involved} - set(course.families))
        going_on = bool(quiet < _QUIET and calm < _CALM)
        return replace(
            alert,
            last=end,
            open=going_on,
            after=None if going_on else self._level_after(alert.level, end),
            score=peak,
            families=(*course.families, *late),
            features=features,
            course=replace(course, quiet=quiet, calm=calm),
        )

    def _level_after(self, level: float, end: int) -> float | None:
        """The level at the end of an alert when nothing about it is abnormal any more; None where it is what it was before."""
        inside = slice(max(0, end - _QUIET), end)
        seen, usual = float(self.ticks.total[inside].sum()), float(self.view.base[inside].sum())
        awaited = level * usual
        far = max(seen, awaited) > _FAR * min(seen, awaited)
        sure = excess(np.array(seen), np.array(awaited), _VARIES, above=seen > awaited)
        if not far or sure <= _SURE:
            return None
        return seen / max(usual, 1e-9)

    def _explained(self, name: str, tick: int) -> list[Feature]:
        limit = round(self.limit[name], 2)
        return [replace(f, threshold=limit, score=round(f.score, 2)) for f in self.scores[name].explain(tick)]

    def _as_it_is(self, course: Course, tick: int) -> tuple[Feature, ...]:
        """The reasons with what is seen at a tick five minutes later, where it is still so: the first sign shows half of it."""
        still = [name for name in course.passing if name in self.shares and self.shares[name][tick] >= 1.0]
        later = {(f.name, f.subject): f for name in still for f in self._explained(name, tick)}
        kept = [later.get((f.name, f.subject), f) if f.name in _LEVELS else f for f in course.signs]
        if not any(name in course.passing for name in _MISSING):
            return tuple(kept)
        # of what is missing each look says something else: how much, and since when not a single line
        named = {f.name for f in kept}
        missing = [name for name in _MISSING if name in self.shares and self.shares[name][tick] >= 1.0]
        also = [f for name in missing for f in self.scores[name].explain(tick)]
        return (*kept, *(f for f in also if f.name not in named))


def suppressed(feature: Feature, settings: DetectorSettings) -> bool:
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
