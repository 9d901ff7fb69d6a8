"""`luffy eval localisation`: a case over a made history, and weights learnt from other projects' cases."""

import json
from datetime import timedelta

import numpy as np

from luffy_dagster.evals.localisation import run
from luffy_dagster.evals.remembered import Remembered
from luffy_dagster.evals.suspect_weights import Level
from luffy_dagster_tests.gitmaker import START, Made

OLD = 'RATES = {"eur": 2}\n\n\ndef fee_of(order):\n    rate = RATES.get(order["currency"], 2)\n    return order["amount"] * rate\n'
NEW = OLD.replace('RATES.get(order["currency"], 2)', 'RATES[order["currency"]]')
TRACE = 'Traceback (most recent call last):\n  File "/srv/{name}/fees.py", line 5, in fee_of\n    rate = RATES[order["currency"]]\nKeyError: \'jpy\'\n'


def cases(tmp_path):
    found = []
    for name in ("shop", "pay", "mail"):
        made = Made(tmp_path / "repos" / f"acme+{name}")
        files = {f"{name}/fees.py": OLD, f"{name}/other.py": "def other():\n    return 1\n"}
        made.commit("Fees", files, at=START - timedelta(days=300))
        guilty = made.commit("Price list", {f"{name}/fees.py": NEW})
        found.append(
            {
                "case_id": name, "source": "made", "primary": True, "repo": f"acme/{name}", "lang": "python", "buggy_commit": guilty,
                "trace": TRACE.replace("{name}", name), "truth_files": [f"{name}/fees.py"],
                "truth_functions": [f"{name}/fees.py::fee_of"], "culprit_commits": [guilty],
            }
        )  # fmt: skip
    data = tmp_path / "cases.jsonl"
    data.write_text("".join(json.dumps(case) + "\n" for case in found))
    return data


def test_a_case_is_predicted_and_scored(tmp_path):
    data, out = cases(tmp_path), tmp_path / "out.jsonl"
    figures = run(data, tmp_path / "repos", out=out)
    assert all(figures[kind]["top1"] == 1.0 for kind in ("files", "functions", "commits"))
    first = json.loads(out.read_text().splitlines()[0])
    assert first["case_id"] == "mail" and first["files"][0] == "mail/fees.py"


def test_weights_are_learnt_without_the_project_that_is_scored(tmp_path):
    figures = run(cases(tmp_path), tmp_path / "repos", leave_out=True)
    assert figures["commits"]["top1"] == 1.0 and "lines" in figures["weights_of_all"]["commits"]


def test_a_level_gives_weight_to_what_marks_the_truth_and_leaves_a_project_out():
    right, wrong = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    truth = np.array([True, False])
    level = Level(("a", "b"), ("x", "x", "y"), (right, right, wrong), (truth, truth, truth))
    assert level.fit("y")["a"] > 0.5 > 0 > level.fit("y")["b"]
    assert level.fit("x")["a"] < 0 < level.fit("x")["b"]


def test_what_git_said_of_a_case_is_asked_once(tmp_path):
    asked = []

    class Repository:
        def read(self, commit, path):
            asked.append(path)
            return "text" if path == "there" else None

    for _ in range(2):
        remembered = Remembered(tmp_path / "one.pickle", Repository())
        assert remembered.read("c", "there") == "text" and remembered.read("c", "gone") is None
        remembered.keep()
    assert asked == ["there", "gone"]
