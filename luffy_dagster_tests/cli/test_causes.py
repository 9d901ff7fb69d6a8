"""luffy rca, health, code, commits: as a person calls them, over a real repository with a planted commit and real log files."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from luffy_dagster_tests.gitmaker import Made

FEES = "RULES = {'EUR': 2}\n\n\ndef fee(cents, currency):\n    rule = RULES.get(currency, 2)\n    return cents * rule\n"
BROKEN = FEES.replace("RULES.get(currency, 2)", "RULES[currency]")


@pytest.fixture
def pay(luffy, bare):
    now = datetime.now(UTC)
    made = Made(bare / "repo")
    old = made.commit("First", {"pay/fees.py": FEES, "pay/app.py": "import pay.fees\n"}, at=now - timedelta(days=9))
    bad = made.commit("fees: from the table", {"pay/fees.py": BROKEN}, at=now - timedelta(hours=3))
    lines = [f"{now - timedelta(hours=5):%Y-%m-%d %H:%M:%S},000 INFO pay.app - up, version {old}"]
    lines += [f"{now - timedelta(hours=2):%Y-%m-%d %H:%M:%S},000 INFO pay.app - up, version {bad}"]
    for number in range(8):
        at = f"{now - timedelta(minutes=90 - number):%Y-%m-%d %H:%M:%S},000"
        lines += [
            f"{at} ERROR pay.app - charge {number} failed user=u{number % 3}", "Traceback (most recent call last):", '  File "/srv/pay/app.py", line 1, in charge',
            "    fee(cents, currency)", '  File "/srv/pay/fees.py", line 5, in fee', "    rule = RULES[currency]", "KeyError: 'JPY'",
        ]  # fmt: skip
    (bare / "app.log").write_text("\n".join(lines) + "\n")
    assert luffy("watch", "app.log", "--service", "pay").code == 0
    assert luffy("service", "set", "pay", f"git_repo_path={made.path}", "rca_min_severity=low").code == 0
    (cluster,) = [c for c in luffy("clusters", "--json").json if "KeyError" in c["title"]]
    return cluster["cluster_id"], bad, made


def test_from_why_to_feedback(luffy, pay):
    cluster, bad, _ = pay
    assert luffy("rca", "show", cluster, "-s", "pay").code == 1
    ran = luffy("rca", "run", "pay", "-c", cluster, "--no-model")
    assert ran.code == 0, ran.err
    assert "is the likely cause" in " ".join(ran.out.split())
    again = luffy("rca", "run", "pay", "-c", cluster, "--no-model", "--json").json["reports"][0]
    assert (again["culprit"], again["repeated"], again["tokens"]) == (bad, True, 0)
    shown = luffy("rca", "show", cluster, "-s", "pay")
    for said in ("likely cause", "Revert commit", "Ruled out", "Evidence", "[E1]", "3 users named", "Tests to add"):
        assert said in shown.out, said
    plain = luffy("rca", "show", cluster, "-s", "pay", "--markdown").out
    assert plain.startswith("# ")
    listed = luffy("rca", "list", "--json").json
    assert [(r["cluster_id"], r["verdict"], r["culprit_commit"]) for r in listed] == [(cluster, "culprit", bad)]
    number = str(listed[0]["id"])
    assert luffy("rca", "feedback", number, "5", "--right", "--comment", "it was").code == 0
    assert luffy("rca", "feedback", number, "9").code == 2
    assert luffy("rca", "feedback", "999", "3").code == 1
    said = luffy("rca", "show", cluster, "-s", "pay", "--json").json["feedback"]
    assert [(f["rating"], f["validated"], f["comment"]) for f in said] == [(5, True, "it was")]
    assert "rated 5 of 5, right" in luffy("rca", "show", cluster, "-s", "pay").out
    assert luffy("rca", "cost", "--json").json == []
    why = luffy("rca", "why-skipped", "-s", "pay", "--json").json
    assert [w["reason"] for w in why if w["cluster"] == cluster] == ["has a report"]


def test_what_is_not_there_is_said(luffy, pay):
    for command in (("rca", "show", "c-none"), ("rca", "run", "nobody"), ("rca", "list", "-s", "nobody"), ("health", "nobody"), ("code", "search", "pay", "fee"),
                    ("code", "index", "nobody"), ("commits", "nobody")):  # fmt: skip
        answer = luffy(*command)
        assert answer.code == 1, command
        assert "error: " in answer.err
        assert "Traceback" not in answer.err


def test_health_names_the_first_broken_link_and_its_remedy(luffy, pay):
    first = luffy("health", "pay")
    assert first.code == 1
    assert "it was never indexed" in first.out
    assert "luffy code index pay" in first.out
    assert luffy("code", "index", "pay").code == 0
    assert luffy("rca", "run", "pay", "--no-model").code == 0
    whole = luffy("health", "pay", "--json")
    assert (whole.code, whole.json["healthy"]) == (0, True)
    assert [link["name"] for link in whole.json["links"]] == ["active", "sources", "fetch", "rca", "indexing"]
    assert luffy("service", "pause", "pay").code == 0
    paused = luffy("health", "pay")
    assert (paused.code, "luffy service resume pay" in paused.out) == (1, True)
    assert paused.out.index("Is the service active?") < paused.out.index("Is its code indexed?")


def test_code_and_commits(luffy, pay):
    _, bad, made = pay
    indexed = luffy("code", "index", "pay", "--json").json
    assert (indexed["mode"], indexed["commit"], indexed["files"]) == ("full", bad, 2)
    found = luffy("code", "search", "pay", "fee", "--json").json
    assert found["hits"][0]["symbol"] == "fee"
    assert luffy("code", "status", "pay").code == 0
    commits = luffy("commits", "pay", "--json").json
    assert [c["subject"] for c in commits] == ["fees: from the table", "First"]
    assert [c["sha"] for c in luffy("commits", "pay", "--path", "pay/app.py", "--json").json] == [commits[1]["sha"]]
    made.commit("Third", {"pay/new.py": "def brand_new():\n    return 1\n"}, at=datetime.now(UTC))
    assert luffy("code", "index", "pay", "--json").json["mode"] == "incremental"
    assert "brand_new" in luffy("code", "search", "pay", "brand_new").out
    luffy("service", "set", "pay", "git_branch=trunk")
    missing = luffy("code", "index", "pay")
    assert missing.code == 1
    assert "has no branch 'trunk' (it has main)" in " ".join(missing.err.split())


def test_a_credential_is_set_and_never_shown(luffy, pay, monkeypatch):
    import io
    import sys

    secret = "glpat-" + "Zk3v9qmTzR7wX2bN"
    monkeypatch.setattr(sys, "stdin", io.StringIO(secret + "\n"))
    done = luffy("code", "credential", "pay")
    assert done.code == 0, done.err
    for answer in (done, luffy("code", "status", "pay", "--json"), luffy("service", "show", "pay", "--json"), luffy("service", "history", "pay")):
        assert secret not in answer.out + answer.err
    assert luffy("code", "credential", "pay", "--remove").code == 0
    assert json.dumps(secret) not in luffy("service", "show", "pay", "--json").out
