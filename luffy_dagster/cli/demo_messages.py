"""The demo's messages: a receiver on this machine that they go to, telling at once, and what is shown of them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luffy_dagster.cli import context, ui
from luffy_dagster.core.wording import many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luffy_dagster.core.anomalies.model import Anomaly
    from luffy_dagster.demo.inbox import Inbox
    from luffy_dagster.demo.shop import Shop
    from luffy_dagster.flows import FlowContext
    from luffy_dagster.settings import Settings

_ALLOW = "LUFFY_NOTIFY_ALLOW_PRIVATE"
_PATIENCE_S = 60.0


def open_inbox(chosen: Settings) -> tuple[Inbox, Settings]:
    """The demo's receiver, and the settings that allow messages to this machine (kept in `.env` for Dagster and for later)."""
    from luffy_dagster.cli.setup import write_env
    from luffy_dagster.demo import inbox
    from luffy_dagster.settings import get_settings

    allowed = [part.strip() for part in chosen.notify_allow_private.split(",") if part.strip()]
    if inbox.HOST not in allowed:
        text = ",".join([*allowed, inbox.HOST])
        os.environ[_ALLOW] = text
        if (Path.cwd() / ".env").exists():
            write_env(Path.cwd() / ".env", {_ALLOW: text})
        get_settings.cache_clear()
        chosen = context.settings()
    return inbox.start(chosen.home / "demo"), chosen


def point_to(flow: FlowContext, services: Sequence[str], inbox: Inbox) -> None:
    """The services' messages go to the receiver, also when it had to take another port."""
    from luffy_dagster import store

    with store.begin(flow.engine) as conn:
        for service in services:
            held = store.services.get(conn, service).notification_webhook_url
            if held is None or held.reveal() != inbox.url:
                changes = {"notification_webhook_url": inbox.url}
                store.services.update(conn, service, changes, actor=context.actor(), now=context.now())


def note_releases(flow: FlowContext, shop: Shop, environment: str) -> None:
    """What went live when, as a pipeline tells it."""
    from luffy_dagster import store

    with store.begin(flow.engine) as conn:
        for one in shop.deployments:
            known = {release.version for release in store.releases.list_releases(conn, one.service)}
            if one.at <= shop.end and one.sha[:12] not in known:
                store.releases.add(
                    conn,
                    one.service,
                    environment,
                    one.sha[:12],
                    one.sha,
                    one.at,
                    actor=context.actor(),
                    now=context.now(),
                )


def tell(flow: FlowContext) -> None:
    """Judges and delivers what there is; waits for another process (Dagster's sensor) that is at it."""
    from luffy_dagster.flows.alerting import tick

    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        done = tick(flow, at_once=True)
        if not done.judged.skipped and not done.delivered.waiting:
            return
        time.sleep(0.5)


def anomalies(flow: FlowContext, services: Sequence[str]) -> list[Anomaly]:
    """What was abnormal in the last day, oldest first."""
    from datetime import timedelta

    from luffy_dagster import store

    with store.begin(flow.engine) as conn:
        rows = store.anomalies.list_anomalies(conn, start=context.now() - timedelta(hours=24), limit=500)
    return sorted((r.anomaly for r in rows if r.anomaly.service in services), key=lambda a: a.fired_at)


def as_json(found: Sequence[Anomaly], inbox: Inbox | None) -> dict[str, Any]:
    """The anomalies and the messages that arrived, for `--json`."""
    from luffy_dagster.demo.inbox import text_of

    arrived = inbox.messages() if inbox is not None else []
    return {
        "anomalies": [
            {
                "service": a.service,
                "kind": str(a.kind),
                "severity": str(a.severity),
                "started_at": a.started_at,
                "fired_at": a.fired_at,
                "what": a.description,
            }
            for a in found
        ],
        "messages": [{"key": m["key"], "text": text_of(m["body"])} for m in arrived],
    }


def show(found: Sequence[Anomaly], inbox: Inbox) -> None:
    """What was abnormal, and the messages that were told, whole."""
    from luffy_dagster.demo.inbox import text_of

    if found:
        ui.out.print("[bold]What is abnormal[/]")
        for one in found:
            line = f"{one.fired_at:%H:%M}  {one.severity:8}  {one.service}: {one.description}"
            ui.out.print(line, highlight=False, markup=False, soft_wrap=True)
        ui.out.print()
    arrived = inbox.messages()
    if not arrived:
        ui.out.print(f"[green]✓[/] calm: no message was sent to {inbox.url}\n")
        return
    count = many(len(arrived), "message")
    ui.out.print(f"[bold]{count} told[/] to a receiver on this machine ({inbox.file})")
    for message in arrived:
        ui.out.print()
        for line in text_of(message["body"]).splitlines():
            ui.out.print(f"  │ {line}", highlight=False, markup=False, soft_wrap=True)
    ui.out.print()
