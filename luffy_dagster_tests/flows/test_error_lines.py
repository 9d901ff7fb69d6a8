"""Errors that are only a line are grouped like exceptions: by the template of their message, by rule and by hand."""

from __future__ import annotations

from datetime import timedelta

from luffy_dagster import store
from luffy_dagster.flows import process_service, rebuild_day
from luffy_dagster_tests.flows.support import NOW, Doc, World

START = NOW - timedelta(hours=2)
SAID = [f"connection refused to 10.0.0.{i}:5432" for i in range(8)]
SAID += ["Payment provider Started", "Payment provider Paused"]


def grown(world: World) -> dict[str, int]:
    """Fetches the lines one by one, so that later ones meet clusters that exist; title -> count."""
    _, server = world.service()
    for number, text in enumerate(SAID):
        at = START + timedelta(minutes=number)
        level = "FATAL" if number % 2 else "ERROR"
        server.add(Doc(f"d{number}", at, f"{at:%Y-%m-%d %H:%M:%S},000 {level} db: {text}"))
        server.add(Doc(f"i{number}", at, f"{at:%Y-%m-%d %H:%M:%S},500 INFO db: tried again {number} times"))
        assert process_service(world.ctx, "web").ok
        world.later(minutes=5)
    return clusters(world)


def clusters(world: World) -> dict[str, int]:
    with store.begin(world.engine) as conn:
        return {row.title: row.count_24h for row in store.clusters.list_clusters(conn, "web", now=world.clock)}


def test_values_vary_and_the_cluster_is_one_but_started_is_not_paused(world) -> None:
    assert grown(world) == {SAID[0]: 8, "Payment provider Started": 1, "Payment provider Paused": 1}


def test_a_day_rebuilt_has_the_same_clusters(world) -> None:
    before = grown(world)
    assert rebuild_day(world.ctx, "web", START.date(), refetch=False).ok
    assert clusters(world) == before


def test_windows_know_them_by_their_template_only(world) -> None:
    grown(world)
    with store.begin(world.engine) as conn:
        prints = set(store.fingerprints.exemplars(conn, "web")["fingerprint"])
    windows = world.lake.scan("windows", "web").collect()
    assert windows.height
    assert not prints & set(windows["key"].to_list())


def test_they_can_be_left_out(world) -> None:
    world.settings = world.settings.model_copy(update={"error_lines": False})
    assert grown(world) == {}


def test_what_a_person_joins_stays_joined(world) -> None:
    grown(world)
    with store.begin(world.engine) as conn:
        started, paused = (
            next(row.cluster_id for row in store.clusters.list_clusters(conn, "web", now=world.clock) if row.title == title)
            for title in SAID[-2:]
        )
        store.clusters.merge(conn, "web", started, paused, actor="ada", reason="one cause", now=world.clock)
    at = world.clock - timedelta(minutes=2)
    next(iter(world.servers.values())).add(Doc("more", at, f"{at:%Y-%m-%d %H:%M:%S},000 ERROR db: {SAID[-1]}"))
    assert process_service(world.ctx, "web").ok
    assert clusters(world) == {SAID[0]: 8, SAID[-2]: 3}
