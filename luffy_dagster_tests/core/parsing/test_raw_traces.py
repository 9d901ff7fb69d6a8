"""Traces printed raw into a stream of objects, and traces shredded over services: one exception is one entry, wherever a batch ends."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luffy_dagster.core import schemas
from luffy_dagster.core.model import StreamProfile
from luffy_dagster.core.parsing import ParseOptions, parse_rows, settle_profile
from luffy_dagster_tests.core.parsing.raw import NOW, rows

PYTHON = [
    "Traceback (most recent call last):",
    '  File "/srv/mill/feed.py", line 12, in feed',
    "    drain(silo)",
    '  File "/srv/mill/silo.py", line 30, in drain',
    "    return levels[name]",
    "KeyError: 'rye'",
]
JAVA = [
    "org.quarz.mill.EmptySiloException: rye is empty",
    "\tat org.quarz.mill.Silo.drain(Silo.java:30)",
    "\tat org.quarz.Main.main(Main.java:7)",
    "Caused by: java.io.IOException: gauge is gone",
    "\tat org.quarz.mill.Gauge.read(Gauge.java:9)",
    "\t... 2 more",
]
WORDY = ["org.quarz.mill.JamException: two things", "belt 3", "belt 4", "\tat org.quarz.mill.Belt.run(Belt.java:5)"]
GO = ["panic: silo closed", "", "goroutine 7 [running]:", "main.feed(0x1)", "\t/srv/mill/main.go:14 +0x1d", "exit status 2"]
NODE = ["TypeError: level is not a function", "    at drain (/srv/mill/silo.js:3:9)", "    at feed (/srv/mill/feed.js:12:3)"]
TRACES = {"python": PYTHON, "java": JAVA, "go": GO, "node": NODE}


def as_json(at: datetime, level: str, message: str) -> str:
    """An object as many libraries write it."""
    return json.dumps({"time": at.isoformat(), "level": level, "msg": message})


def as_logfmt(at: datetime, level: str, message: str) -> str:
    """The same as logfmt."""
    return f'time={at.isoformat()} level={level} msg="{message}"'


def _said(write, count: int = 12) -> list[str]:
    return [write(NOW + timedelta(seconds=i), "info", f"sack {i} rolled") for i in range(count)]


@pytest.mark.parametrize("language", sorted(TRACES))
@pytest.mark.parametrize("write", [as_json, as_logfmt])
def test_a_raw_trace_behind_an_object_is_part_of_its_entry(write, language: str) -> None:
    said = _said(write)
    bodies = [*said, write(NOW, "error", "feeding failed"), *TRACES[language], *said]
    profile = settle_profile(bodies, received_at=NOW)
    parsed = parse_rows(rows(bodies), {"s": profile}, ParseOptions(now=NOW, close=True))
    assert parsed.entries.height == 2 * len(said) + 1
    entry = parsed.entries.filter(pl.col("lines") > 1).row(0, named=True)
    assert (entry["level"], entry["message"], entry["lines"]) == ("error", "feeding failed", len(TRACES[language]) + 1)
    exception = parsed.exceptions.row(0, named=True)
    assert parsed.exceptions.height == 1
    assert exception["entry_id"] == entry["entry_id"]
    assert exception["language"] == ("javascript" if language == "node" else language)


def test_a_bare_line_that_names_an_error_is_an_entry_of_its_own() -> None:
    said = _said(as_json)
    bodies = [*said, "Error: no room left on rye", *said]
    profile = settle_profile(bodies, received_at=NOW)
    parsed = parse_rows(rows(bodies), {"s": profile}, ParseOptions(now=NOW, close=True))
    assert parsed.entries.height == len(bodies)


def test_a_trace_long_after_the_object_is_not_its() -> None:
    said = _said(as_json)
    bodies = [*said, *PYTHON]
    profile = settle_profile(bodies, received_at=NOW)
    raw = rows(bodies)
    late = [NOW] * len(said) + [NOW + timedelta(minutes=5)] * len(PYTHON)
    raw = raw.with_columns(pl.Series("event_time", late, dtype=schemas.UTC_US))
    parsed = parse_rows(raw, {"s": profile}, ParseOptions(now=NOW + timedelta(minutes=5), close=True))
    assert parsed.entries["lines"].to_list() == [1] * len(said) + [len(PYTHON)]


def in_batches(
    bodies: list[str], cuts: list[int], profile: StreamProfile, when: list[datetime]
) -> tuple[list[tuple[str, str, str | None, int]], list[tuple[str, str]]]:
    """Entries and exceptions when the rows come in batches: rows of open entries are kept back and given again."""
    raw = rows(bodies).with_columns(pl.Series("event_time", when, dtype=schemas.UTC_US))
    entries, exceptions = [], []
    held = raw.clear()
    edges = [0, *sorted(set(cuts) - {0, len(bodies)}), len(bodies)]
    for start, end in zip(edges, edges[1:], strict=False):
        batch = pl.concat([held, raw.slice(start, end - start)])
        parsed = parse_rows(batch, {"s": profile}, ParseOptions(now=NOW, close=end == len(bodies), shapes=False))
        waiting = [name for names in parsed.open.values() for name in names]
        entries += parsed.entries.filter(~pl.col("entry_id").is_in(waiting)).select("entry_id", "raw_line", "level", "lines").rows()
        exceptions += parsed.exceptions.filter(~pl.col("entry_id").is_in(waiting)).select("entry_id", "fingerprint").rows()
        keep = parsed.members.filter(pl.col("entry_id").is_in(waiting))["doc_id"].to_list()
        held = batch.filter(pl.col("doc_id").is_in(keep))
    return sorted(entries), sorted(exceptions)


def _objects(rng: random.Random, count: int) -> list[str]:
    write = rng.choice([as_json, as_logfmt])
    out = _said(write, 6)
    while len(out) < count:
        level = rng.choice(["info", "error"])
        out.append(write(NOW, level, f"sack {rng.randint(1, 9)} rolled"))
        if rng.random() < 0.3:
            out += rng.choice([PYTHON, JAVA, WORDY, GO, NODE, ["a bare line"], ["Error: no room left"]])
    return out[:count]


def _shredded(rng: random.Random, count: int) -> list[str]:
    """Three services of a compose log whose traces are printed line by line between those of the others."""
    written: dict[str, list[str]] = {"web-1": [], "worker-1": [], "db-1": []}
    writers = {name: rng.choice([as_json, as_logfmt, None]) for name in written}
    for name, lines in written.items():
        while len(lines) < count:
            write = writers[name]
            text = f"sack {rng.randint(1, 9)} rolled"
            lines.append(text if write is None else write(NOW, rng.choice(["info", "error"]), text))
            if rng.random() < 0.35:
                lines += rng.choice([PYTHON, JAVA, WORDY, GO, NODE])
    out = []
    while len(out) < count:
        name = rng.choice(list(written))
        out.append(f"{name:<9}| {written[name].pop(0)}")
    return out


@pytest.mark.parametrize("make", [_objects, _shredded])
@given(st.integers(0, 100_000), st.lists(st.integers(1, 89), max_size=6))
@settings(max_examples=20, deadline=None)
def test_counts_are_the_same_wherever_batches_end(make, seed: int, cuts: list[int]) -> None:
    bodies = make(random.Random(seed), 90)
    when = [NOW - timedelta(seconds=20) + timedelta(milliseconds=100 * i) for i in range(len(bodies))]
    profile = settle_profile(bodies, received_at=NOW)
    assert in_batches(bodies, cuts, profile, when) == in_batches(bodies, [], profile, when)
