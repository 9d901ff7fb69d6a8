"""The states of alerts: pending → firing → resolved, with hysteresis, so that a flapping input makes few messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from luffy_dagster.core.alerting.model import Alert, AlertState, Finding, Rule

REOPEN_WITHIN = timedelta(hours=24)  # what comes back sooner is the same alert
MOST_DOUBLINGS = 5


@dataclass(frozen=True, slots=True)
class Change:
    """An alert that was or is there. `before` None: new; `after` None: it was pending and never fired."""

    before: Alert | None
    after: Alert | None

    @property
    def event(self) -> str | None:
        """What happened, in a word for the history; None when only counts moved."""
        if self.after is None:
            return "dropped"
        if self.before is None:
            return str(self.after.state)
        if self.before.state is not self.after.state:
            return "reopened" if self.before.state is AlertState.RESOLVED else str(self.after.state)
        return "severity" if self.before.severity is not self.after.severity else None


def hold(rule: Rule, flaps: int) -> timedelta:
    """How long it must be quiet before the alert is over: doubled each time it came back."""
    return rule.resolve_after * 2 ** min(flaps, MOST_DOUBLINGS)


def rule_of(rules: Sequence[Rule], finding: Finding) -> Rule | None:
    """The first rule that the finding is an alert of."""
    return next((rule for rule in rules if rule.matches(finding)), None)


def judge(
    rules: Sequence[Rule], findings: Iterable[Finding], alerts: Mapping[str, Alert], now: datetime
) -> list[Change]:
    """What becomes of all alerts at `now`, in the order of their keys.

    Args:
        rules: in the order in which they are asked; a person's before the defaults.
        findings: what is so now; of equal keys the counts are added up.
        alerts: the latest alert of each key that a finding has or that is not resolved.
        now: the clock.
    """
    merged: dict[str, Finding] = {}
    for one in findings:
        known = merged.get(one.key)
        merged[one.key] = one if known is None else _merged(known, one)
    by_id = {rule.id: rule for rule in rules}
    changes = []
    for key in sorted({*merged, *alerts}):
        before, finding = alerts.get(key), merged.get(key)
        rule = rule_of(rules, finding) if finding is not None else None
        if rule is None:
            finding = None
        if before is not None and rule is None:
            rule = by_id.get(before.rule_id) or Rule(before.rule_id, before.source)
        if rule is None:
            continue
        after = _step(before, finding, rule, now)
        if after != before:
            # a new alert under an old key leaves the old one as it is
            changes.append(
                Change(None if before is not None and after is not None and after.id != before.id else before, after)
            )
    return changes


def _merged(a: Finding, b: Finding) -> Finding:
    first, last = sorted((a, b), key=lambda f: f.started_at)
    worse = max(a.severity, b.severity, key=lambda s: s.rank)
    return replace(last, started_at=first.started_at, severity=worse, count=a.count + b.count)


def _step(before: Alert | None, finding: Finding | None, rule: Rule, now: datetime) -> Alert | None:
    if before is None:
        return None if finding is None else _opened(finding, rule, now)
    if before.state is AlertState.RESOLVED:
        if finding is None or before.once or finding.once:
            return before
        if before.resolved_at is not None and now - before.resolved_at > REOPEN_WITHIN:
            return _opened(finding, rule, now)
        again = replace(before, state=AlertState.FIRING, resolved_at=None, clear_since=None, flaps=before.flaps + 1)
        return _seen(again, finding, rule, now)
    if finding is not None:
        seen = _seen(before, finding, rule, now)
        if seen.state is AlertState.PENDING and now - seen.pending_since >= rule.pending:
            return replace(seen, state=AlertState.FIRING, fired_at=now)
        return seen
    if before.state is AlertState.PENDING:
        return None
    if before.clear_since is None:
        before = replace(before, clear_since=now)
    if before.clear_since is not None and now - before.clear_since >= hold(rule, before.flaps):
        return replace(before, state=AlertState.RESOLVED, resolved_at=now)
    return before


def _opened(finding: Finding, rule: Rule, now: datetime) -> Alert:
    firing = rule.pending <= timedelta(0)
    return Alert(
        key=finding.key,
        rule_id=rule.id,
        source=finding.source,
        kind=finding.kind,
        service=finding.service,
        environment=finding.environment,
        severity=rule.severity or finding.severity,
        state=AlertState.FIRING if firing else AlertState.PENDING,
        started_at=finding.started_at,
        pending_since=now,
        last_seen=now,
        title=finding.title,
        fired_at=now if firing else None,
        count=finding.count,
        value=finding.value,
        once=finding.once,
        detail=dict(finding.detail),
        mentions=finding.mentions,
        trace_ids=finding.trace_ids,
        score=finding.score,
    )


def _seen(alert: Alert, finding: Finding, rule: Rule, now: datetime) -> Alert:
    worse = max(alert.severity, rule.severity or finding.severity, key=lambda s: s.rank)
    return replace(
        alert,
        severity=worse,
        last_seen=now,
        clear_since=None,
        count=max(alert.count, finding.count),
        value=finding.value,
        title=finding.title,
        detail=dict(finding.detail),
        mentions=finding.mentions,
        trace_ids=finding.trace_ids,
        score=max(alert.score, finding.score),
    )
