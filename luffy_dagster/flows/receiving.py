"""Other systems' alerts come in: a payload of Alertmanager's webhook becomes findings that the next look judges.

Bounded, because whoever knows the address can send: the size of a payload, how many alerts it may hold, how many different ones
are taken in an hour and held at a time. What is left out is counted and becomes one alert of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from luffy_dagster import store
from luffy_dagster.core.alerting.alertmanager import incoming
from luffy_dagster.core.alerting.model import Finding, Source
from luffy_dagster.core.model import Severity
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.results import Result

MOST_BYTES = 2_000_000
MOST_ALERTS = 5_000
EXTERNAL_FOR = timedelta(hours=24)  # another system's alert that is not repeated for so long is over
LEFT_OUT = "external:left_out"  # key of the one alert about what was not taken
_LEFT_OUT_FOR = timedelta(hours=1)
_KIND, _COUNTER = "external", "external_counter"
_LOCK = "alerting:receive"


@dataclass(frozen=True)
class Received(Result):
    """Of one payload: alerts that fire, that are over, that are our own and came back, and that were too many."""

    firing: int = 0
    over: int = 0
    own: int = 0
    left_out: int = 0
    why: str = ""


def receive_alertmanager(ctx: FlowContext, body: bytes) -> Received:
    """Takes a payload over. Raises ValueError, with what is wrong, when it is none, too large or holds too many alerts."""
    if len(body) > MOST_BYTES:
        raise ValueError(f"{len(body):,} bytes are too many: at most {MOST_BYTES:,}; group alerts in smaller groups")
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"this is no JSON ({type(error).__name__})") from None
    if isinstance(payload, dict) and isinstance(payload.get("alerts"), list) and len(payload["alerts"]) > MOST_ALERTS:
        raise ValueError(f"{len(payload['alerts']):,} alerts are too many: at most {MOST_ALERTS:,}; set max_alerts")
    firing, over, own = incoming(payload, ctx.now())
    left_out = receive(ctx, firing, over)
    why = limits(ctx) if left_out else ""
    return Received(firing=len(firing) - left_out, over=len(over), own=len(own), left_out=left_out, why=why)


def limits(ctx: FlowContext) -> str:
    """What is taken at most, in words, with the setting that says so."""
    most = ctx.settings.external_alerts_per_hour
    return f"at most {most:,} new alerts an hour and {most:,} at a time are taken (LUFFY_EXTERNAL_ALERTS_PER_HOUR)"


def receive(ctx: FlowContext, findings: Sequence[Finding], over: Sequence[str]) -> int:
    """Takes over another system's alerts: what fires (counted up by key) and what is over; how many were too many and left out."""
    now, most = ctx.now(), ctx.settings.external_alerts_per_hour
    with store.service_lock(ctx.engine, _LOCK), store.begin(ctx.engine) as conn:
        held = store.alerts.cached(conn, _KIND)
        for key in [*over, *(key for key, (at, _) in held.items() if now - at > EXTERNAL_FOR)]:
            held.pop(key, None)
            store.alerts.forget(conn, key, _KIND)
        before = store.alerts.cached_of(conn, LEFT_OUT, _COUNTER)
        counter = _counter(before[1] if before else {}, now)
        merged: dict[str, Finding] = {}
        left_out = 0
        for one in findings:
            if one.key in merged:
                merged[one.key] = replace(merged[one.key], count=merged[one.key].count + one.count)
            elif one.key in held:
                merged[one.key] = one
            elif counter["new"] < most and len(held) < most:
                merged[one.key] = one
                held[one.key] = (now, {"count": 0})
                counter["new"] += 1
            else:
                left_out += 1
        for key, one in merged.items():
            value = {**_json(one), "count": one.count + int(held[key][1]["count"])}
            store.alerts.cache(conn, key, _KIND, value, now)
        if left_out:
            counter |= {"left_out": counter["left_out"] + left_out, "last": now.isoformat()}
            counter["since"] = counter["since"] or now.isoformat()
        if merged or left_out:
            store.alerts.cache(conn, LEFT_OUT, _COUNTER, counter, now)
    return left_out


def _counter(before: dict[str, Any], now: datetime) -> dict[str, Any]:
    """New alerts of this hour, and what was left out since when; the latter begins anew after an hour without."""
    hour = now.replace(minute=0, second=0, microsecond=0).isoformat()
    new = int(before.get("new", 0)) if before.get("hour") == hour else 0
    last = before.get("last")
    fresh = last is None or now - datetime.fromisoformat(last) > _LEFT_OUT_FOR
    return {
        "hour": hour,
        "new": new,
        "left_out": 0 if fresh else int(before["left_out"]),
        "since": None if fresh else before["since"],
        "last": None if fresh else last,
    }


def received(ctx: FlowContext, conn: Any, now: datetime) -> list[Finding]:
    """Other systems' alerts that fire at `now`; of what was left out within the last hour one finding with the number."""
    found = []
    for key, (at, value) in store.alerts.cached(conn, _KIND).items():
        if now - at > EXTERNAL_FOR:
            continue
        fields = dict(value)
        fields["severity"], fields["source"] = Severity(fields["severity"]), Source.EXTERNAL
        fields["started_at"] = datetime.fromisoformat(fields["started_at"])
        found.append(Finding(key=key, **fields))
    counted = store.alerts.cached_of(conn, LEFT_OUT, _COUNTER)
    counter = _counter(counted[1] if counted else {}, now)
    if number := counter["left_out"]:
        found.append(
            Finding(
                key=LEFT_OUT,
                source=Source.EXTERNAL,
                kind="left_out",
                service="",
                severity=Severity.HIGH,
                started_at=datetime.fromisoformat(counter["since"]),
                title="Alertmanager sends more alerts than are taken",
                count=number,
                detail={"why": f"{number:,} were left out: {limits(ctx)}"},
            )
        )
    return found


def _json(one: Finding) -> dict[str, Any]:
    """Another system's finding as it is kept while it lasts."""
    return {
        "kind": one.kind,
        "service": one.service,
        "severity": str(one.severity),
        "started_at": one.started_at.isoformat(),
        "title": one.title,
        "environment": one.environment,
        "count": one.count,
        "detail": dict(one.detail),
    }
