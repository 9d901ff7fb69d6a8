"""What a person sees on Dagster's page: partitions, lineage, metadata, checks, resources, automation."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import TimeoutError

from luffy_dagster.adapters.dagster_api import DagsterApi
from luffy_dagster_tests.browser.conftest import SERVICES
from luffy_dagster_tests.defs import fakes


@pytest.fixture
def tab(browser, tmp_path: Path):
    made = browser.new_page(viewport={"width": 1500, "height": 1400})
    made.set_default_timeout(30_000)
    yield made
    made.close()


def look(tab, url: str, *texts: str, shot: Path) -> str:
    for patience in (30_000, 60_000, 60_000):  # two cores, a webserver and the other tests: a person would reload
        tab.goto(url)
        try:
            for text in texts:
                tab.get_by_text(text).first.wait_for(timeout=patience)
            break
        except TimeoutError:
            continue
    else:
        pytest.fail(f"{url} does not show {texts}; it shows: {tab.inner_text('body')[:2000]}")
    tab.wait_for_timeout(500)
    tab.screenshot(path=str(shot), full_page=True)
    return tab.inner_text("body")


def test_the_lineage_shows_the_three_assets(page, tab, tmp_path) -> None:
    url = f"{page.url}/assets/parsed_entries?view=lineage&lineageScope=neighbors"
    look(tab, url, "raw_logs", "exception_clusters", shot=tmp_path / "lineage.png")
    said = look(tab, f"{page.url}/asset-groups", "incidents", shot=tmp_path / "groups.png")
    assert "logs" in said


def test_services_and_days_are_the_partitions(page, tab, tmp_path) -> None:
    url = f"{page.url}/assets/raw_logs?view=partitions"
    said = look(tab, url, *SERVICES, shot=tmp_path / "partitions.png")
    assert re.search(r"2026-11-24", said)


def test_a_partition_shows_counts_a_table_and_a_plot(page, tab, tmp_path) -> None:
    with DagsterApi(page.url) as api:
        url = api.asset_url("parsed_entries", "checkout", fakes.TODAY)
    said = look(tab, url, "entries per hour", "top messages", shot=tmp_path / "entries.png")
    assert re.search(r"parse rate, %\s+98", said)
    assert "order 7 of a|b <script>" in said
    image = tab.locator("img[src^='data:image/svg']").first
    image.wait_for()  # in place, behind no button
    assert image.evaluate("node => node.complete && node.naturalWidth") > 300
    tab.get_by_role("link", name="clusters", exact=True).first.click()
    tab.get_by_text("top clusters").first.wait_for()
    assert "luffy clusters show c1" in tab.inner_text("body")
    tab.screenshot(path=str(tmp_path / "clusters.png"), full_page=True)


def test_a_failed_check_gives_its_reason(page, tab, tmp_path) -> None:
    url = f"{page.url}/assets/raw_logs?view=checks&checkDetail=sources_read"
    said = look(tab, url, "sources_read", "password refused", shot=tmp_path / "checks.png")
    assert "fetch_complete" in said


def test_the_run_of_a_failing_service_shows_why(page, tab, tmp_path) -> None:
    with DagsterApi(page.url) as api:
        failed = next(run for run in api.runs(job="logs") if run.status == "FAILURE")
        look(tab, api.run_url(failed.run_id), "password refused", shot=tmp_path / "run.png")


def test_resources_schedules_and_sensors_are_shown(page, tab, tmp_path) -> None:
    root = f"{page.url}/locations/luffy_dagster"
    look(tab, f"{root}/resources", "postgres", "log_sources", "lake", shot=tmp_path / "resources.png")
    look(tab, f"{page.url}/automation", "master_schedule", "service_registry", "failing_services", shot=tmp_path / "automation.png")
