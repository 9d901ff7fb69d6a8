"""Clusters that are news begin with their first occurrence and carry the requests they met, so that one cause is one incident."""

import random
from datetime import timedelta

from luffy_dagster import store
from luffy_dagster.core.model import ClusterState
from luffy_dagster.flows import alerting
from luffy_dagster.flows.process import process_service
from luffy_dagster_tests.flows.support import Doc, line, minutes_of_logs
from luffy_dagster_tests.flows.test_alerting import hook, run, service, texts, told  # noqa: F401

TRACE = '\nTraceback (most recent call last):\n  File "/srv/app/{file}.py", line 9, in {file}\n    raise error\n{kind}: {text}'


def _failures(tag, times, kind, text, ids):
    return [
        Doc(f"{tag}{n}", at, line(at, "ERROR", f"request {ids[n]} failed") + TRACE.format(file=tag, kind=kind, text=text), tag, seq=n)
        for n, at in enumerate(times)
    ]


def test_new_exceptions_of_two_services_that_met_the_same_requests_are_one_incident(told):  # noqa: F811
    dice = random.Random(1)
    servers = {slug: service(told, slug)[1] for slug in ("shop", "pay")}
    for slug, server in servers.items():
        server.add(*minutes_of_logs(300, told.clock - timedelta(hours=30), step=300, tag=slug))
        process_service(told.ctx, slug)
    run(told, 2, fetch=servers)
    at = told.clock + timedelta(seconds=10)
    ids = [f"{dice.getrandbits(64):016x}" for _ in range(12)]
    times = [at + timedelta(seconds=4 * n) for n in range(12)]
    servers["pay"].add(*_failures("fees", times, "KeyError", "'JPY'", ids))
    servers["shop"].add(*_failures("orders", times, "PaymentFailed", "order could not be charged", ids))
    run(told, 12, fetch=servers)
    with store.begin(told.engine) as conn:
        (incident,) = store.incidents.list_incidents(conn)
        alerts = store.alerts.list_alerts(conn, incident_id=incident.id)
        members = store.incidents.members(conn, [incident.id])
    assert {one.service for one in alerts if one.source == "cluster"} == {"shop", "pay"}
    assert any("trace ids shared" in one.reason for one in members)
    assert len(texts(told.hook)) == 1, "one cause, one message"


def test_an_escalation_begins_with_the_first_occurrence_of_its_rise(told):  # noqa: F811
    _, server = service(told)
    start = told.clock - timedelta(hours=60)
    told.clock -= timedelta(hours=3)
    known = [start + timedelta(hours=4 * n) for n in range(14)]
    calm = [start + timedelta(minutes=5 * n) for n in range(12 * 57)]
    server.add(*[Doc(f"c{n}", at, line(at, "INFO", f"request {n} took 9 ms"), "app", seq=n) for n, at in enumerate(calm)])
    server.add(*_failures("fees", known, "FeeError", "no fee for JPY", ["0" * 16] * 14))
    with store.begin(told.engine) as conn:
        conn.exec_driver_sql("update log_source set watermark = %s", (start,))
    process_service(told.ctx, "web")
    run(told, 60, step=30, fetch=["web"])
    began = told.clock + timedelta(minutes=7)
    ids = [f"{n:016x}" for n in range(1, 31)]
    rise = _failures("fees", [began + timedelta(seconds=50 * n) for n in range(30)], "FeeError", "no fee for JPY", ids)
    for n in range(12):
        late = told.clock + timedelta(minutes=5)
        server.add(*[Doc(f"r{d.id}", d.at, d.body, d.stream, seq=100 + d.seq) for d in rise if told.clock <= d.at < late])
        server.add(Doc(f"l{n}", late, line(late, "INFO", f"request {n} took 9 ms"), "app", seq=9_000 + n))
        run(told, 5, step=5, fetch=["web"])
    with store.begin(told.engine) as conn:
        found = [a for a in store.alerts.list_alerts(conn, states=None) if a.kind == ClusterState.ESCALATING]
    (one,) = found
    assert one.fired_at > began + timedelta(minutes=5)
    assert abs(one.started_at - began) <= timedelta(minutes=1)
    assert len(set(ids) & set(one.trace_ids)) >= 8
