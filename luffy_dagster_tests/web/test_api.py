"""The API over a real database: filters, totals that are those of the tables, and who may reach it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from luffy_dagster import store
from luffy_dagster.core.anomalies.model import Anomaly, Feature, Kind
from luffy_dagster.core.model import Severity
from luffy_dagster.flows.process import process_service
from luffy_dagster.web.app import create
from luffy_dagster_tests.flows.conftest import world  # noqa: F401 - fixture
from luffy_dagster_tests.flows.support import Doc, line

MINUTE = timedelta(minutes=1)


def found(world, slug, minutes, kind=Kind.ERRORS, severity=Severity.HIGH, score=2.0):  # noqa: F811
    at = world.clock - minutes * MINUTE
    feature = Feature("errors", 1.0, 30.0, "lines", 9.0, 4.5, 240, "errors-2026-11")
    return Anomaly(slug, "", at - 4 * MINUTE, at, at + 5 * MINUTE, kind, score, severity, (feature,), description="30 errors")


@pytest.fixture
def api(world):  # noqa: F811
    for slug, number in (("pay", 40), ("web", 10)):
        _, server = world.service(slug)
        at = world.clock - 30 * MINUTE
        server.add(*[Doc(f"{slug}{n}", at, line(at, "ERROR" if n % 4 == 0 else "INFO", f"hello {n}"), seq=n) for n in range(number)])
        process_service(world.ctx, slug)
    day = world.clock.date()
    mine = [found(world, "pay", n * 10, score=1.0 + n) for n in range(1, 4)]
    mine.append(replace(found(world, "pay", 45, Kind.LATENCY, Severity.MEDIUM), ended_at=None))
    with store.begin(world.engine) as conn:
        store.anomalies.replace_days(conn, "pay", [day], mine, now=world.clock)
        store.anomalies.replace_days(conn, "web", [day], [found(world, "web", 20, severity=Severity.LOW)], now=world.clock)
    with TestClient(create(world.ctx), base_url="http://127.0.0.1") as client:
        yield client


def test_anomalies_are_filtered_and_counted_whole(api, world):  # noqa: F811
    whole = api.get("/api/v1/anomalies").json()
    assert whole["total"] == len(whole["items"]) == 5
    scores = [one["score"] for one in whole["items"]]
    assert scores == sorted(scores, reverse=True)
    first = whole["items"][0]
    assert set(first["window"]) == {"start", "end"}
    assert first["features"][0]["expected"] == 1.0
    assert api.get("/api/v1/anomalies", params={"service": "web"}).json()["total"] == 1
    assert api.get("/api/v1/anomalies", params={"severity": "high"}).json()["total"] == 3
    assert api.get("/api/v1/anomalies", params={"kind": ["latency", "silence"]}).json()["total"] == 1
    assert api.get("/api/v1/anomalies", params={"open": "true"}).json()["total"] == 1
    page = api.get("/api/v1/anomalies", params={"limit": 2, "offset": 4}).json()
    assert (page["total"], len(page["items"])) == (5, 1)
    early = (world.clock - timedelta(hours=3)).isoformat()
    late = (world.clock - timedelta(hours=2)).isoformat()
    assert api.get("/api/v1/anomalies", params={"from": early, "to": late}).json()["total"] == 0
    one = api.get(f"/api/v1/anomalies/{first['id'][:8]}").json()
    assert one["id"] == first["id"]
    assert one["lines"] == []


def test_the_summary_says_what_the_tables_say(api, world):  # noqa: F811
    said = api.get("/api/v1/stats/summary").json()
    assert said["total"] == 50 == sum(said["by_level"].values())
    assert said["by_level"] == {"info": 37, "error": 13}
    assert [(one["service"], one["total"], one["errors"], one["anomalies"]) for one in said["top_services"]] == [("pay", 40, 10, 4), ("web", 10, 3, 1)]
    assert said["anomalies"]["total"] == api.get("/api/v1/anomalies").json()["total"]
    assert said["anomalies"]["by_severity"] == {"high": 3, "medium": 1, "low": 1}
    with store.begin(world.engine) as conn:
        assert said["by_level"] == store.counts.totals(conn, world.clock - timedelta(hours=24), world.clock + timedelta(hours=1))
    only = api.get("/api/v1/stats/summary", params={"service": "web", "top": 1}).json()
    assert (only["total"], only["services"]) == (10, 1)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/anomalies?kind=nonsense", 422),
        ("/api/v1/anomalies?limit=0", 422),
        ("/api/v1/anomalies?from=2026-11-24T12:00:00Z&to=2026-11-23T12:00:00Z", 422),
        ("/api/v1/anomalies?service=nobody", 404),
        ("/api/v1/anomalies/ffffffff", 404),
        ("/api/v1/stats/summary?from=yesterday", 422),
        ("/api/v1/stats/summary?service=nobody", 404),
        ("/health", 200),
    ],
)
def test_what_is_wrong_is_said(api, path, status):
    answer = api.get(path)
    assert answer.status_code == status
    assert status == 200 or answer.json()["detail"]


def test_another_sites_name_for_this_machine_reaches_nothing(api):
    assert api.get("/api/v1/anomalies", headers={"Host": "evil.example"}).status_code == 400
    assert api.post("/api/v1/anomalies").status_code == 405
