"""Detection: a service's days judged by models that end before them, and the anomalies written down.

Which model judges a day follows from the day alone (`models`), and where judging went on from changes nothing (`judging`), so that
the schedule, a run by hand and a backfill write the same rows. The caller of `detect_days` holds the service's lock.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.anomalies.carry import Carry
from luffy_dagster.core.anomalies.model import Anomaly, DetectorSettings
from luffy_dagster.core.anomalies.windows import TICK
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.judging import JudgedDay, at_midnight, ends_of, judge_day, state_of
from luffy_dagster.flows.results import DayAnomalies, DetectResult
from luffy_dagster.flows.windows import WINDOWS, refresh_windows, start_of
from luffy_dagster.store.judging import DayState

_DAY = timedelta(days=1)
_SILENT_FOR = timedelta(days=2)  # so long a service without a line is judged; after that it is taken to be gone
_CATCH_UP = 14  # days without a line that are judged after a pause


def detect(ctx: FlowContext, service: str, days: Collection[date]) -> DetectResult:
    """Makes the windows of `days` anew and judges these days, under the service's lock."""
    with store.service_lock(ctx.engine, service):
        return detect_days(ctx, service, now=ctx.now(), again=days)


def detect_days(
    ctx: FlowContext, service: str, *, now: datetime, until: datetime | None = None, again: Collection[date] = ()
) -> DetectResult:
    """Windows of what is new, then what changed judged; the days `again` are made whole.

    `until`: up to when the service's log is complete (None: up to its last line, so that nothing is taken for silence).
    """
    clock = time.perf_counter()
    refresh_windows(ctx, service, now=now, days=again)
    last = _last_line(ctx, service)
    if last is None:
        return DetectResult(service)
    with store.begin(ctx.engine) as conn:
        changed = store.judging.changed(conn, service)
        judged_to = store.judging.judged_to(conn, service)
        settings = store.detectors.active_setting(conn, service)
    known_to = min(max(until or last, judged_to or last, last), last + _SILENT_FOR, now)
    work = _Work(ctx, service, known_to, now, settings)
    days = {day for day in changed if start_of(day) < known_to}
    behind = judged_to or min((start_of(day) for day in days), default=known_to)
    if behind < known_to:  # silence has no lines of its own
        first = max(behind.date(), known_to.date() - _CATCH_UP * _DAY)
        days |= {first + i * _DAY for i in range((known_to.date() - first).days + 1)}
    while days:
        day = min(days)
        days.remove(day)
        if work.judge(day):
            days.add(day + _DAY)
    fresh = work.write()
    return DetectResult(
        service=service,
        days=tuple(sorted(work.per_day)),
        per_day=work.per_day,
        new=fresh,
        open=sum(each.open for each in work.per_day.values()),
        seconds=round(time.perf_counter() - clock, 3),
    )


@dataclass
class _Work:
    """Days of a service that are judged one after the other and written in one transaction."""

    ctx: FlowContext
    service: str
    known_to: datetime
    now: datetime
    settings: DetectorSettings
    per_day: dict[date, DayAnomalies] = field(default_factory=dict)
    judged: dict[date, tuple[list[JudgedDay], str]] = field(default_factory=dict)
    anew: set[date] = field(default_factory=set)  # what they begin with, or look back at, is not what it was

    def judge(self, day: date) -> bool:
        """Judges a day; whether the day after it has to be judged as well, from its beginning."""
        with store.begin(self.ctx.engine) as conn:
            held = store.judging.states(conn, self.service, [day - _DAY, day])
        before = self._midnight(day, held.get(day - _DAY))
        own = held.get(day) or DayState(day)
        judged, missing = judge_day(
            self.ctx,
            self.service,
            day,
            until=self.known_to,
            now=self.now,
            settings=self.settings,
            before=before,
            held=DayState(day) if day in self.anew else own,
        )
        self.judged[day] = judged, missing
        after = day + _DAY
        if start_of(after) >= self.known_to:
            return False
        same = own.changed_since is None and _plain(at_midnight(own, after)) == _plain(ends_of(judged, day))
        if not same:
            self.anew.add(after)
        return not same

    def _midnight(self, day: date, yesterday: DayState | None) -> Mapping[str, Carry]:
        found = self.judged.get(day - _DAY)
        return ends_of(found[0], day - _DAY) if found is not None else at_midnight(yesterday, day)

    def write(self) -> int:
        """Puts anomalies and states of all days in place; how many anomalies are new."""
        anomalies: dict[str, Anomaly] = {}
        since: dict[tuple[date, str], datetime] = {}
        for day, (judged, _) in sorted(self.judged.items()):
            for one in judged:
                anomalies.update((a.anomaly_id, a) for a in one.anomalies)
                if one.since > start_of(day):
                    since[(day, one.environment)] = one.since
        with store.begin(self.ctx.engine) as conn:
            fresh = store.anomalies.replace_days(
                conn,
                self.service,
                list(self.judged),
                list(anomalies.values()),
                now=self.now,
                setting=self.settings.version,
                since=since,
            )
            for day, (judged, missing) in sorted(self.judged.items()):
                to = min(start_of(day + _DAY), self.known_to)
                store.judging.put(conn, self.service, day, to, state_of(judged, self.settings))
                self.per_day[day] = _told(day, judged, missing, store.anomalies.of_day(conn, self.service, day))
        return fresh


def _plain(states: Mapping[str, Carry]) -> Any:
    """As they come back from the store."""
    return json.loads(json.dumps({name: carry.as_json() for name, carry in states.items()}))


def _last_line(ctx: FlowContext, service: str) -> datetime | None:
    """End of the last window that holds a line."""
    days = ctx.lake.days(WINDOWS, service)
    days = days.filter(pl.col("rows") > 0)
    if days.is_empty():
        return None
    newest = ctx.lake.scan(WINDOWS, service, days=[days["day"].max()], columns=["event_time", "ticks"])  # type: ignore[list-item]
    last = newest.sort("event_time").tail(200).collect()
    if last.is_empty():
        return None
    at: Any = last["event_time"].max()
    ticks = last.filter(pl.col("event_time") == at)["ticks"].to_list()
    final = max((max((i for i, n in enumerate(counts) if n), default=0) for counts in ticks), default=0)
    found: datetime = at + timedelta(seconds=TICK * (final + 1))
    return found


def _told(day: date, judged: Collection[JudgedDay], missing: str, anomalies: Collection[Anomaly]) -> DayAnomalies:
    """The day for a person: the score of every window, the anomalies, the model."""
    score: list[float] = []
    for each in judged:
        score = [max(a, b) for a, b in zip(each.score, score, strict=False)] if score else list(each.score)
    model = next((each.model.version for each in judged), "")
    return DayAnomalies(day=day, score=tuple(score), anomalies=tuple(anomalies), model=model, missing=missing)
