"""Dagster's door over the real flows: the tick, a day by hand and their equal counts; PostgreSQL, lake and files are real."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from luffy_dagster import store
from luffy_dagster.defs.build import build_definitions
from luffy_dagster.defs.parts import LakeResource, PostgresResource
from luffy_dagster.defs.resources import resources
from luffy_dagster.settings import Settings, get_settings

TRACE = """Traceback (most recent call last):
  File "/srv/app/fees.py", line 41, in fee_of
    return RATES[currency]
KeyError: 'EUR'"""


@pytest.fixture
def real(settings: Settings, engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Two services with a log file each, and the definitions over them."""
    monkeypatch.setenv("LUFFY_HOME", str(settings.home))
    get_settings.cache_clear()
    now = datetime.now(UTC)
    for service in ("checkout", "payments"):
        folder = tmp_path / "logs" / service
        folder.mkdir(parents=True)
        lines = []
        for number in range(40):
            at = now - timedelta(minutes=45 - number)
            lines.append(f"{at:%Y-%m-%d %H:%M:%S},000 INFO app: order {number} taken")
        lines.append(f"{now - timedelta(minutes=3):%Y-%m-%d %H:%M:%S},000 ERROR app: fee failed\n{TRACE}")
        lines.append(f"{now - timedelta(minutes=2):%Y-%m-%d %H:%M:%S},000 INFO app: going on")
        (folder / "app.log").write_text("\n".join(lines) + "\n")
        with store.begin(engine) as conn:
            store.services.create(conn, {"id": service, "name": service, "preset": "critical"}, actor="test", now=now)
            store.sources.create(
                conn,
                service,
                {"type": "file", "name": "app", "paths": [str(folder / "*.log")], "options": {"read_from": "start"}},
                actor="test",
                now=now,
            )
    (settings.home).mkdir(parents=True, exist_ok=True)
    (settings.home / "horizon").write_text(f"{(now - timedelta(days=5)).date()}\n")
    luffy = resources(
        postgres=PostgresResource(database_url=engine.url.render_as_string(hide_password=False)),
        lake=LakeResource(url=str(tmp_path / "lake")),
    )["luffy"]
    yield build_definitions(settings, {"luffy": luffy}), engine
    get_settings.cache_clear()


def levels(engine, service: str, now: datetime) -> dict[str, int]:
    with store.begin(engine) as conn:
        rows = store.counts.by_level(conn, service, start=now - timedelta(days=2), end=now + timedelta(days=1))
    found: dict[str, int] = {}
    for row in rows.iter_rows(named=True):
        found[row["level"]] = found.get(row["level"], 0) + row["count"]
    return found


def test_the_tick_and_a_day_by_hand_give_the_same_counts(real, instance) -> None:
    defs, engine = real
    now = datetime.now(UTC)
    instance.add_dynamic_partitions("service", ["checkout", "payments"])
    config = {"ops": {"work_through": {"config": {"services": ["checkout", "payments"]}}}}
    assert defs.resolve_job_def("tick").execute_in_process(instance=instance, run_config=config).success

    partitions = instance.get_materialized_partitions(dg.AssetKey("parsed_entries"))
    assert {key.split("|")[1] for key in partitions} == {"checkout", "payments"}
    assert instance.get_materialized_partitions(dg.AssetKey("exception_clusters")) == partitions
    by_tick = {service: levels(engine, service, now) for service in ("checkout", "payments")}
    assert by_tick["checkout"]["info"] >= 40
    assert by_tick["checkout"]["error"] == 1

    for key in partitions:
        day, service = key.split("|")
        result = defs.resolve_job_def("logs").execute_in_process(
            instance=instance, partition_key=dg.MultiPartitionKey({"day": day, "service": service})
        )
        told = {event.asset_key.path[-1]: event.materialization.metadata for event in result.get_asset_materialization_events()}
        assert result.success
        assert "KeyError" in str(told["exception_clusters"]["top clusters"]) or told["exception_clusters"]["exceptions"].value == 0
    by_hand = {service: levels(engine, service, now) for service in ("checkout", "payments")}
    assert by_hand == by_tick


def test_a_tick_with_nothing_new_writes_no_event(real, instance) -> None:
    defs, _ = real
    instance.add_dynamic_partitions("service", ["checkout", "payments"])
    config = {"ops": {"work_through": {"config": {"services": ["checkout"]}}}}
    tick = defs.resolve_job_def("tick")
    tick.execute_in_process(instance=instance, run_config=config)
    before = len(instance.fetch_materializations(dg.AssetKey("raw_logs"), limit=100).records)
    tick.execute_in_process(instance=instance, run_config=config)
    assert len(instance.fetch_materializations(dg.AssetKey("raw_logs"), limit=100).records) == before


def test_a_source_that_is_gone_fails_its_check_and_the_own_run(real, instance) -> None:
    defs, engine = real
    now = datetime.now(UTC)
    with store.begin(engine) as conn:
        store.sources.create(
            conn, "payments", {"type": "opensearch", "name": "shop-logs", "host": "127.0.0.1", "port": 9, "index_pattern": "x"},
            actor="test", now=now,
        )  # fmt: skip
    instance.add_dynamic_partitions("service", ["checkout", "payments"])
    config = {"ops": {"work_through": {"config": {"services": ["checkout", "payments"]}}}}
    assert defs.resolve_job_def("tick").execute_in_process(instance=instance, run_config=config).success
    history = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey("raw_logs"), "sources_read"), limit=20
    )
    passed = {record.partition.split("|")[1]: record.event.dagster_event.event_specific_data.passed for record in history}
    assert passed == {"checkout": True, "payments": False}
    own = defs.resolve_job_def("logs").execute_in_process(
        instance=instance,
        partition_key=dg.MultiPartitionKey({"day": str(now.date()), "service": "payments"}),
        run_config={"ops": {"logs_of_a_day": {"config": {"refetch": "ALWAYS"}}}},
        raise_on_error=False,
    )
    assert not own.success


def test_a_first_day_moved_by_hand_is_taken_over(settings, engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from luffy_dagster.defs.partitions import horizon, keep_horizon

    now = datetime.now(UTC)
    first = keep_horizon(settings, now)
    assert first == horizon(settings) == (now - timedelta(days=settings.horizon_days)).date()
    moved = first - timedelta(days=30)
    with store.begin(engine) as conn:
        store.kv.set_horizon(conn, moved, actor="ann", now=now)
    luffy = resources(
        postgres=PostgresResource(database_url=engine.url.render_as_string(hide_password=False)),
        lake=LakeResource(),
    )["luffy"]
    monkeypatch.setenv("LUFFY_HOME", str(settings.home))
    get_settings.cache_clear()
    assert luffy.settle_horizon()
    assert not luffy.settle_horizon()
    assert horizon(settings) == moved
    get_settings.cache_clear()
