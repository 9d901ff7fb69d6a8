"""Small worlds for the tests of detection: entries of a made-up service, a week and a day, with what is put into them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from luffy_dagster.core import schemas
from luffy_dagster.core.parsing.shapes import shape_messages

START = datetime(2026, 11, 2, tzinfo=UTC)  # a Monday
DAYS = 8
TEST = START + timedelta(days=DAYS - 1)
TEXTS = [
    ("info", 0.40, "parcel {n} scanned at gate {g} in {d} ms"),
    ("info", 0.25, "route for parcel {n} planned in {d} ms"),
    ("debug", 0.15, "label {n} printed"),
    ("info", 0.10, "courier {n} checked in"),
    ("info", 0.06, "depot {g} sorted"),
    ("warn", 0.03, "gate {g} answered late"),
    ("error", 0.01, "parcel {n} has no address"),
]


class World:
    """Lines with Poisson times on a daily course; what is put into it is chosen by the test."""

    def __init__(self, *, per_minute: float = 10.0, seed: int = 1, days: int = DAYS, latency: float = 40.0) -> None:
        self.rng = np.random.default_rng(seed)
        self.latency = latency
        minutes = days * 1440
        hour = np.arange(minutes) / 60 % 24
        self.rate = per_minute * (0.5 + 0.5 * np.exp(-0.5 * ((hour - 13) / 4) ** 2)) * np.exp(self.rng.normal(0, 0.15, minutes))
        self.slow = np.ones(minutes)
        self.shares = np.array([share for _, share, _ in TEXTS])
        self.extra: list[tuple[float, str, str]] = []  # minute, level, message
        self.beats: list[tuple[float, str]] = []
        self.reworded = float("inf")

    def minute(self, hours: float) -> int:
        """Minute of the world at `hours` of its last day."""
        return int((DAYS - 1) * 1440 + hours * 60)

    def heartbeat(self, period: int, text: str, *, missing: tuple[float, float] = (0, 0)) -> None:
        """A line every `period` minutes, but not between these minutes."""
        for at in range(3, len(self.rate), period):
            if not missing[0] <= at < missing[1]:
                self.extra.append((at + self.rng.uniform(0, 0.05), "info", text))

    def put(self, first: float, minutes: float, per_minute: float, text: str, level: str = "error") -> None:
        """Further lines, evenly at random."""
        for at in self.rng.uniform(first, first + minutes, self.rng.poisson(per_minute * minutes)):
            self.extra.append((float(at), level, text.replace("{n}", str(self.rng.integers(1000, 9999)))))

    def entries(self) -> pl.DataFrame:
        """The entries, as the parser would give them."""
        rng = self.rng
        count = rng.poisson(self.rate)
        at = np.repeat(np.arange(len(self.rate)), count) + rng.uniform(0, 1, count.sum())
        which = rng.choice(len(TEXTS), len(at), p=self.shares)
        rows = list(self.extra)
        took = np.exp(rng.normal(np.log(self.latency), 0.4, len(at))) * self.slow[at.astype(int)]
        number, gate = rng.integers(10_000, 99_999, len(at)), rng.integers(1, 40, len(at))
        for i, k in enumerate(which):
            level, _, text = TEXTS[k]
            message = text.format(n=number[i], g=gate[i], d=int(max(1, took[i])))
            if at[i] >= self.reworded:
                message = "[v2] " + message.replace("parcel", "item").replace("courier", "driver")
            rows.append((float(at[i]), level, message))
        rows.sort()
        times = [START + timedelta(minutes=m) for m, _, _ in rows]
        messages = pl.Series("message", [m for _, _, m in rows], dtype=pl.Utf8)
        shaped = shape_messages(messages)
        n = len(rows)
        return pl.DataFrame(
            {
                "entry_id": [f"e{i}" for i in range(n)],
                "event_time": pl.Series(times, dtype=schemas.UTC_US),
                "environment": [""] * n,
                "level": [level for _, level, _ in rows],
                "message": messages,
                "raw_line": messages,
                "trace_id": pl.Series([None] * n, dtype=pl.Utf8),
                "span_id": pl.Series([None] * n, dtype=pl.Utf8),
            }
        ).hstack(shaped)
