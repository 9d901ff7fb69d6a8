"""From log lines to one message, over a real database, a real HTTP receiver and a clock set by hand."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from luffy_dagster import store
from luffy_dagster.core.lifecycle import LifecycleState
from luffy_dagster.core.alerting.model import Finding, Rule, Source
from luffy_dagster.core.anomalies.model import Anomaly, Feature, Kind
from luffy_dagster.core.model import ClusterState, Severity
from luffy_dagster.flows import alerting
from luffy_dagster.flows.process import process_service
from luffy_dagster.flows.receiving import receive
from luffy_dagster_tests.flows.support import Doc, line, minutes_of_logs
from luffy_dagster_tests.receivers import http_receiver

MINUTE = timedelta(minutes=1)


@pytest.fixture
def hook():
    with http_receiver() as receiver:
        yield receiver


@pytest.fixture
def told(world, hook):
    """A world whose services tell the receiver."""
    world.settings = world.settings.model_copy(update={"notify_allow_private": "127.0.0.1", "notify_timeout_seconds": 2.0})
    world.hook = hook
    return world


def service(world, slug="web", **fields):
    made = world.service(slug, notification_webhook_url=world.hook.url, **fields)
    with store.begin(world.engine) as conn:
        store.services.advance(conn, slug, LifecycleState.ACTIVE, actor="test", now=world.clock)
    return made


def texts(hook):
    return [json.dumps(body, ensure_ascii=False) for body in hook.accepted]


def run(world, minutes, *, step=1, fetch=()):
    """Ticks for so long; services in `fetch` are fetched at each."""
    for _ in range(0, minutes, step):
        world.later(minutes=step)
        for slug in fetch:
            process_service(world.ctx, slug)
        result = alerting.tick(world.ctx)
        assert not result.judged.errors, result.judged.errors
    return result


def anomaly(world, slug, title="charges take 2.4 s", severity=Severity.HIGH, **more):
    fields = {"started_at": world.clock - 3 * MINUTE, "fired_at": world.clock - MINUTE, "ended_at": None} | more
    one = Anomaly(slug, "", kind=Kind.LATENCY, score=2.0, severity=severity, description=title,
                  features=(Feature("duration", 0.21, 2.4, "s", 9.0, 4.0, 300),), **fields)  # fmt: skip
    with store.begin(world.engine) as conn:
        store.anomalies.replace_days(conn, slug, [one.fired_at.date()], [one], now=world.clock)
    return one


def test_ten_thousand_equal_errors_in_a_minute_are_one_message_with_the_count(told):
    _, server = service(told)
    start = told.clock - timedelta(hours=30)
    server.add(*minutes_of_logs(300, start, step=300))
    process_service(told.ctx, "web")
    run(told, 10, step=5, fetch=["web"])
    assert told.hook.accepted == [], "what was there from the beginning is not new"
    at = told.clock
    trace = '\nTraceback (most recent call last):\n  File "/srv/app/pay.py", line 9, in charge\n    raise error\nValueError: card refused'
    for n in range(10_000):
        server.add(Doc(f"x{n}", at + n * timedelta(milliseconds=6), line(at, "ERROR", "payment failed") + trace, "app2", seq=n))
    told.later(minutes=1)
    run(told, 20, step=2, fetch=["web"])
    (message,) = texts(told.hook)
    assert "10,000 occurrences" in message
    assert "ValueError" in message
    assert message.count("Likely cause") == 1
    with store.begin(told.engine) as conn:
        (incident,) = store.incidents.list_incidents(conn)
        assert incident.messages == 1


def test_a_calm_day_tells_nothing(told):
    _, server = service(told)
    server.add(*minutes_of_logs(2_304, told.clock - timedelta(hours=24), step=60))  # whole traces: sixteen lines in ten minutes
    process_service(told.ctx, "web")
    for hour in range(10):
        server.add(*minutes_of_logs(96, told.clock, step=60, tag=f"h{hour}"))
        run(told, 60, step=30, fetch=["web"])
    assert told.hook.requests == []
    with store.begin(told.engine) as conn:
        assert store.outbox.list_items(conn) == []


def test_an_anomaly_is_told_once_with_its_root_and_its_end(told):
    service(told, "web", depends_on=[])
    service(told, "pay")
    with store.begin(told.engine) as conn:
        store.services.update(conn, "web", {"depends_on": ["pay"]}, actor="test", now=told.clock)
    one = anomaly(told, "pay")
    child = anomaly(told, "web", "web is slow", Severity.MEDIUM)
    run(told, 11)
    (message,) = texts(told.hook)
    assert "pay: charges take 2.4 s" in message
    assert "2.4 s seen, 210 ms expected" in message
    assert "web: web is slow" in message, "the child is linked"
    with store.begin(told.engine) as conn:
        (incident,) = store.incidents.list_incidents(conn)
        roles = {m.service_id: m.role for m in store.incidents.members(conn, [incident.id])}
    assert (incident.root_service, roles) == ("pay", {"pay": "root", "web": "child"})
    run(told, 25, step=5)
    assert len(told.hook.accepted) == 1, "nothing new, nothing told"
    for ended in (one, child):
        with store.begin(told.engine) as conn:
            over = replace(ended, ended_at=told.clock)
            store.anomalies.replace_days(conn, ended.service, [ended.fired_at.date()], [over], now=told.clock)
    run(told, 20, step=5)
    assert len(told.hook.accepted) == 2
    assert "Over: " in texts(told.hook)[1]


def test_critical_goes_out_at_once_and_to_both(told):
    told.settings = told.settings.model_copy(update={"smtp_host": "127.0.0.1", "smtp_port": 1, "smtp_security": "none"})
    service(told, notification_email=["ann@example.org"])
    anomaly(told, "web", severity=Severity.CRITICAL)
    result = run(told, 1)
    assert len(told.hook.accepted) == 1
    assert "service:web:email" in result.delivered.errors, "nobody listens there: visible"


def test_secrets_and_markup_of_log_lines_do_not_get_out(told):
    service(told)
    # the token is put together here: it is no real one
    token = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
    anomaly(told, "web", f"<!channel> @here `x` password=hunter2-{token} mail bob@example.org \u202egnp.exe <b>bold</b>")
    run(told, 10)
    (message,) = texts(told.hook)
    for bad in ("<!channel>", "@here", token, "hunter2", "bob@example.org", "\u202e", "<b>"):
        assert bad not in message
    assert "&lt;!channel&gt;" in message


def test_maintenance_hides_and_says_what_it_hid(told):
    service(told)
    with store.begin(told.engine) as conn:
        number = store.mutes.add_window(conn, ["web"], owner="ann", reason="upgrade", starts_at=told.clock, ends_at=told.clock + timedelta(hours=1), pause=True, now=told.clock)
    one = anomaly(told, "web")
    run(told, 50, step=5)
    assert told.hook.requests == []
    with store.begin(told.engine) as conn:
        assert store.services.get(conn, "web").lifecycle_state == "Maintenance"
        (hidden,) = store.mutes.hidden(conn, by_kind="maintenance", by_id=number)
        assert (hidden.service_id, hidden.reason, hidden.until_at) == ("web", "upgrade", None)
        over = replace(one, ended_at=told.clock)
        store.anomalies.replace_days(conn, "web", [one.fired_at.date()], [over], now=told.clock)
    run(told, 60, step=5)
    (notice,) = texts(told.hook)
    assert "maintenance window" in notice
    assert "1 alert" in notice
    with store.begin(told.engine) as conn:
        assert store.services.get(conn, "web").lifecycle_state == "Active"


def test_a_silence_expires_and_what_goes_on_is_told(told):
    service(told)
    anomaly(told, "web")
    with store.begin(told.engine) as conn:
        store.mutes.add_silence(conn, {"service": "web"}, owner="bob", reason="known", starts_at=told.clock, ends_at=told.clock + timedelta(minutes=30), now=told.clock)
    run(told, 25, step=5)
    assert told.hook.requests == []
    run(told, 15, step=5)
    both = " ".join(texts(told.hook))
    assert "silence" in both
    assert "1 of them still firing" in both
    assert "charges take" in both


def test_an_acknowledged_incident_is_not_repeated(told):
    told.settings = told.settings.model_copy(update={"alert_repeat_hours": 0.1})
    service(told)
    anomaly(told, "web")
    run(told, 10)
    with store.begin(told.engine) as conn:
        (incident,) = store.incidents.list_incidents(conn)
        store.mutes.acknowledge(conn, incident.id, owner="ann", reason="on it", until=None, now=told.clock)
    run(told, 50, step=5)
    assert len(told.hook.accepted) == 1


def test_the_first_fetch_that_fails_is_told_and_a_late_one_is(told):
    _, server = service(told, log_fetch_interval_minutes=5)
    server.add(*minutes_of_logs(50, told.clock - timedelta(hours=1)))
    process_service(told.ctx, "web")
    server.down = True
    run(told, 20, step=5, fetch=["web"])
    assert "cannot be read" in texts(told.hook)[0]
    _, other = service(told, "api", log_fetch_interval_minutes=5)
    process_service(told.ctx, "api")
    run(told, 25, step=5)  # the scheduler has stopped: nothing is fetched any more
    assert any("logs of api are not fetched" in text for text in texts(told.hook))


def test_another_systems_alerts_are_counted_under_their_key(told):
    service(told)
    one = Finding("external:alertmanager:abc", Source.EXTERNAL, "DiskFull", "web", Severity.HIGH, told.clock, "disk is full")
    receive(told.ctx, [one] * 10_000, [])
    run(told, 10)
    (message,) = texts(told.hook)
    assert "10,000 times" in message
    receive(told.ctx, [], [one.key])
    run(told, 15)
    assert "Over: " in texts(told.hook)[1]


def test_count_rules_by_a_person(told):
    _, server = service(told)
    with store.begin(told.engine) as conn:
        store.alert_rules.put(conn, Rule("busy", Source.COUNT, service="web", metric="lines", threshold=100, severity=Severity.HIGH), actor="ann", now=told.clock)
    server.add(*[Doc(f"l{n}", told.clock, line(told.clock, "INFO", f"hello {n}"), seq=n) for n in range(150)])
    run(told, 10, fetch=["web"])
    (message,) = texts(told.hook)
    assert "over 100" in message


def test_resolved_in_a_release_regresses_only_by_a_newer_one(told):
    """Through fetch and parse: an old release's late line changes nothing, the newer release's first one is told once."""
    _, server = service(told)
    server.add(*minutes_of_logs(300, told.clock - timedelta(hours=30), step=300))

    def failing(ident, at, version):
        text = line(at, "ERROR", "order lost") + '\nTraceback (most recent call last):\n  File "/srv/app/o.py", line 3, in add\n    x / 0\nZeroDivisionError: division by zero'
        server.add(Doc(ident, at, text, "orders", fields=json.dumps({"version": version})))

    failing("v1", told.clock - timedelta(hours=23), "1.0")
    failing("v2", told.clock - timedelta(hours=6), "2.0")
    process_service(told.ctx, "web")
    with store.begin(told.engine) as conn:
        assert [r.version for r in store.releases.list_releases(conn, "web")] == ["2.0", "1.0"]
        cluster = next(c for c in store.clusters.list_clusters(conn, "web", now=told.clock) if "ZeroDivision" in c.title)
    from luffy_dagster.flows.triage import resolve

    resolve(told.ctx, "web", cluster.cluster_id, release="2.0", actor="ann", reason="fixed")
    failing("late", told.clock - timedelta(minutes=3), "1.0")
    run(told, 10, step=5, fetch=["web"])

    def state():
        with store.begin(told.engine) as conn:
            return store.clusters.get(conn, "web", cluster.cluster_id, now=told.clock).state

    assert state() is ClusterState.RESOLVED
    assert told.hook.accepted == []
    failing("v3", told.clock - timedelta(seconds=90), "3.0")
    run(told, 30, step=5, fetch=["web"])
    assert state() is ClusterState.REGRESSED
    (message,) = texts(told.hook)
    assert "3.0" in message
    assert "newer than 2.0" in message
    with store.begin(told.engine) as conn:
        moves = [(t.from_state, t.to_state, t.actor) for t in store.cluster_states.transitions(conn, "web", cluster.cluster_id)]
    assert moves == [("new", "resolved", "ann"), ("resolved", "regressed", "luffy")]
