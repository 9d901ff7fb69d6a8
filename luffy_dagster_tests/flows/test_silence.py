"""Alarms of silence over the real store; caps, doubt, and what late rows take back."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from luffy_dagster import store
from luffy_dagster.flows import judge_freshness, process_service, rebuild_day
from luffy_dagster.flows.facts import BUCKET
from luffy_dagster_tests.flows.support import NOW, Doc, line, minutes_of_logs, rows_of


def alarms(world):
    return [(one.service_id, one.kind) for one in judge_freshness(world.engine, world.clock)]


def test_a_stopped_source_is_told_within_two_intervals_and_cleared_when_it_is_back(world) -> None:
    _, server = world.service()  # every 30 minutes
    server.add(*minutes_of_logs(30, NOW - timedelta(minutes=10)))
    process_service(world.ctx, "web")
    assert alarms(world) == []
    server.down = True
    world.later(minutes=30)
    process_service(world.ctx, "web")
    assert alarms(world) == [("web", "failed")]
    world.later(minutes=30)
    assert alarms(world) == [("web", "failed"), ("web", "late")]
    server.down = False
    server.add(*minutes_of_logs(5, world.clock - timedelta(minutes=1), tag="back"))
    world.later(minutes=1)
    process_service(world.ctx, "web")
    assert alarms(world) == []


def test_a_source_that_falls_silent_and_one_that_never_started(world) -> None:
    _, server = world.service(log_fetch_interval_minutes=5)
    server.add(*minutes_of_logs(200, NOW - timedelta(minutes=4)))
    process_service(world.ctx, "web")
    world.service("idle")
    for _ in range(2):
        world.later(minutes=5)
        process_service(world.ctx, "web")
    assert alarms(world) == [("web", "empty")]
    world.later(minutes=60)
    process_service(world.ctx, "web")
    assert alarms(world) == [("web", "empty"), ("idle", "never_started")]
    with store.begin(world.engine) as conn:
        assert store.alarms.open_alarms(conn, "web")[0].times == 1  # one alarm, however often it is judged


def test_maintenance_clears_alarms_and_leaving_it_fetches_the_gap(world) -> None:
    _, server = world.service()
    server.add(*minutes_of_logs(20, NOW - timedelta(minutes=5)))
    process_service(world.ctx, "web")
    world.later(hours=3)
    assert ("web", "late") in alarms(world)
    with store.begin(world.engine) as conn:
        store.services.maintenance(conn, "web", True, actor="ann", now=world.clock, reason="moving")
    assert alarms(world) == []
    gap = minutes_of_logs(40, world.clock, tag="gap")
    server.add(*gap)
    world.later(hours=30)
    assert alarms(world) == []
    with store.begin(world.engine) as conn:
        assert not [row for row in store.schedule_rows(conn) if row.enabled]
        store.services.maintenance(conn, "web", False, actor="ann", now=world.clock)
    assert alarms(world) == []
    process_service(world.ctx, "web")
    assert world.raw().height == 60
    with store.begin(world.engine) as conn:
        moves = [(m.to_state, m.actor, m.reason) for m in store.services.history(conn, "web")][-2:]
        audited = [row.action for row in store.audit.list_audit(conn, "web", kind="service", limit=2)]
    assert moves == [("Maintenance", "ann", "moving"), ("Active", "ann", None)]
    assert audited == ["move", "move"]


def test_shapes_past_the_days_cap_go_to_one_counted_bucket(world, settings) -> None:
    world.settings = settings.model_copy(update={"shapes_per_day": 5})
    _, server = world.service()
    words = ["ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen"]
    at = NOW - timedelta(hours=1)
    server.add(*[Doc(f"d{n}", at + timedelta(seconds=n), line(at, "INFO", f"a {word} came {n}")) for n, word in enumerate(words)])
    process_service(world.ctx, "web", close=True)
    ids = world.entries().sort("entry_id").get_column("shape_id")
    assert ids.n_unique() == 6
    assert ids.to_list().count(BUCKET) == 3
    with store.begin(world.engine) as conn:
        counted = store.shapes.list_shapes(conn, "web")
        (alarm,) = store.alarms.open_alarms(conn, "web")
        templates = store.shapes.templates(conn, "web")
    assert counted.filter(pl.col("shape_id") == BUCKET).get_column("count").to_list() == [3]
    assert counted.get_column("count").sum() == 8
    assert alarm.kind == "shapes_capped"
    assert "3 entries of 3 more" in alarm.detail
    assert BUCKET in templates.get_column("shape_id").to_list()
    before = rows_of(world.entries())
    rebuild_day(world.ctx, "web", NOW.date())
    assert rows_of(world.entries()) == before
    world.later(hours=25)
    server.add(Doc("next", world.clock - timedelta(minutes=2), line(world.clock, "INFO", "an owl came 9")))
    process_service(world.ctx, "web", close=True)
    assert world.entries().filter(pl.col("shape_id") == BUCKET).height == 3  # another day has room again
    judge_freshness(world.engine, world.clock)
    with store.begin(world.engine) as conn:
        assert "shapes_capped" not in [one.kind for one in store.alarms.open_alarms(conn)]


def test_an_exception_that_a_late_row_changes_leaves_no_empty_cluster(world) -> None:
    _, server = world.service()
    at = NOW - timedelta(minutes=30)
    step = timedelta(milliseconds=1)
    trace = [
        line(at, "ERROR", "failed"),
        "Traceback (most recent call last):",
        '  File "/srv/app/orders.py", line 42, in place',
        "    total = price(items)",
        '  File "/srv/app/price.py", line 7, in price',
        "    return table[code]",
        "KeyError: 'a'",
    ]
    docs = [Doc(f"d{n}", at + n * step, text, seq=n) for n, text in enumerate(trace)]
    server.add(*[doc for doc in docs if doc.seq not in (4, 5)])  # the innermost frame comes late
    process_service(world.ctx, "web", close=True)
    first = set(world.exceptions().get_column("fingerprint"))
    server.add(docs[4], docs[5])
    world.later(minutes=5)
    process_service(world.ctx, "web", close=True)
    second = set(world.exceptions().get_column("fingerprint"))
    assert len(first) == len(second) == 1
    assert first != second
    with store.begin(world.engine) as conn:
        rows = store.clusters.list_clusters(conn, "web", now=world.clock)
        known = store.fingerprints.exemplars(conn, "web").get_column("fingerprint").to_list()
    assert [(row.count_total, row.fingerprints) for row in rows] == [(1, 1)]
    assert set(known) == second


def test_a_stream_whose_format_changes_is_read_by_a_profile_of_both(world) -> None:
    _, server = world.service()
    start = NOW - timedelta(hours=6)

    def spaced(count, begin, tag, body):
        return [Doc(f"{tag}{n:05d}", begin + n * timedelta(seconds=1), body(begin + n * timedelta(seconds=1), n), seq=n) for n in range(count)]

    server.add(*spaced(600, start, "a", lambda at, n: line(at, "INFO", f"request {n} took {n % 97} ms")))
    process_service(world.ctx, "web", close=True)
    other = lambda at, n: f"{at:%d/%b/%Y:%H:%M:%S} +0000 | warn | worker-{n % 3} | job {n} is late"  # noqa: E731
    world.later(minutes=1)
    server.add(*spaced(600, start + timedelta(hours=1), "b", other))
    process_service(world.ctx, "web", close=True)
    before = world.entries().filter(pl.col("level") == "warn").height
    world.later(minutes=1)
    server.add(*spaced(20, start + timedelta(hours=2), "c", other))
    process_service(world.ctx, "web", close=True)
    entries = world.entries()
    assert before < 100
    assert entries.filter(pl.col("level") == "warn").height == 620
    assert entries.filter(pl.col("level") == "info").height == 600
    with store.begin(world.engine) as conn:
        (state,) = store.cursors.stream_states(conn, "web").values()
        assert store.profiles.active(conn, "web", [state.stream])
    mine = rows_of(entries)
    rebuild_day(world.ctx, "web", NOW.date())
    assert rows_of(world.entries()) == mine
