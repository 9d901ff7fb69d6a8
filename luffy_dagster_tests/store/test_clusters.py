"""What people decide about clusters sticks, can be taken back, and every move is kept."""

from datetime import timedelta

import polars as pl
import pytest
from sqlalchemy import text

from luffy_dagster import store
from luffy_dagster.core.model import ClusterState, Severity
from luffy_dagster.core.schemas import UTC_US
from luffy_dagster.store.errors import InvalidError, NotFoundError

RULES = [("fp-a", "c-1"), ("fp-b", "c-1"), ("fp-c", "c-2"), ("fp-d", "c-2")]


@pytest.fixture
def grouped(conn, now):
    store.services.create(conn, {"id": "shop", "name": "Shop"}, actor="ann", now=now)
    rows = pl.DataFrame(
        {"fingerprint": [f for f, _ in RULES], "language": "python", "type": "ValueError", "message": "bad", "levels": "{}", "frames": "[]",
         "entry_id": ["e1", "e2", "e3", "e4"], "event_time": [now - timedelta(minutes=9 - n) for n in range(4)]}
    ).with_columns(pl.col("event_time").cast(UTC_US))  # fmt: skip
    store.fingerprints.upsert(conn, "shop", rows, algorithm="f", now=now)
    run(conn, now)
    return conn


def run(conn, now):
    frame = pl.DataFrame({"fingerprint": [f for f, _ in RULES], "cluster_id": [c for _, c in RULES], "reason": "same"})
    return store.clusters.apply_assignment(conn, "shop", frame, algorithm="x", now=now)


def where(conn):
    return dict(conn.execute(text("SELECT fingerprint, cluster_id FROM cluster_mapping ORDER BY 1")).tuples().all())


def test_a_merge_taken_back_leaves_what_was(grouped, now):
    c = store.clusters
    before = where(grouped)
    kept = c.merge(grouped, "shop", "c-1", "c-2", actor="ann", reason="one cause", now=now + timedelta(minutes=1))
    assert kept == "c-1"
    assert set(where(grouped).values()) == {"c-1"}
    assert c.get(grouped, "shop", "c-2", now=now).cluster_id == "c-1"
    with pytest.raises(InvalidError, match="same cluster"):
        c.merge(grouped, "shop", "c-1", "c-2", actor="ann", reason=None, now=now)
    c.revoke(grouped, c.decisions(grouped, "shop")[0].id, actor="bob", now=now + timedelta(minutes=2))
    assert where(grouped) == before
    assert c.get(grouped, "shop", "c-2", now=now).cluster_id == "c-2"
    run(grouped, now + timedelta(minutes=3))
    assert where(grouped) == before
    c.merge(grouped, "shop", "c-1", "c-2", actor="ann", reason="again", now=now + timedelta(minutes=4))
    run(grouped, now + timedelta(minutes=5))
    assert set(where(grouped).values()) == {"c-1"}


def test_a_split_taken_back_leaves_what_was_and_can_be_made_again(grouped, now):
    c = store.clusters
    before = where(grouped)
    for n in (1, 3):
        at = now + timedelta(minutes=n)
        new = c.split(grouped, "shop", "fp-b", actor="ann", reason=None, now=at)
        assert c.get(grouped, "shop", new, now=now).cluster_id == new
        run(grouped, at)
        assert where(grouped) == {**before, "fp-b": new}
        (decision,) = c.decisions(grouped, "shop")
        c.revoke(grouped, decision.id, actor="ann", now=at + timedelta(minutes=1))
        assert where(grouped) == before
        assert c.get(grouped, "shop", new, now=now).cluster_id == "c-1", "links to the id still lead somewhere"


def test_revoking_leaves_alone_what_was_decided_later(grouped, now):
    c = store.clusters
    c.merge(grouped, "shop", "c-1", "c-2", actor="ann", reason=None, now=now + timedelta(minutes=1))
    first = c.decisions(grouped, "shop")[0]
    new = c.split(grouped, "shop", "fp-d", actor="ann", reason=None, now=now + timedelta(minutes=2))
    c.revoke(grouped, first.id, actor="ann", now=now + timedelta(minutes=3))
    assert where(grouped) == {"fp-a": "c-1", "fp-b": "c-1", "fp-c": "c-2", "fp-d": new}
    with pytest.raises(NotFoundError):
        c.revoke(grouped, first.id, actor="ann", now=now)


