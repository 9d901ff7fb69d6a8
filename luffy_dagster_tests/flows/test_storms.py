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


def test_other_systems_alerts_are_bounded_and_what_is_left_out_is_told_once(told):  # noqa: F811
    told.settings = told.settings.model_copy(update={"external_alerts_per_hour": 50})
    with store.begin(told.engine) as conn:
        store.outbox.add_target(conn, "slack", "ops", told.hook.url, service=None, least=Severity.LOW, actor="t", now=told.clock)
    done = receive_alertmanager(told.ctx, payload(told.clock, 80))
    assert (done.firing, done.left_out) == (50, 30)
    assert "at most 50" in done.why
    assert "LUFFY_EXTERNAL_ALERTS_PER_HOUR" in done.why
    done = receive_alertmanager(told.ctx, payload(told.clock, 80))
    assert (done.firing, done.left_out) == (50, 30), "those that are held are taken again"
    ended = payload(told.clock, 80).replace(b'"firing"', b'"resolved"')
    receive_alertmanager(told.ctx, ended)
    done = receive_alertmanager(told.ctx, payload(told.clock, 80, tag="b"))
    assert (done.firing, done.left_out) == (0, 80), "ending and beginning anew does not get round the hour"
    run(told, 10, step=5)
    (message,) = texts(told.hook)
    assert "Alertmanager sends more alerts than are taken" in message
    assert "140 were left out" in message
    told.later(minutes=60)
    assert receive_alertmanager(told.ctx, payload(told.clock, 20, tag="c")).left_out == 0


def test_labels_of_another_system_are_bounded(told):  # noqa: F811
    labels = {f"l{n}": "x" * 3_000 for n in range(300)}
    body = json.dumps({"alerts": [{"status": "firing", "labels": {"alertname": "a" * 9_000, **labels}, "annotations": {"summary": "s" * 90_000}}]})
    receive_alertmanager(told.ctx, body.encode())
    with store.begin(told.engine) as conn:
        ((_, value),) = store.alerts.cached(conn, "external").values()
    assert len(json.dumps(value)) < 20_000
