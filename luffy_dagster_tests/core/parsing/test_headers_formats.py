"""Headers of dozens of products, found with no setting: message, level and time are what went in."""

from __future__ import annotations

import json
import random

import polars as pl
import pytest

from luffy_dagster.core.parsing.headers import infer_formats, read_headers
from luffy_dagster.core.parsing.profiles import reading, settle_profile
from luffy_dagster.core.parsing.rows import read_lines
from luffy_dagster_tests.core.parsing.header_formats import FORMATS, stream
from luffy_dagster_tests.core.parsing.raw import NOW
from luffy_dagster_tests.growth import assert_near_linear

TIMELESS = {"android_brief", "logrus_text", "python_basic", "rails_tagged", "uvicorn", "xorg"}
ZONED = {"spring_boot3"}  # writes +02:00 on a clock of UTC


@pytest.mark.parametrize("count", [300, 12])
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_format_is_read_without_a_setting(name: str, count: int) -> None:
    case = stream(name, count)
    formats = infer_formats(case.lines)
    read = read_headers(pl.Series(case.lines, dtype=pl.Utf8), formats, received_at=NOW)
    right = sum(
        got.strip() == wanted.strip() for got, wanted in zip(read["message"].to_list(), case.messages, strict=True)
    )
    assert right >= 0.98 * count
    levels = sum(
        wanted == "?" or got == wanted
        for got, wanted in zip(read["level"].to_list(), case.levels, strict=True)
        if wanted is not None
    )
    assert levels >= 0.98 * sum(level is not None for level in case.levels)
    if name not in TIMELESS | ZONED:
        seconds = [
            abs((got - wanted).total_seconds()) % 86400
            for got, wanted in zip(read["time"].to_list(), case.times, strict=True)
            if got
        ]
        assert len(seconds) == count
        assert sum(min(s, 86400 - s) < 2 for s in seconds) >= 0.98 * count


@pytest.mark.parametrize("seed", range(300, 312))
def test_streams_of_several_formats_and_objects(seed: int) -> None:
    rng = random.Random(seed)
    names = rng.sample(sorted(FORMATS), rng.choice([2, 3]))
    lines = []
    for name in names:
        case = stream(name, 150, seed)
        lines += list(zip(case.times, case.lines, case.messages, strict=True))
    objects = stream("go_std", 60, seed)
    lines += [
        (t, json.dumps({"ts": t.timestamp(), "level": "info", "msg": m}), m)
        for t, m in zip(objects.times, objects.messages, strict=True)
    ]
    lines.sort(key=lambda item: (item[0], item[1]))
    bodies = [line for _, line, _ in lines]
    profile = settle_profile(bodies, received_at=NOW)
    read = read_lines(pl.Series(bodies), reading(profile), assume_tz="UTC", received_at=NOW)
    right = sum(
        got.strip() == wanted.strip() for got, (_, _, wanted) in zip(read["text"].to_list(), lines, strict=True)
    )
    assert right >= 0.98 * len(lines)


def test_what_has_no_header_is_kept_whole_and_lowers_confidence() -> None:
    odd = ["the quick brown fox", "jumps over", "a lazy dog"] * 20
    assert infer_formats(odd) == []
    profile = settle_profile(odd, received_at=NOW)
    assert profile.confidence < 0.5
    good = stream("log4j_short", 60)
    assert settle_profile(good.lines, received_at=NOW).confidence == 1.0
    assert settle_profile(good.lines + odd, received_at=NOW).confidence < 0.8


def test_a_profile_is_a_value() -> None:
    case = stream("zookeeper", 100)
    first = settle_profile(case.lines, received_at=NOW)
    again = settle_profile(case.lines, received_at=NOW)
    assert first == again
    copy = type(first)(first.profile_id, first.algorithm, json.loads(json.dumps(first.spec)), first.confidence)
    column = pl.Series(case.lines)
    one = read_lines(column, reading(first), assume_tz="UTC", received_at=NOW)
    two = read_lines(column, reading(copy), assume_tz="UTC", received_at=NOW)
    assert one.equals(two)


def test_one_repeated_line_is_one_witness() -> None:
    lines = ["2026-11-24 08:00:00 INFO Starting job: nightly"] * 500
    read = read_headers(pl.Series(lines), infer_formats(lines), received_at=NOW)
    assert read["level"].unique().to_list() == ["INFO"]
    assert read["message"][0].endswith("job: nightly")


@pytest.mark.parametrize("name", ["log4j_short", "syslog3164", "health_pipe", "bluegene"])
def test_long_runs_cost_no_more_than_long_lines(name: str) -> None:
    case = stream(name, 200)
    for run in (" ", ".", "-", "[", "a:", "|", ", ", "\t", "("):

        def read(line: str, run: str = run) -> None:
            profile = settle_profile([*case.lines, line], received_at=NOW)
            read_lines(pl.Series([line, run * (len(line) // 2)]), reading(profile), assume_tz="UTC", received_at=NOW)

        assert_near_linear(read, lambda size, run=run: case.lines[0] + run * (size // len(run)) + "x", 1_000_000)
