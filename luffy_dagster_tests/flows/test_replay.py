"""Replay over history: nothing is written by a preview, a confirmation is bound to it, counts of the past follow, runs go on with it."""

import sys
from datetime import timedelta

import polars as pl
import pytest

from luffy_dagster import store
from luffy_dagster.core.model import TimeRange
from luffy_dagster.flows import activate_replay, compare_ranges, find_patterns, preview_replay, process_service, rebuild_day
from luffy_dagster.flows.patterns import PatternError
from luffy_dagster.flows.replay import ReplayError, Wanted
from luffy_dagster_tests.flows.support import NOW, Doc, line, minutes_of_logs

SHELVES = ("north", "south", "attic")


def fill(world, server, start=NOW - timedelta(hours=3), tag="a", rounds=30):
    docs = []
    for number in range(rounds):
        at = start + timedelta(minutes=number)
        docs.append(Doc(f"{tag}{number}", at, line(at, "INFO", f"shelf {SHELVES[number % 2]} is counted twice"), seq=number))
    server.add(*docs)


def templates(world):
    with store.begin(world.engine) as conn:
        rows = store.shapes.templates(conn, "web")
        return store.shapes.active_algorithm(conn, "web", "templates"), dict(rows.select("shape_id", "template").iter_rows())


def add_mask(world, pattern=r"\b(?:north|south|attic)\b"):
    with store.begin(world.engine) as conn:
        return store.rules.add_mask(conn, "web", "shelf", pattern, "<shelf>", actor="ann", now=world.clock)


@pytest.fixture
def shop(world):
    _, server = world.service()
    server.add(*minutes_of_logs(120, NOW - timedelta(hours=3)))
    fill(world, server)
    assert process_service(world.ctx, "web").ok
    return server


def test_a_mask_is_previewed_activated_and_goes_on(world, shop):
    recipe, before = templates(world)
    number = add_mask(world)
    seen = preview_replay(world.ctx, "web", "templates", Wanted(add=(number,)))
    assert templates(world) == (recipe, before)
    (merged,) = [one for one in seen.difference.merged if "<shelf>" in one.label]
    assert merged.count == 30
    assert {part.label for part in merged.parts} == {f"shelf {one} is counted twice" for one in ("north", "south")}
    done = activate_replay(world.ctx, "web", "templates", Wanted(add=(number,)), confirmed=seen.digest, actor="ann")
    assert done.active
    now_in_force, after = templates(world)
    assert now_in_force == seen.recipe != recipe
    assert "shelf <shelf> is counted twice" in after.values()
    # what comes later is mapped by it too, and a tick does not fall back
    world.later(minutes=10)
    shop.add(Doc("late", world.clock - timedelta(minutes=5), line(world.clock, "INFO", "shelf attic is counted twice"), seq=999))
    assert process_service(world.ctx, "web").ok
    in_force, later = templates(world)
    assert in_force == now_in_force
    assert list(later.values()).count("shelf <shelf> is counted twice") == 3
    # no entry was rewritten
    assert world.entries().filter(pl.col("message").str.contains("shelf")).height == 31
    with store.begin(world.engine) as conn:
        (row,) = [row for row in store.audit.list_audit(conn, "web") if row.action == "replay"]
        assert row.actor == "ann"
        assert row.after["rules"] == ["shelf"]
    # and it can be taken out again
    back = preview_replay(world.ctx, "web", "templates", Wanted(drop=(number,)))
    assert back.recipe == recipe
    assert back.difference.split
    activate_replay(world.ctx, "web", "templates", Wanted(drop=(number,)), confirmed=back.digest, actor="bob")
    assert templates(world)[0] == recipe


def test_what_was_confirmed_is_what_is_activated(world, shop):
    number = add_mask(world)
    seen = preview_replay(world.ctx, "web", "templates", Wanted(add=(number,)))
    world.later(minutes=10)
    shop.add(Doc("x", world.clock - timedelta(minutes=5), line(world.clock, "INFO", "a wholly new sentence"), seq=999))
    assert process_service(world.ctx, "web").ok
    before = templates(world)
    with pytest.raises(ReplayError, match="changed since the preview"):
        activate_replay(world.ctx, "web", "templates", Wanted(add=(number,)), confirmed=seen.digest, actor="ann")
    assert templates(world) == before
    with store.begin(world.engine) as conn:
        assert store.rules.list_masks(conn, "web", only_active=True) == []


def test_replay_of_the_mapping_in_force_changes_nothing(world, shop):
    for kind in ("templates", "clusters"):
        assert preview_replay(world.ctx, "web", kind).difference.empty


def test_only_what_occurred_since_is_compared(world, shop):
    number = add_mask(world)
    found = preview_replay(world.ctx, "web", "templates", Wanted(add=(number,)), start=NOW - timedelta(minutes=1))
    assert found.difference.members == 0


