"""The outbox over real receivers: refused, slow, hanging, killed in between: one delivery, or the same key twice."""

from datetime import timedelta
import pytest
from luffy_dagster import store
from luffy_dagster.flows.delivery import deliver
from luffy_dagster.lake import Lake
from luffy_dagster_tests.flows.support import World
from luffy_dagster_tests.receivers import http_receiver, smtp_receiver
MSG = {"messages": [{"kind": "first", "severity": "high", "headline": "x", "facts": [], "lines": [], "links": [], "incident_id": "i1"}]}

@pytest.fixture
def world(engine, settings, tmp_path):
    return World(engine, settings.model_copy(update={"notify_allow_private": "127.0.0.1", "notify_timeout_seconds": 1.0, "smtp_host": "127.0.0.1", "smtp_security": "none"}), Lake(tmp_path / "lake"))

def queue(world, hook=None, mail=None):
    with store.begin(world.engine) as conn:
        store.services.create(conn, {"id": "web", "name": "web", **({"notification_webhook_url": hook} if hook else {}), "notification_email": [mail] if mail else []}, actor="t", now=world.clock)
        store.outbox.put(conn, "key-1", f"service:web:email:{mail}" if mail else "service:web:slack", "first", MSG, now=world.clock)

def go(world, n=8, step=301):
    for _ in range(n):
        deliver(world.ctx, budget_seconds=5)
        world.later(seconds=step)

@pytest.mark.parametrize("behaviour", [[500, 503, 500], [(429, {"Retry-After": "30"})], ["slow"], []])
def test_http_refused_then_one(world, behaviour):
    with http_receiver() as r:
        r.behaviour = list(behaviour); queue(world, r.url); go(world)
        assert len(r.accepted) == 1
        assert set(r.keys()) == {"key-1"}

def test_http_hang(world):
    with http_receiver() as r:
        r.behaviour = ["hang"]; queue(world, r.url); go(world)
        assert len(r.accepted) == 2 and set(r.keys()) == {"key-1"}

def test_retry_after(world):
    with http_receiver() as r:
        r.behaviour = [(429, {"Retry-After": "200"})]; queue(world, r.url)
        deliver(world.ctx); world.later(seconds=199); deliver(world.ctx); assert len(r.requests) == 1
        world.later(seconds=2); deliver(world.ctx); assert len(r.accepted) == 1

def test_private_refused(world):
    world.settings = world.settings.model_copy(update={"notify_allow_private": ""})
    with http_receiver() as r:
        queue(world, r.url); go(world, 2)
        assert r.requests == []
        with store.begin(world.engine) as conn:
            (i,) = store.outbox.list_items(conn); assert i.state == "failed" and "secret-path" not in i.last_error

@pytest.mark.parametrize("behaviour", [["451 later", "421 busy"], []])
def test_mail(world, behaviour):
    with smtp_receiver() as box:
        box.behaviour = list(behaviour)
        world.settings = world.settings.model_copy(update={"smtp_port": box.port})
        queue(world, mail="ann@example.org"); go(world)
        assert len(box.mails) == 1 and box.mails[0]["Message-ID"] == "<key-1@localhost>"

def test_mail_hang(world):
    with smtp_receiver() as box:
        box.behaviour = ["hang"]
        world.settings = world.settings.model_copy(update={"smtp_port": box.port})
        queue(world, mail="ann@example.org"); go(world)
        assert len(box.mails) >= 2 and {m["Message-ID"] for m in box.mails} == {"<key-1@localhost>"}

def test_killed_between_claim_and_settle(world):
    with http_receiver() as r:
        queue(world, r.url)
        with store.begin(world.engine) as conn:
            store.outbox.claim(conn, world.clock, timedelta(seconds=62))
        deliver(world.ctx); assert r.requests == []
        world.later(seconds=63); deliver(world.ctx); assert len(r.accepted) == 1
