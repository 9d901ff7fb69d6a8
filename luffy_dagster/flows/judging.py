"""One day of a service judged, in pieces: from the last state that still holds, so that a tick's work is what changed.

A state is what `core.anomalies.carry` hands on. Those of the last pieces of a day are kept, so that late rows of the last hours find
one before them; the day after begins with the one at midnight. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.anomalies.carry import LOOKBACK, WARM, Alert, Carry
from luffy_dagster.core.anomalies.model import DEFAULT_SETTINGS, Anomaly, DetectorSettings
from luffy_dagster.core.anomalies.windows import TICK, TICKS
from luffy_dagster.core.incidents import DEFAULT as CORRELATION
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.models import Names, model_of, names_of
from luffy_dagster.flows.windows import start_of, windows_between

if TYPE_CHECKING:
    from luffy_dagster.core.anomalies.fit import Model
    from luffy_dagster.core.anomalies.judge import Judged
    from luffy_dagster.core.anomalies.ticks import Ticks
    from luffy_dagster.store.judging import DayState

_DAY = timedelta(days=1)
_WINDOW = TICK * TICKS
_LOOKBACK, _WARM = timedelta(seconds=TICK * LOOKBACK), timedelta(seconds=TICK * WARM)
_FRESH = timedelta(minutes=30)  # before the end: rows may still come late there, so no state is kept of it
_PIECE = timedelta(minutes=30)  # a state is kept when so much lies behind the last one
_STATES = 4  # kept of a day


@dataclass(frozen=True)
class JudgedDay:
    """One environment of a service's day, from `since` on: what was judged, by which model, the anomalies, the states behind it."""

    environment: str
    since: datetime
    ticks: Ticks
    judged: Judged
    model: Model
    anomalies: tuple[Anomaly, ...]
    states: tuple[Carry, ...]
    score: tuple[float, ...]  # of every window of the day


