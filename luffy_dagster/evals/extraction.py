"""`luffy eval extraction`: whether the exceptions in a stream of log lines are found, from their first to their last line.

Belongs here: reading the cases, predictions, the score. The work is done by the system's own path: the stream's profile is
settled from its lines, its rows are parsed and folded, exceptions are what that path finds.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from luffy_dagster.core.parsing import ParseOptions, parse_rows, settle_profile
from luffy_dagster.evals.common import SOURCE, raw_rows

TOLERANCE = 1  # lines that first and last may be off
_NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
_SAMPLE = 2_000


def run(data: Path, out: Path | None = None) -> dict[str, Any]:
    """Scores the JSONL file `data` (one stream per line); one prediction per exception goes to `out`.

    F1 of exceptions whose first and last line are right within TOLERANCE, in all, per format and per language. Without
    `truth` in the data only counts and time.
    """
    streams = [json.loads(line) for line in data.read_text().splitlines() if line.strip()]
    started = time.process_time()
    found = {stream["stream"]: _exceptions(stream) for stream in streams}
    seconds = time.process_time() - started
    if out is not None:
        out.write_text("".join(json.dumps(row) + "\n" for stream in streams for row in found[stream["stream"]]))
    lines = sum(stream["log"].count("\n") + 1 for stream in streams)
    result: dict[str, Any] = {
        "eval": "extraction",
        "streams": len(streams),
        "lines": lines,
        "exceptions": sum(map(len, found.values())),
        "cpu_seconds": round(seconds, 3),
    }
    if not all("truth" in stream for stream in streams):
        return result
    tallies: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    languages: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    fields = [0, 0, 0, 0]
    for stream in streams:
        right, pairs = _match(found[stream["stream"]], stream["truth"])
        tally = tallies[stream["format"]]
        tally[0] += right
        tally[1] += len(found[stream["stream"]])
        tally[2] += len(stream["truth"])
        for truth, prediction in pairs:
            languages[truth["lang"]][1] += 1
            if prediction is not None:
                languages[truth["lang"]][0] += 1
                fields[0] += 1
                fields[1] += prediction["language"] == truth["lang"]
                fields[2] += truth["exc"] is None or prediction["type"] == truth["exc"]
                fields[3] += prediction["service"] == truth["service"]
    result |= _score([sum(column) for column in zip(*tallies.values(), strict=True)])
    result["by_format"] = {name: _score(tally) for name, tally in sorted(tallies.items())}
    result["recall_by_language"] = {name: round(a / b, 4) for name, (a, b) in sorted(languages.items())}
    if fields[0]:
        result["of_found"] = {
            "language": round(fields[1] / fields[0], 4),
            "type": round(fields[2] / fields[0], 4),
            "service": round(fields[3] / fields[0], 4),
        }
    return result


def _exceptions(stream: dict[str, Any]) -> list[dict[str, Any]]:
    """Predictions for one stream, by the path that the flow takes."""
    lines = stream["log"].split("\n")
    if lines and not lines[-1]:
        lines.pop()
    name = stream["stream"]
    raw = raw_rows(lines, name, _NOW, first=1)
    profile = settle_profile(lines[:_SAMPLE], received_at=_NOW)
    options = ParseOptions(now=_NOW, close=True, header_times=frozenset({SOURCE}))
    parsed = parse_rows(raw, {name: profile}, options)
    spans = parsed.members.group_by("entry_id").agg(
        pl.col("doc_id").cast(pl.Int64).min().alias("first"), pl.col("doc_id").cast(pl.Int64).max().alias("last")
    )
    process = parsed.entries.select("entry_id", "process", "logger")
    rows = (
        parsed.exceptions.join(spans, on="entry_id")
        .join(process, on="entry_id", how="left", suffix="_entry")
        .sort("first")
    )
    return [
        {
            "stream": name,
            "first": row["first"],
            "last": row["last"],
            "service": row["process"] or row["logger"],
            "language": row["language"],
            "type": row["type"],
        }
        for row in rows.iter_rows(named=True)
    ]


def _match(found: list[dict[str, Any]], truths: list[dict[str, Any]]) -> tuple[int, list[tuple[dict[str, Any], Any]]]:
    """Number of right predictions and each truth with its prediction or None; each is used once."""
    used: set[int] = set()
    pairs: list[tuple[dict[str, Any], Any]] = []
    for truth in truths:
        first, last = truth["lines"]
        hit = next(
            (
                i
                for i, row in enumerate(found)
                if i not in used and abs(row["first"] - first) <= TOLERANCE and abs(row["last"] - last) <= TOLERANCE
            ),
            None,
        )
        if hit is not None:
            used.add(hit)
        pairs.append((truth, None if hit is None else found[hit]))
    return len(used), pairs


def _score(tally: list[int]) -> dict[str, float]:
    right, predicted, true = tally
    precision = right / predicted if predicted else 1.0
    recall = right / true if true else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"f1": round(f1, 4), "precision": round(precision, 4), "recall": round(recall, 4)}
