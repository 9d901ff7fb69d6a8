"""`luffy bench anomalies`: what features, detection and fitting cost, beside the parser in the same run.

A week and a day of one made-up service; the parser's time per line is the yardstick: features and detection may add half of it.
"""

from __future__ import annotations

import os
import platform
import random
import resource
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from luffy_dagster.core import schemas
from luffy_dagster.core.anomalies.fit import dump, fit
from luffy_dagster.core.anomalies.judge import judge
from luffy_dagster.core.anomalies.ticks import ticks_of
from luffy_dagster.core.anomalies.windows import TICK, window_rows
from luffy_dagster.core.parsing import ParseOptions, parse_rows, settle_profile
from luffy_dagster.core.parsing.templates import mine_templates
from luffy_dagster.core.redaction import LOGS

_END = datetime(2026, 11, 24, tzinfo=UTC)
_TEXTS = (
    "parcel {n} scanned at gate {g} in {d} ms",
    "route for parcel {n} planned in {d} ms",
    "label {n} printed on printer {g}",
    "courier {n} checked in",
    "depot {g} sorted {d} parcels",
    "gate {g} answered late",
    "customer {n} asked for parcel {d}",
    "truck {g} left with {d} parcels after {n} s",
)


def run(lines: int = 400_000) -> dict[str, Any]:
    """Figures in CPU-seconds; `lines` over eight days."""
    raw = _raw(lines)
    start, test = _END - timedelta(days=8), _END - timedelta(days=1)
    warm = timedelta(hours=5)
    clock = time.process_time()
    profile = settle_profile(raw["body"].head(2_000).to_list(), received_at=_END)
    options = ParseOptions(now=_END, close=True, redaction=LOGS, redaction_key=b"bench")
    parsed = parse_rows(raw, {"s": profile}, options)
    parse = time.process_time() - clock
    clock = time.process_time()
    rows = window_rows(parsed.entries, parsed.exceptions, parsed.shapes)
    features = time.process_time() - clock
    mapping = dict(mine_templates(parsed.shapes).select("shape_id", "template_id").iter_rows())
    before = _peak()
    clock = time.process_time()
    model = fit(ticks_of(rows, mapping, start, test))
    fitting = time.process_time() - clock
    peak = _peak()
    clock = time.process_time()
    ticks = ticks_of(rows, mapping, test - warm, _END)
    judged = judge(ticks, model, since=int(warm.total_seconds()) // TICK)
    detect = time.process_time() - clock
    per_line = 1e6 / lines
    of_day = max(int(ticks.total[int(warm.total_seconds()) // TICK :].sum()), 1)
    own = features * per_line + detect * 1e6 / of_day
    return {
        "bench": "anomalies",
        "lines": lines,
        "window_rows": rows.height,
        "parse_us_per_line": round(parse * per_line, 3),
        "features_us_per_line": round(features * per_line, 3),
        "detection_us_per_line": round(detect * 1e6 / of_day, 3),
        "of_the_parser": round(own / (parse * per_line), 3),
        "fit_7_days_cpu_seconds": round(fitting, 2),
        "fit_more_memory_mb": round(max(0.0, peak - before), 1),
        "peak_memory_mb": round(peak, 1),
        "judge_a_day_cpu_seconds": round(detect, 3),
        "model_bytes": len(dump(model)),
        "alerts": len(judged.alerts),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
    }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _raw(lines: int) -> pl.DataFrame:
    dice = random.Random(3)
    start, step = _END - timedelta(days=8), 8 * 86_400 / lines
    bodies, times = [], []
    for i in range(lines):
        at = start + timedelta(seconds=(i + dice.random()) * step)
        text = _TEXTS[min(int(dice.expovariate(0.5)), len(_TEXTS) - 1)]
        level = "ERROR" if dice.random() < 0.003 else "INFO"
        said = text.format(n=dice.randrange(99_999), g=dice.randrange(40), d=int(dice.lognormvariate(3.6, 0.4)))
        bodies.append(f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03d} {level} app.hub - {said}")
        times.append(at)
    frame = pl.DataFrame({"body": bodies, "event_time": pl.Series(times, dtype=schemas.UTC_US)}).with_row_index("seq")
    return frame.select(
        pl.col("seq").cast(pl.Utf8).alias("doc_id"),
        pl.lit("bench").alias("source_id"),
        pl.lit("s").alias("stream"),
        pl.col("seq").cast(pl.Int64),
        "event_time",
        pl.col("event_time").alias("received_at"),
        "body",
        pl.lit(None, dtype=pl.Utf8).alias("fields"),
        pl.lit(0, dtype=pl.Int32).alias("flags"),
    )
