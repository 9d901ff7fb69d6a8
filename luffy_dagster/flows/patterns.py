"""Patterns over time: what differs between two ranges of a service's logs, what is new, what has gone silent.

Judged by `core.patterns`; counted from the lake where ranges are given to the minute, from the hourly counts for whole days and weeks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from luffy_dagster import store
from luffy_dagster.core import patterns
from luffy_dagster.core.model import TimeRange
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.results import Result

BY = ("templates", "clusters", "levels", "loggers")
_HOUR = timedelta(hours=1)
_BASELINE = timedelta(days=7)


class PatternError(ValueError):
    """Two ranges that cannot be compared: what is wrong with them."""


@dataclass(frozen=True)
class Comparison(Result):
    """What differs, most different first: the columns of core.patterns.COMPARISON plus label and example."""

    service: str
    by: str
    baseline: TimeRange
    incident: TimeRange
    baseline_entries: int
    incident_entries: int
    statistic: str
    rows: pl.DataFrame


@dataclass(frozen=True)
class Patterns(Result):
    """First-ever templates of the range, steady templates that have stopped, and shares that changed against the week before."""

    service: str
    range: TimeRange
    new: pl.DataFrame  # template_id, template, count, first_seen, level, example
    vanished: pl.DataFrame  # template_id, template, last_hour, silent_hours, rate, chance
    changed: pl.DataFrame  # as Comparison.rows, kinds more and less


def compare_ranges(
    ctx: FlowContext,
    service: str,
    baseline: TimeRange,
    incident: TimeRange,
    *,
    by: str = "templates",
    environment: str | None = None,
    shares: bool = False,
) -> Comparison:
    """Ranks what differs between two time ranges of a service by the signed root of G².

    `shares`: compares shares of all entries instead of rates per second. Raises PatternError, store.errors.NotFoundError.
    """
    if by not in BY:
        raise PatternError(f"there is nothing called {by!r} to compare: take one of {', '.join(BY)}")
    for name, one in (("baseline", baseline), ("incident", incident)):
        if one.end <= one.start:
            raise PatternError(f"the {name} ends before it begins: write FROM..TO with FROM the earlier")
    if baseline.start < incident.end and incident.start < baseline.end:
        raise PatternError("the two ranges overlap: what is in both would be compared with itself")
    with store.begin(ctx.engine) as conn:
        store.services.get(conn, service)
    counts = [_counts(ctx, service, by, one, environment) for one in (baseline, incident)]
    names = _names(ctx, service, by, pl.concat([one.select("id") for one in counts]).unique())
    tables = [
        one.join(names.select("id", "group"), on="id", how="left")
        .select(template_id=pl.coalesce("group", "id"), count="count")
        .group_by("template_id")
        .agg(pl.col("count").sum())
        for one in counts
    ]
    spans = [None, None] if shares else [(one.end - one.start).total_seconds() for one in (baseline, incident)]
    table = patterns.compare(tables[0], tables[1], baseline_exposure=spans[0], incident_exposure=spans[1])
    said = names.unique("group", keep="first", maintain_order=True).select("label", "example", template_id="group")
    rows = table.join(said, on="template_id", how="left", maintain_order="left").with_columns(
        pl.coalesce("label", "template_id").alias("label")
    )
    totals = [int(one["count"].sum() or 0) for one in tables]
    return Comparison(service, by, baseline, incident, totals[0], totals[1], patterns.STATISTIC, rows)


def _counts(ctx: FlowContext, service: str, by: str, span: TimeRange, environment: str | None) -> pl.DataFrame:
    """id, count of what occurs in the range; counted from the rows themselves, to the microsecond."""
    kind, column = {
        "templates": ("entries", "shape_id"),
        "clusters": ("exceptions", "fingerprint"),
        "levels": ("entries", "level"),
        "loggers": ("entries", "logger"),
    }[by]
    frame = ctx.lake.scan(kind, service, start=span.start, end=span.end)
    if environment is not None:
        frame = frame.filter(pl.col("environment") == environment)
    return (
        frame.select(id=pl.col(column).fill_null("none"))
        .group_by("id")
        .agg(pl.len().cast(pl.Int64).alias("count"))
        .collect()
    )


def _names(ctx: FlowContext, service: str, by: str, ids: pl.DataFrame) -> pl.DataFrame:
    """id, group, label, example of what was counted, by the mapping in force."""
    with store.begin(ctx.engine) as conn:
        if by == "templates":
            shapes = store.shapes.list_shapes(conn, service)
            mapping = store.shapes.templates(conn, service)
            return shapes.join(mapping, on="shape_id", how="left").select(
                id="shape_id",
                group=pl.coalesce("template_id", "shape_id"),
                label=pl.coalesce("template", "shape"),
                example="example",
            )
        if by == "clusters":
            exemplars = store.fingerprints.exemplars(conn, service)
            title = pl.concat_str(
                pl.coalesce("type", "root_type", pl.lit("exception")), pl.lit(": "), pl.col("message").fill_null("")
            )
            return exemplars.select(
                id="fingerprint", group=pl.coalesce("cluster_id", "fingerprint"), label=title, example="trace"
            )
    return ids.select("id", group="id", label="id", example=pl.lit(None, dtype=pl.Utf8))


def find_patterns(ctx: FlowContext, service: str, span: TimeRange) -> Patterns:
    """New, vanished and changed templates of a range, against everything before it and the week before it."""
    if span.end <= span.start:
        raise PatternError("the range ends before it begins")
    with store.begin(ctx.engine) as conn:
        store.services.get(conn, service)
        shapes = store.shapes.list_shapes(conn, service)
        mapping = store.shapes.templates(conn, service)
        hourly = store.counts.shape_counts(conn, service, span.start - _BASELINE, span.end)
    return _judge(service, span, shapes, mapping, hourly)


def _judge(
    service: str, span: TimeRange, shapes: pl.DataFrame, mapping: pl.DataFrame, hourly: pl.DataFrame
) -> Patterns:
    named = shapes.join(mapping, on="shape_id", how="left").with_columns(
        template_id=pl.coalesce("template_id", "shape_id"), template=pl.coalesce("template", "shape")
    )
    templates = named.group_by("template_id").agg(
        pl.col("template", "example").first(),
        pl.col("level").drop_nulls().first(),
        pl.col("first_seen").min(),
    )
    counts = (
        hourly.join(named.select("shape_id", "template_id"), on="shape_id")
        .group_by("template_id", "hour")
        .agg(pl.col("count").sum())
    )
    hour = span.start.replace(minute=0, second=0, microsecond=0)
    inside = counts.filter(pl.col("hour") >= hour).group_by("template_id").agg(pl.col("count").sum())
    before = templates.filter(pl.col("first_seen") < span.start)["template_id"]
    seen = inside.join(templates, on="template_id")
    new = patterns.first_ever(seen, before).select("template_id", "template", "count", "first_seen", "level", "example")
    whole = span.end.replace(minute=0, second=0, microsecond=0)
    gone = patterns.vanished(counts.filter(pl.col("hour") < whole), whole).filter(pl.col("last_hour") >= hour - _HOUR)
    silent = gone.join(templates.select("template_id", "template"), on="template_id", maintain_order="left")
    earlier = counts.filter(pl.col("hour") < hour).select("template_id", "count")
    shares = patterns.changed_share(earlier, inside) if earlier.height and inside.height else pl.DataFrame()
    changed = (
        shares.filter(pl.col("kind").is_in(["more", "less"])).join(
            templates.select("template_id", "example", label="template"),
            on="template_id",
            how="left",
            maintain_order="left",
        )
        if shares.height
        else pl.DataFrame(schema={**patterns.COMPARISON, "example": pl.Utf8, "label": pl.Utf8})
    )
    return Patterns(
        service,
        span,
        new,
        silent.select("template_id", "template", "last_hour", "silent_hours", "rate", "chance"),
        changed,
    )
