"""Cases from a repository's own history: which commits are taken, and what their fixes say was at fault."""

from datetime import timedelta

import pytest

from luffy_dagster.adapters.git import open_path
from luffy_dagster.evals.history_cases import collect, trace_in
from luffy_dagster.evals.localisation import run
from luffy_dagster_tests.gitmaker import START, Made

FEES = 'RATES = {"eur": 2}\n\n\ndef fee_of(order):\n    # by currency\n    return RATES[order["currency"]] * order["amount"]\n'
MENDED = FEES.replace('RATES[order["currency"]]', 'RATES.get(order["currency"], 2)')
TRACE = """Traceback (most recent call last):
  File "/srv/shop/api.py", line 4, in pay
    return fee_of(order)
  File "/srv/shop/fees.py", line 6, in fee_of
    return RATES[order["currency"]] * order["amount"]
KeyError: 'jpy'"""
API = "from shop.fees import fee_of\n\ndef pay(order):\n    return fee_of(order)\n"


@pytest.fixture
def history(tmp_path):
    made = Made(tmp_path / "clones" / "shop")
    guilty = made.commit("Fees by currency", {"shop/fees.py": FEES, "shop/api.py": API}, at=START - timedelta(days=30))
    before = made.commit("Notes", {"README": "x"})
    message = f"A currency without a fee\n\nSeen at night:\n\n{TRACE}\n\nThe list has euros only.\n"
    fix = made.commit(message, {"shop/fees.py": MENDED, "tests/test_fees.py": "def test():\n    pass\n"})
    made.commit(f"Again, with words only\n\n{TRACE}", {"README": "y"})
    made.commit("No trace", {"shop/api.py": API + "\n"})
    return made.path, guilty, before, fix


def test_a_fix_with_a_trace_in_its_message_is_a_case(history, tmp_path):
    path, guilty, before, fix = history
    with open_path(path, cache=tmp_path / "cache") as repository:
        (case,) = collect(repository, "shop")
    assert case["trace"] == TRACE and case["exc"] == "KeyError"
    assert (case["buggy_commit"], case["fix_commit"]) == (before, fix)
    assert case["truth_files"] == ["shop/fees.py"] and case["truth_functions"] == ["shop/fees.py::fee_of"]
    assert case["culprit_commits"] == [guilty] and case["culprit_kind"] == "deleted_lines"


def test_a_folder_of_clones_is_measured(history, tmp_path):
    path, *_ = history
    (path.parent / "no clone").mkdir()
    figures = run(path.parent, cases_out=tmp_path / "cases.jsonl")
    assert figures["scored"] == 1 and figures["files"]["top1"] == figures["commits"]["top1"] == 1.0
    assert figures["in_a_frame"]["cases"] == 1 and figures["in_no_frame"]["cases"] == 0
    assert run(tmp_path / "cases.jsonl", path.parent)["files"]["top1"] == 1.0


def test_a_folder_without_a_case_is_said(tmp_path):
    Made(tmp_path / "clones" / "bare").commit("Nothing")
    with pytest.raises(ValueError, match="no clone in"):
        run(tmp_path / "clones")


def test_a_file_of_cases_needs_its_clones(tmp_path):
    (tmp_path / "cases.jsonl").write_text("")
    with pytest.raises(ValueError, match="--repos"):
        run(tmp_path / "cases.jsonl")


@pytest.mark.parametrize(
    ("message", "first", "last"),
    [
        (f"It broke:\n\n{TRACE}\n\nMore words", "Traceback (most recent call last):", "KeyError: 'jpy'"),
        ("> " + TRACE.replace("\n", "\n> "), "Traceback (most recent call last):", "KeyError: 'jpy'"),
        (
            "Words.\n\n```\njava.lang.IllegalStateException: shut\n    at a.B.c(B.java:1)\n    at a.D.e(D.java:2)\n```\n",
            "java.lang.IllegalStateException: shut",
            "    at a.D.e(D.java:2)",
        ),
    ],
)
def test_a_trace_is_cut_out_of_its_message(message, first, last):
    lines = trace_in(message).split("\n")
    assert (lines[0], lines[-1]) == (first, last)


def test_one_frame_among_prose_is_no_trace():
    assert trace_in('See File "a.py", line 3, which is wrong.') == ""
