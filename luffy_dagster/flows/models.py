"""Fitted models: which one judges a day, fitting it where it is not there yet, its file in the lake and its row in the store.

A model is fitted on at most two weeks of windows. It ends with the last Monday before the day, or, while the service is
younger than a week by then, with the day before. So it never knows the day that it judges.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.windows import WINDOWS, start_of, windows_between
from luffy_dagster.lake import LakeError, get_file, put_file

if TYPE_CHECKING:
    from luffy_dagster.core.anomalies.fit import Model

HISTORY = timedelta(days=14)
_WEEK = timedelta(days=7)
_LEAST = timedelta(days=1)  # of history, before anything is judged


@dataclass(frozen=True)
class Names:
    """Shape → template, the texts of templates and fingerprints, and the other services."""

    templates: Mapping[str, str]
    texts: Mapping[str, str]
    services: tuple[str, ...] = ()


def names_of(ctx: FlowContext, service: str) -> Names:
    """As the mappings in force have them."""
    with store.begin(ctx.engine) as conn:
        rows = store.shapes.templates(conn, service)
        kinds = store.fingerprints.exemplars(conn, service).select("fingerprint", "type").drop_nulls()
        services = tuple(each.id for each in store.services.list_services(conn))
    texts = dict(rows.select("template_id", "template").iter_rows()) | dict(kinds.iter_rows())
    return Names(dict(rows.select("shape_id", "template_id").iter_rows()), texts, services)


def data_until(day: date, first: date | None) -> date:
    """Where the model of a day ends: the last Monday with a week of history before it, else the day itself."""
    monday = day - timedelta(days=day.weekday())
    return monday if first is not None and monday - first >= _WEEK else day


def model_of(ctx: FlowContext, service: str, environment: str, day: date, *, now: datetime) -> tuple[Model | None, str]:
    """The model that judges the day (fitted when there is none yet), or None and why."""
    from luffy_dagster.core.anomalies.fit import load

    held = ctx.lake.days(WINDOWS, service).filter(pl.col("rows") > 0)["day"].to_list()
    first = min(held, default=None)
    if first is None or start_of(day) - start_of(first) < _LEAST:
        return None, "learning: a day of history is needed"
    until = start_of(data_until(day, first))
    with store.begin(ctx.engine) as conn:
        rows = store.detectors.models(conn, service, environment)
    wanted = [row for row in rows if row.data_until <= start_of(day)]
    exact = next((row for row in wanted if row.data_until == until), None)
    if exact is None:
        return fit_model(ctx, service, environment, until, now=now), ""
    row = next((row for row in wanted if row.data_until <= until and row.rolled_back_at is None), None)
    if row is None:
        return None, "every model before this day was rolled back"
    try:
        return load(get_file(ctx.lake, row.path)), ""
    except (LakeError, ValueError):
        return fit_model(ctx, service, environment, row.data_until, now=now), ""


def fit_model(ctx: FlowContext, service: str, environment: str, until: datetime, *, now: datetime) -> Model | None:
    """Fits on the two weeks before `until`, and keeps file and row; None when there are no windows."""
    from luffy_dagster.core.anomalies.fit import dump, fit
    from luffy_dagster.core.anomalies.ticks import ticks_of

    clock = time.perf_counter()
    rows = windows_between(ctx, service, until - HISTORY, until).filter(pl.col("environment") == environment)
    if rows.is_empty():
        return None
    start: Any = rows["event_time"].min()
    with store.begin(ctx.engine) as conn:
        found = store.services.get(conn, service)
    model = fit(ticks_of(rows, names_of(ctx, service).templates, start, until), found.timezone or "UTC")
    data = dump(model)
    folder = environment.replace("/", "_") or "default"
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in folder).lstrip("._-") or "default"
    path = f"models/{service}/{safe}/{model.version.rpartition('/')[2]}.npz"
    put_file(ctx.lake, path, data)
    row = store.detectors.ModelRow(
        service_id=service,
        version=model.version,
        environment=environment,
        algorithm=model.algorithm,
        data_from=model.data_from,
        data_until=model.data_until,
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
        lines=model.coverage.lines,
        coverage={
            "days": model.coverage.days,
            "learning": model.coverage.learning,
            "missing": list(model.coverage.missing),
            "thresholds": {name: round(value, 3) for name, value in model.thresholds.items()},
        },
        seconds=round(time.perf_counter() - clock, 3),
    )
    with store.begin(ctx.engine) as conn:
        store.detectors.put_model(conn, row, now=now)
    return model


def fit_week(ctx: FlowContext, service: str, monday: date) -> list[Model]:
    """The models that judge the week from `monday` on, of every environment, fitted anew; under the service's lock."""
    with store.service_lock(ctx.engine, service):
        now = ctx.now()
        until = start_of(monday)
        rows = ctx.lake.scan(WINDOWS, service, start=until - HISTORY, end=until, columns=["environment"])
        environments = rows.unique().collect()["environment"].sort().to_list()
        models = [fit_model(ctx, service, environment, until, now=now) for environment in environments]
        return [model for model in models if model is not None]
