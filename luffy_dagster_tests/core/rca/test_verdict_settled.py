"""Where the file that failed has long been as it is, what the lines hint at is the cause; what is open is not also ruled out."""

from datetime import timedelta

import pytest

from luffy_dagster.core.rca.verdict import Case, CauseKind, CommitFacts, VerdictKind, judge
from luffy_dagster.core.rca.verdict.judge import GUILTY
from luffy_dagster_tests.core.rca.building import START, sha_of

FEED = """
Traceback (most recent call last):
  File "/srv/app/services/catalog/feed.py", line 21, in take
    value = cents(price)
  File "/srv/app/services/catalog/feed.py", line 12, in cents
    return int(whole) * 100 + int(part or 0)
ValueError: invalid literal for int() with base 10: '9,90'
"""
SILENT = """
Traceback (most recent call last):
  File "/srv/app/services/pay/charge.py", line 15, in charge
    if gateway.authorise(reference, cents) == "declined":
  File "/srv/app/services/pay/gateway.py", line 20, in authorise
    raise TimeoutError(f"acquirer gave no answer within 2000 ms for {reference}")
TimeoutError: acquirer gave no answer within 2000 ms for ch_1
"""
WROTE_FEED = (
    "services/catalog/feed.py",
    "@@ -8,3 +8,5 @@\n+def cents(price):\n+    return int(whole) * 100 + int(part or 0)",
)
WROTE_GATEWAY = ("services/pay/gateway.py", "@@ -8,3 +8,5 @@ def authorise(\n+    clock.spend(2)")
REFUNDS = ("services/pay/refund.py", "@@ -1,2 +1,4 @@\n+FULL = 100\n+share = round(paid * 100 / FULL)")
CHARGE = (
    "services/pay/charge.py",
    '@@ -12,4 +12,4 @@ def charge(\n-    log(card)\n+    log(card[-4:])\n+    if gateway.authorise(reference, cents) == "declined":',
)


def a_case(log, *commits):
    facts = tuple(
        CommitFacts(sha_of(file, str(age)), START - age, "dev", f"change {file}", (file,), diff)
        for (file, diff), age in commits
    )
    return Case("shop", START, tuple(log.strip().split("\n")), facts)


def days(number):
    return timedelta(days=number)


def test_a_number_of_the_printed_source_is_not_the_failures():
    case = a_case(FEED, (REFUNDS, days(3)))
    assert not [r for one in judge(case).ranking for r in one.reasons if "`100`" in r.text]


@pytest.mark.parametrize(("age", "kind"), [(20, VerdictKind.NO_CODE_CAUSE), (3, VerdictKind.CULPRIT)])
def test_what_arrives_is_the_cause_where_the_code_that_reads_it_is_old(age, kind):
    verdict = judge(a_case(FEED, (WROTE_FEED, days(age)), (REFUNDS, days(3))))
    assert verdict.kind is kind
    if kind is VerdictKind.NO_CODE_CAUSE:
        assert verdict.cause is CauseKind.BAD_INPUT
        assert verdict.confidence <= 0.5
        assert any("had not changed for 20 d" in cap for cap in verdict.caps)


def test_who_did_not_answer_is_the_cause_where_the_code_that_waits_is_old():
    verdict = judge(a_case(SILENT, (WROTE_GATEWAY, days(30)), (CHARGE, days(4))))
    assert (verdict.kind, verdict.cause) == (VerdictKind.NO_CODE_CAUSE, CauseKind.UPSTREAM)
    assert verdict.confidence <= 0.5


def test_who_did_not_answer_is_no_cause_where_no_commit_tells_how_old_the_code_is():
    verdict = judge(a_case(SILENT, (CHARGE, days(4))))
    assert verdict.kind is VerdictKind.INCONCLUSIVE
    assert not {r.sha for r in verdict.ruled_out} & {verdict.ranking[0].commit.sha}
    heavy = {r.commit.sha for r in verdict.ranking if r.weight >= GUILTY}
    assert not [r for r in verdict.ruled_out if r.sha in heavy and "too little" in r.why]
