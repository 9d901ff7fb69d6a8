"""Delivering what the outbox holds: claimed, sent, settled; at least once under one key, exactly once where it was refused first.

How one message is sent is `adapters.notify`'s; when it is tried again `core.alerting.retry`'s.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from luffy_dagster import store
from luffy_dagster.core.alerting.message import Message, as_html, as_slack, as_text, subject_of
from luffy_dagster.core.alerting.retry import next_attempt
from luffy_dagster.core.model import Severity
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.messages import PAGE
from luffy_dagster.flows.results import Result
from luffy_dagster.store.outbox import Item

PARALLEL = 8
ALERTMANAGER_FOR = timedelta(days=7)  # an alert that we do not repeat in time is not over


@dataclass(frozen=True)
class Delivered(Result):
    """How many messages were sent, failed and will be tried again, were given up; the reasons by target."""

    sent: int = 0
    failed: int = 0
    given_up: int = 0
    waiting: int = 0
    errors: dict[str, str] = field(default_factory=dict)


Send = Callable[[FlowContext, Item, "Place"], None]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message goes: "slack", "email", "apprise" or "alertmanager", and the address."""

    kind: str
    address: str


def deliver(ctx: FlowContext, *, budget_seconds: float = 30.0, send: Send | None = None) -> Delivered:
    """Sends what is due, several targets side by side, until nothing is or the budget is spent."""
    deadline = time.monotonic() + budget_seconds
    lease = timedelta(seconds=2 * ctx.settings.notify_timeout_seconds + 60)
    sent = failed = given_up = 0
    errors: dict[str, str] = {}
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="deliver") as pool:
        while time.monotonic() < deadline:
            with store.begin(ctx.engine) as conn:
                items = store.outbox.claim(conn, ctx.now(), lease, limit=PARALLEL)
            if not items:
                break
            for item, (outcome, why) in zip(
                items, pool.map(lambda one: _attempt(ctx, one, send or transmit), items), strict=True
            ):
                sent += outcome == "sent"
                failed += outcome == "queued"
                given_up += outcome == "failed"
                if why:
                    errors[_shown(item.target)] = why
    with store.begin(ctx.engine) as conn:
        waiting = len(store.outbox.list_items(conn, states=("queued", "sending"), limit=10_000))
    return Delivered(sent, failed, given_up, waiting, errors)


def try_targets(ctx: FlowContext, place: str) -> list[tuple[str, str | None]]:
    """Sends a test message to a target (its number) or to all of a service; per target why it failed, or None.

    Raises NotFoundError; InvalidError when the service names no target. No alert is made and nothing is tried again.
    """
    from luffy_dagster.adapters.notify.errors import NotifyError

    now = ctx.now()
    with store.begin(ctx.engine) as conn:
        if place.isdigit():
            refs = [store.outbox.target(conn, int(place)).ref]
        else:
            service = store.services.get(conn, place)
            refs = ["slack"] if service.notification_webhook_url is not None else []
            refs = [f"service:{place}:{one}" for one in [*refs, *(f"email:{a}" for a in service.notification_email)]]
            refs += [one.ref for one in store.outbox.targets(conn, place) if one.enabled]
            if not refs:
                why = f"{place} has no webhook, no e-mail and no target: luffy service set {place} notification_webhook_url=…"
                raise store.errors.InvalidError("target", why)
        places = {ref: place_of(conn, ref) for ref in refs}
    facts = (("What", "a test, sent by hand: nothing is wrong"), ("When", f"{now:%Y-%m-%d %H:%M} UTC"))
    message = Message("first", Severity.LOW, "Luffy can reach you here", facts, incident_id="test")
    meta = {"service": "luffy-test", "started_at": now.isoformat(), "ended_at": None}
    results: list[tuple[str, str | None]] = []
    for ref, where in places.items():
        key = f"luffy-test-{now.timestamp():.0f}-{len(results)}"
        payload = {"messages": [{**message.as_json(), "meta": meta}]}
        item = Item(0, key, ref, "first", (), None, payload, "sending", 1, now, now, None, None, None)
        try:
            transmit(ctx, item, where)
        except NotifyError as error:
            results.append((_shown(ref), str(error)))
        else:
            results.append((_shown(ref), None))
    return results


