"""Each trigger rule, by table."""

from datetime import UTC, datetime, timedelta

import pytest

from luffy_dagster.core.model import ClusterState, Severity
from luffy_dagster.core.rca.rules import ClusterFacts, RcaRules, judge_trigger

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
M = timedelta(minutes=1)


def facts(**changes):
    values = {"state": ClusterState.ONGOING, "severity": Severity.HIGH, "count": 9, "first_seen": NOW - 10 * M}
    return ClusterFacts(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "rules", "runs", "status", "says"),
    [
        ({}, {}, True, None, "9 occurrences"),
        ({"count": 4}, {}, False, "skipped", "4 of 5"),
        ({"count": 5}, {}, True, None, "5 occurrences"),
        ({"first_seen": NOW - 4 * M}, {}, False, "skipped", "4 min ago"),
        ({"first_seen": NOW - 5 * M}, {}, True, None, ""),
        ({"severity": Severity.LOW}, {}, False, "skipped", "below medium"),
        ({"severity": Severity.MEDIUM}, {}, True, None, ""),
        ({"severity": Severity.MEDIUM}, {"min_severity": Severity.HIGH}, False, "skipped", "below high"),
        ({"severity": Severity.CRITICAL, "count": 1, "first_seen": NOW}, {}, True, None, "critical"),
        ({"severity": Severity.CRITICAL, "count": 1}, {"enabled": False}, False, "skipped", "switched off"),
        ({"state": ClusterState.RESOLVED}, {}, False, None, "resolved"),
        ({"state": ClusterState.IGNORED, "severity": Severity.CRITICAL}, {}, False, None, "ignored"),
        ({"state": ClusterState.NEW}, {}, True, None, ""),
        ({"rca_status": "completed"}, {}, False, None, "has a report"),
        ({"rca_status": "skipped", "since": NOW - M}, {}, True, None, ""),
        ({"rca_status": "skipped", "since": NOW - M, "count": 2}, {}, False, "skipped", "2 of 5"),
        ({"rca_status": "pending", "since": NOW - M}, {}, False, None, "being looked at"),
        ({"rca_status": "pending", "since": NOW - 61 * M}, {}, True, None, ""),
        ({"rca_status": "failed", "since": NOW - M}, {}, False, None, "failed"),
        ({"rca_status": "failed", "since": NOW - 61 * M}, {}, True, None, ""),
        (
            {"state": ClusterState.REGRESSED, "rca_status": "completed", "completed_at": NOW - 90 * M, "resolved_at": NOW - 60 * M},
            {}, True, None, "",
        ),
        (
            {"state": ClusterState.REGRESSED, "rca_status": "completed", "completed_at": NOW - 30 * M, "resolved_at": NOW - 60 * M},
            {}, False, None, "has a report",
        ),
    ],
)  # fmt: skip
def test_rule(changes, rules, runs, status, says):
    got = judge_trigger(facts(**changes), RcaRules(**rules), NOW)
    assert (got.run, got.status) == (runs, status)
    assert says in got.reason


def test_by_hand_always():
    off = RcaRules(enabled=False, min_count=1_000)
    assert judge_trigger(facts(state=ClusterState.IGNORED, count=0), off, NOW, manual=True).run
