"""From entries to windows, models and anomalies: the schedule, a run by hand and a second run write the same rows."""

import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from luffy_dagster import store
from luffy_dagster.flows import process_service, rebuild_day
from luffy_dagster.flows.judging import judge_day
from luffy_dagster.flows.feedback import propose
from luffy_dagster.flows.models import data_until
from luffy_dagster_tests.flows.support import Doc, line

NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)  # a Tuesday
_DROP = ("batch",)


def _docs(start, end, *, per_minute=5.0, seed=1, slow=None, broken=None):
    """Documents of a calm service; `broken` and `slow` are (from, to) of an outage and of a slowdown."""
    dice = random.Random(seed)
    docs, at = [], start
    while at < end:
        at += timedelta(seconds=dice.expovariate(per_minute / 60))
        ms = dice.lognormvariate(3.6, 0.4) * (8 if slow and slow[0] <= at < slow[1] else 1)
        kind = dice.random()
        if broken and broken[0] <= at < broken[1] and dice.random() < 0.5:
            body = line(at, "ERROR", f"stock refused order {dice.randrange(1000)}: no answer")
        elif kind < 0.6:
            body = line(at, "INFO", f"order {dice.randrange(1000)} served in {int(ms)} ms")
        elif kind < 0.95:
            body = line(at, "INFO", f"cart {dice.randrange(1000)} shown")
        else:
            body = line(at, "WARNING", f"slow disk on volume {dice.randrange(9)}")
        docs.append(Doc(f"d{seed}-{len(docs):07d}", at, body, "app", seq=len(docs)))
    return docs


def _windows(world, slug="web"):
    rows = world.lake.scan("windows", slug).collect().drop(_DROP)
    return rows.sort("event_time", "environment", "feature", "key").to_dicts()


def _anomalies(world, slug="web"):
    with store.begin(world.engine) as conn:
        return [row.anomaly for row in store.anomalies.list_anomalies(conn, slug)]


@pytest.fixture
def broken(world):
    """A service with three days of history and an outage in the last hour."""
    world.clock = NOW
    source, server = world.service()
    world.service("stock")
    outage = (NOW - timedelta(minutes=40), NOW - timedelta(minutes=20))
    server.add(*_docs(NOW - timedelta(days=3), NOW, broken=outage))
    with store.begin(world.engine) as conn:
        conn.exec_driver_sql("update log_source set watermark = %s", (NOW - timedelta(days=3),))
    result = process_service(world.ctx, "web")
    assert result.ok, result.error
    assert result.detect.error is None, result.detect.error
    return world, server, outage, result


def test_an_outage_is_written_down_with_its_reasons_and_lines_and_comes_out_the_same_again(broken):
    world, server, outage, result = broken
    (found,) = _anomalies(world)
    assert outage[0] <= found.fired_at <= outage[0] + timedelta(minutes=5)
    assert found.ended_at is not None
    assert dict(found.mentions)["stock"] >= 2
    assert found.model_version.endswith("20261124T0000")  # ends before the day it judged
    entries = world.entries().filter(pl.col("entry_id").is_in(found.entry_ids))
    assert entries.height == len(found.entry_ids) > 0
    assert entries["message"].str.contains("stock refused").all()
    assert result.detect.new == 1
    assert result.detect.per_day[NOW.date()].score
    windows, rows = _windows(world), _anomalies(world)
    assert sum(r["count"] for r in windows if r["feature"] == "level") == world.entries().height
    again = rebuild_day(world.ctx, "web", NOW.date())
    assert again.detect.error is None, again.detect.error
    assert _windows(world) == windows
    assert _anomalies(world) == rows
    # in small steps, as the schedule does it
    world.later(minutes=5)
    server.add(*_docs(NOW, world.clock, seed=2))
    process_service(world.ctx, "web")
    assert _anomalies(world) == rows
    assert len(_windows(world)) > len(windows)


