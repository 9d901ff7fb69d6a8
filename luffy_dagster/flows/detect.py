"""Detection: a service's days judged by a model that ends before them, and the anomalies written down.

Which model judges a day follows from the day alone (`models`), so that the schedule, a run by hand and a backfill write
the same rows. The caller of `detect_days` holds the service's lock.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.anomalies.model import DEFAULT_SETTINGS, Anomaly, DetectorSettings
from luffy_dagster.core.anomalies.windows import TICK, TICKS
from luffy_dagster.core.incidents import DEFAULT as CORRELATION
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.models import Names, model_of, names_of
from luffy_dagster.flows.results import DayAnomalies, DetectResult
from luffy_dagster.flows.windows import WINDOWS, refresh_windows, start_of, windows_between

if TYPE_CHECKING:
    from luffy_dagster.core.anomalies.fit import Model
    from luffy_dagster.core.anomalies.judge import Judged
    from luffy_dagster.core.anomalies.ticks import Ticks

WARM = timedelta(hours=5)  # looked back at before a day, so that what is open at midnight is known
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class JudgedDay:
    """One environment of a service's day: what was judged, by which model, and the anomalies."""

    environment: str
    ticks: Ticks
    judged: Judged
    model: Model
    anomalies: tuple[Anomaly, ...]


def detect(ctx: FlowContext, service: str, days: Collection[date]) -> DetectResult:
    """Makes the windows of `days` anew and judges these days, under the service's lock."""
    with store.service_lock(ctx.engine, service):
        return detect_days(ctx, service, now=ctx.now(), again=days)


def detect_days(
    ctx: FlowContext, service: str, *, now: datetime, until: datetime | None = None, again: Collection[date] = ()
) -> DetectResult:
    """Windows of what is new, then the days that changed judged again; `again` are made whole.

    `until`: up to when the service's log is complete (None: up to its last line, so that nothing is taken for silence).
    """
    clock = time.perf_counter()
    changed = set(refresh_windows(ctx, service, now=now, days=again))
    last = _last_line(ctx, service)
    if last is None:
        return DetectResult(service)
    known_to = max(until, last) if until is not None else last
    if until is not None and last >= now - 2 * _DAY:
        changed.add(min(known_to, now).date())  # silence has no lines of its own
    # An hour that came late is looked back at by the next day.
    wanted = sorted(day for day in changed | {d + _DAY for d in changed} if start_of(day) <= min(known_to, now))
    told: dict[date, DayAnomalies] = {}
    fresh = 0
    with store.begin(ctx.engine) as conn:
        settings = store.detectors.active_setting(conn, service)
    for day in wanted:
        judged, missing = judge_day(ctx, service, day, until=min(known_to, now), settings=settings, now=now)
        anomalies = [a for each in judged for a in each.anomalies]
        with store.begin(ctx.engine) as conn:
            fresh += store.anomalies.replace_days(conn, service, [day], anomalies, now=now, setting=settings.version)
        told[day] = _told(day, judged, missing)
    return DetectResult(
        service=service,
        days=tuple(wanted),
        per_day=told,
        new=fresh,
        open=sum(each.open for each in told.values()),
        seconds=round(time.perf_counter() - clock, 3),
    )


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


def judge_day(
    ctx: FlowContext,
    service: str,
    day: date,
    *,
    until: datetime,
    now: datetime,
    settings: DetectorSettings = DEFAULT_SETTINGS,
) -> tuple[list[JudgedDay], str]:
    """Every environment of the day up to `until`, with what was found; and why nothing could be judged, or ""."""
    from luffy_dagster.core.anomalies.judge import judge
    from luffy_dagster.core.anomalies.ticks import ticks_of

    begin = start_of(day)
    end = min(begin + _DAY, datetime.fromtimestamp(int(until.timestamp()) // TICK * TICK, UTC))
    if end <= begin:
        return [], "nothing of the day is complete yet"
    rows = windows_between(ctx, service, begin - WARM, end)
    with store.begin(ctx.engine) as conn:  # one that has fallen silent has no rows any more
        fitted = {row.environment for row in store.detectors.models(conn, service)}
    environments = sorted({*rows["environment"].unique().to_list(), *fitted}) or [""]
    mapping = names_of(ctx, service)
    found: list[JudgedDay] = []
    missing = ""
    for environment in environments:
        model, why = model_of(ctx, service, environment, day, now=now)
        if model is None or model.coverage.learning:
            missing = why or f"learning: {model.coverage.days:.1f} days of history" if model else why
            continue
        own = rows.filter(pl.col("environment") == environment)
        ticks = ticks_of(own, mapping.templates, begin - WARM, end)
        judged = judge(ticks, model, settings, since=int(WARM.total_seconds()) // TICK)
        muted = set(settings.muted_kinds)
        anomalies = tuple(
            a for a in _anomalies(ctx, service, environment, ticks, judged, model, mapping) if str(a.kind) not in muted
        )
        found.append(JudgedDay(environment, ticks, judged, model, anomalies))
    return found, missing


def _anomalies(
    ctx: FlowContext,
    service: str,
    environment: str,
    ticks: Ticks,
    judged: Judged,
    model: Model,
    mapping: Names,
) -> list[Anomaly]:
    from luffy_dagster.core.anomalies.explain import ENTRY_COLUMNS, anomaly_of, span

    found = []
    for alert in judged.alerts:
        until = ticks.at(alert.fired + 1) + CORRELATION.declare_after
        start, end = span(alert, ticks, until)
        entries = (
            ctx.lake.scan("entries", service, start=start, end=end, columns=[*ENTRY_COLUMNS, "environment"])
            .filter(pl.col("environment").fill_null("") == environment)
            .collect()
        )
        one = anomaly_of(
            alert,
            ticks,
            entries,
            service=service,
            environment=environment,
            model_version=model.version,
            names=mapping.services,
            templates=mapping.templates,
            texts=mapping.texts,
            until=until,
        )
        found.append(one)
    return found


def _told(day: date, judged: Sequence[JudgedDay], missing: str) -> DayAnomalies:
    """The day for a person: the score of every window, the anomalies, the model."""
    score: list[float] = []
    first = int(WARM.total_seconds()) // TICK
    for each in judged:
        ticks = each.judged.score[first:]
        own = [float(ticks[i : i + TICKS].max()) for i in range(0, len(ticks), TICKS)]
        score = [max(a, b) for a, b in zip(own, score, strict=False)] if score else own
    anomalies = tuple(a for each in judged for a in each.anomalies if a.fired_at.date() == day)
    return DayAnomalies(
        day=day,
        score=tuple(round(value, 3) for value in score),
        anomalies=anomalies,
        model=judged[0].model.version if judged else "",
        missing=missing,
    )
