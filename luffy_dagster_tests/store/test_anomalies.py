from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from luffy_dagster import store
from luffy_dagster.core.anomalies.model import Anomaly, DetectorSettings, Feature, Kind, Suppression
from luffy_dagster.core.model import Severity
from luffy_dagster.store.detectors import ModelRow

T = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = date(2026, 11, 20)


def _anomaly(minutes=0, **changes):
    at = T + timedelta(minutes=minutes)
    base = Anomaly(
        service="pay",
        environment="",
        started_at=at - timedelta(minutes=2),
        fired_at=at,
        ended_at=at + timedelta(minutes=8),
        kind=Kind.ERRORS,
        score=1.5,
        severity=Severity.HIGH,
        features=(Feature("errors", 0.2, 7.0, "lines/min", 9.0, 6.0, 300, "rate-2026-11", "t1", "no <*>"),),
        template_id="t1",
        description="35 errors in 5 min, 1 expected",
        entry_ids=("e1", "e2"),
        detectors=("rate-2026-11",),
        model_version="m1",
        mentions=(("stock", 12),),
        trace_ids=("a", "b"),
    )
    return replace(base, **changes)


@pytest.fixture
def pay(conn):
    store.services.create(conn, {"id": "pay", "name": "pay"}, actor="test", now=T)
    return "pay"


def test_an_anomaly_comes_back_as_it_was_put(conn, pay):
    assert store.anomalies.replace_days(conn, pay, [DAY], [_anomaly()], now=T) == 1
    (row,) = store.anomalies.list_anomalies(conn, pay)
    assert row.anomaly == _anomaly()
    assert store.anomalies.get(conn, row.id[:6]).id == row.id


def test_scoring_a_day_anew_replaces_its_rows_keeps_ids_and_feedback(conn, pay):
    first, gone = _anomaly(), _anomaly(60)
    store.anomalies.replace_days(conn, pay, [DAY], [first, gone], now=T)
    store.anomalies.give_feedback(conn, pay, first.anomaly_id, "noise", actor="eve", reason="a test", now=T)
    later = T + timedelta(hours=1)
    store.anomalies.replace_days(conn, pay, [DAY], [replace(first, score=2.0)], now=later)
    (row,) = store.anomalies.list_anomalies(conn, pay)
    assert (row.id, row.anomaly.score, row.verdict) == (first.anomaly_id, 2.0, "noise")
    assert row.created_at == T and row.updated_at == later
    store.anomalies.replace_days(conn, pay, [DAY], [replace(first, score=2.0)], now=later + timedelta(hours=1))
    assert store.anomalies.list_anomalies(conn, pay)[0].updated_at == later  # nothing changed: not touched
    store.anomalies.replace_days(conn, pay, [DAY], [], now=later)
    assert store.anomalies.list_anomalies(conn, pay) == []
    assert [f.verdict for f in store.anomalies.feedback(conn, pay)] == ["noise"]


