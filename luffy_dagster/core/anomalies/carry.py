"""What one judged piece of time hands on to the next: the alert that is open, what lies in alerts that are over, what was seen before.

Judging piece after piece so gives what judging all at once gives, over midnight and over a model's end as well. Times are
epoch seconds in `Carry`, ticks of the arrays (negative: before their first) in `Past`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from luffy_dagster.core.anomalies.model import Feature
from luffy_dagster.core.anomalies.ticks import Array, Ticks
from luffy_dagster.core.anomalies.windows import TICK

NEVER = -(10**9)  # a tick before all time
LOOKBACK = 300  # ticks before a piece that its scores need: 80 minutes of lines against the level of the hour before them, and ten more
WARM = 600  # ticks before it that are looked back at where another model judged what lies before: five hours
FIRSTS = 2  # sightings of a new line that count as rare (`Restarts`)
OFTEN = 3  # sightings from which a new line is ordinary (`Novelty`)


@dataclass(frozen=True, slots=True)
class Course:
    """What it takes to follow an open alert further: the families and reasons of its first tick, and for how many ticks
    nothing was abnormal (`quiet`) or over a threshold (`calm`).
    """

    passing: tuple[str, ...]  # families over their threshold when it fired, also those that a rule keeps silent
    families: tuple[str, ...]
    signs: tuple[Feature, ...]
    quiet: int = 0
    calm: int = 0


@dataclass(frozen=True, slots=True)
class Alert:
    """Ticks of an alert (`last` exclusive; `open` when it was not over at the end), its score and reasons.

    Ticks are those of the arrays that were judged; of an alert that was carried over they may be negative.
    """

    first: int  # tick of the first sign
    fired: int  # tick at whose end it fired
    last: int
    open: bool
    score: float
    families: tuple[str, ...]  # strongest first, at the time it fired and later
    features: tuple[Feature, ...]
    lines: float = 0.0  # from `first` to `fired`, at most of `LOOKBACK` ticks
    errors: float = 0.0
    model: str = ""  # version of the fit under which it fired
    course: Course | None = None
    level: float = 1.0  # lines before it, as a multiple of those of the time of day
    after: float | None = None  # the same when it ended, where that is far from `level`: how many there are now

    @property
    def covers(self) -> int:
        """First tick that is left out of every window once it is over; what is told of its start may lie before that."""
        return max(self.first, self.fired - LOOKBACK + 1)

    def moved(self, ticks: int) -> Alert:
        """The same alert `ticks` later."""
        return replace(self, first=self.first + ticks, fired=self.fired + ticks, last=self.last + ticks)


@dataclass(frozen=True, slots=True)
class Sighted:
    """Of a key that the model does not know: its first and last sightings, and in how many ticks it was seen.

    Ticks count here only when they lie so far back that no alert to come can cover them; later ones are looked at again.
    """

    firsts: tuple[int, ...]  # at most `FIRSTS`
    last: int
    told: bool = False  # it was in an alert that is over
    often: int = 0  # ticks outside of alerts
    during: int = 0  # ticks in the alert that is open


@dataclass(frozen=True, slots=True)
class Waits:
    """Since when what should come has not come."""

    origin: int = 0  # nothing was looked at before it
    silent_from: int = 0  # the last line
    missing: float = 0.0  # lines expected and not come since then
    beats: Mapping[str, int] = field(default_factory=dict)  # the last of each regular line
    blocked: int = NEVER  # the last tick that a restart or an alert that is over explains


@dataclass(frozen=True, slots=True)
class Past:
    """What is known from before `since`, in ticks of the arrays; the default knows nothing."""

    since: int = 0
    waits: Waits | None = None  # None: not known, so that it is counted from the first tick of the arrays
    seen: Mapping[str, Sighted] = field(default_factory=dict)
    open_from: int | None = None  # first covered tick of the alert that is open at `since`

    @property
    def horizon(self) -> int:
        """Sightings before this tick are counted in `seen`."""
        return max(0, self.since - LOOKBACK)

    def closed(self, mask: Array) -> bool:
        """Whether the alert that was open at `since` is over by now: `mask` leaves it out."""
        return self.open_from is not None and self.since < len(mask) and bool(mask[self.since] == 0)


NOTHING = Past()


@dataclass(frozen=True, slots=True)
class Carry:
    """The state behind a judged piece, in epoch seconds.

    `alerts`: the one that is open and those whose ticks are still looked back at, in ticks from `at` on (negative).
    """

    at: int
    model: str  # version; under another one only alerts and sightings are taken over
    free_from: int  # no alert begins before: the end of the last one, or the beginning of what was looked at
    waits: Waits
    alerts: tuple[Alert, ...] = ()
    seen: Mapping[str, Sighted] = field(default_factory=dict)

    def past(self, start: int, model: str) -> Past:
        """As ticks of arrays that begin at `start`, for a model of that version."""

        def tick(at: int) -> int:
            return (at - start) // TICK if at != NEVER else NEVER

        w = self.waits
        waits = Waits(
            tick(w.origin), tick(w.silent_from), w.missing, {k: tick(at) for k, at in w.beats.items()}, tick(w.blocked)
        )
        opened = next((alert.covers + tick(self.at) for alert in self.alerts if alert.open), None)
        seen = {
            key: replace(one, firsts=tuple(tick(at) for at in one.firsts), last=tick(one.last))
            for key, one in self.seen.items()
        }
        return Past(tick(self.at), waits if model == self.model else None, seen, opened)

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON-serialisable values."""
        return asdict(self)

    @staticmethod
    def of_json(values: Mapping[str, Any]) -> Carry:
        """The opposite of `as_json`; raises TypeError or KeyError when the values are of another version."""
        alerts = tuple(_alert(one) for one in values["alerts"])
        seen = {key: Sighted(**{**one, "firsts": tuple(one["firsts"])}) for key, one in values["seen"].items()}
        return Carry(**{**values, "waits": Waits(**values["waits"]), "alerts": alerts, "seen": seen})


