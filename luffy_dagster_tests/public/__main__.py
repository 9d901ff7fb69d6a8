"""Writes the set."""

import json
from pathlib import Path

from luffy_dagster_tests.core.rca.building import case_of
from luffy_dagster_tests.core.rca.scenarios import HELD, TUNED
from luffy_dagster_tests.core.rca.scenarios_blind import BLIND
from luffy_dagster_tests.core.rca.scenarios_blind_three import BLIND_THREE
from luffy_dagster_tests.core.rca.scenarios_blind_two import BLIND_TWO

HERE = Path(__file__).parent


def rows():
    """One row per scenario."""
    for scenario in (*TUNED, *HELD, *BLIND, *BLIND_TWO, *BLIND_THREE):
        case, guilty = case_of(scenario)
        commits = [
            {"sha": c.sha, "author": c.author, "committed_at": c.at.isoformat(), "message": c.message, "files": list(c.files), "diff": c.diff}
            for c in case.commits
        ]
        given = {"service": case.service, "incident_start": case.start.isoformat(), "evidence": "\n".join(case.lines), "commits": commits}
        yield {"id": scenario[0], "input": given, "truth": {"verdict": scenario[1], "cause": scenario[2], "culprit": guilty}}


def text():
    """The set as JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows())


if __name__ == "__main__":
    (HERE / "causes.jsonl").write_text(text(), "utf-8")
