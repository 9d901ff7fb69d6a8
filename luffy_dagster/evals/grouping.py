"""`luffy eval grouping DATA`: which traces are one fault, by the system's own fingerprints and join rules.

Uses `trace` only, project by project, in the order of the file (as exceptions would arrive). Prints pairwise precision,
recall and F1 within projects, at most four traces of a group (where the truth is there).
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

_CAP = 4


def run(data: Path, out: Path | None = None) -> dict[str, Any]:
    """Clusters every trace of the JSONL file. Predictions: {"id", "cluster"}."""
    import polars as pl

    from luffy_dagster.core.clustering.assign import CLUSTER_ALGORITHM, assign
    from luffy_dagster.core.clustering.fingerprints import FINGERPRINT_ALGORITHM
    from luffy_dagster.core.parsing.traces.extract import extract_exceptions
    from luffy_dagster.core.schemas import ENTRIES

    rows = [json.loads(line) for line in data.read_text("utf-8").splitlines() if line.strip()]
    started = time.process_time()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    by_project: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_project[row.get("project") or ""].append(row)
    cluster_of: dict[str, str] = {}
    unread = 0
    for project, items in by_project.items():
        entries = pl.DataFrame(
            {
                "entry_id": [i["id"] for i in items],
                "raw_line": [i["trace"] for i in items],
                "message": [i["trace"].split("\n", 1)[0] for i in items],
                "event_time": [start + timedelta(seconds=n) for n in range(len(items))],
                "level": ["error"] * len(items),
            },
            schema_overrides={"event_time": ENTRIES["event_time"]},
        )
        missing = [
            pl.lit(None, dtype=kind).alias(name) for name, kind in ENTRIES.items() if name not in entries.columns
        ]
        found = extract_exceptions(entries.with_columns(missing))
        new = (
            found.sort("event_time")
            .unique("fingerprint", keep="first", maintain_order=True)
            .with_columns(first_seen=pl.col("event_time"))
        )
        assigned = assign(new, new.clear())
        where = dict(assigned.rows.select("fingerprint", "cluster_id").iter_rows())
        for entry_id, fingerprint in found.select("entry_id", "fingerprint").iter_rows():
            cluster_of[entry_id] = f"{project}/{where[fingerprint]}"
        for item in items:
            if item["id"] not in cluster_of:
                unread += 1
                cluster_of[item["id"]] = f"{project}/unread-{item['id']}"
    seconds = time.process_time() - started
    if out is not None:
        out.write_text(
            "".join(json.dumps({"id": r["id"], "cluster": cluster_of[r["id"]]}) + "\n" for r in rows), "utf-8"
        )
    result: dict[str, Any] = {
        "eval": "grouping",
        "fingerprints": FINGERPRINT_ALGORITHM,
        "clusters": CLUSTER_ALGORITHM,
        "cases": len(rows),
        "unread": unread,
        "found_clusters": len(set(cluster_of.values())),
        "cpu_seconds": round(seconds, 3),
    }
    if rows and all("group" in r for r in rows):
        result |= _scores(by_project, cluster_of)
    return result


def _scores(by_project: dict[str, list[dict[str, Any]]], cluster_of: dict[str, str]) -> dict[str, Any]:
    tp = fp = fn = 0
    per_project: dict[str, float | None] = {}
    for project, items in by_project.items():
        seen: Counter[str] = Counter()
        kept = []
        for item in items:
            seen[item["group"]] += 1
            if seen[item["group"]] <= _CAP:
                kept.append(item)
        own = [0, 0, 0]
        for a, b in combinations(kept, 2):
            same, truth = cluster_of[a["id"]] == cluster_of[b["id"]], a["group"] == b["group"]
            own[0] += same and truth
            own[1] += same and not truth
            own[2] += truth and not same
        tp, fp, fn = tp + own[0], fp + own[1], fn + own[2]
        per_project[project] = round(2 * own[0] / (2 * own[0] + own[1] + own[2]), 3) if sum(own) else None
    precision, recall = (tp / (tp + fp) if tp + fp else 1.0), (tp / (tp + fn) if tp + fn else 1.0)
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {
        "f1": round(f1, 4),
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "pairs": tp + fn,
        "f1_per_project": per_project,
    }