def _alert(values: Mapping[str, Any]) -> Alert:
    course = values["course"]
    if course is not None:
        lists = (tuple(course["passing"]), tuple(course["families"]), _features(course["signs"]))
        course = Course(*lists, course["quiet"], course["calm"])
    return Alert(
        **{
            **values,
            "families": tuple(values["families"]),
            "features": _features(values["features"]),
            "course": course,
        }
    )


def _features(values: Any) -> tuple[Feature, ...]:
    return tuple(Feature(**one) for one in values)


def sightings(
    ticks: Ticks, known: Collection[str], errors: Collection[str], past: Past, mask: Array, opened: Alert | None
) -> dict[str, Sighted]:
    """`Past.seen` as it is behind the ticks, in epoch seconds.

    Args:
        ticks: what was judged.
        known: keys of the model.
        errors: keys of `ticks` whose lines are errors; they are followed without their number.
        past: what was known before.
        mask: 0 where a tick lies in an alert that is over.
        opened: the alert that is open behind the ticks.
    """
    rows = {key: i for i, key in enumerate(ticks.keys) if key not in known}
    closed = past.closed(mask)
    horizon = ticks.size - LOOKBACK
    found = {}
    for key in sorted({*rows, *(key for key in past.seen if key not in known)}):
        before = past.seen.get(key)
        here = np.flatnonzero(ticks.counts[rows[key]] > 0) if key in rows else np.zeros(0, dtype=int)
        fresh = here[here >= (past.since if before else 0)]
        settled = here[(here >= (past.horizon if before else 0)) & (here < horizon) & (mask[here] > 0)]
        during = settled >= opened.covers if opened is not None else np.zeros(len(settled), dtype=bool)
        firsts = (*(before.firsts if before else ()), *(int(i) for i in fresh[:FIRSTS]))[:FIRSTS]
        last = int(fresh[-1]) if len(fresh) else before.last if before else NEVER
        told = bool((mask[here] == 0).any())
        if before is not None:
            told |= before.told or (closed and past.open_from is not None and before.last >= past.open_from)
        found[key] = Sighted(
            tuple(ticks.start + TICK * i for i in firsts),
            ticks.start + TICK * last,
            told,
            0 if key in errors else min(OFTEN, (before.often if before else 0) + int((~during).sum())),
            0 if key in errors else min(OFTEN, (before.during if before and not closed else 0) + int(during.sum())),
        )
    return found
