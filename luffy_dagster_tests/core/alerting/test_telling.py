"""When messages are due: on a clock set by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from luffy_dagster.core.alerting.retry import next_attempt
from luffy_dagster.core.alerting.telling import Policy, Standing, Told, decide, next_batch
from luffy_dagster.core.model import Severity as S

NOW = datetime(2026, 11, 24, 12, 2, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POLICY = Policy()


def standing(severity=S.HIGH, *, firing=True, since=NOW, root="pay", services=("pay",), **more):
    return Standing(firing, severity, since, since + 5 * MINUTE, root, frozenset(services), **more)


def told(messages=1, at=NOW, severity=S.HIGH, root="pay", services=("pay",), **more):
    return Told(messages, at, severity, root, frozenset(services), **more)


def due(now_, before=None, **delta):
    found = decide(now_, before, POLICY, NOW + timedelta(**delta))
    return None if found is None else (found.kind, found.urgent)


def test_critical_at_once_others_with_their_batch():
    assert due(standing(S.CRITICAL, root=None)) == ("first", True)
    assert due(standing(), minutes=2) is None
    assert due(standing(), minutes=2, seconds=30) == ("first", False)  # 12:05:00
    assert next_batch(NOW, POLICY.batch) == datetime(2026, 11, 24, 12, 5, tzinfo=UTC)
    assert next_batch(datetime(2026, 11, 24, 12, 5, tzinfo=UTC), POLICY.batch).minute == 5


def test_the_first_message_waits_for_the_root():
    assert due(standing(root=None), minutes=4) is None
    assert due(standing(root=None), minutes=5) == ("first", False)


def test_what_is_over_before_anybody_knew_is_not_told():
    assert due(standing(firing=False), hours=1) is None


def test_news_waits_for_the_cooldown_which_doubles():
    joined = standing(services=("pay", "web"))
    assert due(joined, told(), minutes=14) is None
    assert due(joined, told(), minutes=15) == ("update", False)
    assert due(joined, told(messages=2), minutes=29) is None
    assert due(joined, told(messages=2), minutes=30) == ("update", False)
    assert due(standing(S.CRITICAL), told()) == ("update", True), "becoming critical waits for nothing"
    grave = standing(grave=frozenset({"a", "b"}))
    assert "1 more: b" in decide(grave, told(grave=frozenset({"a"})), POLICY, NOW + 15 * MINUTE).why[0]


def test_repeats_are_rarer_and_rarer_and_stop_while_somebody_has_it():
    assert due(standing(), told(), hours=3, minutes=59) is None
    assert due(standing(), told(), hours=4) == ("repeat", False)
    assert due(standing(), told(messages=3), hours=4) is None
    assert due(standing(), told(messages=3), hours=8) == ("repeat", False)
    taken = standing(acknowledged=True)
    assert due(taken, told(), hours=40) is None
    assert due(replace(taken, severity=S.CRITICAL), told()) == ("update", True)


def test_the_end_is_told_once():
    over = standing(firing=False)
    assert due(over, told()) == ("resolved", False)
    assert due(over, told(messages=2, resolved=True), hours=30) is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(list(S)), st.sampled_from(["pay", "web", "db"])), min_size=300, max_size=300))
def test_whatever_an_incident_does_its_messages_are_bounded(steps):
    """One look a minute for five hours at an input that changes at will."""
    before, count = None, 0
    for minute, (firing, severity, service) in enumerate(steps):
        now = NOW + minute * MINUTE
        state = standing(severity, firing=firing, since=NOW, services=("pay", service))
        found = decide(state, before, POLICY, now)
        if found is None:
            continue
        count += 1
        worst = max([severity, *([before.severity] if before and not before.resolved else [])], key=lambda s: s.rank)
        known = {"pay", service} | (before.services if before else set())
        before = Told(count, now, worst, "pay", frozenset(known), resolved=found.kind == "resolved")
    assert count <= 15


def test_attempts_are_rarer_and_end():
    give_up = timedelta(hours=24)
    pauses = [(next_attempt(n, NOW, NOW, asked=None, give_up_after=give_up) - NOW).total_seconds() for n in range(1, 7)]
    assert pauses == [10, 30, 90, 270, 300, 300]
    assert next_attempt(1, NOW, NOW, asked=timedelta(seconds=77), give_up_after=give_up) == NOW + timedelta(seconds=77)
    assert next_attempt(1, NOW, NOW, asked=timedelta(days=9), give_up_after=give_up) == NOW + timedelta(hours=1)
    assert next_attempt(9, NOW - timedelta(hours=24), NOW, asked=None, give_up_after=give_up) is None
