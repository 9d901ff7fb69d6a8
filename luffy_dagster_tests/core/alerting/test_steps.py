"""What to do first: of what leads a message, and of a release or a root before anything else."""

from datetime import UTC, datetime

import pytest

from luffy_dagster.core.alerting.model import Alert, AlertState, Source
from luffy_dagster.core.alerting.steps import first_step
from luffy_dagster.core.anomalies.model import Kind
from luffy_dagster.core.model import Severity

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def alert(source=Source.ANOMALY, kind="latency", service="pay"):
    return Alert("k", "r", source, kind, service, "", Severity.HIGH, AlertState.FIRING, AT, AT, AT, "t")


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_anomaly_has_a_step(kind):
    assert len(first_step(alert(kind=str(kind)), root=None, previous=None)) > 20


@pytest.mark.parametrize("kind", ["failed", "empty", "capped", "late", "never_started", "shapes_capped"])
def test_every_alarm_of_fetching_has_one(kind):
    assert "luffy" in first_step(alert(Source.FETCH, kind), root=None, previous="1.0") or kind in ("empty", "capped")


def test_a_release_comes_before_the_root_and_the_root_before_the_kind():
    assert "go back to release 1.4 of db" in first_step(alert(), root="db", previous="1.4")
    assert first_step(alert(), root="db", previous=None).startswith("begin with db")
    assert "compare" in first_step(alert(), root="pay", previous=None)
    assert "release" not in first_step(alert(Source.EXTERNAL, "DiskFull"), root=None, previous="1.4")
