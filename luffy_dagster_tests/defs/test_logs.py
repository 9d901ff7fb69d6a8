"""The four log assets: one run of a service's day, what it tells and how it fails."""

from datetime import date

import dagster as dg
import pytest

from luffy_dagster.defs.plots import INLINE, hours_plot
from luffy_dagster_tests.defs import fakes

KEY = dg.MultiPartitionKey({"day": "2026-11-24", "service": "web-app"})


def run(
    defs: dg.Definitions, instance: dg.DagsterInstance, key: dg.MultiPartitionKey = KEY, **options
) -> dg.ExecuteInProcessResult:
    instance.add_dynamic_partitions("service", ["web-app", "shop"])
    job = defs.resolve_job_def("logs")
    return job.execute_in_process(instance=instance, partition_key=key, raise_on_error=False, **options)


def test_a_run_materialises_all_four_assets_and_judges_every_check(defs, instance, world) -> None:
    result = run(defs, instance)

    assert result.success
    told = {event.asset_key.path[-1]: event for event in result.get_asset_materialization_events()}
    assert sorted(told) == ["anomaly_windows", "exception_clusters", "parsed_entries", "raw_logs"]
    assert {str(event.partition) for event in told.values()} == {"2026-11-24|web-app"}
    checked = {event.check_name: event.passed for event in result.get_asset_check_evaluations()}
    assert checked == dict.fromkeys(
        ["sources_read", "fetch_complete", "fetch_not_empty", "fetch_in_time", "parse_rate", "day_judged"], True
    )
    assert world.calls == [("rebuild", "web-app", date(2026, 11, 24), True)]


def test_metadata_can_be_read_by_a_person_and_log_text_stays_text(defs, instance) -> None:
    result = run(defs, instance)

    told = {
        event.asset_key.path[-1]: event.materialization.metadata for event in result.get_asset_materialization_events()
    }
    assert told["raw_logs"]["rows of this day"].value == 120
    (source,) = told["raw_logs"]["sources"].records
    assert (source.data["source"], source.data["state"], source.data["new rows"]) == ("orders", "ok", 120)
    assert told["parsed_entries"]["entries"].value == 24 * 4 + sum(hour % 3 for hour in range(24))
    plot = told["parsed_entries"]["entries per hour"].value
    assert plot.startswith("![120 entries, 24 errors](data:image/svg+xml,")
    assert len(plot) < INLINE
    (message,) = told["parsed_entries"]["top messages"].records
    assert message.data["example"] == "order 7 of a|b <script>"  # a cell of a table is text, whatever stands in it
    assert told["exception_clusters"]["top clusters"].records[0].data["cluster"] == "KeyError: 'EUR'"
    assert told["exception_clusters"]["all clusters"].value == "`luffy clusters -s web-app --state all`"
    links = told["raw_logs"]["this day's"].value
    assert "[entries](/assets/parsed_entries?view=partitions&partition=2026-11-24%7Cweb-app)" in links


def test_anomalies_are_told_with_a_plot_that_is_shown_in_place_and_can_be_made_alone(defs, instance, world) -> None:
    result = run(defs, instance, asset_selection=[dg.AssetKey("anomaly_windows")])
    assert world.calls == [("detect", "web-app", date(2026, 11, 24))]
    (event,) = result.get_asset_materialization_events()
    told = event.materialization.metadata
    assert told["found"].records[0].data["what"] == "40 errors in 10 min, about 0.5 expected <b>|"
    plot = told["score (1 is the threshold)"].value
    assert plot.startswith("![1 anomalies, highest score 2.5](data:image/svg+xml,")
    assert len(plot) < INLINE
    assert [event.passed for event in result.get_asset_check_evaluations()] == [True]


def test_a_weeks_model_is_fitted_by_hand(defs, instance, world) -> None:
    key = dg.MultiPartitionKey({"week": "2026-11-23", "service": "web-app"})
    instance.add_dynamic_partitions("service", ["web-app"])
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=instance, partition_key=key, asset_selection=[dg.AssetKey("anomaly_models")], raise_on_error=False
    )
    assert result.success
    assert world.calls == [("fit_week", "web-app", date(2026, 11, 23))]


def test_a_plot_of_errors_in_every_hour_is_still_shown_in_place() -> None:
    worst = hours_plot([{"info": 1_234_567 + hour, "error": 234_567 + hour} for hour in range(24)])
    assert len(worst) < INLINE


def test_an_older_day_is_fetched_only_when_its_rows_are_gone(defs, instance, world) -> None:
    run(defs, instance, dg.MultiPartitionKey({"day": "2026-11-20", "service": "shop"}))
    assert world.calls == [("rebuild", "shop", date(2026, 11, 20), None)]


@pytest.mark.parametrize(("refetch", "asked"), [("ALWAYS", True), ("NEVER", False)])
def test_refetch_is_a_setting_of_the_run(defs, instance, world, refetch, asked) -> None:
    config = {"ops": {"logs_of_a_day": {"config": {"refetch": refetch}}}}
    assert run(defs, instance, run_config=config).success
    assert world.calls == [("rebuild", "web-app", date(2026, 11, 24), asked)]


def test_parsed_entries_alone_are_made_from_the_raw_rows_that_are_there(defs, instance, world) -> None:
    result = run(defs, instance, asset_selection=[dg.AssetKey("parsed_entries")])

    assert result.success
    assert [event.asset_key.path[-1] for event in result.get_asset_materialization_events()] == ["parsed_entries"]
    assert world.calls == [("rebuild", "web-app", date(2026, 11, 24), False)]


def test_exception_clusters_alone_only_map_again(defs, instance, world) -> None:
    result = run(defs, instance, asset_selection=[dg.AssetKey("exception_clusters")])

    assert result.success
    assert [event.asset_key.path[-1] for event in result.get_asset_materialization_events()] == ["exception_clusters"]
    assert world.calls == [("cluster", "web-app")]


def test_a_failing_source_fails_the_run_with_its_reason(defs, instance, world) -> None:
    world.broken["web-app"] = "orders: host not found; correct the host"
    result = run(defs, instance)

    assert not result.success
    failures = [event for event in result.all_events if event.is_step_failure]
    assert "orders: host not found" in failures[0].step_failure_data.user_failure_data.description
    verdicts = {event.check_name: event for event in result.get_asset_check_evaluations()}
    assert not verdicts["sources_read"].passed
    assert "host not found" in verdicts["sources_read"].description
    assert result.get_asset_materialization_events() == []
