"""Alerts on a clock set by hand: pending, firing, resolved; hysteresis; few messages from a flapping input."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from luffy_dagster.core.alerting.judge import hold, judge
from luffy_dagster.core.alerting.model import DEFAULT_RULES, AlertState, Finding, Rule, Source
from luffy_dagster.core.model import Severity

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULE = Rule("r", Source.COUNT, pending=3 * MINUTE, resolve_after=10 * MINUTE)


def finding(key="k", severity=Severity.MEDIUM, **more):
    fields = {"source": Source.COUNT, "kind": "above", "service": "web", "started_at": NOW, "title": "errors"}
    return Finding(key, severity=severity, **{**fields, **more})


class Bench:
    """Keeps alerts as the store does, and the words of what happened."""

    def __init__(self, *rules):
        self.rules, self.alerts, self.events, self.number = rules or (RULE,), {}, [], 0

    def look(self, now, *findings):
        for change in judge(self.rules, findings, self.alerts, now):
            key = (change.after or change.before).key
            if change.event:
                self.events.append((change.event, int((now - NOW).total_seconds() // 60)))
            if change.after is None:
                del self.alerts[key]
            else:
                self.number += change.before is None
                self.alerts[key] = replace(change.after, id=change.after.id or self.number)
        return self.alerts.get("k")

    def words(self):
        return [word for word, _ in self.events]


def test_pending_then_firing_then_resolved():
    bench = Bench()
    for minute in range(40):
        bench.look(NOW + minute * MINUTE, *([finding()] if minute < 10 else []))
    assert bench.events == [("pending", 0), ("firing", 3), ("resolved", 20)]
    assert bench.alerts["k"].fired_at == NOW + 3 * MINUTE


def test_what_lasts_shorter_than_pending_never_fires():
    bench = Bench()
    for minute in (0, 1, 2):
        bench.look(NOW + minute * MINUTE, finding())
    assert bench.look(NOW + 3 * MINUTE) is None
    assert bench.words() == ["pending", "dropped"]


def test_a_gap_shorter_than_the_hold_resolves_nothing():
    bench = Bench()
    for minute in range(60):
        bench.look(NOW + minute * MINUTE, *([finding()] if minute % 9 < 4 or minute < 5 else []))
    assert bench.words() == ["pending", "firing"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=200, max_size=600))
def test_a_flapping_input_makes_few_changes(pattern):
    """Whatever comes: between two endings lies at least the hold, which doubles each time, so a day has a handful."""
    bench = Bench(replace(RULE, pending=timedelta(0)))
    for minute, there in enumerate(pattern):
        bench.look(NOW + minute * MINUTE, *([finding()] if there else []))
    ends = [at for word, at in bench.events if word == "resolved"]
    for number, at in enumerate(ends):
        assert at - (ends[number - 1] if number else 0) >= hold(RULE, number).total_seconds() / 60
    assert len(bench.events) <= 12, "firing or reopened, and resolved: at most six rounds in ten hours"
    if bench.alerts:
        assert bench.number == 1, "it stays one alert"


def test_one_event_is_told_once_for_all():
    bench = Bench(Rule("c", Source.CLUSTER))
    new = finding(source=Source.CLUSTER, kind="new", once=True)
    bench.look(NOW, new)
    for minute in range(1, 30):
        bench.look(NOW + minute * MINUTE)
    assert bench.look(NOW + 3 * 60 * MINUTE, new).state is AlertState.RESOLVED
    assert bench.look(NOW + timedelta(days=30), new).state is AlertState.RESOLVED
    assert bench.words() == ["firing", "resolved"]


def test_a_condition_that_returns_after_days_is_another_alert():
    bench = Bench(replace(RULE, pending=timedelta(0)))
    bench.look(NOW, finding())
    bench.look(NOW + MINUTE)
    first = bench.look(NOW + 30 * MINUTE)
    again = bench.look(NOW + timedelta(days=3), finding())
    assert first.state is AlertState.RESOLVED
    assert (again.state, again.flaps, again.fired_at) == (AlertState.FIRING, 0, NOW + timedelta(days=3))
    assert again.id != first.id


def test_ten_thousand_equal_findings_are_one_alert_with_the_count():
    bench = Bench(replace(RULE, pending=timedelta(0)))
    alert = bench.look(NOW, *[finding(severity=Severity.HIGH if n == 500 else Severity.LOW) for n in range(10_000)])
    assert (alert.count, alert.severity, len(bench.alerts)) == (10_000, Severity.HIGH, 1)


def test_severity_rises_and_does_not_fall_while_it_fires():
    bench = Bench(replace(RULE, pending=timedelta(0)))
    bench.look(NOW, finding(severity=Severity.HIGH))
    assert bench.look(NOW + MINUTE, finding(severity=Severity.LOW)).severity is Severity.HIGH
    assert bench.look(NOW + 2 * MINUTE, finding(severity=Severity.CRITICAL)).severity is Severity.CRITICAL
    assert bench.words() == ["firing", "severity"]


def test_a_persons_rule_stands_before_the_defaults():
    mute = Rule("quiet", Source.ANOMALY, service="web", least=Severity.CRITICAL)
    off = replace(next(r for r in DEFAULT_RULES if r.id == "anomaly"), enabled=False)
    anomaly = finding(source=Source.ANOMALY, kind="latency", severity=Severity.HIGH)
    assert Bench(*DEFAULT_RULES).look(NOW, anomaly).rule_id == "anomaly"
    assert Bench(mute, off).look(NOW, anomaly) is None
    worse = Rule("worse", Source.ANOMALY, severity=Severity.CRITICAL)
    assert Bench(worse, *DEFAULT_RULES).look(NOW, anomaly).severity is Severity.CRITICAL


def test_a_rule_that_is_gone_lets_its_alerts_end():
    bench = Bench(replace(RULE, pending=timedelta(0)))
    bench.look(NOW, finding())
    bench.rules = ()
    for minute in range(1, 15):
        alert = bench.look(NOW + minute * MINUTE, finding())
    assert alert.state is AlertState.RESOLVED
