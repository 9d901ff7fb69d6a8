"""The public set of root causes: it is what the scenarios say, and no release scores below the one before."""

import json
from pathlib import Path

from luffy_dagster.evals import verdicts
from luffy_dagster_tests import public
from luffy_dagster_tests.public.__main__ import text

HERE = Path(public.__file__).parent


def test_the_set_is_made_of_the_scenarios():
    assert (HERE / "causes.jsonl").read_text("utf-8") == text(), "run python -m luffy_dagster_tests.public"


def test_no_release_scores_below_the_one_before():
    scores = json.loads((HERE / "scores.json").read_text())
    found = verdicts.run(HERE / "causes.jsonl")
    name = found["algorithm"]
    assert name in scores, f"add the figures of {name} to scores.json: {found}"
    assert {key: found[key] for key in ("cases", "right", "causes_named", "false_blame")} == scores[name]
    versions = list(scores)
    before = versions[: versions.index(name)][-1:]
    for older in (scores[each] for each in before):
        assert found["false_blame"] <= older["false_blame"]
        for kind, share in older["right"].items():
            assert found["right"][kind] >= share, kind
