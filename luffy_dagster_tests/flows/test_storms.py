"""A storm of alerts, of ours or another system's: few messages, all of it counted, and no tick that takes for ever."""

import json
from datetime import timedelta

from luffy_dagster import store
from luffy_dagster.core.model import Severity
from luffy_dagster.flows import alerting
from luffy_dagster.flows.receiving import receive_alertmanager
from luffy_dagster_tests.flows.test_alerting import hook, run, service, texts, told  # noqa: F401 - fixtures


def payload(now, number, *, services=1, tag="a"):
    return json.dumps(
        {
            "alerts": [
                {
                    "status": "firing",
                    "labels": {"alertname": f"Disk{n}", "service": f"db{n % services}", "instance": f"{tag}{n}"},
                    "annotations": {"summary": f"disk {n} is full"},
                    "startsAt": now.isoformat(),
                }
                for n in range(number)
            ]
        }
    ).encode()


def test_a_storm_of_another_systems_alerts_is_a_few_messages(told):  # noqa: F811
    with store.begin(told.engine) as conn:
        store.outbox.add_target(conn, "slack", "ops", told.hook.url, service=None, least=Severity.LOW, actor="t", now=told.clock)
    receive_alertmanager(told.ctx, payload(told.clock, 200, services=200))
    run(told, 10, step=5)
    assert len(told.hook.accepted) == 1
    assert "200 incidents" in texts(told.hook)[0]
    assert "192 more incidents" in texts(told.hook)[0]
    run(told, 30, step=10)
    assert len(told.hook.accepted) == 1, "nothing new, nothing told"
