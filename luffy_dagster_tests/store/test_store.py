"""The store against a real PostgreSQL."""

from datetime import date, timedelta

import polars as pl
import pytest
from sqlalchemy import inspect, text

from luffy_dagster import store
from luffy_dagster.core.clustering import states
from luffy_dagster.core.lifecycle import LifecycleState as L
from luffy_dagster.core.model import ClusterState, StreamProfile
from luffy_dagster.core.scheduling import Kind, due
from luffy_dagster.core.schemas import UTC_US
from luffy_dagster.store.cursors import StreamState
from luffy_dagster.store.errors import DuplicateError, IllegalMoveError, InvalidError, NotFoundError, UnavailableError

PASSWORD = "so-secret-" + "value-77"


@pytest.fixture
def shop(conn, now):
    return store.services.create(conn, {"id": "shop", "name": "The shop"}, actor="ann", now=now)


def test_schema_and_migrations_agree(engine):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from luffy_dagster.store.schema import metadata

    with engine.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []
    assert store.migrate(engine) == store.migrate(engine)
    assert "service" in inspect(engine).get_table_names()


def test_contract_defaults_and_presets(conn, now):
    s = store.services.create(conn, {"name": "A b"}, actor="ann", now=now)
    assert (s.id, s.git_branch, s.log_fetch_interval_minutes, s.rca_generation_interval_minutes, s.code_indexing_interval_hours) == ("a-b", "main", 30, 15, 24)
    assert (s.rca_min_count, s.rca_min_age_minutes, s.rca_min_severity, s.timezone) == (5, 5, "medium", "UTC")
    c = store.services.create(conn, {"name": "c", "preset": "critical", "code_indexing_interval_hours": 6}, actor="ann", now=now)
    assert (c.log_fetch_interval_minutes, c.rca_generation_interval_minutes, c.code_indexing_interval_hours) == (5, 10, 6)
    assert c.notification_channels == ("slack", "email")
    d = store.services.create(conn, {"name": "d", "preset": "development"}, actor="ann", now=now)
    assert (d.log_fetch_interval_minutes, d.rca_generation_enabled, d.code_indexing_interval_hours) == (60, False, 48)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "x", "log_fetch_interval_minutes": 0}, "log_fetch_interval_minutes"),
        ({"name": "x", "log_fetch_interval_minutes": "5"}, "log_fetch_interval_minutes"),
        ({"name": "x", "timezone": "Mars/Base"}, "timezone"),
        ({"name": "x", "log_fetch_cron": "not cron"}, "log_fetch_cron"),
        ({"name": "x", "nonsense": 1}, "nonsense"),
        ({"name": "x", "preset": "gold"}, "preset"),
        ({"name": "x", "id": "No Slug"}, "id"),
        ({"name": " "}, "name"),
        ({"name": "x", "notification_email": ["nobody"]}, "notification_email"),
        ({"name": "x", "depends_on": ["ghost"]}, "depends_on"),
    ],
)
def test_refused_fields_are_named(conn, now, fields, field):
    with pytest.raises(InvalidError) as error:
        store.services.create(conn, fields, actor="ann", now=now)
    assert error.value.field == field


def test_names_and_ids_are_unique(conn, now, shop):
    with pytest.raises(DuplicateError):
        store.services.create(conn, {"id": "shop", "name": "other"}, actor="ann", now=now)
    with pytest.raises(DuplicateError):
        store.services.create(conn, {"id": "other", "name": "The shop"}, actor="ann", now=now)
    with pytest.raises(InvalidError):
        store.services.update(conn, "shop", {"id": "shop2"}, actor="ann", now=now)


def test_get_returns_what_put_sent(conn, now, shop):
    sent = {"preset": "critical", "rca_generation_interval_minutes": 7, "notification_email": ["a@example.com"], "notification_webhook_url": "https://hooks.example.com/x/" + PASSWORD}
    got = store.services.put_config(conn, "shop", sent, actor="ann", now=now)
    assert got == store.services.get_config(conn, "shop")
    assert (got["rca_generation_interval_minutes"], got["log_fetch_interval_minutes"], got["notification_email"]) == (7, 5, ["a@example.com"])
    assert PASSWORD not in str(got)
    again = store.services.put_config(conn, "shop", got, actor="ann", now=now)  # what was shown may be sent back
    assert again == got
    assert PASSWORD in store.services.get(conn, "shop").notification_webhook_url.reveal()
    assert store.services.get(conn, "shop").lifecycle_state is L.CONFIGURING