def _shown(target: str) -> str:
    return ":".join(target.split(":")[:3])


def _attempt(ctx: FlowContext, item: Item, send: Send) -> tuple[str, str | None]:
    """Sends one message and settles it; its state afterwards and why it failed."""
    from luffy_dagster.adapters.notify.errors import NotifyError

    outcome, why, retry_at = "accepted", None, None
    try:
        with store.begin(ctx.engine) as conn:
            place = place_of(conn, item.target)
        send(ctx, item, place)
    except NotifyError as error:
        outcome, why = "uncertain" if error.uncertain else "refused", str(error)
        if not error.permanent:
            retry_at = _again(ctx, item, error.retry_after)
    except store.errors.StoreError as error:
        outcome, why = "refused", str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is: it is told, tried again, and stops no other message
        outcome, why = "uncertain", f"unexpected {type(error).__name__}"
        retry_at = _again(ctx, item, None)
    with store.begin(ctx.engine) as conn:
        store.outbox.settle(conn, item, outcome, now=ctx.now(), detail=why, retry_at=retry_at)
    state = "sent" if outcome == "accepted" else "queued" if retry_at is not None else "failed"
    return state, why


def _again(ctx: FlowContext, item: Item, asked: timedelta | None) -> datetime | None:
    give_up = timedelta(hours=ctx.settings.notify_give_up_hours)
    return next_attempt(item.attempts, item.created_at, ctx.now(), asked=asked, give_up_after=give_up)


def place_of(conn: Any, target: str) -> Place:
    """The address behind the outbox's name of a target, as it is now. Raises NotFoundError when there is none any more."""
    parts = target.split(":", 3)
    if parts[0] == "target":
        found = store.outbox.target(conn, int(parts[1]))
        return Place(found.kind, found.address.reveal())
    service = store.services.get(conn, parts[1])
    if parts[2] == "slack" and service.notification_webhook_url is not None:
        return Place("slack", service.notification_webhook_url.reveal())
    if parts[2] == "email" and parts[3] in service.notification_email:
        return Place("email", parts[3])
    raise store.errors.NotFoundError("target", _shown(target))


def transmit(ctx: FlowContext, item: Item, place: Place) -> None:
    """Sends one message by the adapter of its kind. Raises NotifyError."""
    from luffy_dagster.adapters.notify import send as adapters

    messages = [Message.of_json(one) for one in item.payload["messages"]]
    if place.kind == "email":
        adapters.mailer(ctx.settings).send(
            place.address, subject_of(messages), as_text(messages), as_html(messages),
            key=item.key, thread=item.thread, at=item.created_at,
        )  # fmt: skip
    elif place.kind == "slack":
        adapters.post_json(ctx.settings, place.address, as_slack(messages), key=item.key)
    elif place.kind == "alertmanager":
        alerts = [_alertmanager(ctx, one, raw) for one, raw in zip(messages, item.payload["messages"], strict=True)]
        adapters.post_json(ctx.settings, place.address.rstrip("/") + "/api/v2/alerts", alerts, key=item.key)
    else:
        worst = max(messages, key=lambda m: m.severity.rank).severity
        adapters.apprise(ctx.settings, place.address, subject_of(messages), as_text(messages), severity=str(worst))


def _alertmanager(ctx: FlowContext, message: Message, raw: dict[str, Any]) -> dict[str, Any]:
    from luffy_dagster.core.alerting.alertmanager import outgoing

    meta = raw.get("meta") or {}
    now = ctx.now()
    ended = datetime.fromisoformat(meta["ended_at"]) if meta.get("ended_at") and message.kind == "resolved" else None
    url = dict(message.links).get(PAGE)
    return outgoing(
        message,
        service=meta.get("service", ""),
        environment=meta.get("environment", ""),
        starts_at=datetime.fromisoformat(meta["started_at"]) if meta.get("started_at") else now,
        ends_at=ended or now + ALERTMANAGER_FOR,
        url=url,
    )
