"""The tick: events per service and day, silence where nothing is new, and a failure that stays its own."""

from datetime import timedelta

import dagster as dg

from luffy_dagster_tests.defs import fakes


def tick(defs: dg.Definitions, instance: dg.DagsterInstance, **options) -> dg.ExecuteInProcessResult:
    instance.add_dynamic_partitions("service", ["a", "b", "c"])
    return defs.resolve_job_def("tick").execute_in_process(instance=instance, **options)


def materialised(instance: dg.DagsterInstance, asset: str) -> set[str]:
    return set(instance.get_materialized_partitions(dg.AssetKey(asset)))


def evaluations(instance: dg.DagsterInstance, asset: str, name: str) -> list:
    key = dg.AssetCheckKey(dg.AssetKey(asset), name)
    return instance.event_log_storage.get_asset_check_execution_history(key, limit=50)


def test_every_service_and_day_with_news_is_told(defs, instance, world) -> None:
    world.due = ["a", "b"]
    world.days = (fakes.TODAY - timedelta(days=1), fakes.TODAY)
    assert tick(defs, instance).success

    expected = {f"{day}|{service}" for day in ("2026-11-23", "2026-11-24") for service in "ab"}
    for asset in ("raw_logs", "parsed_entries", "exception_clusters", "anomaly_windows"):
        assert materialised(instance, asset) == expected


def test_checks_point_at_the_materialisation_they_judge(defs, instance, world) -> None:
    world.due = ["a", "b"]
    tick(defs, instance)

    for asset, name in (("raw_logs", "fetch_complete"), ("parsed_entries", "parse_rate")):
        history = evaluations(instance, asset, name)
        assert {record.partition for record in history} == {"2026-11-24|a", "2026-11-24|b"}
        for record in history:
            target = record.event.dagster_event.event_specific_data.target_materialization_data
            latest = instance.fetch_materializations(
                dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[record.partition]), limit=1
            ).records[0]
            assert target.storage_id == latest.storage_id


def test_nothing_new_writes_no_event(defs, instance, world) -> None:
    world.due = ["a"]
    world.quiet = {"a"}
    result = tick(defs, instance)
    assert result.success
    assert materialised(instance, "raw_logs") == set()
    assert evaluations(instance, "raw_logs", "sources_read") == []


def test_a_failing_service_fails_its_check_and_nothing_else(defs, instance, world) -> None:
    world.due = ["a", "b", "c"]
    world.broken = {"b": "orders: password refused; correct it"}
    result = tick(defs, instance)

    assert result.success
    assert materialised(instance, "raw_logs") == {"2026-11-24|a", "2026-11-24|c"}
    by_partition = {
        r.partition: r.event.dagster_event.event_specific_data
        for r in evaluations(instance, "raw_logs", "sources_read")
    }
    assert by_partition["2026-11-24|a"].passed
    assert not by_partition["2026-11-24|b"].passed
    assert "password refused" in by_partition["2026-11-24|b"].description
    assert world.failing == {"b": "orders: password refused; correct it"}


def test_failing_again_for_the_same_reason_is_not_told_again_and_recovery_is(defs, instance, world) -> None:
    world.due = ["b"]
    world.broken = {"b": "refused"}
    tick(defs, instance)
    tick(defs, instance)
    assert len(evaluations(instance, "raw_logs", "sources_read")) == 1

    world.broken = {}
    world.quiet = {"b"}
    tick(defs, instance)
    newest = evaluations(instance, "raw_logs", "sources_read")[0]
    assert newest.event.dagster_event.event_specific_data.passed
    assert materialised(instance, "raw_logs") == {"2026-11-24|b"}  # so that its partition is red no more


def test_named_services_are_worked_on_due_or_not(defs, instance) -> None:
    config = {"ops": {"work_through": {"config": {"services": ["c"]}}}}
    assert tick(defs, instance, run_config=config).success
    assert materialised(instance, "raw_logs") == {"2026-11-24|c"}
