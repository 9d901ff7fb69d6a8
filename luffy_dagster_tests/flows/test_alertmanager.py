"""Alertmanager in and out: a payload at our door, and the round trip with a real one. The latter is opt-in: LUFFY_TEST_ALERTMANAGER=1.

Alertmanager is built by Go once (half a minute); LUFFY_TEST_ALERTMANAGER may also name the program itself.
"""

import http.client
import json
import os
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from luffy_dagster import store
from luffy_dagster.cli.listening import make_server, token_of
from luffy_dagster.core.alerting.model import AlertState
from luffy_dagster.core.model import Severity
from luffy_dagster.evals import parts
from luffy_dagster.flows import alerting
from luffy_dagster_tests.flows.test_alerting import anomaly, hook, run, service, texts, told  # noqa: F401 - fixtures

FOREIGN = {
    "labels": {"alertname": "DiskFull", "service": "db", "severity": "critical", "instance": "db-1"},
    "annotations": {"summary": "the disk of db-1 is full"},
}


@contextmanager
def door(world, tmp_path):
    token = token_of(tmp_path / "token")
    server = make_server(world.ctx, token, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_port, token
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def post(port, body, token=None, *, path="/alertmanager", headers=None):
    wire = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    given = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
    wire.request("POST", path, body, given)
    answer = wire.getresponse()
    text = answer.read().decode()
    wire.close()
    return answer.status, text


def external(world):
    with store.begin(world.engine) as conn:
        return [one for one in store.alerts.list_alerts(conn, states=None) if one.key.startswith("external:")]


def test_the_door_takes_a_payload_and_refuses_the_rest(told, tmp_path):  # noqa: F811
    payload = json.dumps({"version": "4", "alerts": [{"status": "firing", **FOREIGN, "startsAt": told.clock.isoformat(), "fingerprint": "ab12"}]})
    with door(told, tmp_path) as (port, token):
        assert (tmp_path / "token").stat().st_mode & 0o077 == 0
        assert token_of(tmp_path / "token") == token
        assert post(port, payload)[0] == 401
        assert post(port, payload, "wrong")[0] == 401
        assert post(port, payload, token, path="/")[0] == 404
        assert post(port, "nonsense", token) == (400, "this is no JSON (JSONDecodeError)")
        assert "no list `alerts`" in post(port, "{}", token)[1]
        assert post(port, b"[" * 100_000, token)[0] == 400
        assert post(port, b"", token, headers={"Content-Length": "3000000"})[0] == 413
        many = json.dumps({"alerts": [{"status": "firing", "labels": {}}] * 5_001})
        assert "too many" in post(port, many, token)[1]
        assert external(told) == [], "nothing of that was taken"
        assert post(port, payload, token) == (200, "1 firing, 0 over, 0 of ours")
        assert post(port, payload, token)[0] == 200
        run(told, 1)
        (one,) = external(told)
        assert (one.state, one.severity, one.service) == (AlertState.FIRING, Severity.CRITICAL, "db")
        post(port, payload.replace("firing", "resolved"), token)
        run(told, 12)
        (one,) = external(told)
        assert one.state is AlertState.RESOLVED


@pytest.mark.skipif(not os.environ.get("LUFFY_TEST_ALERTMANAGER"), reason="opt-in: LUFFY_TEST_ALERTMANAGER=1 builds and starts one")
@pytest.mark.timeout(900)
def test_the_round_trip_with_a_real_alertmanager(told, tmp_path):  # noqa: F811
    told.clock = datetime.now(UTC).replace(microsecond=0)  # a real one has a clock of its own
    service(told, "pay")
    with store.begin(told.engine) as conn:  # somebody who is told of everything
        store.outbox.add_target(conn, "slack", "ops", told.hook.url, service=None, least=Severity.LOW, actor="test", now=told.clock)
    with door(told, tmp_path) as (port, _):
        config = f"""
route: {{receiver: luffy, group_by: [alertname, service], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - name: luffy
    webhook_configs:
      - url: http://127.0.0.1:{port}/alertmanager
        send_resolved: true
        http_config: {{authorization: {{credentials_file: {tmp_path / "token"}}}}}
"""
        with parts.alertmanager(config) as url:
            with store.begin(told.engine) as conn:
                store.outbox.add_target(conn, "alertmanager", "am", url, service="pay", least=Severity.LOW, actor="test", now=told.clock)
            # out: an incident of ours is an alert there, with our id
            one = anomaly(told, "pay", "charges take 2.4 s", Severity.CRITICAL)
            run(told, 1)
            (there,) = awaited(lambda: alerts_of(url))
            with store.begin(told.engine) as conn:
                (incident,) = store.incidents.list_incidents(conn)
            assert there["labels"]["luffy_incident"] == incident.id
            assert (there["labels"]["service"], there["annotations"]["severity"]) == ("pay", "critical")
            assert "charges take 2.4 s" in there["annotations"]["summary"]
            time.sleep(3)  # it came back by the webhook, and was known as ours
            run(told, 1)
            assert external(told) == []

            # in: another's alert is told once, under its fingerprint
            send(url, [FOREIGN])
            (found,) = awaited(lambda: cached(told))
            run(told, 1)
            (alert,) = external(told)
            (theirs,) = [a for a in alerts_of(url) if a["labels"]["alertname"] == "DiskFull"]
            assert alert.key == found == f"external:alertmanager:{theirs['fingerprint']}"
            assert alert.state is AlertState.FIRING
            run(told, 6)
            assert sum("the disk of db-1 is full" in text for text in texts(told.hook)) == 1

            # over, both ways
            send(url, [{**FOREIGN, "endsAt": datetime.now(UTC).isoformat()}])
            awaited(lambda: not cached(told))
            with store.begin(told.engine) as conn:
                store.anomalies.replace_days(conn, "pay", [one.fired_at.date()], [], now=told.clock)
            run(told, 15)
            (alert,) = external(told)
            assert alert.state is AlertState.RESOLVED
            told.later(minutes=20)
            alerting.tick(told.ctx)
            awaited(lambda: not [a for a in alerts_of(url) if "luffy_incident" in a["labels"] and ends(a) > datetime.now(UTC) + timedelta(hours=1)])


def ends(alert):
    return datetime.fromisoformat(alert["endsAt"])


def cached(world):
    with store.begin(world.engine) as conn:
        return list(store.alerts.cached(conn, "external"))


def alerts_of(url):
    wire = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    wire.request("GET", "/api/v2/alerts")
    found = json.loads(wire.getresponse().read())
    wire.close()
    return found


def send(url, alerts):
    wire = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    wire.request("POST", "/api/v2/alerts", json.dumps(alerts), {"Content-Type": "application/json"})
    assert wire.getresponse().status == 200
    wire.close()


def awaited(get, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = get()
        if found:
            return found
        time.sleep(0.2)
    return get()
