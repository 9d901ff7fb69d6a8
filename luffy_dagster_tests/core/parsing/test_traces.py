"""Traces of all languages: read rightly, folded wholly, never a crash, never a long time."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luffy_dagster.core import schemas
from luffy_dagster.core.clustering import fingerprints
from luffy_dagster.core.parsing.traces.continuation import is_continuation, is_frame
from luffy_dagster.core.parsing.traces.extract import (
    can_hold_trace,
    culprit_of,
    extract_exceptions,
    frames_of,
    parse_trace,
)
from luffy_dagster.core.parsing.traces.in_app import InAppRules
from luffy_dagster_tests.core.parsing.trace_samples import SAMPLES
from luffy_dagster_tests.growth import assert_near_linear

ORDINARY = [
    "GET /items 200 12ms",
    "Exception handler registered for /health",
    "user error rate 0.2%",
    'retry attempt=2 error="timeout"',
]


@pytest.mark.parametrize("name", SAMPLES)
def test_reads_type_cause_and_culprit(name):
    language, outer, root, culprit, text = SAMPLES[name]
    trace = parse_trace(text)
    assert trace is not None
    assert (trace.language, trace.outer.type, trace.root.type) == (language, outer, root)
    assert culprit_of(trace, frames_of(trace)) == culprit


@pytest.mark.parametrize("name", SAMPLES)
def test_folds_the_whole_trace_between_ordinary_lines(name):
    lines = SAMPLES[name][4].split("\n")
    marks = is_continuation(pl.Series([*ORDINARY, *lines, *ORDINARY])).to_list()
    assert marks == [False] * 4 + [False] + [True] * (len(lines) - 1) + [False] * 4


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("how", ["json", "escaped", "octal"])
def test_traces_on_one_line(name, how):
    language, outer, *_, text = SAMPLES[name]
    line = {
        "json": json.dumps({"level": "error", "message": "request failed", "error": {"stack": text}}),
        "escaped": json.dumps("failed: " + text)[1:-1] if language == "java" else json.dumps(text)[1:-1],
        "octal": text.replace("\n", "#012").replace("\t", "#011"),
    }[how]
    trace = parse_trace(line)
    assert trace is not None
    assert (trace.language, trace.outer.type) == (language, outer)


def test_two_streams_do_not_mix():
    lines = pl.Series(["java.lang.A: x", "plain", "\tat a.B.c(B.java:1)", "\tat a.B.d(B.java:2)"])
    assert is_continuation(lines, pl.Series(["a", "a", "b", "b"])).to_list() == [False, False, True, True]


def test_ordinary_lines_cost_nothing_and_hold_nothing():
    assert not can_hold_trace(pl.Series(ORDINARY)).any()
    assert not is_continuation(pl.Series(ORDINARY * 3)).any()
    assert not is_frame(pl.Series(ORDINARY)).any()


def _entries(texts):
    frame = pl.DataFrame(
        {
            "entry_id": [str(i) for i in range(len(texts))],
            "raw_line": texts,
            "message": texts,
            "level": ["error"] * len(texts),
        }
    )
    missing = [
        pl.lit(None, dtype=kind).alias(name) for name, kind in schemas.ENTRIES.items() if name not in frame.columns
    ]
    return frame.with_columns(missing).select(list(schemas.ENTRIES))


def test_rows_of_exceptions():
    found = extract_exceptions(_entries([text for *_, text in SAMPLES.values()] + ORDINARY))
    assert dict(found.schema) == {k: v for k, v in schemas.EXCEPTIONS.items() if k != "batch"}
    assert found["type"].to_list() == [outer for _, outer, *_ in SAMPLES.values()]
    assert all(
        json.loads(levels)["exact"] in name for levels, name in found.select("levels", "fingerprint").iter_rows()
    )


def test_errors_without_a_trace_are_rows_too_where_asked_for():
    traces = [text for *_, text in SAMPLES.values()]
    mixed = _entries([ORDINARY[0], *traces[:2], *ORDINARY[1:]])
    both = extract_exceptions(mixed, error_lines=True)
    assert both.schema == extract_exceptions(mixed).schema
    assert (both["language"] == fingerprints.MESSAGE).to_list() == [True, False, False, True, True, True]
    lines = both.filter(pl.col("language") == fingerprints.MESSAGE)
    assert lines["trace"].to_list() == [""] * 4
    assert lines["message"].to_list() == [row for row in mixed["message"].to_list() if row in ORDINARY]
    calm = _entries(ORDINARY).with_columns(level=pl.lit("info"))
    assert extract_exceptions(calm, error_lines=True).is_empty()


def test_the_services_own_paths_win():
    trace = parse_trace(SAMPLES["python_context"][4])
    frames = frames_of(trace, InAppRules(paths=("site-packages/lib",), not_in_app=("/srv/shop/till",)))
    assert [f.in_app for f in frames] == [True, True, False]


def test_truncated_traces_survive():
    for language, *_, text in SAMPLES.values():
        lines = text.split("\n")
        for cut in range(len(lines)):
            parse_trace("\n".join(lines[cut:]))
            parse_trace("\n".join(lines[: cut + 1]))
            is_continuation(pl.Series(lines[cut:]))
    assert parse_trace("\n".join(SAMPLES["java_cause"][4].split("\n")[1:])).language == "java"


@given(
    st.lists(
        st.one_of(st.text(max_size=60), st.sampled_from([l for *_, t in SAMPLES.values() for l in t.split("\n")])),
        max_size=30,
    )
)
@settings(max_examples=60, deadline=None)
def test_nothing_crashes(lines):
    marks = is_continuation(pl.Series(lines, dtype=pl.Utf8))
    assert len(marks) == len(lines)
    trace = parse_trace("\n".join(lines))
    if trace is not None:
        frames_of(trace)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "\tat " + "a." * (n // 2),
        lambda n: "java.lang.A: " + "x(" * (n // 2) + "\n\tat a.B.c(B.java:1)",
        lambda n: "Traceback (most recent call last):\n" + '  File "' + "a" * n,
        lambda n: "panic: " + "(" * n + "\ngoroutine 1 [running]:",
        lambda n: "Caused by: " * (n // 11),
        lambda n: "Error: " * (n // 7) + "\n    at f (x.js:1:2)",
        lambda n: "#0 " * (n // 3),
        lambda n: "\\n\\tat " * (n // 7),
        lambda n: "    at f(" * (n // 9),
    ],
)
def test_malice_costs_no_more_than_its_length(make):
    def read(text):
        parse_trace(text)
        is_continuation(pl.Series(text.split("\n")))

    assert_near_linear(read, make, 1_000_000)


def test_ten_thousand_frames_are_bounded():
    text = "java.lang.StackOverflowError\n" + "\n".join(f"\tat a.B.m{i % 700}(B.java:{i})" for i in range(10_000))
    trace = parse_trace(text)
    found = extract_exceptions(_entries([text]))
    assert len(trace.outer.frames) == 400
    assert len(json.loads(found["frames"][0])) == 200
