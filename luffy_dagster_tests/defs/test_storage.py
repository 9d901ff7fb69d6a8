"""Dagster's storage on the embedded PostgreSQL, the settings in dagster.yaml, and the purge of events."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef
from sqlalchemy import text

from luffy_dagster.adapters.dagster_api import prepare_dagster_home
from luffy_dagster.defs.storage import LuffyStorage
from luffy_dagster.defs.upkeep import purge_events
from luffy_dagster.settings import Settings
from luffy_dagster.store import embedded


def test_dagster_keeps_its_things_in_the_embedded_postgresql(persistent, home) -> None:
    persistent.add_dynamic_partitions("service", ["a"])
    assert persistent.get_dynamic_partitions("service") == ["a"]
    assert embedded.status(Settings(home=home)).running
    assert persistent.event_log_storage.postgres_url.partition("?")[0].endswith("/dagster")
    assert type(persistent.event_log_storage._engine.pool).__name__ == "QueuePool"
    assert persistent.run_monitoring_enabled
    assert not persistent.telemetry_enabled


def test_a_url_in_the_environment_replaces_the_embedded_server(monkeypatch, persistent, home) -> None:
    url = persistent.event_log_storage.postgres_url
    monkeypatch.setenv("LUFFY_HOME", str(home / "elsewhere"))
    monkeypatch.setenv("LUFFY_DAGSTER_DATABASE_URL", url.replace("+psycopg2", ""))
    storage = LuffyStorage.from_config_value(None, {})
    assert type(storage) is LuffyStorage
    assert storage.postgres_url == url
    assert not (home / "elsewhere").exists()


def test_the_purge_keeps_what_the_page_shows_as_latest(persistent, defs, world) -> None:
    persistent.add_dynamic_partitions("service", ["a"])
    world.due = ["a"]
    job = defs.resolve_job_def("tick")
    runs = [job.execute_in_process(instance=persistent).run_id for _ in range(3)]
    engine = persistent.event_log_storage._engine
    key = dg.AssetKey("raw_logs")

    def materialisations() -> int:
        return len(persistent.fetch_materializations(key, limit=100).records)

    assert materialisations() == 3
    latest = persistent.get_latest_materialization_event(key)
    assert purge_events(engine, datetime.now(UTC) - timedelta(days=1)) == 0
    deleted = purge_events(engine, datetime.now(UTC) + timedelta(days=1), batch=7)

    assert deleted > 0
    assert materialisations() == 1
    assert persistent.get_latest_materialization_event(key).timestamp == latest.timestamp
    assert persistent.get_materialized_partitions(key) == {"2026-11-24|a"}
    assert all(persistent.get_run_by_id(run_id) is not None for run_id in runs)
    checks = persistent.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(key, "sources_read"), limit=10
    )
    assert checks[0].event is not None
    with engine.connect() as conn:
        kept = conn.execute(
            text("SELECT count(*) FROM event_logs WHERE dagster_event_type = 'ASSET_CHECK_EVALUATION'")
        ).scalar()
        there = conn.execute(
            text("SELECT count(DISTINCT (asset_key, check_name, partition)) FROM asset_check_executions WHERE evaluation_event_storage_id IS NOT NULL")
        ).scalar()
    assert kept == there >= 5  # one per check
    assert purge_events(engine, datetime.now(UTC) + timedelta(days=1)) == 0


def test_dagster_home_is_made_once_and_what_is_there_is_left(tmp_path) -> None:
    folder = prepare_dagster_home(tmp_path / "dagster")
    assert folder.is_absolute()
    assert "luffy_dagster.defs.storage" in (folder / "dagster.yaml").read_text()
    (folder / "dagster.yaml").unlink()
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    prepare_dagster_home(folder)
    assert "luffy_dagster" not in (folder / "dagster.yaml").read_text()


def test_a_yes_is_remembered_and_a_no_is_asked_again():
    from luffy_dagster.defs.storage import remembering_yes

    there, asked = set(), []

    def has(connection, name):
        asked.append(name)
        return name in there

    answered = remembering_yes(has)
    assert not answered(object(), "a")
    there.add("a")
    assert answered(object(), "a")
    assert answered(object(), "a")
    assert not answered(object(), "b")
    assert asked == ["a", "a", "b"]
