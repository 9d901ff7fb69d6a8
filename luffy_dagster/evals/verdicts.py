"""`luffy eval verdicts DATA`: a JSONL file of {"id", "input"} → the verdicts that code gives, with report and quotes.

`input` holds `service`, `incident_start`, `evidence` (lines of log) and `commits` (sha, author, committed_at, message, files,
diff). The answer of a case has `id`, `verdict`, `culprit`, `cause`, `confidence`, `evidence` (verbatim quotes), `report`.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from luffy_dagster.core.rca.verdict import Case, Verdict


def case_of(given: dict[str, Any]) -> Case:
    """The case that an input describes."""
    from datetime import datetime

    from luffy_dagster.core.rca.verdict import Case, CommitFacts

    commits = tuple(
        CommitFacts(
            sha=c["sha"],
            at=datetime.fromisoformat(c["committed_at"]),
            author=c.get("author", ""),
            message=c.get("message", ""),
            files=tuple(c.get("files", ())),
            diff=c.get("diff", ""),
        )
        for c in given["commits"]
    )
    start = datetime.fromisoformat(given["incident_start"])
    return Case(given["service"], start, tuple(given["evidence"].split("\n")), commits)


def answer_of(name: str, verdict: Verdict) -> dict[str, Any]:
    """The prediction of a case, with the same report a person would read."""
    from luffy_dagster.core.rca.plain import quotes_of, verdict_text

    return {
        "id": name,
        "verdict": verdict.kind.value,
        "culprit": verdict.culprit.sha if verdict.culprit else None,
        "cause": verdict.cause.value if verdict.cause else None,
        "confidence": verdict.confidence,
        "evidence": list(quotes_of(verdict)),
        "report": verdict_text(verdict),
    }


def run(data: Path, out: Path | None = None) -> dict[str, Any]:
    """Judge each case. Returns counts per verdict and CPU time; who has the labels computes the rest."""
    from luffy_dagster.core.rca.verdict import ALGORITHM, judge

    rows = [json.loads(line) for line in data.read_text("utf-8").splitlines() if line.strip()]
    counts: Counter[str] = Counter()
    started = time.process_time()
    answers = []
    for row in rows:
        verdict = judge(case_of(row["input"]))
        counts[verdict.kind.value] += 1
        answers.append(answer_of(row["id"], verdict))
    seconds = time.process_time() - started
    if out is not None:
        out.write_text("".join(json.dumps(a, ensure_ascii=False) + "\n" for a in answers), "utf-8")
    return {
        "eval": "verdicts",
        "algorithm": ALGORITHM,
        "cases": len(rows),
        "verdicts": dict(counts),
        "cpu_seconds": round(seconds, 3),
    }
