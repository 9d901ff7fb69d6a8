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


@pytest.mark.parametrize("address", ["ann@example.org\r\nBcc: all@example.org", "a@b.org,c@d.org", "<a@b.org>", "a b@c.org", "Ann <a@b.org>", "@b.org"])
def test_an_address_that_is_none_is_refused_before_anything_is_sent(address):
    from luffy_dagster.adapters.notify.errors import NotifyError
    from luffy_dagster.adapters.notify.mail import Mailer

    with smtp_receiver() as box:
        with pytest.raises(NotifyError, match="no e-mail address") as caught:
            Mailer("127.0.0.1", box.port, "luffy@localhost", "none").send(address, "s", "t", "<p>t</p>", key="k", thread=None, at=World.clock)
        assert caught.value.permanent
        assert box.tried == 0


def test_names_of_services_and_words_of_exceptions_become_no_header(world):
    evil = "pay\r\nBcc: all@example.org\r\n\r\n<script>: KeyError: 'x'\nX-Evil: 1 \u202e \ud83d"
    payload = {"messages": [{**MSG["messages"][0], "headline": evil.encode("utf-8", "replace").decode(), "facts": [["What", evil[:-1]]]}]}
    with smtp_receiver() as box:
        world.settings = world.settings.model_copy(update={"smtp_port": box.port})
        with store.begin(world.engine) as conn:
            store.services.create(conn, {"id": "web", "name": "web", "notification_email": ["ann@example.org"]}, actor="t", now=world.clock)
            store.outbox.put(conn, "key-1", "service:web:email:ann@example.org", "first", payload, now=world.clock)
        go(world, 1)
        (mail,) = box.mails
    assert (mail["Bcc"], mail["X-Evil"]) == (None, None)
    assert "KeyError" in mail["Subject"]
    assert "<script>" not in mail.get_body(("html",)).get_content()


def test_messages_that_did_not_arrive_are_listed_however_many_did(world):
    with store.begin(world.engine) as conn:
        store.services.create(conn, {"id": "web", "name": "web"}, actor="t", now=world.clock)  # has no webhook
        store.outbox.put(conn, "lost", "service:web:slack", "first", MSG, now=world.clock)
    go(world, 1)
    with store.begin(world.engine) as conn:
        for n in range(40):
            store.outbox.put(conn, f"later-{n}", "target:1", "first", MSG, now=world.clock)
        assert [one.key for one in store.outbox.list_items(conn, undelivered=True, limit=30)] == ["lost"]
