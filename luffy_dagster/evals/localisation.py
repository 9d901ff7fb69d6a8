"""`luffy eval localisation DATA --repos DIR`: culprit file, function and commit of real traces, over real history.

Belongs here: reading the cases, predictions, the score. The work is done by the functions that the assets call. Nothing newer than a
case's `buggy_commit` is read. Only cases with `primary` true are scored (one trace per bug).
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from luffy_dagster.core.parsing.traces.extract import frames_of, parse_trace
from luffy_dagster.core.rca.model import Suspects, Trouble
from luffy_dagster.core.rca.suspects import SUSPECT_ALGORITHM, rank_suspects

LIMIT = 20
_TRUTHS = {"files": "truth_files", "functions": "truth_functions", "commits": "culprit_commits"}


def run(
    data: Path, repos: Path, out: Path | None = None, cache: Path | None = None, source: str = ""
) -> dict[str, Any]:
    """Predicts every case; figures as share of the cases that have a truth of that kind.

    Args:
        data: JSONL of cases; without truths only counts and time come back.
        repos: folder of clones named `owner+name`.
        out: where predictions go, one JSON object per case.
        cache: folder for the index of their history (default: `.luffy-history` beside `repos`).
        source: only cases whose source begins with this.
    """
    from luffy_dagster.adapters.git import GitError, GitRepository, open_path

    cases = [json.loads(line) for line in data.read_text().splitlines() if line.strip()]
    cases = [case for case in cases if case.get("source", "").startswith(source)]
    cache = cache or repos.parent / ".luffy-history"
    opened: dict[str, GitRepository] = {}
    predictions: list[dict[str, Any]] = []
    missing: set[str] = set()
    started = time.process_time()
    slowest = 0.0
    for number, case in enumerate(sorted(cases, key=lambda case: case["repo"])):
        name = case["repo"].replace("/", "+")
        if name not in opened and name not in missing:
            for repository in opened.values():
                repository.close()
            opened.clear()
            try:
                opened[name] = open_path(repos / name, cache=cache)
            except GitError as error:
                missing.add(name)
                print(error, file=sys.stderr)
        clock = time.perf_counter()
        suspects = _suspects(case, opened[name]) if name in opened else None
        slowest = max(slowest, time.perf_counter() - clock)
        predictions.append({"case_id": case["case_id"], **_names(case, suspects)})
        print(f"{number + 1}/{len(cases)} {case['case_id']}", file=sys.stderr)
    for repository in opened.values():
        repository.close()
    if out is not None:
        out.write_text("".join(json.dumps(prediction) + "\n" for prediction in predictions))
    result: dict[str, Any] = {
        "eval": "localisation",
        "algorithm": SUSPECT_ALGORITHM,
        "cases": len(cases),
        "missing_repositories": sorted(missing),
        "cpu_seconds": round(time.process_time() - started, 1),  # without Git's own
        "slowest_case_seconds": round(slowest, 2),
    }
    if all("truth_files" in case for case in cases):
        result |= figures(cases, predictions)
    return result


def _suspects(case: dict[str, Any], repository: Any) -> Suspects:
    trace = parse_trace(case["trace"])
    trouble = Trouble(commit=case["buggy_commit"], text=case["trace"][:4_000])
    if trace is not None:
        trouble = Trouble(
            commit=case["buggy_commit"],
            language=trace.language,
            type=trace.outer.type,
            message=trace.outer.message,
            frames=frames_of(trace),
            root_segment=trace.root_at,
            outer_segment=trace.outer_at,
            root_type=trace.root.type,
            root_message=trace.root.message,
        )
    return rank_suspects(trouble, repository, limit=LIMIT)


def _names(case: dict[str, Any], suspects: Suspects | None) -> dict[str, list[str]]:
    if suspects is None:
        return {"files": [], "functions": [], "commits": []}
    functions = [s.name for s in suspects.functions]
    if case.get("lang") == "java":  # the form that is fixed for Java: the method's bare name
        functions = [f"{path}::{name.rpartition('.')[2]}" for path, _, name in (f.partition("::") for f in functions)]
    return {
        "files": [s.name for s in suspects.files],
        "functions": list(dict.fromkeys(functions)),
        "commits": [s.name for s in suspects.commits],
    }


def figures(cases: list[dict[str, Any]], predictions: list[dict[str, Any]]) -> dict[str, Any]:
    """Top-1, 3, 5 and mean reciprocal rank of each kind, over all primary cases, per source, and where a frame could show it."""
    by_id = {prediction["case_id"]: prediction for prediction in predictions}
    primary = [case for case in cases if case.get("primary", True)]
    sources = defaultdict(list)
    for case in primary:
        sources[case["source"]].append(case)
    return {
        "scored": len(primary),
        **{kind: _score(primary, by_id, kind) for kind in _TRUTHS},
        "by_source": {
            source: {kind: _score(some, by_id, kind) for kind in _TRUTHS} for source, some in sorted(sources.items())
        },
    }


def _score(cases: list[dict[str, Any]], by_id: dict[str, dict[str, Any]], kind: str) -> dict[str, float]:
    ranks = []
    for case in cases:
        truth = set(case[_TRUTHS[kind]])
        if truth:
            ranks.append(next((i + 1 for i, name in enumerate(by_id[case["case_id"]][kind]) if name in truth), 0))
    total = len(ranks) or 1
    return {
        "cases": len(ranks),
        **{f"top{k}": round(sum(0 < rank <= k for rank in ranks) / total, 3) for k in (1, 3, 5, 20)},
        "mrr": round(sum(1 / rank for rank in ranks if rank) / total, 3),
    }
