"""`luffy eval incidents`: alerts and window scores over scenarios of services with incidents put into their logs.

Each scenario folder has `scenario.json` and a log file per service; the logs are read by the system's own parser, seven days
are history, the last one is judged. One setting for all. Nothing of the labels is read unless to compare in the end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from luffy_dagster.core.anomalies.explain import anomaly_of
from luffy_dagster.core.anomalies.fit import Model, fit
from luffy_dagster.core.anomalies.forest import outlier_scores, window_points
from luffy_dagster.core.anomalies.judge import ODD, Judged, judge
from luffy_dagster.core.anomalies.model import Anomaly
from luffy_dagster.core.anomalies.ticks import Ticks, ticks_of
from luffy_dagster.core.anomalies.windows import TICK, TICKS, window_rows
from luffy_dagster.core.incidents import DEFAULT, ServiceGraph, correlate, signal_of
from luffy_dagster.core.parsing import ParsedRows, ParseOptions, parse_rows, settle_profile
from luffy_dagster.core.parsing.templates import mine_templates
from luffy_dagster.evals.common import SOURCE, lines_of, raw_rows

_WARM = timedelta(hours=5)
_SAMPLE = 2_000


@dataclass
class Service:
    """One service of a scenario, read and judged."""

    name: str
    entries: pl.DataFrame
    ticks: Ticks  # of the time that is judged, with what is looked back at
    model: Model
    judged: Judged
    templates: dict[str, str]
    texts: dict[str, str]
    seconds: dict[str, float]
    lines: int
    beside: dict[str, np.ndarray]  # window scores of forest and LOF on the day that is judged

    def anomalies(self, names: list[str], until: datetime | None = None) -> list[Anomaly]:
        """Its anomalies, each with the evidence of up to five minutes after it fired (or up to `until`)."""
        found = []
        for alert in self.judged.alerts:
            end = until or self.ticks.at(alert.fired + 1) + DEFAULT.declare_after
            found.append(
                anomaly_of(
                    alert,
                    self.ticks,
                    self.entries,
                    service=self.name,
                    names=names,
                    templates=self.templates,
                    texts=self.texts,
                    until=end,
                )
            )
        return found


def run(data: Path, out: Path | None = None) -> dict[str, Any]:
    """Judges every scenario in the folder `data` (or `data` itself), one setting for all.

    `out`: a file when `data` is one scenario, else a folder that gets `<scenario>.jsonl` each.
    """
    folders = [data] if (data / "scenario.json").exists() else sorted(p.parent for p in data.glob("*/scenario.json"))
    if not folders:
        raise FileNotFoundError(f"no scenario.json in {data} or the folders in it: make them with the generator")
    single = (data / "scenario.json").exists()
    if out is not None and not single:
        out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {"eval": "incidents", "scenarios": len(folders), "alerts": 0, "services": 0, "lines": 0}
    spent: dict[str, float] = {}
    marked: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for folder in folders:
        scenario = json.loads((folder / "scenario.json").read_text())
        services = [read_service(folder, meta, scenario) for meta in scenario["services"]]
        rows = list(_predictions(services, scenario))
        if out is not None:
            target = out if single else out / f"{folder.name}.jsonl"
            target.write_text("".join(json.dumps(row) + "\n" for row in rows))
        if (folder / "labels.jsonl").exists():
            _mark(folder, services, scenario, marked)
        figures["alerts"] += sum(row["kind"] != "window" for row in rows)
        figures["services"] += len(services)
        figures["lines"] += sum(s.lines for s in services)
        for service in services:
            for name, value in service.seconds.items():
                spent[name] = spent.get(name, 0.0) + value
        print(f"{folder.name}: {len(services)} services, {sum(r['kind'] != 'window' for r in rows)} alerts", flush=True)
    figures["windows"] = {
        name: _window_figures(pairs, 1.0 if name == "ours" else ODD) for name, pairs in marked.items()
    }
    figures["cpu_seconds"] = {name: round(value, 2) for name, value in spent.items()}
    figures["alerts_per_service_day"] = round(figures["alerts"] / max(figures["services"], 1), 3)
    return figures


def read_service(folder: Path, meta: dict[str, Any], scenario: dict[str, Any]) -> Service:
    """Parses a service's log, fits its history and judges its last day."""
    start, test, end = (_time(scenario[name]) for name in ("history_start", "test_start", "test_end"))
    clock = time.process_time()
    parsed, lines = _parse(folder / meta["file"], meta["name"], scenario["time_zone"], end)
    seconds = {"parse": time.process_time() - clock}
    clock = time.process_time()
    rows = window_rows(parsed.entries, parsed.exceptions, parsed.shapes)
    seconds["features"] = time.process_time() - clock
    clock = time.process_time()
    mapping = _mapping(parsed, rows, test)
    templates = dict(mapping.select("shape_id", "template_id").iter_rows())
    seconds["templates"] = time.process_time() - clock
    clock = time.process_time()
    model = fit(ticks_of(rows, templates, start, test), scenario["time_zone"])
    seconds["fit"] = time.process_time() - clock
    clock = time.process_time()
    ticks = ticks_of(rows, templates, test - _WARM, end)
    judged = judge(ticks, model, since=int(_WARM.total_seconds()) // TICK)
    seconds["detect"] = time.process_time() - clock
    texts = dict(mapping.select("template_id", "template").iter_rows())
    texts |= dict(parsed.exceptions.select("fingerprint", "type").drop_nulls().unique("fingerprint").iter_rows())
    entries = parsed.entries.filter(pl.col("event_time") >= test - _WARM)
    clock = time.process_time()
    first = int(_WARM.total_seconds()) // TICK // TICKS
    points = window_points(ticks)
    beside = outlier_scores(dict(model.outliers), points[first:])
    seconds["forest and LOF"] = time.process_time() - clock
    return Service(meta["name"], entries, ticks, model, judged, templates, texts, seconds, lines, beside)


def _parse(file: Path, name: str, zone: str, now: datetime) -> tuple[ParsedRows, int]:
    bodies = lines_of(file)
    raw = raw_rows(bodies, name, now)
    profile = settle_profile(bodies[:_SAMPLE], assume_tz=zone, received_at=now)
    options = ParseOptions(now=now, close=True, header_times=frozenset({SOURCE}), assume_tz={SOURCE: zone})
    return parse_rows(raw, {name: profile}, options), len(bodies)


def _mapping(parsed: ParsedRows, rows: pl.DataFrame, test: datetime) -> pl.DataFrame:
    """Templates as they were mined on history; a later shape joins one of them, or makes one with its like."""
    shapes = rows.filter((pl.col("feature") == "shape") & (pl.col("event_time") < test))["key"].unique()
    old = parsed.shapes.filter(pl.col("shape_id").is_in(shapes.to_list()))
    known, whole = mine_templates(old), mine_templates(parsed.shapes)
    joined = whole.join(known, on="shape_id", how="left", suffix="_old")
    heirs = (
        joined.drop_nulls("template_id_old")
        .group_by("template_id")
        .agg(pl.col("template_id_old").mode().sort().first(), pl.col("template_old").sort().first())
    )
    late = joined.filter(pl.col("template_id_old").is_null()).drop("template_id_old", "template_old")
    late = late.join(heirs, on="template_id", how="left")
    late = late.select(
        "shape_id",
        pl.coalesce("template_id_old", "template_id").alias("template_id"),
        pl.coalesce("template_old", "template").alias("template"),
    )
    return pl.concat([known, late])


def _predictions(services: list[Service], scenario: dict[str, Any]) -> Iterator[dict[str, Any]]:
    test = _time(scenario["test_start"])
    names = [s.name for s in services]
    roots = _roots(services, names)
    for service in services:
        first = int((test - service.ticks.at(0)).total_seconds()) // TICK
        for tick in range(first, service.ticks.size, TICKS):
            yield {
                "service": service.name,
                "start": _iso(service.ticks.at(tick)),
                "end": _iso(service.ticks.at(tick + TICKS)),
                "score": round(float(service.judged.score[tick : tick + TICKS].max()), 4),
                "kind": "window",
            }
        for anomaly in service.anomalies(names):
            yield {
                "service": service.name,
                "start": _iso(anomaly.started_at),
                "end": _iso(anomaly.ended_at or service.ticks.at(service.ticks.size)),
                "fired_at": _iso(anomaly.fired_at),
                "score": anomaly.score,
                "kind": str(anomaly.kind),
                "severity": str(anomaly.severity),
                "root_service": roots.get(anomaly.anomaly_id, service.name),
                "description": anomaly.description,
                "mentions": dict(anomaly.mentions),
            }


def _mark(
    folder: Path,
    services: list[Service],
    scenario: dict[str, Any],
    marked: dict[str, list[tuple[np.ndarray, np.ndarray]]],
) -> None:
    """Window scores of the detectors beside whether an incident lies on the window (half of it; the quarter of an hour after is left out)."""
    labels = [json.loads(line) for line in (folder / "labels.jsonl").read_text().splitlines() if line.strip()]
    start = _time(scenario["test_start"]).timestamp()
    for service in services:
        first = int(_WARM.total_seconds()) // TICK
        score = service.judged.score[first:]
        ours = score[: len(score) // TICKS * TICKS].reshape(-1, TICKS).max(axis=1)
        at = start + TICK * TICKS * np.arange(len(ours))
        inside, after = np.zeros(len(ours), dtype=bool), np.zeros(len(ours), dtype=bool)
        for label in labels:
            for part in label["affected"] if label["positive"] and label["scored"] else ():
                if part["service"] == service.name:
                    a, b = _time(part["start"]).timestamp(), _time(part["end"]).timestamp()
                    inside |= (at + 60 >= a) & (at + 60 < b)
                    after |= (at + 60 >= b) & (at < b + 900)
        kept = inside | ~after
        for name, values in {"ours": ours, **service.beside}.items():
            marked.setdefault(name, []).append((values[: len(kept)][kept], inside[kept]))


def _window_figures(pairs: list[tuple[np.ndarray, np.ndarray]], threshold: float) -> dict[str, float]:
    """AUC, average precision, and precision and recall at the threshold, over the windows of all services."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    score, truth = (np.concatenate([pair[i] for pair in pairs]) for i in (0, 1))
    told = score >= threshold
    right = float((told & truth).sum())
    return {
        "auc": round(float(roc_auc_score(truth, score)), 4) if truth.any() else 0.0,
        "average_precision": round(float(average_precision_score(truth, score)), 4) if truth.any() else 0.0,
        "precision": round(right / max(float(told.sum()), 1.0), 4),
        "recall": round(right / max(float(truth.sum()), 1.0), 4),
    }


def _roots(services: list[Service], names: list[str]) -> dict[str, str]:
    """Root of each anomaly's incident, as declared five minutes after the incident's first alert with what was known then."""
    graph = ServiceGraph()
    found = {a.anomaly_id: a for s in services for a in s.anomalies(names)}
    late = max((a.fired_at for a in found.values()), default=datetime.now(UTC)) + timedelta(days=1)
    roots: dict[str, str] = {}
    for incident in correlate([signal_of(a) for a in found.values()], graph, late):
        members = [m.signal_id.partition(":")[2] for m in incident.members]
        by_then = [
            a
            for s in services
            for a in s.anomalies(names, until=incident.declare_at)
            if a.anomaly_id in members and a.fired_at <= incident.declare_at
        ]
        declared = correlate([signal_of(a) for a in by_then], graph, incident.declare_at)
        for one in declared:
            for member in one.members:
                roots[member.signal_id.partition(":")[2]] = one.root_service or member.service
        first = next((one.root_service for one in declared if one.incident_id == incident.incident_id), None)
        for name in members:
            roots.setdefault(name, first or found[name].service)
    return roots


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
