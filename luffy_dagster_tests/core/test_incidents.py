import random
from datetime import UTC, datetime, timedelta

from luffy_dagster.core.incidents import ServiceGraph, Signal, correlate
from luffy_dagster.core.model import Severity
from luffy_dagster_tests.growth import assert_near_linear

T = datetime(2026, 11, 20, 12, tzinfo=UTC)
CHAIN = ServiceGraph({"edge": ["orders"], "orders": ["stock"], "stock": []})


def _signal(service, minutes, *, fired=None, ended=None, severity=Severity.HIGH, **more):
    at = T + timedelta(minutes=minutes)
    end = None if ended is None else T + timedelta(minutes=ended)
    fired_at = T + timedelta(minutes=minutes + 1 if fired is None else fired)
    return Signal(f"anomaly:{service}{minutes}", service, "", at, fired_at, end, severity, **more)


def _later(minutes=60):
    return T + timedelta(minutes=minutes)


def test_the_end_of_the_chain_of_blame_is_the_root_even_when_it_alerted_last():
    signals = [
        _signal("edge", 2, mentions=(("orders", 20),)),
        _signal("orders", 1, mentions=(("stock", 14),)),
        _signal("stock", 0, fired=6),
    ]
    for _ in range(5):
        random.shuffle(signals)
        (incident,) = correlate(signals, ServiceGraph(), _later())
        assert incident.root_service == "stock"
        assert incident.confidence >= 0.9
        assert incident.services == ("edge", "orders", "stock")
        assert [m.service for m in incident.members if m.role == "root"] == ["stock"]
        assert sum(not m.suppressed for m in incident.members) == 1  # one cause, one message
        assert any("orders names stock in 14" in reason for reason in incident.reasons)


def test_the_root_is_declared_five_minutes_after_the_first_alert_and_not_before():
    signals = [_signal("orders", 1, mentions=(("stock", 14),)), _signal("stock", 0)]
    early = correlate(signals, CHAIN, _later(5))[0]
    assert early.root_service is None
    assert correlate(signals, CHAIN, early.declare_at)[0].root_service == "stock"


def test_shared_traces_or_the_graph_join_and_the_graph_names_the_root():
    traced = [_signal("edge", 0, trace_ids=("a", "b", "c")), _signal("stock", 1, trace_ids=("b", "c"))]
    assert len(correlate(traced, ServiceGraph(), _later())) == 1
    by_graph = [_signal("orders", 0), _signal("stock", 2)]
    (incident,) = correlate(by_graph, CHAIN, _later())
    assert incident.root_service == "stock"
    assert incident.confidence < 0.9


def test_two_that_only_happen_at_the_same_time_stay_two():
    assert len(correlate([_signal("edge", 0), _signal("mailer", 0)], CHAIN, _later())) == 2
    assert len(correlate([_signal("edge", 0), _signal("orders", 40)], CHAIN, _later())) == 2
    once = [_signal("edge", 0, mentions=(("orders", 1),)), _signal("orders", 0)]
    assert len(correlate(once, ServiceGraph(), _later())) == 2  # one line naming another is chance


def test_what_joins_later_leaves_the_incidents_id_and_what_is_not_fired_yet_is_not_seen():
    first = [_signal("orders", 0)]
    more = [*first, _signal("stock", 2), _signal("orders", 30, ended=40)]
    before = correlate(first, CHAIN, _later(2))[0]
    after = correlate(more, CHAIN, _later(10))[0]
    assert before.incident_id == after.incident_id
    assert len(after.members) == 2
    assert after.ended_at is None


def test_blame_in_a_circle_ends_with_the_one_that_began():
    signals = [_signal("a", 3, mentions=(("b", 5),)), _signal("b", 0, mentions=(("a", 5),))]
    assert correlate(signals, ServiceGraph(), _later())[0].root_service == "b"


def test_environments_are_never_mixed():
    one, other = _signal("orders", 0), _signal("stock", 0)
    other = Signal(**{**{f: getattr(other, f) for f in Signal.__slots__}, "environment": "staging"})
    assert len(correlate([one, other], CHAIN, _later())) == 2


def test_what_was_together_stays_together_when_its_link_is_gone():
    signals = [_signal("orders", 0), _signal("stock", 40)]
    assert len(correlate(signals, ServiceGraph(), _later(120))) == 2
    homes = {one.id: "i1" for one in signals}
    (incident,) = correlate(signals, ServiceGraph(), _later(120), homes=homes)
    assert incident.services == ("orders", "stock")
    assert {m.reason for m in incident.members} == {"was part of it before"}
    assert len(correlate(signals, ServiceGraph(), _later(120), homes={signals[0].id: "i1", signals[1].id: "i2"})) == 2


def test_thousands_of_alerts_at_once_are_not_squared():
    def storm(number):
        return [_signal(f"s{n % (number // 4)}", n / 1000, fired=n / 1000) for n in range(number)]

    assert_near_linear(lambda signals: correlate(signals, CHAIN, _later(20)), storm, 4_000)
    assert len(correlate(storm(400), CHAIN, _later(20))) == 100, "a service's alerts of one time are one incident"


def test_alerts_of_a_service_that_follow_each_other_hang_together_by_their_neighbours():
    chain = [_signal("web", 9 * n, ended=9 * n + 1) for n in range(6)]
    (incident,) = correlate(chain, ServiceGraph(), _later(120))
    assert len(incident.members) == 6
    late = _signal("web", 90, ended=91)
    assert len(correlate([*chain, late], ServiceGraph(), _later(120))) == 2
