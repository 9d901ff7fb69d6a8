"""Events in batches: the same rows as dagster-postgres writes, seen by every reader, never lost in silence."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as db
from dagster._core.events import DagsterEvent, StepMaterializationData
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.plan.objects import StepSuccessData
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._serdes import deserialize_value, serialize_value
from dagster_postgres.event_log import PostgresEventLogStorage

from luffy_dagster.adapters.dagster_api import prepare_dagster_home
from luffy_dagster.defs import event_storage, targets
from luffy_dagster.defs.event_storage import PRIVATE_NAMES, GatheringEventLogStorage
from luffy_dagster.settings import Settings
from luffy_dagster.store import embedded

TABLES = {
    "event_logs": "run_id, dagster_event_type, step_key, asset_key, partition",
    "asset_event_tags": "asset_key, key, value",
    "asset_check_executions": "asset_key, check_name, partition, execution_status, evaluation_event_storage_id IS NULL,"
    " materialization_event_storage_id IS NULL, evaluation_event_timestamp IS NULL",
}


@pytest.fixture
def storage(persistent: dg.DagsterInstance) -> GatheringEventLogStorage:
    made = persistent.event_log_storage
    assert type(made) is GatheringEventLogStorage
    return made


def told(run_id: str, name: str = "a", partition: str | None = None) -> EventLogEntry:
    """A materialisation as a run tells it."""
    made = dg.AssetMaterialization(name, partition=partition)
    event = DagsterEvent(
        event_type_value="ASSET_MATERIALIZATION",
        job_name="job",
        step_key="step",
        event_specific_data=StepMaterializationData(made, []),
    )
    return EventLogEntry(
        error_info=None, level=10, user_message="", run_id=run_id, timestamp=time.time(), step_key="step", job_name="job", dagster_event=event
    )


def started(run_id: str, kind: str = "PIPELINE_START") -> EventLogEntry:
    return EventLogEntry(
        error_info=None, level=10, user_message="", run_id=run_id, timestamp=time.time(), job_name="job",
        dagster_event=DagsterEvent(
            event_type_value=kind, job_name="job", step_key="step" if kind.startswith("STEP") else None,
            event_specific_data=StepSuccessData(1.0) if kind == "STEP_SUCCESS" else None,
        ),
    )  # fmt: skip


def ids(storage, run_id: str) -> int:
    """How many rows another process sees."""
    with db.create_engine(storage.postgres_url).connect() as conn:
        return conn.execute(db.text("SELECT count(*) FROM event_logs WHERE run_id = :run"), {"run": run_id}).scalar_one()


def rows(storage, run_ids: dict[str, str]) -> dict[str, list]:
    """What the tables hold of runs, without what differs from run to run."""
    found = {}
    with storage._engine.connect() as conn:
        for table, columns in TABLES.items():
            where = "event_id IN (SELECT id FROM event_logs WHERE run_id = :run)" if table == "asset_event_tags" else "run_id = :run"
            for name, run_id in run_ids.items():
                order = "event_id, key" if table == "asset_event_tags" else "id"
                query = db.text(f"SELECT {columns} FROM {table} WHERE {where} ORDER BY {order}")
                seen = [tuple(str(cell).replace(run_id, "RUN") for cell in row) for row in conn.execute(query, {"run": run_id})]
                # Provenance names the storage ids of upstream events.
                found[f"{name} {table}"] = [
                    row for row in seen if not any(word in cell for cell in row for word in ("input_event", "data_version"))
                ]
    return found


def counted(engine, work) -> int:
    """SQL statements that `work` sends."""
    seen = []

    def note(conn, cursor, statement, *_):
        seen.append(statement)

    db.event.listen(engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        db.event.remove(engine, "before_cursor_execute", note)
    return len(seen)


def run_of(defs, instance, world, service: str):
    world.due = [service]
    instance.add_dynamic_partitions("service", [service])
    return defs.resolve_job_def("logs").execute_in_process(
        instance=instance, partition_key=dg.MultiPartitionKey({"day": "2026-11-24", "service": service})
    )


def test_the_rows_are_those_of_dagster_postgres(persistent, storage, defs, world, monkeypatch) -> None:
    made = {"logs": run_of(defs, persistent, world, "a").run_id, "tick": defs.resolve_job_def("tick").execute_in_process(instance=persistent).run_id}
    gathered = rows(storage, made)
    with storage._connect() as conn:
        assets = conn.execute(db.text("SELECT asset_key, last_run_id, last_materialization FROM asset_keys ORDER BY 1")).all()
    assert all(run_id == made["tick"] for _, run_id, _ in assets)
    for name, _, latest in assets:
        record = persistent.fetch_materializations(dg.AssetKey.from_db_string(name), limit=1).records[0]
        assert latest == serialize_value(record)  # to the letter

    world.broken["b"] = "orders: host not found"
    persistent.add_dynamic_partitions("service", ["b"])
    failed = defs.resolve_job_def("logs").execute_in_process(
        instance=persistent, partition_key=dg.MultiPartitionKey({"day": "2026-11-24", "service": "b"}), raise_on_error=False
    )
    world.broken.clear()
    with storage._connect() as conn:
        query = db.text("SELECT event FROM event_logs WHERE run_id = ANY(:runs)")
        stored = conn.execute(query, {"runs": [*made.values(), failed.run_id]}).scalars().all()
    assert len(stored) > 80
    assert [each for each in stored if serialize_value(deserialize_value(each)) != each] == []  # to the letter

    monkeypatch.setattr(GatheringEventLogStorage, "_event_to_row", PostgresEventLogStorage._event_to_row)
    monkeypatch.setattr(GatheringEventLogStorage, "store_event", PostgresEventLogStorage.store_event)
    monkeypatch.setattr(GatheringEventLogStorage, "store_event_batch", PostgresEventLogStorage.store_event_batch)
    made = {"logs": run_of(defs, persistent, world, "a").run_id, "tick": defs.resolve_job_def("tick").execute_in_process(instance=persistent).run_id}
    assert rows(storage, made) == gathered
    assert len(gathered["logs event_logs"]) > 35
    assert len(gathered["logs asset_check_executions"]) == 6


def test_a_run_asks_few_questions(persistent, storage, defs, world) -> None:
    run_of(defs, persistent, world, "a")
    events = counted(storage._engine, lambda: run_of(defs, persistent, world, "a"))
    runs = counted(persistent.run_storage._engine, lambda: run_of(defs, persistent, world, "a"))
    assert events <= 18  # 124 of them when each event is written by itself
    assert runs <= 12


def test_a_tick_asks_no_more_than_a_few_questions_per_service(persistent, storage, defs, world) -> None:
    job = defs.resolve_job_def("tick")

    def work(services: list[str]) -> int:
        persistent.add_dynamic_partitions("service", services)
        world.due = services
        return counted(storage._engine, lambda: job.execute_in_process(instance=persistent))

    work([f"x{number}" for number in range(20)])
    few, many = work([f"x{number}" for number in range(5)]), work([f"x{number}" for number in range(20)])
    assert (many - few) / 15 <= 8


def test_who_reads_sees_what_was_told_and_another_process_a_moment_later(storage) -> None:
    storage.store_event(told("r1"))
    assert len(storage.get_logs_for_run("r1")) == 1
    storage.store_event(told("r1"))
    ends = time.monotonic() + 20
    while ids(storage, "r1") < 2 and time.monotonic() < ends:
        time.sleep(0.02)
    assert ids(storage, "r1") == 2


@pytest.mark.parametrize("kind", ["STEP_SUCCESS", "PIPELINE_SUCCESS", "PIPELINE_FAILURE"])
def test_an_end_is_written_with_all_that_was_told_before(storage, monkeypatch, kind) -> None:
    monkeypatch.setattr(event_storage, "HELD_SECONDS", 3600)
    storage._write_now()
    storage.store_event(told(f"end-{kind}"))
    storage.store_event(started(f"end-{kind}", kind))
    assert ids(storage, f"end-{kind}") == 2


def test_many_events_do_not_pile_up(storage, monkeypatch) -> None:
    monkeypatch.setattr(event_storage, "MOST_HELD", 5)
    for _ in range(12):
        storage.store_event(told("many"))
    assert len(storage._told) < 5


def test_what_the_database_refuses_fails_its_run_alone(storage, monkeypatch, capsys) -> None:
    storage.store_event(told("bad", partition="nul\0"))
    storage.store_event(told("good"))
    storage.write()
    assert len(storage.get_logs_for_run("good")) == 1
    assert "bad" in capsys.readouterr().err
    with pytest.raises(ValueError, match="NUL"):
        storage.store_event(told("bad"))
    storage.store_event(started("bad", "PIPELINE_FAILURE"))  # the failure itself can be told
    assert len(storage.get_logs_for_run("bad")) == 1


def test_a_success_is_not_told_over_a_refused_event(storage) -> None:
    storage.store_event(told("proud", partition="nul\0"))
    with pytest.raises(ValueError, match="NUL"):
        storage.store_event(started("proud", "PIPELINE_SUCCESS"))
    assert storage.get_logs_for_run("proud") == []


def test_while_the_database_is_away_events_are_kept(storage, monkeypatch, capsys) -> None:
    def away(*_):
        raise db.exc.OperationalError("INSERT", {}, Exception("server closed the connection"))

    storage.store_event(told("away"))
    with monkeypatch.context() as there:
        there.setattr(GatheringEventLogStorage, "_event_to_row", away)
        with pytest.raises(db.exc.OperationalError):
            storage.get_logs_for_run("away")
        with pytest.raises(db.exc.OperationalError):
            storage.store_event(started("away", "PIPELINE_SUCCESS"))
        storage._write_now()
        assert "kept and tried again" in capsys.readouterr().err
    assert [entry.dagster_event_type.value for entry in storage.get_logs_for_run("away")] == ["ASSET_MATERIALIZATION"]


def test_rows_that_follow_from_an_event_are_written_when_the_first_try_fails(storage, monkeypatch) -> None:
    failed = []

    def once(self, conn, assets):
        if not failed:
            failed.append(True)
            raise db.exc.OperationalError("INSERT", {}, Exception("gone"))
        return real(self, conn, assets)

    real = GatheringEventLogStorage._write_assets
    monkeypatch.setattr(GatheringEventLogStorage, "_write_assets", once)
    storage.store_event(told("half", name="half"))
    with pytest.raises(db.exc.OperationalError):
        storage.write()
    assert len(storage.get_logs_for_run("half")) == 1  # not twice
    assert storage.has_asset_key(dg.AssetKey("half"))


def test_threads_lose_nothing(storage) -> None:
    def tell(number: int) -> None:
        for _ in range(25):
            storage.store_event(told(f"thread-{number}", name=f"asset-{number}"))

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [len(storage.get_logs_for_run(f"thread-{number}")) for number in range(6)] == [25] * 6


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_writes_nothing_of_its_parent(storage) -> None:
    storage.store_event(told("fork"))
    pid = os.fork()
    if pid == 0:
        os._exit(len(storage._told))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert len(storage.get_logs_for_run("fork")) == 1


def test_another_version_of_dagster_gets_its_own_storage(monkeypatch) -> None:
    assert event_storage.event_storage() is GatheringEventLogStorage, (
        "Dagster is another than the event storage was written for: compare store_event, store_event_batch and"
        " store_asset_check_event of dagster-postgres with it, then change KNOWN_VERSION."
    )
    monkeypatch.setattr(event_storage.dagster, "__version__", "1.99.0")
    assert event_storage.event_storage() is PostgresEventLogStorage
    monkeypatch.undo()
    monkeypatch.setattr(event_storage, "PRIVATE_NAMES", (*PRIVATE_NAMES, "_nothing_of_this_name"))
    assert event_storage.event_storage() is PostgresEventLogStorage


def test_the_private_names_that_are_relied_on_are_there() -> None:
    assert all(hasattr(PostgresEventLogStorage, name) for name in PRIVATE_NAMES)
    assert SqlEventLogStorage.store_asset_check_event is PostgresEventLogStorage.store_asset_check_event
    # Of others: a name that is gone only makes a run slower.
    assert hasattr(dg.AssetCheckResult, "_get_partitioned_target_materialization_data")
    assert hasattr(dg.ConfigurableResource, "_with_updated_values")
    assert hasattr(dg.DagsterInstance, "get_asset_event_summary_records")


def test_what_a_step_is_given_for_provenance_is_what_dagster_would_look_up(persistent, storage, defs, world, monkeypatch) -> None:
    from luffy_dagster.defs import logs

    compared = {}

    def both(context, told, asset):
        cache, key = context.get_step_execution_context()._data_version_cache, dg.AssetKey(asset)
        targets.hand_over(context, told, asset)
        given = cache.input_asset_version_info.pop(key, None)
        compared[asset] = (given, cache.maybe_fetch_and_get_input_asset_version_info(key))

    monkeypatch.setattr(logs, "hand_over", both)
    run_of(defs, persistent, world, "earlier")
    run_of(defs, persistent, world, "a")
    assert set(compared) == {"raw_logs", "parsed_entries"}
    assert all(given == looked_up for given, looked_up in compared.values())
    monkeypatch.setattr(targets.dagster, "__version__", "1.99.0")
    run_of(defs, persistent, world, "a")
    assert compared["raw_logs"][0] is None


def test_ids_of_materialisations_are_told_without_a_question_and_forgotten_when_the_run_ends(storage, monkeypatch) -> None:
    monkeypatch.setattr(event_storage, "HELD_SECONDS", 3600)
    storage._write_now()
    storage.store_event(told("ids", name="x", partition="p"))
    made = {}
    assert counted(storage._engine, lambda: made.update(storage.materialised("ids"))) == 1
    (record,) = [row.storage_id for row in storage.get_records_for_run("ids").records]
    assert made[dg.AssetKey("x"), "p"][0] == record
    assert storage.has_asset_key(dg.AssetKey("x"))  # a reader sees what follows from it
    storage.store_event(started("ids", "PIPELINE_SUCCESS"))
    assert storage.materialised("ids") == {}
