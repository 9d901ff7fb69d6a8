"""Schedules, sensors and the definitions as a whole."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import dagster as dg
import pytest

from luffy_dagster.defs.automation import (
    ask_for_tick,
    failing_services_sensor,
    logs_job,
    master_schedule,
    service_registry,
)
from luffy_dagster.defs.partitions import key_of, service_days, split_key
from luffy_dagster_tests.defs import fakes

AT = datetime(2026, 11, 24, 12, 5, tzinfo=UTC)


def master(instance: dg.DagsterInstance) -> dg.RunRequest | dg.SkipReason:
    return ask_for_tick(instance, fakes.fake_luffy(), AT)


def test_the_master_schedule_asks_for_one_run_whatever_is_due(defs, instance, world) -> None:
    world.due = [f"s{number}" for number in range(200)]
    request = master(instance)
    assert isinstance(request, dg.RunRequest)
    assert request.tags["luffy/due"] == "200"
    assert request.tags["dagster/max_runtime"]


def test_the_master_schedule_asks_for_none_when_nothing_is_due(instance, world) -> None:
    assert isinstance(master(instance), dg.SkipReason)


def test_the_master_schedule_adds_no_tick_to_one_that_waits(defs, instance, world) -> None:
    world.due = ["a"]
    tick = defs.resolve_job_def("tick")
    instance.create_run_for_job(tick, status=dg.DagsterRunStatus.NOT_STARTED)
    answer = master(instance)
    assert isinstance(answer, dg.SkipReason)
    assert "waits" in answer.skip_message


def test_the_registry_sensor_adds_missing_services_only(instance, world) -> None:
    world.services = ["a", "b"]
    instance.add_dynamic_partitions("service", ["a"])
    with dg.build_sensor_context(instance=instance, resources={"luffy": fakes.fake_luffy()}) as context:
        result = service_registry(context)
    assert [request.partition_keys for request in result.dynamic_partitions_requests] == [["b"]]
    instance.add_dynamic_partitions("service", ["b"])
    with dg.build_sensor_context(instance=instance, resources={"luffy": fakes.fake_luffy()}) as context:
        assert isinstance(service_registry(context), dg.SkipReason)


def test_failing_services_get_a_run_of_their_own_once_and_five_at_a_time(defs, instance, world) -> None:
    sensor = failing_services_sensor(logs_job())
    world.failing = {f"s{number}": "refused" for number in range(7)}
    instance.add_dynamic_partitions("service", list(world.failing))

    def evaluate(cursor: str | None) -> tuple[list, str | None]:
        with dg.build_sensor_context(
            instance=instance, cursor=cursor, resources={"luffy": fakes.fake_luffy()}, definitions=defs
        ) as context:
            result = sensor(context)
            if isinstance(result, dg.SkipReason):
                return [], context.cursor
            return result.run_requests, result.cursor

    first, cursor = evaluate(None)
    assert [request.partition_key for request in first] == [f"2026-11-24|s{number}" for number in range(5)]
    assert first[0].tags["luffy/reason"] == "refused"
    second, cursor = evaluate(cursor)
    assert len(second) == 2
    third, cursor = evaluate(cursor)
    assert third == []
    del world.failing["s3"]
    _, cursor = evaluate(cursor)
    assert "s3" not in json.loads(cursor)
    world.failing["s3"] = "refused"
    again, _ = evaluate(cursor)
    assert [request.partition_key for request in again] == ["2026-11-24|s3"]


def test_every_definition_that_is_to_run_by_itself_is_on(defs) -> None:
    repository = defs.get_repository_def()
    assert {each.name: each.default_status.value for each in repository.schedule_defs} == {
        "master_schedule": "RUNNING",
        "nightly_maintenance": "RUNNING",
    }
    assert {each.name: each.default_status.value for each in repository.sensor_defs} == {
        "service_registry": "RUNNING",
        "alerting": "RUNNING",
        "code_due": "RUNNING",
        "failing_services": "RUNNING",
        "qualifying_clusters": "RUNNING",
    }
    for name in ("logs", "tick", "maintenance"):
        assert int(repository.get_job(name).tags["dagster/max_runtime"]) > 0
    assert master_schedule.cron_schedule == "*/5 * * * *"
    assert defs.executor is dg.in_process_executor
    dg.Definitions.validate_loadable(defs)


def test_partition_keys_are_day_and_service() -> None:
    day = datetime(2026, 11, 21).date()
    assert str(key_of(day, "web-app")) == "2026-11-21|web-app"
    assert split_key("2026-11-21|web-app") == (day, "web-app")
    with pytest.raises(ValueError):
        split_key("web-app")


def test_days_run_from_the_horizon_to_today(instance) -> None:
    partitions = service_days(datetime(2026, 11, 20).date())
    instance.add_dynamic_partitions("service", ["a"])
    keys = partitions.get_partition_keys(
        current_time=datetime(2026, 11, 24, 0, 1, tzinfo=UTC), dynamic_partitions_store=instance
    )
    assert [str(key) for key in keys] == [f"2026-11-{day}|a" for day in range(20, 25)]


def test_maintenance_goes_on_past_a_service_that_breaks(defs, instance, world) -> None:
    world.services = ["a", "b"]
    world.maintenance_breaks = {"a"}
    result = defs.resolve_job_def("maintenance").execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    steps = {
        event.step_key: event.event_type_value
        for event in result.all_events
        if event.is_step_failure or event.is_step_success
    }
    assert steps == {"maintain_services": "STEP_FAILURE", "purge_event_log": "STEP_SUCCESS"}


def test_loading_the_definitions_is_quick_and_loads_nothing_heavy() -> None:
    script = (
        "import sys, time, dagster; start = time.process_time(); import luffy_dagster.definitions; "
        "print(time.process_time() - start, *sorted({'torch', 'sklearn', 'hdbscan', 'polars', 'chromadb', 'pandas', "
        "'matplotlib', 'sqlalchemy', 'deltalake'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    seconds, *heavy = done.stdout.split()
    assert heavy == []
    assert float(seconds) < 0.5