def judge_day(
    ctx: FlowContext,
    service: str,
    day: date,
    *,
    until: datetime,
    now: datetime,
    settings: DetectorSettings = DEFAULT_SETTINGS,
    before: Mapping[str, Carry] | None = None,
    held: DayState | None = None,
) -> tuple[list[JudgedDay], str]:
    """Every environment of the day up to `until`, with what was found; and why nothing could be judged, or "".

    `before`: states at midnight, by environment; None: those that are stored. `held`: how far the day is judged already; None: it is
    judged from its beginning.
    """
    begin = start_of(day)
    end = min(begin + _DAY, datetime.fromtimestamp(int(until.timestamp()) // TICK * TICK, UTC))
    if end <= begin:
        return [], "nothing of the day is complete yet"
    with store.begin(ctx.engine) as conn:
        if before is None:
            yesterday = store.judging.states(conn, service, [day - _DAY]).get(day - _DAY)
            before = at_midnight(yesterday, day)
        fitted = {row.environment for row in store.detectors.models(conn, service)}
    kept = _kept(held, settings)
    # One that has fallen silent has no rows any more; one that is new has nothing but rows.
    first = min((states[-1].at for states, _ in kept.values() if states), default=begin.timestamp())
    back = _WARM if first == begin.timestamp() else _LOOKBACK
    rows = windows_between(ctx, service, datetime.fromtimestamp(first, UTC) - back, end)
    known = {*fitted, *before, *kept, *rows["environment"].unique().to_list()}
    mapping = names_of(ctx, service)
    found: list[JudgedDay] = []
    missing = ""
    for environment in sorted(known) or [""]:
        model, why = model_of(ctx, service, environment, day, now=now)
        if model is None or model.coverage.learning:
            missing = why or f"learning: {model.coverage.days:.1f} days of history" if model else why
            continue
        one = _Environment(ctx, service, environment, model, mapping, settings)
        states, score = kept.get(environment, ([], ()))
        usable = [state for state in states if state.model == model.version and state.at < end.timestamp()]
        if usable or first == begin.timestamp():
            own = rows.filter(pl.col("environment") == environment)
        else:
            own = windows_between(ctx, service, begin - _WARM, end).filter(pl.col("environment") == environment)
        borders = _borders(usable, begin, end) if held is not None else [end]
        found.append(one.judge(begin, own, before.get(environment), usable, borders, score))
    return found, missing


def ends_of(judged: Sequence[JudgedDay], day: date) -> dict[str, Carry]:
    """The states at the end of a day that was judged to its end, by environment."""
    end = int(start_of(day + _DAY).timestamp())
    return {one.environment: one.states[-1] for one in judged if one.states and one.states[-1].at == end}


def at_midnight(yesterday: DayState | None, day: date) -> dict[str, Carry]:
    """The states with which a day begins, by environment: those at the end of the day before, if that is judged to its end."""
    if yesterday is None or yesterday.judged_to is None or yesterday.judged_to < start_of(day) or not yesterday.state:
        return {}
    environments = yesterday.state.get("environments", {})
    ends = {name: Carry.of_json(one["states"][-1]) for name, one in environments.items() if one["states"]}
    return {name: carry for name, carry in ends.items() if carry.at == int(start_of(day).timestamp())}


def state_of(judged: Sequence[JudgedDay], settings: DetectorSettings) -> dict[str, Any]:
    """What is stored of a day; `judge_day` reads it again from a `DayState`."""
    environments = {
        one.environment: {"states": [state.as_json() for state in one.states], "score": list(one.score)}
        for one in judged
    }
    return {"setting": settings.version, "environments": environments}


def _kept(held: DayState | None, settings: DetectorSettings) -> dict[str, tuple[list[Carry], tuple[float, ...]]]:
    """States of the day that still hold, and its scores, by environment."""
    if held is None or not held.state or held.state.get("setting") != settings.version:
        return {}
    valid = held.changed_since.timestamp() if held.changed_since is not None else float("inf")
    kept = {}
    for name, one in held.state["environments"].items():
        states = [Carry.of_json(state) for state in one["states"]]
        kept[name] = ([state for state in states if state.at <= valid], tuple(one["score"]))
    return kept


@dataclass(frozen=True)
class _Environment:
    """One environment of a service with the model and the setting that judge it."""

    ctx: FlowContext
    service: str
    name: str
    model: Model
    names: Names
    settings: DetectorSettings

    def judge(
        self,
        begin: datetime,
        rows: pl.DataFrame,
        midnight: Carry | None,
        states: Sequence[Carry],
        borders: Sequence[datetime],
        score: tuple[float, ...],
    ) -> JudgedDay:
        """The day that begins at `begin` up to the last of the borders, from the last of its `states`, else from the one at midnight."""
        carry = states[-1] if states else midnight
        since = datetime.fromtimestamp(states[-1].at, UTC) if states else begin
        kept = list(states)
        alerts: dict[datetime, tuple[Alert, Ticks]] = {}
        first = since
        for last in borders:
            ticks, judged = self._piece(rows, first, last, carry)
            alerts.update((ticks.at(alert.fired), (alert, ticks)) for alert in judged.alerts)
            score = _with(score, begin, first, ticks, judged)
            carry, first = judged.carry, last
            if last != borders[-1] or last == begin + _DAY:
                kept.append(carry)
        muted = set(self.settings.muted_kinds)
        anomalies = [self._anomaly(alert, ticks) for alert, ticks in alerts.values()]
        told = tuple(a for a in anomalies if str(a.kind) not in muted)
        return JudgedDay(self.name, since, ticks, judged, self.model, told, tuple(kept[-_STATES:]), score)

    def _piece(self, rows: pl.DataFrame, first: datetime, last: datetime, carry: Carry | None) -> tuple[Ticks, Judged]:
        from luffy_dagster.core.anomalies.judge import judge
        from luffy_dagster.core.anomalies.ticks import ticks_of

        back = _LOOKBACK if carry is not None and carry.model == self.model.version else _WARM
        ticks = ticks_of(rows, self.names.templates, first - back, last)
        return ticks, judge(ticks, self.model, self.settings, since=back // timedelta(seconds=TICK), carry=carry)

    def _anomaly(self, alert: Alert, ticks: Ticks) -> Anomaly:
        from luffy_dagster.core.anomalies.explain import ENTRY_COLUMNS, anomaly_of, span

        until = ticks.at(alert.fired + 1) + CORRELATION.declare_after
        start, end = span(alert, ticks, until)
        entries = (
            self.ctx.lake.scan("entries", self.service, start=start, end=end, columns=[*ENTRY_COLUMNS, "environment"])
            .filter(pl.col("environment").fill_null("") == self.name)
            .collect()
        )
        return anomaly_of(
            alert,
            ticks,
            entries,
            service=self.service,
            environment=self.name,
            names=self.names.services,
            templates=self.names.templates,
            texts=self.names.texts,
            until=until,
        )


def _borders(states: Sequence[Carry], begin: datetime, end: datetime) -> list[datetime]:
    """Where the pieces up to `end` end: a state is kept of all but what is fresh; a day that is over is one piece."""
    since = datetime.fromtimestamp(states[-1].at, UTC) if states else begin
    settled = datetime.fromtimestamp(int((end - _FRESH).timestamp()) // _WINDOW * _WINDOW, UTC)
    return [end] if end >= begin + _DAY or settled - since < _PIECE else [settled, end]


def _with(
    score: tuple[float, ...], begin: datetime, first: datetime, ticks: Ticks, judged: Judged
) -> tuple[float, ...]:
    """The scores of the day's windows with those from `first` on replaced."""
    known = int((first - begin).total_seconds()) // _WINDOW
    own = judged.score[int(first.timestamp() - ticks.start) // TICK :]
    fresh = [round(float(own[i : i + TICKS].max()), 2) for i in range(0, len(own), TICKS)]
    return (*score[:known], *([0.0] * (known - len(score))), *fresh)
