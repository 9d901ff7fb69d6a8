"""The assets of anomaly detection and how their results are told: `anomaly_windows` (service × day), `anomaly_models` (service × week).

The work is `luffy_dagster.flows`; that `anomaly_windows` runs together with the log assets, in one process, is `logs.py`'s business.
"""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
    MultiPartitionsDefinition,
    WeeklyPartitionsDefinition,
    asset,
)

from luffy_dagster.defs.metadata import Metadata, cells
from luffy_dagster.defs.partitions import SERVICE_DIMENSION, services
from luffy_dagster.defs.plots import PLAIN
from luffy_dagster.defs.resources import LuffyResource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luffy_dagster.core.anomalies.fit import Model
    from luffy_dagster.flows import DayAnomalies, DetectResult

ANOMALY_WINDOWS = "anomaly_windows"
ANOMALY_MODELS = "anomaly_models"
WEEK_DIMENSION = "week"
_POINTS, _STEP, _HIGH = 72, 6, 60


def anomaly_windows_spec(partitions: MultiPartitionsDefinition) -> AssetSpec:
    """The spec of `anomaly_windows` (service × day)."""
    return AssetSpec(
        ANOMALY_WINDOWS,
        deps=["parsed_entries"],
        description=(
            "Two-minute windows of one service and day (counts per level, template, route and exception, statistics of the "
            "numbers in messages), and what is abnormal in them: judged by a model that ends before the day."
        ),
        group_name="incidents",
        owners=["team:luffy"],
        kinds={"deltalake", "scikitlearn"},
        partitions_def=partitions,
    )


def service_weeks(first_day: date) -> MultiPartitionsDefinition:
    """Weeks from Monday × services."""
    monday = first_day - timedelta(days=first_day.weekday())
    weeks = WeeklyPartitionsDefinition(start_date=monday.isoformat(), timezone="UTC", day_offset=1, end_offset=1)
    return MultiPartitionsDefinition({SERVICE_DIMENSION: services, WEEK_DIMENSION: weeks})


def anomaly_models_asset(first_day: date) -> AssetsDefinition:
    """`anomaly_models`: what judges the days of a week, fitted on the two weeks before it."""

    @asset(
        name=ANOMALY_MODELS,
        deps=[ANOMALY_WINDOWS],
        partitions_def=service_weeks(first_day),
        group_name="incidents",
        owners=["team:luffy"],
        kinds={"scikitlearn", "postgres"},
        description=(
            "Fitted detectors of one service, from the windows of the two weeks before the week. The log run fits what it lacks "
            "by itself; this fits it anew by hand."
        ),
    )
    def anomaly_models(context: AssetExecutionContext, luffy: LuffyResource) -> MaterializeResult[Any]:
        # Keys are joined in the order of the dimensions' names: service, week.
        service, _, week = context.partition_key.partition("|")
        models = luffy.fit_week(service, date.fromisoformat(week))
        return MaterializeResult(metadata=of_models(service, models))

    return anomaly_models


def of_models(service: str, models: "Sequence[Model]") -> Metadata:
    """What was fitted: on which data, and the thresholds."""
    found: Metadata = {"models": MetadataValue.int(len(models))}
    if not models:
        found["why"] = MetadataValue.text("there are no windows before this week")
    for model in models[:4]:
        rows = [(name, f"{value:.2f}") for name, value in sorted(model.thresholds.items())]
        found |= {
            "version": MetadataValue.text(model.version),
            "days of history": MetadataValue.float(float(model.coverage.days)),
            "lines of history": MetadataValue.int(int(model.coverage.lines)),
            "learning": MetadataValue.bool(bool(model.coverage.learning)),
            "thresholds": cells(("detector", "threshold"), rows),
        }
        if model.coverage.missing:
            found["not judged yet"] = MetadataValue.text("; ".join(model.coverage.missing))
    return found | {"more": MetadataValue.md(f"`luffy anomalies models {service}`")}


def of_day(day: date, service: str, result: "DetectResult") -> Metadata:
    """Of the day: its score with the anomalies, what was found, by which model, or why nothing was judged."""
    found = result.per_day.get(day)
    if found is None:
        said = result.error or "nothing of this day was judged in this run"
        return {"anomalies": MetadataValue.text(said)}
    more = f"luffy anomalies --service {service} --from {day} --to {day + timedelta(days=1)}"
    told: Metadata = {"anomalies": MetadataValue.int(len(found.anomalies)), "open": MetadataValue.int(found.open)}
    if found.missing:
        told["not judged"] = MetadataValue.text(found.missing)
    if found.score:
        told["score (1 is the threshold)"] = MetadataValue.md(score_plot(found))
        told["highest score"] = MetadataValue.float(max(found.score))
    if found.anomalies:
        rows = [
            (
                f"{a.fired_at:%H:%M:%S}",
                str(a.kind),
                str(a.severity),
                f"{a.score:.2f}",
                a.description,
                f"luffy anomalies show {a.anomaly_id}",
            )
            for a in found.anomalies[:20]
        ]
        told["found"] = cells(("fired (UTC)", "kind", "severity", "score", "what", "more"), rows)
    if found.model:
        told["model"] = MetadataValue.text(found.model)
    return told | {"seconds": MetadataValue.float(result.seconds), "more": MetadataValue.md(f"`{more}`")}


def score_plot(day: "DayAnomalies") -> str:
    """Markdown image of a day's score, twenty minutes a step, with the threshold and the anomalies. Short enough to be shown in place."""
    whole = 720
    size = whole // _POINTS
    score = day.score
    steps = [max(score[i * size : (i + 1) * size], default=0.0) for i in range(_POINTS)]
    # one step above the threshold is as high again as the way up to it; what is far above is cut
    heights = [_HIGH - round(min(value, 2.0) * _HIGH / 2) for value in steps]
    line = "".join(f"V{y}h{_STEP}" for y in heights[: max(1, -(-len(score) // size))])
    marks = "".join(
        f"M{round((a.fired_at.hour * 60 + a.fired_at.minute) / 1440 * _POINTS * _STEP)},0v{_HIGH}"
        for a in day.anomalies[:12]
    )
    width = _POINTS * _STEP
    body = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{_HIGH + 4}'>"
        f"<path stroke='#e8a33d' d='M0,{_HIGH // 2}h{width}'/>"
        f"<path stroke='#4c8bd6' fill='none' d='M0,{_HIGH}{line}'/>"
        + (f"<path stroke='#d1453b' stroke-width='2' d='{marks}'/>" if marks else "")
        + "</svg>"
    )
    said = f"{len(day.anomalies)} anomalies, highest score {max(score, default=0.0):.1f}"
    return f"![{said}](data:image/svg+xml,{quote(body, safe=PLAIN)})"
