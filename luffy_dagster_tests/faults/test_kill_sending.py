"""`kill -9` while a message is on its way: one delivery where it was refused first, else at least one, each with the same key."""

import time

import pytest

from luffy_dagster import store
from luffy_dagster.flows.delivery import deliver
from luffy_dagster.lake import Lake
from luffy_dagster_tests.faults.test_kill import Nursery
from luffy_dagster_tests.flows.support import World
from luffy_dagster_tests.receivers import free_port, http_receiver

MESSAGE = {"kind": "first", "severity": "high", "headline": "x", "facts": [], "lines": [], "links": [], "incident_id": "i1"}


@pytest.fixture
def world(engine, settings, tmp_path):
    changed = {"notify_allow_private": "127.0.0.1", "notify_timeout_seconds": 5.0}
    return World(engine, settings.model_copy(update=changed), Lake(tmp_path / "lake"))


@pytest.fixture(scope="module")
def nursery():
    found = Nursery()
    yield found
    found.close()


def queue(world, url):
    with store.begin(world.engine) as conn:
        store.services.create(conn, {"id": "web", "name": "web", "notification_webhook_url": url}, actor="t", now=world.clock)
        store.outbox.put(conn, "key-1", "service:web:slack", "first", {"messages": [MESSAGE]}, now=world.clock)


def task_of(world):
    return {
        "do": "deliver",
        "home": str(world.settings.home),
        "database": world.settings.database_url.get_secret_value(),
        "lake": world.lake.root,
        "clock": world.clock.isoformat(),
        "piece_rows": 40,
        "settings": {"notify_allow_private": "127.0.0.1", "notify_timeout_seconds": 5.0},
    }


def send_and_kill(world, nursery, receiver):
    """Starts a delivery in a process of its own and kills it while the receiver holds its request."""
    before = len(receiver.requests)
    killed, _ = nursery.run(task_of(world), kill_when=lambda: len(receiver.requests) > before)
    assert killed, "it was at work"
    assert len(receiver.requests) == before + 1


def finish(world):
    for _ in range(8):
        world.later(seconds=301)
        deliver(world.ctx, budget_seconds=10)
    with store.begin(world.engine) as conn:
        (item,) = store.outbox.list_items(conn, states=None)
    assert item.state == "sent"


@pytest.mark.slow
def test_killed_while_the_receiver_is_about_to_refuse(world, nursery):
    with http_receiver() as receiver:
        receiver.behaviour = ["hold500", "hold500", "hold500"]
        queue(world, receiver.url)
        for _ in range(3):
            send_and_kill(world, nursery, receiver)
            world.later(seconds=90)
        time.sleep(0.8)
        finish(world)
        assert len(receiver.accepted) == 1, "never two, never none"
        assert set(receiver.keys()) == {"key-1"}


@pytest.mark.slow
def test_killed_after_the_receiver_took_it_and_before_it_said_so(world, nursery):
    with http_receiver() as receiver:
        receiver.behaviour = ["hang"]
        queue(world, receiver.url)
        send_and_kill(world, nursery, receiver)
        deliver(world.ctx)
        assert len(receiver.requests) == 1, "as long as the sender may still be at it, nobody else sends"
        finish(world)
        assert len(receiver.accepted) >= 1
        assert set(receiver.keys()) == {"key-1"}, "the receiver can tell that it is the same"


@pytest.mark.slow
def test_killed_before_anything_was_sent(world, nursery):
    with http_receiver() as receiver:
        queue(world, receiver.url)
        nursery.run(task_of(world), kill_after=0.0)
        world.later(seconds=90)
        finish(world)
        assert len(receiver.accepted) in (1, 2)
        assert set(receiver.keys()) == {"key-1"}


def test_a_receiver_that_is_down_gets_it_once_when_it_is_back(world):
    port = free_port()
    queue(world, f"http://127.0.0.1:{port}/hook/secret-path")
    for _ in range(3):
        done = deliver(world.ctx)
        world.later(seconds=200)
    assert done.failed == 1
    assert "refused" in next(iter(done.errors.values())).lower()
    with http_receiver(port) as receiver:
        finish(world)
        assert len(receiver.accepted) == 1
        assert set(receiver.keys()) == {"key-1"}


def test_a_receiver_that_breaks_the_connection_gets_the_same_key_again(world):
    with http_receiver() as receiver:
        receiver.behaviour = ["drop"]
        queue(world, receiver.url)
        deliver(world.ctx)
        finish(world)
        assert len(receiver.accepted) == 1
        assert receiver.keys() == ["key-1", "key-1"]