def test_feedback_leads_to_a_proposal_that_a_person_puts_in_force(broken):
    world, *_ = broken
    (found,) = _anomalies(world)
    assert propose(world.ctx, "web", actor="luffy") is None
    with store.begin(world.engine) as conn:
        store.anomalies.give_feedback(conn, "web", found.anomaly_id, "noise", actor="eve", reason="a drill", now=NOW)
    row = propose(world.ctx, "web", actor="luffy", days=1)
    assert row.state == "proposed"
    assert row.backtest["noise_silenced"] == 1
    assert row.backtest["useful_lost"] == 0
    assert [a.anomaly_id for a in _anomalies(world)] == [found.anomaly_id]  # nothing has changed yet
    with store.begin(world.engine) as conn:
        store.detectors.decide(conn, "web", row.version, activate=True, actor="eve", now=NOW)
    rebuild_day(world.ctx, "web", NOW.date())
    assert _anomalies(world) == []


def test_a_model_that_was_rolled_back_judges_no_more(broken):
    world, *_ = broken
    judged, _ = judge_day(world.ctx, "web", NOW.date(), until=NOW, now=NOW)
    used = judged[0].model.version
    with store.begin(world.engine) as conn:
        store.detectors.roll_back(conn, "web", "", used, actor="eve", reason="bad data", now=NOW)
    judged, _ = judge_day(world.ctx, "web", NOW.date(), until=NOW, now=NOW)
    assert [each.model.version for each in judged] != [used]


def test_judging_again_fits_nothing_and_old_models_go(broken, monkeypatch):
    from luffy_dagster.core.anomalies import forest
    from luffy_dagster.flows import retain
    from luffy_dagster.flows.models import fit_week

    world = broken[0]

    def never(_points):
        raise AssertionError("a tick fits nothing: the model is there")

    before = _anomalies(world)
    assert before
    with monkeypatch.context() as patched:
        patched.setattr(forest, "fit_outliers", never)
        patched.setattr("luffy_dagster.core.anomalies.fit.fit_outliers", never)
        rebuild_day(world.ctx, "web", NOW.date(), refetch=False)
    assert _anomalies(world) == before
    with store.begin(world.engine) as conn:
        held = store.detectors.models(conn, "web")
    assert retain(world.ctx, "web").removed["models"] == 0
    world.later(days=8)
    fit_week(world.ctx, "web", world.clock.date() - timedelta(days=world.clock.weekday()))
    world.later(days=66)
    world.settings = world.settings.model_copy(update={"retention_entries_days": 400})
    assert retain(world.ctx, "web").removed["models"] == len(held)
    with store.begin(world.engine) as conn:
        (left,) = store.detectors.models(conn, "web")
    assert left.data_until > held[0].data_until
    files = [path.name for path in (world.settings.home.parent / "lake" / "models").rglob("*.npz")] or None
    assert files in (None, [left.path.rpartition("/")[2]])


def test_silence_is_noticed_though_nothing_new_came_and_a_late_fetch_is_no_silence(broken):
    world, *_ = broken
    before = len(_anomalies(world))
    world.later(minutes=20)
    result = process_service(world.ctx, "web")
    silent = [a for a in _anomalies(world) if a.kind in ("silence", "volume_drop")]
    assert len(silent) == 1
    assert silent[0].ended_at is None
    assert len(_anomalies(world)) == before + 1
    for server in world.servers.values():
        server.down = True
    world.later(minutes=60)
    process_service(world.ctx, "web")
    assert len(_anomalies(world)) == before + 1


def test_a_service_with_little_history_learns(world):
    world.clock = NOW
    _, server = world.service()
    server.add(*_docs(NOW - timedelta(hours=6), NOW, broken=(NOW - timedelta(minutes=30), NOW)))
    result = process_service(world.ctx, "web")
    assert result.detect.error is None
    assert _anomalies(world) == []
    assert "learning" in result.detect.per_day[NOW.date()].missing


def test_which_model_judges_a_day_follows_from_the_day_alone():
    day = NOW.date()
    assert data_until(day, day - timedelta(days=3)) == day
    assert data_until(day, day - timedelta(days=8)) == day - timedelta(days=1)  # Monday
    assert data_until(day + timedelta(days=4), day - timedelta(days=8)) == day - timedelta(days=1)
    assert data_until(day, None) == day
