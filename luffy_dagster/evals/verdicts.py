"""`luffy eval verdicts DATA`: a JSONL file of {"id", "input"} → the verdicts that code gives, with report and quotes.

`input` holds `service`, `incident_start`, `evidence` (lines of log) and `commits` (sha, author, committed_at, message, files,
diff). Where a row has `truth` (`verdict`, `culprit`, `cause`) the answers are scored as well. The answer of a case has `id`, `verdict`, `culprit`, `cause`, `confidence`, `evidence` (verbatim quotes), `report`.
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
    """Judge each case. Returns counts per verdict and CPU time, and where the truth is given the shares that are right."""
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
    labelled = [(row["truth"], answer) for row, answer in zip(rows, answers, strict=True) if "truth" in row]
    return {
        "eval": "verdicts",
        "algorithm": ALGORITHM,
        "cases": len(rows),
        "verdicts": dict(counts),
        "cpu_seconds": round(seconds, 3),
        **(_scored(labelled) if labelled else {}),
    }


def _scored(labelled: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    """Shares (0 to 1): right per kind of case, causes named right where there is no guilty commit, cases that blame a wrong one."""
    marks: dict[str, list[bool]] = {}
    named: list[bool] = []
    blamed = 0
    for truth, answer in labelled:
        guilty = answer["verdict"] == "culprit" and answer["culprit"] == truth["culprit"]
        right = guilty if truth["verdict"] == "culprit" else answer["verdict"] == truth["verdict"]
        marks.setdefault(truth["verdict"], []).append(right)
        if truth["verdict"] == "no_code_cause":
            named.append(answer["cause"] == truth["cause"])
        blamed += answer["verdict"] == "culprit" and not guilty
    return {
        "right": {kind: round(sum(each) / len(each), 4) for kind, each in sorted(marks.items())},
        "causes_named": round(sum(named) / len(named), 4) if named else None,
        "false_blame": round(blamed / len(labelled), 4),
    }