def test_lifecycle_is_kept_and_illegal_moves_are_refused(conn, now, shop):
    with pytest.raises(IllegalMoveError) as error:
        store.services.move(conn, "shop", L.MAINTENANCE, actor="ann", now=now)
    assert error.value.allowed == ("Configuring",)
    store.services.advance(conn, "shop", L.ACTIVE, actor="ann", now=now)
    store.services.maintenance(conn, "shop", True, actor="ann", now=now)
    store.services.maintenance(conn, "shop", False, actor="ann", now=now)
    store.services.archive(conn, "shop", actor="ann", now=now)
    assert store.services.list_services(conn) == []
    assert store.services.partition_keys(conn) == ["shop"]
    states = [e.to_state for e in store.services.history(conn, "shop")]
    assert states[0] == "Created"
    assert states[-3:] == ["Maintenance", "Active", "Archived"]


def test_sources_hide_their_secrets_everywhere(engine, conn, now, shop):
    fields = {"type": "opensearch", "host": "logs", "index_pattern": "a-*", "username": "u", "password": PASSWORD, "api_key": PASSWORD}
    source = store.sources.create(conn, "shop", fields, actor="ann", now=now)
    assert source.has_password
    assert source.port == 9200
    assert source.connection_status == "untested"
    store.sources.update(conn, source.id, {"password": PASSWORD + "2", "host": "logs2"}, actor="ann", now=now)
    assert store.sources.credentials(conn, source.id).password.reveal() == PASSWORD + "2"
    shown = repr(source) + repr(store.sources.credentials(conn, source.id)) + str(store.audit.list_audit(conn))
    assert PASSWORD not in shown
    conn.commit()
    with engine.connect() as other:  # a dump of every table
        for table in inspect(engine).get_table_names():
            assert PASSWORD not in str(other.execute(text(f'SELECT * FROM "{table}"')).all()), table


def test_a_lost_key_says_so(conn, now, shop, monkeypatch):
    from luffy_dagster.settings import get_settings

    source = store.sources.create(conn, "shop", {"type": "opensearch", "host": "h", "index_pattern": "x", "password": PASSWORD}, actor="a", now=now)
    home_key = (get_settings().home / "secret.key").read_text()
    assert (get_settings().home / "secret.key").stat().st_mode & 0o077 == 0
    monkeypatch.setenv("LUFFY_SECRET_KEY", f"new one,{home_key}")
    get_settings.cache_clear()
    assert store.sources.rotate_secrets(conn, actor="ann", now=now) == 1
    monkeypatch.setenv("LUFFY_SECRET_KEY", "new one")
    get_settings.cache_clear()
    assert store.sources.credentials(conn, source.id).password.reveal() == PASSWORD
    monkeypatch.setenv("LUFFY_SECRET_KEY", "a third")
    get_settings.cache_clear()
    with pytest.raises(UnavailableError, match="key has changed"):
        store.sources.credentials(conn, source.id)


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"type": "carrier-pigeon"}, "type"), ({"type": "opensearch", "index_pattern": "x"}, "host"), ({"type": "opensearch", "host": "h"}, "index_pattern"), ({"type": "file"}, "paths"), ({"type": "file", "paths": ["x"], "port": 0}, "port"), ({}, "type")],
)
def test_refused_sources_are_named(conn, now, shop, fields, field):
    with pytest.raises(InvalidError) as error:
        store.sources.create(conn, "shop", fields, actor="ann", now=now)
    assert error.value.field == field