def test_one_open_at_midnight_is_ended_by_the_next_day_and_none_is_added_to_another_day(conn, pay):
    late = _anomaly(11 * 60 + 55, ended_at=None)
    store.anomalies.replace_days(conn, pay, [DAY], [late], now=T)
    assert len(store.anomalies.list_anomalies(conn, pay, open_only=True)) == 1
    ended, foreign = replace(late, ended_at=late.fired_at + timedelta(minutes=20)), _anomaly(-60 * 20)
    store.anomalies.replace_days(conn, pay, [DAY + timedelta(days=1)], [ended, foreign], now=T)
    rows = store.anomalies.list_anomalies(conn, pay)
    assert [r.anomaly.ended_at for r in rows] == [ended.ended_at]
    assert store.anomalies.list_anomalies(conn, pay, open_only=True) == []


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"start": T + timedelta(minutes=45)},
        {"end": T + timedelta(minutes=45)},
        {"kinds": ["latency", "errors"]},
        {"least": Severity.HIGH},
        {"open_only": True},
        {"environment": "live"},
    ],
    ids=str,
)
def test_a_summary_counts_what_the_list_gives(conn, pay, asked):
    store.services.create(conn, {"id": "web", "name": "web"}, actor="test", now=T)
    of_pay = [_anomaly(), _anomaly(30, severity=Severity.LOW), _anomaly(60, kind=Kind.LATENCY, ended_at=None, score=3.0)]
    of_web = [_anomaly(90, service="web", environment="live", severity=Severity.CRITICAL)]
    store.anomalies.replace_days(conn, pay, [DAY], of_pay, now=T)
    store.anomalies.replace_days(conn, "web", [DAY], of_web, now=T)
    for verdict in ("noise", "useful"):  # the latest counts
        store.anomalies.give_feedback(conn, pay, of_pay[0].anomaly_id, verdict, actor="eve", reason=None, now=T)
    listed = store.anomalies.list_anomalies(conn, None, **asked)
    for tally in store.anomalies.summary(conn, None, **asked):
        own = [row for row in listed if row.anomaly.service == tally.service_id]
        assert (tally.total, tally.open) == (len(own), sum(row.anomaly.ended_at is None for row in own))
        assert tally.strongest == max(row.anomaly.score for row in own)
        assert tally.kinds == Counter(str(row.anomaly.kind) for row in own)
        assert tally.severities == Counter(str(row.anomaly.severity) for row in own)
        assert tally.verdicts == Counter(row.verdict for row in own if row.verdict)
        listed = [row for row in listed if row not in own]
    assert listed == []


def test_feedback_of_an_unknown_verdict_is_refused(conn, pay):
    store.anomalies.replace_days(conn, pay, [DAY], [_anomaly()], now=T)
    with pytest.raises(store.errors.InvalidError, match="neither useful nor noise"):
        store.anomalies.give_feedback(conn, pay, _anomaly().anomaly_id, "meh", actor="eve", reason=None, now=T)
    with pytest.raises(store.errors.NotFoundError):
        store.anomalies.give_feedback(conn, pay, "ffff", "noise", actor="eve", reason=None, now=T)


def test_a_proposal_changes_nothing_until_it_is_activated_and_can_be_taken_back(conn, pay):
    setting = DetectorSettings(sensitivity=1.4, suppressions=(Suppression("errors", absolute=3, direction="above"),))
    row = store.detectors.propose(conn, pay, setting, reason="noise", backtest={"lost": 0}, actor="luffy", now=T)
    assert store.detectors.active_setting(conn, pay) == DetectorSettings()
    store.detectors.decide(conn, pay, row.version, activate=True, actor="eve", now=T)
    assert store.detectors.active_setting(conn, pay) == replace(setting, version=1)
    second = store.detectors.propose(conn, pay, DetectorSettings(), reason=None, backtest={}, actor="luffy", now=T)
    store.detectors.decide(conn, pay, second.version, activate=True, actor="eve", now=T)
    assert store.detectors.active_setting(conn, pay).version == 2
    store.detectors.decide(conn, pay, 1, activate=True, actor="eve", now=T)
    assert [r.state for r in store.detectors.settings(conn, pay)] == ["retired", "active"]
    with pytest.raises(store.errors.InvalidError, match="only a proposal"):
        store.detectors.decide(conn, pay, 2, activate=False, actor="eve", now=T)


def test_a_day_is_scored_by_the_newest_fit_that_ends_before_it_and_was_not_rolled_back(conn, pay):
    for days in (14, 7, 0):
        until = T - timedelta(days=days)
        model = ModelRow(pay, f"m{days}", "", "m-2026-11", until, f"pay/m{days}", "00")
        store.detectors.put_model(conn, model, now=T)
    at = T - timedelta(hours=1)
    assert store.detectors.model_for(conn, pay, "", at).version == "m7"
    now_used = store.detectors.roll_back(conn, pay, "", "m0", actor="eve", reason="cries wolf", now=T)
    assert now_used.version == "m7"
    assert store.detectors.model_for(conn, pay, "", T - timedelta(days=20)) is None
    with pytest.raises(store.errors.NotFoundError):
        store.detectors.roll_back(conn, pay, "", "m0", actor="eve", reason=None, now=T)
