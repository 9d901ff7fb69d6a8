"""`luffy eval grouping`: how well traces of one bug come into one cluster, on the traces' text alone.

Belongs here: reading the cases, predictions, the score. The work is done by the functions that the assets call.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl

from luffy_dagster.core.clustering import CLUSTER_ALGORITHM
from luffy_dagster.core.clustering.assign import assign
from luffy_dagster.core.clustering.fingerprints import FINGERPRINT_ALGORITHM, fingerprint
from luffy_dagster.core.parsing.traces.extract import frames_of, parse_trace

CAP = 4  # cases of a group that are scored


def run(data: Path, out: Path | None = None, *, folds: int = 5) -> dict[str, Any]:
    """Scores the JSONL file `data`; one prediction per trace goes to `out`.

    Pairwise F1, precision and recall within projects, at most CAP cases of a group; `folds` says how they spread over parts
    made of whole projects. Without `group` in the data only counts and time.
    """
    cases = [json.loads(line) for line in data.read_text().splitlines() if line.strip()]
    started = time.process_time()
    clusters = _clusters(cases)
    seconds = time.process_time() - started
    if out is not None:
        out.write_text("".join(json.dumps({"id": c["id"], "cluster": clusters[c["id"]]}) + "\n" for c in cases))
    result: dict[str, Any] = {
        "eval": "grouping",
        "algorithms": [FINGERPRINT_ALGORITHM, CLUSTER_ALGORITHM],
        "traces": len(cases),
        "clusters": len({(c.get("project"), clusters[c["id"]]) for c in cases}),
        "cpu_seconds": round(seconds, 3),
    }
    if not all("group" in case for case in cases):
        return result
    taken: Counter[str] = Counter()
    kept = []
    for case in cases:
        taken[case["group"]] += 1
        if taken[case["group"]] <= CAP:
            kept.append(case)
    by_project: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for case in kept:
        by_project[case["project"]].append(case)
    counts = {project: _pairs(some, clusters) for project, some in by_project.items()}
    result |= _score(counts.values())
    sources: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for project, some in by_project.items():
        sources[some[0].get("source", "")].append(counts[project])
    result["by_source"] = {source: _score(parts) for source, parts in sorted(sources.items())}
    if folds > 1:
        names = sorted(counts, key=lambda name: (-len(by_project[name]), name))
        parts = [[counts[name] for name in names[i::folds]] for i in range(folds)]
        result["folds_f1"] = [_score(part)["f1"] for part in parts]
    return result


def _clusters(cases: list[dict[str, Any]]) -> dict[str, str]:
    """Cluster of each case, each project being a service of its own."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    alone: dict[str, str] = {}
    names: dict[str, str] = {}
    for place, case in enumerate(cases):
        trace = parse_trace(case["trace"])
        if trace is None:
            alone[case["id"]] = f"none-{case['id']}"
            continue
        named = fingerprint(trace, frames_of(trace))
        names[case["id"]] = named.id
        rows[case.get("project", "")].append(
            {
                "fingerprint": named.id,
                "type": trace.outer.type,
                "root_type": trace.root.type,
                "levels": json.dumps(named.levels),
                "first_seen": place,
            }
        )
    found: dict[tuple[str, str], str] = {}
    for project, some in rows.items():
        new = pl.DataFrame(some, schema_overrides={"type": pl.Utf8, "root_type": pl.Utf8})
        for row in assign(new, pl.DataFrame()).rows.iter_rows(named=True):
            found[project, row["fingerprint"]] = row["cluster_id"]
    return {c["id"]: alone.get(c["id"]) or found[c.get("project", ""), names[c["id"]]] for c in cases}


def _pairs(cases: list[dict[str, Any]], clusters: dict[str, str]) -> tuple[int, int, int]:
    """Right pairs, wrong pairs, missed pairs."""
    right = wrong = missed = 0
    for a, b in combinations(cases, 2):
        same, truth = clusters[a["id"]] == clusters[b["id"]], a["group"] == b["group"]
        right += same and truth
        wrong += same and not truth
        missed += truth and not same
    return right, wrong, missed


def _score(parts: Any) -> dict[str, float]:
    right, wrong, missed = (sum(column) for column in zip(*parts, strict=True)) if parts else (0, 0, 0)
    precision = right / (right + wrong) if right + wrong else 1.0
    recall = right / (right + missed) if right + missed else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"f1": round(f1, 4), "precision": round(precision, 4), "recall": round(recall, 4), "pairs": right + missed}
