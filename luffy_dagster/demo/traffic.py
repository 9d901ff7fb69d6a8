"""The shop's customers: who comes when and does what. Values only; the same seed gives the same visits."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

VISITS_PER_MINUTE = 5.0
QUERIES = (
    "tea",
    "pot",
    "cup",
    "assam",
    "sencha",
    "first flush",
    "glass",
    "porc",
    "cast iron",
    "caddy",
    "sugar",
    "stone",
)
SKUS = ("TEA-01", "TEA-02", "TEA-03", "POT-01", "POT-02", "CUP-01", "CUP-02", "CAD-01")
PRICES = dict(zip(SKUS, (1290, 1850, 2190, 5900, 3450, 1400, 2250, 990), strict=True))
CURRENCIES = {"EUR": 52, "USD": 22, "GBP": 12, "JPY": 9, "SEK": 5}
# What the supplier sends every hour. The last price has had a decimal comma since the feed began.
FEED = [f"{sku};{cents // 100}.{cents % 100:02d}" for sku, cents in PRICES.items() if sku != "CAD-01"] + ["CAD-01;9,90"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a customer (or of the supplier's hourly job): where it goes and what it says."""

    at: datetime
    service: str
    path: str
    body: dict[str, object]
    trace: str
    retries: int = 0  # how often the customer tries again after an error of the service


def requests(start: datetime, end: datetime, seed: str) -> Iterator[Request]:
    """All requests between `start` and `end`, in the order of their times."""
    rng = random.Random(seed)
    feed_at = start.replace(minute=4, second=2, microsecond=0)
    pending: list[Request] = []
    at = start
    number = 0
    while True:
        hour = at.hour + at.minute / 60
        rate = VISITS_PER_MINUTE * (1 + 0.35 * math.sin((hour - 9) / 24 * 2 * math.pi))
        at += timedelta(minutes=rng.expovariate(rate))
        while feed_at < at:
            if start <= feed_at < end:
                pending.append(Request(feed_at, "catalog", "/feed", {"lines": FEED}, _trace(rng)))
            feed_at += timedelta(hours=1)
        if at >= end:
            break
        number += 1
        pending += _visit(rng, at, number)
        pending.sort(key=lambda request: request.at)
        while pending and pending[0].at < at:
            yield pending.pop(0)
    yield from (request for request in pending if request.at < end)


def _visit(rng: random.Random, at: datetime, number: int) -> list[Request]:
    """One customer's visit: a search, some products looked at, perhaps an order, seldom a refund."""
    trace = _trace(rng)
    asked = [Request(at, "catalog", "/search", {"query": rng.choice(QUERIES)}, trace)]
    seen = rng.sample(SKUS, rng.randint(1, 3))
    for sku in seen:
        at += timedelta(seconds=rng.uniform(4, 25))
        asked.append(Request(at, "catalog", f"/products/{sku}", {}, trace))
    if rng.random() < 0.38:
        at += timedelta(seconds=rng.uniform(20, 60))
        order = f"{at:%m%d%H}{number:05d}"
        pieces = 20 if rng.random() < 0.01 else rng.randint(1, 3)
        items = [{"sku": sku, "pieces": pieces, "cents": PRICES[sku]} for sku in seen]
        currency = rng.choices(list(CURRENCIES), list(CURRENCIES.values()))[0]
        body: dict[str, object] = {"order": order, "items": items, "currency": currency, "card": _card(rng)}
        if rng.random() < 0.12:
            body["coupon"] = rng.choice(["SPRING5", "TEATIME"])
        asked.append(Request(at, "checkout", "/orders", body, trace, retries=1))
        if rng.random() < 0.02 and currency != "JPY":
            at += timedelta(minutes=rng.uniform(3, 20))
            asked.append(
                Request(at, "payments", "/refunds", {"order": order, "cents": 1290, "currency": currency}, _trace(rng))
            )
    return asked


def _trace(rng: random.Random) -> str:
    return f"{rng.getrandbits(64):016x}"


def _card(rng: random.Random) -> str:
    return "4000" + "".join(str(rng.randint(0, 9)) for _ in range(12))
