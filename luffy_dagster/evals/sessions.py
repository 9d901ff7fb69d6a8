"""`luffy eval sessions`: which sessions of a log are abnormal, without labels (HDFS: the blocks of a file system).

Belongs here: reading logs and labels, predictions, the score. Lines are parsed by the system's own path, templates are mined by it,
sessions are found and judged by `core.sessions`.
"""

from __future__ import annotations

import csv
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from luffy_dagster.core.parsing import ParseOptions, parse_rows, settle_profile
from luffy_dagster.core.sessions import Sessions, find_sessions
from luffy_dagster.evals.common import SOURCE, lines_of, raw_rows

_SAMPLE = 2_000


def run(data: Path, out: Path | None = None) -> dict[str, Any]:
    """Judges every `*.log` or `*.log.gz` in the folder `data` (or the file itself); one prediction per session goes to `out`.

    Precision, recall and F1 where a `*labels.csv` (session, Normal or Anomaly) lies beside; else only counts and time.
    """
    files = [data] if data.is_file() else sorted([*data.glob("*.log"), *data.glob("*.log.gz")])
    if not files:
        raise FileNotFoundError(f"no .log or .log.gz in {data}")
    figures: dict[str, Any] = {"eval": "sessions", "logs": {}}
    started = time.process_time()
    predictions: list[dict[str, Any]] = []
    for file in files:
        found, lines = _judged(file)
        rows = found.rows.select("session", "score", "anomalous").to_dicts()
        predictions += rows
        figures["logs"][file.name] = {
            "lines": lines,
            "key": found.key,
            "covered": round(found.covered, 4),
            "sessions": len(rows),
            "anomalous": sum(row["anomalous"] for row in rows),
        }
    figures["cpu_seconds"] = round(time.process_time() - started, 2)
    folder = data.parent if data.is_file() else data
    truth = {name: bad for file in sorted(folder.glob("*labels.csv")) for name, bad in _labels(file)}
    if out is not None:
        out.write_text("".join(json.dumps(row) + "\n" for row in predictions))
    if truth:
        figures |= _score({row["session"] for row in predictions if row["anomalous"]}, truth)
        figures["unjudged"] = len(set(truth) - {row["session"] for row in predictions})
    return figures


def _labels(file: Path) -> list[tuple[str, bool]]:
    with file.open(newline="") as stream:
        rows = list(csv.reader(stream))[1:]
    return [(row[0], row[1].strip().lower() not in ("normal", "0", "-")) for row in rows if len(row) > 1]


def _score(found: set[str], truth: dict[str, bool]) -> dict[str, float | int]:
    bad = {name for name, is_bad in truth.items() if is_bad}
    right = len(found & bad)
    return {
        "labelled_anomalous": len(bad),
        "precision": round(right / max(len(found), 1), 4),
        "recall": round(right / max(len(bad), 1), 4),
        "f1": round(2 * right / max(len(found) + len(bad), 1), 4),
    }


def _judged(file: Path) -> tuple[Sessions, int]:
    from luffy_dagster.core.parsing.templates.own import map_shapes

    bodies, now = lines_of(file), datetime.now(UTC)
    rows = raw_rows(bodies, "s", now)
    profile = settle_profile(bodies[:_SAMPLE], received_at=now)
    options = ParseOptions(now=now, close=True, header_times=frozenset({SOURCE}), exceptions=False)
    parsed = parse_rows(rows, {"s": profile}, options)
    mapping = map_shapes(parsed.shapes, ())
    templates = dict(mapping.select("shape_id", "template_id").iter_rows())
    entries = parsed.entries.select(
        "event_time", "message", "trace_id", template_id=pl.col("shape_id").replace(templates)
    )
    return find_sessions(entries), len(bodies)
