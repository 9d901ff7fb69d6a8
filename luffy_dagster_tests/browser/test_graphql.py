"""The GraphQL client against Dagster's real webserver (no daemon: what is launched stays in the queue).

Runs after the page was looked at: what it launches shows there as the latest.
"""

from datetime import date, timedelta

import dagster as dg
import pytest

from luffy_dagster.adapters.dagster_api import DagsterApi, DagsterApiError, DagsterDownError
from luffy_dagster_tests.browser.conftest import free_port
from luffy_dagster_tests.defs import fakes


@pytest.fixture
def api(page):
    with DagsterApi(page.url) as made:
        yield made


def test_a_service_becomes_a_partition_at_once_and_only_once(api, page) -> None:
    api.add_service("search")
    api.add_service("search")
    assert page.instance.get_dynamic_partitions("service").count("search") == 1
    page.instance.delete_dynamic_partition("service", "search")


def test_a_day_is_launched_with_a_key_of_two_dimensions(api, page) -> None:
    run_id = api.launch_day("checkout", fakes.TODAY, tags={"luffy/actor": "ann"})
    run = page.instance.get_run_by_id(run_id)
    assert run.tags["dagster/partition"] == "2026-11-24|checkout"
    key = dg.MultiPartitionKey({"day": "2026-11-24", "service": "checkout"})
    planned = page.instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED).records
    assert {record.partition_key for record in planned} == {str(key)}
    assert api.runs(service="checkout", job="logs")[0].tags["luffy/actor"] == "ann"
    api.terminate(run_id)
    assert api.wait(run_id, sleep=lambda _: None).status == "CANCELED"


def test_a_second_trigger_of_a_service_joins_the_first(api) -> None:
    first = api.launch_services(["checkout"], actor="ann")
    assert api.launch_services(["checkout"], actor="bob") == first
    other = api.launch_services(["catalog"])
    assert other != first
    for run_id in (first, other):
        api.terminate(run_id)


def test_a_failed_run_says_why(api) -> None:
    failed = next(run for run in api.runs(job="logs", limit=100) if run.status == "FAILURE")
    state = api.run(failed.run_id)
    assert state.finished
    assert not state.succeeded
    assert "password refused" in state.error


def test_a_backfill_counts_its_partitions(api) -> None:
    days = [fakes.TODAY - timedelta(days=back) for back in range(3)]
    state = api.backfill(api.launch_backfill(["catalog", "checkout"], days, title="three days"))
    assert state.all == 6
    assert state.done == 0


def test_schedules_and_sensors_are_switched(api) -> None:
    assert {each.name: each.kind for each in api.automations()} == {
        "master_schedule": "schedule",
        "nightly_maintenance": "schedule",
        "service_registry": "sensor",
        "alerting": "sensor",
        "failing_services": "sensor",
        "code_due": "sensor",
        "qualifying_clusters": "sensor",
    }
    for name in ("master_schedule", "service_registry"):
        for running in (False, True):
            api.set_automation(name, running)
            assert {each.name: each.running for each in api.automations()}[name] is running


def test_what_is_not_there_is_said_in_one_line(api) -> None:
    with pytest.raises(DagsterApiError, match="there are .*master_schedule"):
        api.set_automation("nonsense", True)
    with pytest.raises(DagsterApiError, match="could not start the job nonsense"):
        api.launch_job("nonsense")
    with pytest.raises(DagsterApiError, match="could not read the run"):
        api.run("00000000-0000-0000-0000-000000000000")
    with pytest.raises(DagsterApiError, match="could not start the backfill"):
        api.launch_backfill(["nobody"], [date(2026, 11, 24)])


def test_nobody_at_the_address_is_said_with_the_remedy() -> None:
    with DagsterApi(f"http://127.0.0.1:{free_port()}") as api:
        assert not api.is_up()
        with pytest.raises(DagsterDownError, match="luffy up"):
            api.runs()
