"""Ids of traces and spans in headers: each under its own name."""

from __future__ import annotations

import random

import polars as pl
import pytest

from luffy_dagster.core.parsing.headers import infer_formats, read_headers
from luffy_dagster_tests.core.parsing.raw import NOW


@pytest.mark.parametrize(
    ("template", "has_span"),
    [
        ("[depot,{t},{s}] 7 --- [main] kelp.Intake : ", True),
        ("[depot,{t},{s},true] kelp.Intake - ", True),
        ("[trace_id={t} span_id={s}] kelp.Intake - ", True),
        ("[dd.trace_id={t}, dd.span_id={s}] kelp.Intake - ", True),
        ("[traceId: {t}; spanId: {s}] ", True),
        ("[{t}-{s}] kelp.Intake : ", True),
        ("[{s}] kelp.Intake - ", False),
        ("[{t}] kelp.Intake - ", False),
        ("[request_id={t}] kelp.Intake - ", False),
        ("trace_id={t} span_id={s} ", True),
    ],
)
def test_ids_are_read_as_what_they_are(template: str, has_span: bool) -> None:
    rng = random.Random(template)
    lines, traces, spans = [], [], []
    for number in range(60):
        t, s = f"{rng.getrandbits(128):032x}", f"{rng.getrandbits(64):016x}"
        said = rng.choice(["lane {} opened", "no way to {}", "{} parcels wait", "tick {}"]).format(rng.randint(1, 99))
        head = f"2026-11-20 08:{number:02d}:11.123 INFO " + template.format(t=t, s=s)
        lines.append(head + said)
        traces.append(t if "{t}" in template else s)
        spans.append(s if has_span else None)
    read = read_headers(pl.Series(lines), infer_formats(lines), received_at=NOW)
    assert read["trace_id"].to_list() == traces
    assert read["span_id"].to_list() == spans
    assert not any("[" in message for message in read["message"].to_list())