def test_a_failing_source_pauses_alone_and_longer_each_time(conn, now, shop):
    a, b = (store.sources.create(conn, "shop", {"type": "file", "paths": ["x"]}, actor="ann", now=now) for _ in range(2))
    assert (a.name, b.name) == ("file", "file-2")
    pauses = [(store.sources.record_failure(conn, a.id, "refused", now).next_attempt_at - now).total_seconds() / 60 for _ in range(9)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert [s.id for s in store.sources.readable(conn, "shop", now)] == [b.id]
    store.sources.record_fetch(conn, a.id, watermark=now, now=now)
    assert store.sources.record_fetch(conn, a.id, watermark=now - timedelta(hours=1), now=now).watermark == now
    store.sources.set_monitoring_all(conn, "shop", False, actor="ann", now=now)
    assert store.sources.readable(conn, "shop", now) == []


def test_test_outcomes_move_the_service(conn, now, shop):
    a = store.sources.create(conn, "shop", {"type": "file", "paths": ["x"]}, actor="ann", now=now)
    store.sources.record_test(conn, a.id, False, "no such file", 1.5, actor="ann", now=now)
    assert store.services.get(conn, "shop").lifecycle_state is L.TEST_FAILED
    assert store.sources.record_test(conn, a.id, True, None, 1.5, actor="ann", now=now).connection_status == "connected"
    store.sources.set_monitoring(conn, a.id, True, actor="ann", now=now)
    assert store.services.get(conn, "shop").lifecycle_state is L.MONITORING_ENABLED


def test_status_has_the_fields_of_the_contract(conn, now, shop):
    store.sources.create(conn, "shop", {"type": "file", "paths": ["x"], "fetch_enabled": False}, actor="ann", now=now)
    store.sources.create(conn, "shop", {"type": "file", "paths": ["y"]}, actor="ann", now=now)
    store.services.stamp(conn, "shop", Kind.LOG_FETCH, now)
    store.services.stamp(conn, "shop", Kind.LOG_FETCH, now - timedelta(hours=1))
    status = store.services.status(conn, "shop").as_dict()
    assert (status["log_sources_count"], status["active_log_sources"], status["last_log_fetch"]) == (2, 1, now)
    assert set(status) >= {"service_id", "service_name", "is_active", "last_rca_generation", "last_code_indexing", "configuration"}
    assert store.services.status_all(conn)[0].service_id == "shop"
    with pytest.raises(NotFoundError):
        store.services.status(conn, "ghost")


def test_scheduling_by_one_query(conn, now, shop):
    assert due(store.schedule_rows(conn), now) == []
    store.services.advance(conn, "shop", L.ACTIVE, actor="ann", now=now)
    (first, second) = due(store.schedule_rows(conn), now)
    assert {first.kind, second.kind} == {Kind.LOG_FETCH, Kind.RCA}
    for n in range(3):
        store.schedule.record_attempt(conn, "shop", Kind.LOG_FETCH, first.slot if first.kind is Kind.LOG_FETCH else second.slot, now)
    kinds = {d.kind for d in due(store.schedule_rows(conn), now + timedelta(minutes=1))}
    assert Kind.LOG_FETCH not in kinds
    store.schedule.record_success(conn, "shop", Kind.RCA, now)
    assert due(store.schedule_rows(conn), now) == []


def test_batches_cursors_and_streams(conn, now, shop):
    c = store.cursors
    assert c.last_batch(conn, "shop", "fetch") == 0
    assert c.commit_batch(conn, "shop", "fetch", 1, now=now, rows=5, days=[date(2026, 11, 24)])
    assert not c.commit_batch(conn, "shop", "fetch", 1, now=now)
    assert c.last_batch(conn, "shop", "fetch") == 1
    c.set_parse_cursor(conn, "shop", 3, now)
    c.set_parse_cursor(conn, "shop", 2, now)
    assert c.parse_cursor(conn, "shop") == 3
    states = [StreamState("a", "s1", last_event_time=now, open_rows=("x", "y")), StreamState("b", "s1", open_rows=("z",), tail_written=True)]
    c.put_stream_states(conn, "shop", states, now)
    assert [s.stream for s in c.open_streams(conn, "shop")] == ["a"]
    assert c.stream_states(conn, "shop")["a"] == states[0]


def test_profiles_are_versioned(conn, now, shop):
    p, q = StreamProfile("p1", "profile-x", {"a": [1]}, 0.9), StreamProfile("p2", "profile-x", {}, 0.5)
    assert store.profiles.put(conn, "shop", {"a": p, "b": p}, now=now) == 2
    assert store.profiles.put(conn, "shop", {"a": p, "b": q}, now=now, reason="failures") == 1
    assert {k: v.profile_id for k, v in store.profiles.active(conn, "shop").items()} == {"a": "p1", "b": "p2"}
    assert [v[:3] for v in store.profiles.versions(conn, "shop", "b")] == [(1, "p1", "settled"), (2, "p2", "failures")]


def test_shapes_and_templates(conn, now, shop):
    rows = pl.DataFrame({"shape_id": ["1", "2"], "shape": ["a <num>", "b\0"], "example": ["a 1", "b"], "first_seen": [now, now], "last_seen": [now, now]})
    assert store.shapes.upsert(conn, "shop", rows, algorithm="s", now=now) == 2
    assert store.shapes.upsert(conn, "shop", rows, algorithm="s", now=now) == 0
    hours = pl.DataFrame({"hour": [now], "environment": [None], "shape_id": ["2"], "count": [7]}, schema_overrides={"environment": pl.Utf8, "hour": UTC_US})
    for _ in range(2):
        store.counts.replace_hours(conn, "shop", [now], shapes=hours)
    assert store.shapes.list_shapes(conn, "shop")["count"].to_list() == [7]
    t = pl.DataFrame({"shape_id": ["1", "2"], "template_id": ["t1", "t2"], "template": ["a <*>", "b"]})
    assert store.shapes.put_templates(conn, "shop", t, algorithm="m", now=now).new == 2
    conn.execute(text("UPDATE template_mapping SET manual = true, template_id = 'mine' WHERE shape_id = '1'"))
    change = store.shapes.put_templates(conn, "shop", t.with_columns(template_id=pl.lit("t9")), algorithm="m", now=now)
    assert change.moved == 2
    assert store.shapes.templates(conn, "shop")["template_id"].to_list() == ["mine", "t9"]


def _fingerprints(now, *ids):
    return pl.DataFrame(
        {"fingerprint": list(ids), "language": "python", "type": "ValueError", "message": "bad", "levels": '{"exact": "e"}', "frames": "[]",
         "entry_id": [f"e-{i}" for i in ids], "event_time": [now + timedelta(minutes=n) for n in range(len(ids))]}
    ).with_columns(pl.col("event_time").cast(UTC_US))  # fmt: skip


def _assigned(*pairs):
    return pl.DataFrame({"fingerprint": [a for a, _ in pairs], "cluster_id": [b for _, b in pairs], "reason": "same"})


def test_clusters_keep_ids_and_decisions(conn, now, shop):
    c = store.clusters
    assert store.fingerprints.upsert(conn, "shop", _fingerprints(now, "fp-a", "fp-b", "fp-c"), algorithm="f", now=now) == 3
    assert store.fingerprints.upsert(conn, "shop", _fingerprints(now - timedelta(days=1), "fp-b"), algorithm="f", now=now) == 0
    assert store.fingerprints.exemplars(conn, "shop")["fingerprint"].to_list() == ["fp-b", "fp-a", "fp-c"]
    rows = _assigned(("fp-a", "c-1"), ("fp-b", "c-1"), ("fp-c", "c-2"))
    assert c.apply_assignment(conn, "shop", rows, algorithm="x", now=now).new == 3
    assert c.apply_assignment(conn, "shop", rows, algorithm="x", now=now) == type(c.apply_assignment(conn, "shop", rows, algorithm="x", now=now))(0, 0)
    assert c.merge(conn, "shop", "c-2", "c-1", actor="ann", reason="one cause", now=now) == "c-1"
    c.apply_assignment(conn, "shop", rows, algorithm="x", now=now)  # the next run does not undo it
    assert {m.fingerprint for m in c.members(conn, "shop", "c-2")} == {"fp-a", "fp-b", "fp-c"}
    new = c.split(conn, "shop", "fp-a", actor="ann", reason="another", now=now)
    c.apply_assignment(conn, "shop", rows, algorithm="x", now=now)
    assert [m.fingerprint for m in c.members(conn, "shop", new)] == ["fp-a"]
    assert [d.kind for d in c.decisions(conn, "shop")] == ["join", "split"]
    c.revoke(conn, c.decisions(conn, "shop")[0].id, actor="ann", now=now)
    assert [d.kind for d in c.decisions(conn, "shop")] == ["split"]


def test_counts_roll_with_time(conn, now, shop):
    store.fingerprints.upsert(conn, "shop", _fingerprints(now - timedelta(days=3), "fp-a"), algorithm="f", now=now)
    store.clusters.apply_assignment(conn, "shop", _assigned(("fp-a", "c-1")), algorithm="x", now=now)
    hours = [now - timedelta(hours=h) for h in (1, 30, 200)]
    rows = pl.DataFrame({"hour": hours, "environment": "prod", "fingerprint": "fp-a", "count": [1, 10, 100]}).with_columns(pl.col("hour").cast(UTC_US))
    store.counts.replace_hours(conn, "shop", hours, fingerprints=rows)
    (row,) = store.clusters.list_clusters(conn, now=now)
    assert (row.count_24h, row.count_7d, row.count_total, row.fingerprints) == (1, 11, 111, 1)
    later = store.clusters.get(conn, "shop", "c-1", now=now + timedelta(days=2))
    assert (later.count_24h, later.count_7d) == (0, 11)
    assert store.clusters.list_clusters(conn, now=now, environment="staging") == []
    assert store.clusters.count_clusters(conn, now=now, state="active") == 1
    done = states.resolve(store.cluster_states.standing(conn, "shop", "c-1"), states.Resolution(states.ResolvedIn.NOW, now))
    store.cluster_states.put(conn, "shop", "c-1", done, actor="ann", reason="fixed", now=now)
    assert store.clusters.list_clusters(conn, now=now, state="active") == []


def test_locks_exclude_each_other(engine):
    with store.service_lock(engine, "shop") as first:
        assert first
        with store.service_lock(engine, "shop", wait=False) as second:
            assert not second
        with store.service_lock(engine, "other", wait=False) as third:
            assert third
    with store.service_lock(engine, "shop", wait=False) as again:
        assert again


def test_alarms_runs_releases_rules_files(conn, now, shop):
    assert store.alarms.raise_alarm(conn, "shop", "late", "5 min", now)
    assert not store.alarms.raise_alarm(conn, "shop", "late", "6 min", now)
    assert store.alarms.open_alarms(conn)[0].times == 2
    assert store.alarms.clear_alarm(conn, "shop", "late", now)
    assert store.alarms.raise_alarm(conn, "shop", "late", "again", now)
    run = store.runs.start(conn, "logs", "shop", now=now)
    store.runs.finish(conn, run, status="failed", now=now + timedelta(seconds=3), stats={"rows": 1}, error="no host")
    (row,) = store.runs.list_runs(conn, "shop")
    assert (row.duration_seconds, row.error, row.stats) == (3.0, "no host", {"rows": 1})
    store.releases.put(conn, "shop", "prod", "1.0", None, now, "log")
    store.releases.put(conn, "shop", "prod", "1.0", "abc", now - timedelta(days=1), "gitlab")
    assert store.releases.latest(conn, "shop", "prod", now).commit == "abc"
    with pytest.raises(InvalidError):
        store.rules.add_mask(conn, "shop", "bad", "(", "<x>", actor="ann", now=now)
    number = store.rules.add_mask(conn, "shop", "order", r"ORD-\d+", "<order>", actor="ann", now=now)
    assert store.rules.list_masks(conn, "shop", only_active=True) == []
    store.rules.activate(conn, "mask", number, actor="ann", now=now)
    assert store.rules.list_masks(conn, "shop", only_active=True)[0].name == "order"
    one = store.uploads.create_file(conn, "shop", "a.log", "ff", 3, "/x", actor="ann", now=now)
    assert store.uploads.create_file(conn, "shop", "b.log", "ff", 3, "/y", actor="ann", now=now).id == one.id
    assert store.uploads.set_status(conn, one.id, "processed", now=now, parse_error_count=0, confidence=1.0).confidence == 1.0
    assert store.kv.horizon(conn, now) == store.kv.horizon(conn, now + timedelta(days=9)) == date(2026, 8, 26)
