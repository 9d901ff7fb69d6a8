"""When a root cause is looked for: by count, age, severity, at once for critical clusters, by hand; else skipped with a reason.

A cluster qualifies when it is active and was not looked at yet. One that was skipped is judged anew each time; one that came
back after its report, too; one that stayed pending (a run was killed) after an hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from luffy_dagster.core.model import ClusterState, Severity

STALE = timedelta(hours=1)
RETRY_FAILED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RcaRules:
    """A service's settings."""

    enabled: bool = True
    min_count: int = 5
    min_age: timedelta = timedelta(minutes=5)
    min_severity: Severity = Severity.MEDIUM


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What is known of a cluster. `since` is when its rca_status was set, `completed_at` when its newest report was made."""

    state: ClusterState
    severity: Severity
    count: int
    first_seen: datetime
    rca_status: str | None = None
    since: datetime | None = None
    completed_at: datetime | None = None
    resolved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """Whether to look, and why (or why not). `status` is what rca_status becomes when not; None leaves it as it is."""

    run: bool
    reason: str
    status: str | None = None


def judge_trigger(facts: ClusterFacts, rules: RcaRules, now: datetime, *, manual: bool = False) -> Trigger:
    """Whether a root cause is looked for now."""
    if manual:
        return Trigger(True, "asked for by hand")
    if not rules.enabled:
        return Trigger(False, "root causes are switched off for this service", "skipped")
    if not facts.state.active:
        return Trigger(False, f"the cluster is {facts.state}", None)
    again = _again(facts, now)
    if again is not None:
        return again
    if facts.severity is Severity.CRITICAL:
        return Trigger(True, "severity critical")
    if facts.severity.rank < rules.min_severity.rank:
        return Trigger(False, f"severity {facts.severity} is below {rules.min_severity}", "skipped")
    if facts.count < rules.min_count:
        return Trigger(False, f"{facts.count} of {rules.min_count} occurrences", "skipped")
    age = now - facts.first_seen
    if age < rules.min_age:
        return Trigger(False, f"first seen {_minutes(age)} ago, {_minutes(rules.min_age)} wanted", "skipped")
    return Trigger(True, f"{facts.count:,} occurrences, severity {facts.severity}, first seen {_minutes(age)} ago")


def _again(facts: ClusterFacts, now: datetime) -> Trigger | None:
    """What the state of an earlier look means; None: judge as if there had been none."""
    if facts.rca_status == "completed":
        back = facts.state is ClusterState.REGRESSED and facts.completed_at is not None
        if (
            back
            and facts.resolved_at is not None
            and facts.completed_at is not None
            and facts.completed_at < facts.resolved_at
        ):
            return None
        return Trigger(False, "has a report", None)
    if facts.rca_status == "pending" and facts.since is not None and now - facts.since < STALE:
        return Trigger(False, "is being looked at", None)
    if facts.rca_status == "failed" and facts.since is not None and now - facts.since < RETRY_FAILED:
        return Trigger(False, "failed less than an hour ago", None)
    return None


def _minutes(delta: timedelta) -> str:
    minutes = max(delta.total_seconds(), 0) / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.0f} h"