def test_moved_members_are_listed(grouped, now):
    RULES[1] = ("fp-b", "c-2")
    try:
        assert run(grouped, now).moved == 1
    finally:
        RULES[1] = ("fp-b", "c-1")
    moves = grouped.execute(text("SELECT member, from_id, to_id FROM mapping_move")).all()
    assert [tuple(m) for m in moves] == [("fp-b", "c-1", "c-2")]


def test_the_only_member_cannot_be_split_off(grouped, now):
    store.clusters.split(grouped, "shop", "fp-a", actor="ann", reason=None, now=now)
    with pytest.raises(InvalidError, match="nothing to split"):
        store.clusters.split(grouped, "shop", "fp-b", actor="ann", reason=None, now=now)


def test_times_of_a_cluster_are_those_of_its_members(grouped, now):
    row = store.clusters.get(grouped, "shop", "c-2", now=now)
    assert (row.first_seen, row.last_seen) == (now - timedelta(minutes=7), now - timedelta(minutes=6))
    assert row.example_entry_id == "e3"
    assert row.fingerprints == 2


def test_changes_by_people_are_audited_and_by_the_system_not(grouped, now):
    c = store.clusters
    c.set_severity(grouped, "shop", "c-1", Severity.HIGH, now=now)
    c.set_severity(grouped, "shop", "c-1", Severity.LOW, actor="ann", now=now)
    c.assign_owner(grouped, "shop", "c-1", "bob", actor="ann", now=now)
    store.cluster_states.ignore(grouped, "shop", "c-1", until=None, occurrences=None, actor="ann", reason="known", now=now)
    rows = [(r.action, r.before, r.after) for r in store.audit.list_audit(grouped, "shop") if r.kind == "cluster"]
    assert ("set severity", {"severity": "high"}, {"severity": "low"}) in rows
    assert ("set owner", {"owner": None}, {"owner": "bob"}) in rows
    assert len(rows) == 3


def test_a_bare_join_is_obeyed_once_and_its_revocation_takes_it_back(grouped, now):
    c = store.clusters
    before = where(grouped)
    at = now + timedelta(minutes=1)
    c.decide(grouped, "shop", "join", "fp-b", "fp-d", actor="ann", reason="one cause", now=at)
    assert c.obey(grouped, "shop", c.decisions(grouped, "shop")) == 1
    assert set(where(grouped).values()) == {"c-1"}
    assert c.get(grouped, "shop", "c-2", now=now).cluster_id == "c-1"
    assert c.obey(grouped, "shop", c.decisions(grouped, "shop")) == 0
    c.revoke(grouped, c.decisions(grouped, "shop")[0].id, actor="ann", now=at + timedelta(hours=3))
    assert where(grouped) == before


def test_a_join_does_not_bring_back_what_was_split_off_later(grouped, now):
    c = store.clusters
    c.merge(grouped, "shop", "c-1", "c-2", actor="ann", reason=None, now=now + timedelta(minutes=1))
    apart = c.split(grouped, "shop", "fp-c", actor="ann", reason="another cause", now=now + timedelta(minutes=2))
    assert c.obey(grouped, "shop", c.decisions(grouped, "shop")) == 0
    assert where(grouped)["fp-c"] == apart != "c-1"


def test_a_fingerprint_that_no_count_knows_is_taken_back_with_its_cluster(grouped, now):
    counted = pl.DataFrame({"hour": [now.replace(minute=0)], "environment": [""], "fingerprint": ["fp-a"], "count": [1]}).with_columns(
        pl.col("hour").cast(UTC_US)
    )
    store.counts.replace_hours(grouped, "shop", [now.replace(minute=0)], fingerprints=counted)
    store.clusters.decide(grouped, "shop", "join", "fp-b", "fp-a", actor="ann", reason=None, now=now)
    gone = store.fingerprints.withdraw(grouped, "shop", ["fp-a", "fp-b", "fp-c", "fp-d"])
    assert gone == 2
    assert where(grouped) == {"fp-a": "c-1", "fp-b": "c-1"}  # one is counted, of the other a person said something
    assert [row.cluster_id for row in store.clusters.list_clusters(grouped, now=now)] == ["c-1"]
