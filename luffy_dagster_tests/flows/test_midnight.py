"""What goes on over midnight is one anomaly, however the days come to be judged: in ticks, at once, again, late, after a kill."""

import sys
from datetime import UTC, date, datetime, timedelta

import pytest

from luffy_dagster import store
from luffy_dagster.flows import process_service, rebuild_day
from luffy_dagster_tests.flows.support import Doc, line
from luffy_dagster_tests.flows.test_detect import _anomalies, _docs

MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
BROKEN = (MIDNIGHT - timedelta(minutes=25), MIDNIGHT + timedelta(minutes=35))
END = MIDNIGHT + timedelta(minutes=70)
FIRST, SECOND = date(2026, 11, 23), date(2026, 11, 24)


@pytest.fixture
def service(world):
    """A service with three days of history that breaks before midnight and works again after it; nothing is read yet."""
    world.clock = MIDNIGHT - timedelta(minutes=30)
    _, server = world.service()
    server.add(*_docs(MIDNIGHT - timedelta(days=3), END, broken=BROKEN))
    with store.begin(world.engine) as conn:
        conn.exec_driver_sql("update log_source set watermark = %s", (MIDNIGHT - timedelta(days=3),))
    return world, server


def _run(world):
    result = process_service(world.ctx, "web")
    assert result.ok, result.error
    return result


def _at_once(world):
    world.clock = END
    _run(world)
    return _anomalies(world)


def test_by_ticks_it_is_one_anomaly_with_one_id_that_ends(service):
    world, _ = service
    fresh, seen = 0, set()
    while world.clock <= END:
        result = _run(world)
        assert result.detect.error is None, result.detect.error
        fresh += result.detect.new
        seen |= {a.anomaly_id for a in _anomalies(world)}
        if MIDNIGHT < world.clock < BROKEN[1]:
            (found,) = _anomalies(world)
            assert found.ended_at is None
        world.later(minutes=5)
    (found,) = _anomalies(world)
    assert found.fired_at.date() == FIRST
    assert BROKEN[1] <= found.ended_at <= BROKEN[1] + timedelta(minutes=20)
    assert fresh == 1
    assert seen == {found.anomaly_id}, "told under one id from the first tick to the last"
    world.clock = END
    for days in ((FIRST,), (SECOND,), (SECOND, FIRST), (FIRST, SECOND)):
        for day in days:
            assert rebuild_day(world.ctx, "web", day).detect.new == 0
            assert _anomalies(world) == [found]


def test_at_once_and_again_in_any_order(service):
    world, _ = service
    (found,) = _at_once(world)
    assert found.fired_at.date() == FIRST
    assert BROKEN[1] <= found.ended_at <= BROKEN[1] + timedelta(minutes=20)
    for day in (SECOND, FIRST, SECOND):
        rebuild_day(world.ctx, "web", day, refetch=False)
        assert _anomalies(world) == [found]


def test_a_kill_between_windows_and_anomalies_changes_nothing(service, monkeypatch):
    world, _ = service

    def killed(*_args, **_named):
        raise RuntimeError("killed")

    number = 0
    while world.clock <= END:
        with monkeypatch.context() as patched:
            if number % 3:  # two of three ticks make the windows and get no further
                patched.setattr(sys.modules["luffy_dagster.flows.detect"], "judge_day" if number % 3 == 1 else "state_of", killed)
            result = _run(world)
            assert (result.detect.error is not None) == bool(number % 3)
        world.later(minutes=5)
        number += 1
    world.clock = END
    _run(world)
    ticked = _anomalies(world)
    rebuild_day(world.ctx, "web", SECOND)
    rebuild_day(world.ctx, "web", FIRST)
    assert _anomalies(world) == ticked
    assert [a.ended_at is not None for a in ticked] == [True]


def test_late_rows_of_the_first_day_count_as_if_they_had_been_in_time(service):
    world, server = service
    late = [
        Doc(f"late-{i}", BROKEN[0] - timedelta(minutes=6) + timedelta(seconds=9 * i), "", "worker", seq=i) for i in range(60)
    ]
    for doc in late:
        doc.body = line(doc.at, "ERROR", f"stock refused order {doc.seq}: no answer")
    while world.clock <= MIDNIGHT + timedelta(minutes=5):
        _run(world)
        world.later(minutes=5)
    early = [a.anomaly_id for a in _anomalies(world)]
    server.add(*late)
    rebuild_day(world.ctx, "web", FIRST, refetch=True)
    (found,) = _anomalies(world)
    assert found.ended_at is None
    assert [found.anomaly_id] != early, "the late rows show the first sign sooner"
    while world.clock <= END:
        _run(world)
        world.later(minutes=5)
    world.clock = END
    ticked = _anomalies(world)
    assert [(a.anomaly_id, a.ended_at is not None) for a in ticked] == [(found.anomaly_id, True)]
    rebuild_day(world.ctx, "web", SECOND)
    assert _anomalies(world) == ticked


@pytest.mark.parametrize("silent", [MIDNIGHT - timedelta(minutes=20), MIDNIGHT - timedelta(minutes=1)])
def test_silence_over_midnight_is_one_anomaly(world, silent):
    world.clock = MIDNIGHT - timedelta(minutes=30)
    _, server = world.service()
    server.add(*_docs(MIDNIGHT - timedelta(days=3), silent))
    with store.begin(world.engine) as conn:
        conn.exec_driver_sql("update log_source set watermark = %s", (MIDNIGHT - timedelta(days=3),))
    while world.clock <= MIDNIGHT + timedelta(minutes=30):
        _run(world)
        world.later(minutes=5)
    (found,) = _anomalies(world)
    assert found.kind in ("silence", "volume_drop")
    assert found.ended_at is None
    back = world.clock
    server.add(*_docs(back, back + timedelta(minutes=40), seed=2))
    while world.clock <= back + timedelta(minutes=40):
        _run(world)
        world.later(minutes=5)
    (found,) = _anomalies(world)
    assert back <= found.ended_at <= back + timedelta(minutes=30)
