"""The sentences of a report read as an engineer would write them: counts with their nouns, causes by name, no internal words."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from luffy_dagster.core.rca.advice import advise
from luffy_dagster.core.rca.report import BlastRadius, to_markdown
from luffy_dagster.core.rca.verdict import CauseKind, CommitFacts, Verdict, VerdictKind, judge
from luffy_dagster.core.rca.verdict import mechanisms
from luffy_dagster.core.rca.verdict.telling import DID, OUTSIDE, failed_first, set_aside
from luffy_dagster.core.rca.verdict.values import Place, Reason
from luffy_dagster.core.wording import many
from luffy_dagster_tests.core.rca.test_report import report

CLUMSY = re.compile(r"\(s\)|touches what fails|\bno commit \(|\ba commit\*\* \(")
PLACES = (Place("pay/fees.py", 5, "fee"),)


@pytest.mark.parametrize(("count", "said"), [(0, "0 requests"), (1, "1 request"), (2, "2 requests"), (1200, "1,200 requests")])
def test_a_count_agrees_with_its_noun(count, said):
    assert many(count, "request") == said


def test_a_noun_may_have_a_plural_of_its_own():
    assert (many(1, "entry", "entries"), many(3, "entry", "entries")) == ("1 entry", "3 entries")


def test_every_mechanism_and_every_cause_has_words():
    assert {rule.name for rule in (*mechanisms._RULES, *mechanisms._PAIRS)} == set(DID)
    assert set(OUTSIDE) == set(CauseKind)


@pytest.mark.parametrize("said", DID.values())
def test_what_a_commit_did_goes_on_from_it(said):
    assert re.match(r"(?:changes|removes|lowers|drops|turns) ", said) and not said.endswith(".")


def test_numbers_of_one_have_no_plural():
    one = to_markdown(report(blast_radius=BlastRadius(occurrences=1, last_24h=1, per_hour_peak=1, requests=1, users=1, streams=1, environments=["prod"])))
    for said in ("1 occurrence in all", "1 request failed, counted by trace id", "1 user named in the failing lines", "1 log stream (", "environment: `prod`"):
        assert said in one
    more = to_markdown(report(blast_radius=BlastRadius(occurrences=9, last_24h=9, per_hour_peak=9, requests=2, users=3, streams=4, environments=["a", "b"])))
    for said in ("2 requests failed", "3 users named", "4 log streams (", "environments: `a`, `b`"):
        assert said in more
    assert not CLUMSY.search(one + more)


def test_the_verdict_names_what_it_was():
    assert "Verdict: **caused by a commit** (null check), confidence **0.80**" in to_markdown(report(mechanism="null check"))
    other = to_markdown(report(verdict="no_code_cause", cause="upstream", culprit=None))
    assert "Verdict: **another service**, not the code of this service, confidence **0.80**" in other
    assert "Verdict: **inconclusive**" in to_markdown(report(verdict="inconclusive", culprit=None))


def verdict(**values):
    return Verdict(**{"kind": VerdictKind.NO_CODE_CAUSE, "confidence": 0.5, "headline": "x", **values})


def test_the_service_that_failed_first_is_looked_at_first():
    line = "upstream service payments failed first for the same request: no answer"
    found = verdict(cause=CauseKind.UPSTREAM, reasons=(Reason("another service failed first", 3.0, line),))
    assert failed_first(found) == "payments"
    actions, _ = advise(found, PLACES)
    assert actions[0].action == "Look at `payments` first: `luffy rca list -s payments`"
    assert failed_first(verdict(cause=CauseKind.UPSTREAM, reasons=(Reason("no answer", 1.0, "connection refused"),))) is None


@pytest.mark.parametrize("mechanism", [*DID, None])
def test_a_test_to_add_is_one_sentence(mechanism):
    culprit = CommitFacts("ab" * 20, datetime(2026, 11, 24, tzinfo=UTC))
    _, tests = advise(verdict(kind=VerdictKind.CULPRIT, culprit=culprit, mechanism=mechanism), PLACES)
    assert re.match(r"Add a test (?:that|where|with|per) ", tests[0])
    assert tests[0].endswith("It must fail on `abababababab` and pass once that is reverted.")


@pytest.mark.parametrize(("later", "said"), [(0, "the commit as well"), (1, "1 later commit changes the same files"), (2, "2 later commits change the same files")])
def test_the_risk_of_a_revert_counts_later_commits(later, said):
    culprit = CommitFacts("ab" * 20, datetime(2026, 11, 24, tzinfo=UTC))
    actions, _ = advise(verdict(kind=VerdictKind.CULPRIT, culprit=culprit), PLACES, later_commits=later)
    assert actions[0].risk.endswith(said)


def test_lines_set_aside_are_counted():
    assert set_aside(1) == "1 line of log, which addresses the reader instead of telling what happened, was not used."
    assert set_aside(3).startswith("3 lines of log, which address the reader") and set_aside(3).endswith("were not used.")


def test_why_a_commit_is_ruled_out_is_a_sentence_about_it():
    from luffy_dagster.core.rca.verdict import Case

    at = datetime(2026, 11, 24, 12, tzinfo=UTC)
    commits = tuple(
        CommitFacts(f"{n:040x}", at - timedelta(hours=hours), files=(file,), diff=diff)
        for n, (hours, file, diff) in enumerate(
            [
                (1, "pay/fees.py", "@@ -4,2 +4,2 @@ def fee\n-    rule = RULES.get(currency, USUAL)\n+    rule = RULES[currency]\n"),
                (3, "README.md", "@@ -1 +1 @@\n-a\n+b\n"),
                (4, "tests/test_fees.py", "@@ -1 +1 @@\n-assert a\n+assert b\n"),
                (5, "shop/cart.py", "@@ -1 +1 @@\n-size = 2\n+size = 3\n"),
                (24 * 20, "shop/cart.py", "@@ -1 +1 @@\n-size = 1\n+size = 2\n"),
                (-1, "pay/fees.py", "@@ -1 +1 @@\n-a = 2\n+a = 3\n"),
            ]
        )
    )
    lines = ("Traceback (most recent call last):", '  File "pay/fees.py", line 5, in fee', "    rule = RULES[currency]", "KeyError: 'JPY'")
    found = judge(Case("pay", at, lines, commits, PLACES))
    assert found.culprit is not None and found.culprit.sha == commits[0].sha
    assert {r.why for r in found.ruled_out} >= {
        "has no file and no word in common with the failure",
        "changes only documentation or CI settings",
        "changes only tests",
        "made 1 hour after the first failure",
    }
    assert not CLUMSY.search(" ".join(r.text for r in found.reasons))