def test_wrong_numbers_and_kinds_are_named(world, shop):
    with pytest.raises(ReplayError, match="no mask 99"):
        preview_replay(world.ctx, "web", "templates", Wanted(add=(99,)))
    with pytest.raises(ReplayError, match="mapping of 'moons'"):
        preview_replay(world.ctx, "web", "moons")


def clusters(world):
    with store.begin(world.engine) as conn:
        return store.clusters.list_clusters(conn, "web", now=world.clock)


def crashes(start, names, tag):
    docs = []
    for number, name in enumerate(names):
        at = start + timedelta(minutes=number)
        body = [
            line(at, "ERROR", "could not send"),
            "Traceback (most recent call last):",
            f'  File "/srv/app/{name}.py", line 42, in send',
            "    return wire.put(data)",
            f"{name.title()}Error: no answer from {name}",
        ]
        for part, text in enumerate(body):
            docs.append(Doc(f"{tag}{number}-{part}", at + timedelta(milliseconds=part), text, seq=number * 10 + part))
    return docs


def test_a_grouping_rule_joins_history_keeps_ids_and_aliases_and_goes_on(world):
    _, server = world.service()
    server.add(*crashes(NOW - timedelta(hours=2), ["bank", "card", "bank"], "c"))
    assert process_service(world.ctx, "web", close=True).ok
    before = {one.cluster_id for one in clusters(world)}
    assert len(before) == 2
    with store.begin(world.engine) as conn:
        number = store.rules.add_grouping_rule(
            conn, "web", "wire", {"message": {"like": "^no answer"}}, {"by": []}, actor="ann", now=NOW
        )
    wanted = Wanted(add=(number,))
    seen = preview_replay(world.ctx, "web", "clusters", wanted)
    assert len(seen.difference.merged) == 1
    assert {one.cluster_id for one in clusters(world)} == before
    done = activate_replay(world.ctx, "web", "clusters", wanted, confirmed=seen.digest, actor="ann")
    assert done.moved == 1
    (one,) = clusters(world)
    assert one.cluster_id in before
    assert one.count_24h == 3
    with store.begin(world.engine) as conn:
        for name in before:  # the id that went is a name of the one that stayed
            assert store.clusters.get(conn, "web", name, now=world.clock).cluster_id == one.cluster_id
    world.later(minutes=30)
    server.add(*crashes(world.clock - timedelta(minutes=20), ["post"], "d"))
    assert process_service(world.ctx, "web", close=True).ok
    (still,) = clusters(world)
    assert (still.cluster_id, still.count_24h) == (one.cluster_id, 4)
    rebuild_day(world.ctx, "web", NOW.date())
    assert [(c.cluster_id, c.count_24h) for c in clusters(world)] == [(one.cluster_id, 4)]


def test_what_a_person_merged_survives_a_replay(world):
    _, server = world.service()
    server.add(*crashes(NOW - timedelta(hours=2), ["bank", "card", "post"], "c"))
    assert process_service(world.ctx, "web", close=True).ok
    a, b, _ = (one.cluster_id for one in clusters(world))
    with store.begin(world.engine) as conn:
        kept = store.clusters.merge(conn, "web", a, b, actor="ann", reason="same wire", now=world.clock)
    with store.begin(world.engine) as conn:
        number = store.rules.add_grouping_rule(
            conn, "web", "nothing", {"type": {"is": "Unseen"}}, {"by": []}, actor="ann", now=NOW
        )
    seen = preview_replay(world.ctx, "web", "clusters", Wanted(add=(number,)))
    assert seen.difference.empty
    activate_replay(world.ctx, "web", "clusters", Wanted(add=(number,)), confirmed=seen.digest, actor="ann")
    assert {one.cluster_id: one.fingerprints for one in clusters(world)}[kept] == 2


def answers(start, said, tag):
    """Failures of one line of code that differ in what the other side answered."""
    docs = []
    for number, text in enumerate(said):
        at = start + timedelta(minutes=number)
        body = [
            line(at, "ERROR", "order failed"),
            "Traceback (most recent call last):",
            '  File "/srv/app/till.py", line 42, in pay',
            "    return bank.ask(order)",
            '  File "/srv/app/bank.py", line 7, in ask',
            "    raise Upstream(status, said)",
            f"app.bank.Upstream: {text}",
        ]
        for part, row in enumerate(body):
            docs.append(Doc(f"{tag}{number}-{part}", at + timedelta(milliseconds=part), row, seq=number * 10 + part))
    return docs


