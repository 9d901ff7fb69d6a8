"""`luffy bench exceptions`: exceptions per CPU-second from entries to fingerprints, and the price of ordinary lines.

Belongs here: the generated input and the clock. The traces are generated, so that anyone can repeat it.
"""

from __future__ import annotations

import platform
import random
import time
from datetime import UTC, datetime
from typing import Any

import polars as pl

from luffy_dagster.core import schemas
from luffy_dagster.core.parsing.traces.continuation import is_continuation
from luffy_dagster.core.parsing.traces.extract import extract_exceptions

_NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def run(count: int = 20_000) -> dict[str, Any]:
    """Figures for `count` exceptions of some 30 frames (half Java, half Python), each one different, and ten times as many plain lines."""
    draw = random.Random(11)
    texts = [_java(draw, i) if i % 2 else _python(draw, i) for i in range(count)]
    plain = [
        f"request {i} of user {draw.randrange(10_000)} done in {draw.randrange(900)} ms" for i in range(count * 10)
    ]
    traces, ordinary = _entries(texts), _entries(plain)
    extract_exceptions(traces.head(10))
    started = time.process_time()
    found = extract_exceptions(traces)
    seconds = time.process_time() - started
    started = time.process_time()
    none = extract_exceptions(ordinary)
    seconds_plain = time.process_time() - started
    lines = pl.Series([line for text in texts for line in text.split("\n")])
    started = time.process_time()
    is_continuation(lines)
    seconds_fold = time.process_time() - started
    return {
        "bench": "exceptions",
        "exceptions": len(found),
        "fingerprints": found.get_column("fingerprint").n_unique(),
        "cpu_seconds": round(seconds, 3),
        "exceptions_per_cpu_second": round(len(found) / seconds),
        "lines_of_traces": len(lines),
        "folding_lines_per_cpu_second": round(len(lines) / max(seconds_fold, 1e-9)),
        "ordinary_lines": len(ordinary),
        "found_in_ordinary": len(none),
        "ordinary_lines_per_cpu_second": round(len(ordinary) / max(seconds_plain, 1e-9)),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }


def _entries(texts: list[str]) -> pl.DataFrame:
    count = len(texts)
    frame = pl.DataFrame(
        {"entry_id": [str(i) for i in range(count)], "raw_line": texts, "message": [t.split("\n", 1)[0] for t in texts]}
    )
    missing = [
        pl.lit(None, dtype=kind).alias(name) for name, kind in schemas.ENTRIES.items() if name not in frame.columns
    ]
    return frame.with_columns(missing).with_columns(pl.lit(_NOW).cast(schemas.UTC_US).alias("event_time"))


def _java(draw: random.Random, number: int) -> str:
    frames = "\n".join(
        f"\tat com.shop.area{draw.randrange(30)}.Part{draw.randrange(40)}.step{depth}(Part{depth}.java:{draw.randrange(900)})"
        for depth in range(20)
    )
    below = "\n".join(f"\tat java.util.concurrent.Pool.run{depth}(Pool.java:{depth})" for depth in range(8))
    return f"java.lang.IllegalStateException: order {number} is closed\n{frames}\n{below}\nCaused by: java.io.IOException: gone\n{frames[:300]}\n\t... 12 more"


def _python(draw: random.Random, number: int) -> str:
    frames = "\n".join(
        f'  File "/srv/shop/area{draw.randrange(30)}/part{draw.randrange(40)}.py", line {draw.randrange(900)}, in step{depth}\n    value = self.next(value)'
        for depth in range(25)
    )
    return f"Traceback (most recent call last):\n{frames}\nValueError: order {number} is closed"
