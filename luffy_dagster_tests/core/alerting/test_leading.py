"""Which alert of an incident leads its message."""

from datetime import UTC, datetime

import pytest

from luffy_dagster.core.alerting.model import Alert, AlertState, Source
from luffy_dagster.core.model import Severity
from luffy_dagster.core.alerting.telling import leading_first

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def alert(number, source, kind, severity, service="pay"):
    return Alert(f"k{number}", "r", source, kind, service, "", severity, AlertState.FIRING, NOW, NOW, NOW, f"t{number}", NOW, id=number)


CLUSTER = alert(2, Source.CLUSTER, "new", Severity.MEDIUM)


@pytest.mark.parametrize(
    ("alerts", "leads"),
    [
        ([alert(1, Source.ANOMALY, "errors", Severity.HIGH), CLUSTER], 2),  # what failed says more than how often
        ([alert(1, Source.ANOMALY, "latency", Severity.HIGH), CLUSTER], 1),
        ([alert(1, Source.ANOMALY, "errors", Severity.HIGH), alert(3, Source.ANOMALY, "latency", Severity.LOW)], 1),
        ([alert(1, Source.CLUSTER, "new", Severity.CRITICAL, "shop"), CLUSTER], 2),  # the root's before the worst
        ([alert(1, Source.ANOMALY, "errors", Severity.HIGH), alert(3, Source.CLUSTER, "new", Severity.HIGH, "shop")], 1),
    ],
)
def test_what_leads_a_message(alerts, leads):
    assert leading_first(alerts, "pay", NOW)[0].id == leads