def test_kinds_of_failure_split_by_replay_only(world, monkeypatch):
    """A mapping made before kinds were known goes on as it is; the newer algorithm shows the split, and makes it when confirmed."""
    _, server = world.service()
    said = ["bank answered 500: KeyError('SEK')", "bank answered 504: the issuer timed out"]
    with monkeypatch.context() as then:
        then.setattr("luffy_dagster.core.clustering.CLUSTER_ALGORITHM", "clusters-2026-11")
        then.setattr(sys.modules["luffy_dagster.flows.cluster"], "made_by", lambda *_: False)
        server.add(*answers(NOW - timedelta(hours=2), said, "c"))
        assert process_service(world.ctx, "web", close=True).ok
    (before,) = clusters(world)
    world.later(minutes=30)
    server.add(*answers(world.clock - timedelta(minutes=20), said, "d"))
    assert process_service(world.ctx, "web", close=True).ok
    (still,) = clusters(world)
    assert (still.cluster_id, still.count_24h) == (before.cluster_id, 4)
    seen = preview_replay(world.ctx, "web", "clusters")
    assert len(seen.difference.split) == 1
    activate_replay(world.ctx, "web", "clusters", confirmed=seen.digest, actor="ann")
    after = clusters(world)
    assert sorted(one.count_24h for one in after) == [2, 2]
    assert before.cluster_id in {one.cluster_id for one in after}


def test_a_planted_change_ranks_first(world):
    _, server = world.service()
    server.add(*minutes_of_logs(600, NOW - timedelta(hours=6), step=20))
    at = NOW - timedelta(minutes=40)
    server.add(*(Doc(f"p{n}", at + timedelta(minutes=n), line(at + timedelta(minutes=n), "WARN", f"pool 3 is full, {n} wait"), seq=5000 + n) for n in range(6)))
    assert process_service(world.ctx, "web", close=True).ok
    quiet, bad = TimeRange(NOW - timedelta(hours=6), NOW - timedelta(hours=4)), TimeRange(at, NOW)
    found = compare_ranges(world.ctx, "web", quiet, bad)
    first = found.rows.row(0, named=True)
    assert first["kind"] in ("new", "vanished")
    new = found.rows.filter(pl.col("kind") == "new").to_dicts()
    assert [(row["label"], row["incident_count"]) for row in new] == [("pool <*> is full, <*> wait", 6)]
    assert "pool 3 is full" in new[0]["example"]
    levels = compare_ranges(world.ctx, "web", quiet, bad, by="levels", shares=True)
    assert set(levels.rows["template_id"]) >= {"info", "warn"}


def test_ranges_that_make_no_sense_are_refused(world):
    world.service()
    hour = TimeRange(NOW - timedelta(hours=1), NOW)
    with pytest.raises(PatternError, match="overlap"):
        compare_ranges(world.ctx, "web", hour, hour)
    with pytest.raises(PatternError, match="ends before"):
        compare_ranges(world.ctx, "web", TimeRange(NOW, NOW - timedelta(hours=1)), hour)
    with pytest.raises(PatternError, match="nothing called"):
        compare_ranges(world.ctx, "web", hour, TimeRange(NOW, NOW + timedelta(hours=1)), by="moons")
    with pytest.raises(store.errors.NotFoundError):
        compare_ranges(world.ctx, "nobody", hour, TimeRange(NOW, NOW + timedelta(hours=1)))


def test_new_and_vanished_patterns(world):
    _, server = world.service()
    start = NOW - timedelta(hours=40)
    docs = []
    for minute in range(0, 40 * 60, 10):
        at = start + timedelta(minutes=minute)
        if at < NOW - timedelta(hours=6):
            docs.append(Doc(f"h{minute}", at, line(at, "INFO", "heart beats"), seq=minute))
        docs.append(Doc(f"w{minute}", at, line(at, "INFO", f"work item {minute} done"), seq=minute + 1))
    at = NOW - timedelta(hours=2)
    docs.append(Doc("n", at, line(at, "ERROR", "disk is read only"), seq=99_999))
    server.add(*docs)
    assert process_service(world.ctx, "web", close=True).ok
    found = find_patterns(world.ctx, "web", TimeRange(NOW - timedelta(hours=12), NOW))
    assert found.new["template"].to_list() == ["disk is read only"]
    assert found.vanished["template"].to_list() == ["heart beats"]


def test_a_known_twin_of_another_service_is_found_and_a_pair_kept_apart_is_not_proposed(world):
    from luffy_dagster.flows.proposals import propose, similar

    for slug in ("web", "api"):
        _, server = world.service(slug)
        server.add(*crashes(NOW - timedelta(hours=2), ["bank", "card", "post"], slug))
        assert process_service(world.ctx, slug, close=True).ok
    with store.begin(world.engine) as conn:
        mine = store.clusters.list_clusters(conn, "web", now=world.clock)
        twins = {one.title: one.cluster_id for one in store.clusters.list_clusters(conn, "api", now=world.clock)}
    for one in mine:
        found = similar(world.ctx, "web", one.cluster_id, most=3)
        assert (found[0]["service_id"], found[0]["cluster_id"]) == ("api", twins[one.title])
    first, again = propose(world.ctx, "web"), propose(world.ctx, "web")
    assert first.rows.equals(again.rows)
    with store.begin(world.engine) as conn:
        names = {one.cluster_id: store.clusters.members(conn, "web", one.cluster_id)[0].fingerprint for one in mine}
        for a in names:
            for b in names:
                if a < b:
                    store.clusters.decide(conn, "web", "split", names[a], names[b], actor="ann", reason=None, now=NOW)
    assert propose(world.ctx, "web").rows.is_empty()
