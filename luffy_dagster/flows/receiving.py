"""Other systems' alerts come in: a payload of Alertmanager's webhook becomes findings that the next look judges.

Bounded, because whoever knows the address can send: the size of a payload, and how many alerts it may hold.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from luffy_dagster.core.alerting.alertmanager import incoming
from luffy_dagster.flows.alerting import receive
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.results import Result

MOST_BYTES = 2_000_000
MOST_ALERTS = 5_000


@dataclass(frozen=True)
class Received(Result):
    """Of one payload: alerts that fire, that are over, and that are our own and came back."""

    firing: int = 0
    over: int = 0
    own: int = 0


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
    receive(ctx, firing, over)
    return Received(firing=len(firing), over=len(over), own=len(own))
