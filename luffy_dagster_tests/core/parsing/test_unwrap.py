"""Wrappers: recognised from a sample and taken off, line by line."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from luffy_dagster.core.parsing import unwrap
from luffy_dagster_tests.core.parsing.raw import NOW

T = "2026-11-24T08:00:00.123Z"
AT = datetime(2026, 11, 24, 8, 0, 0, 123_000, tzinfo=UTC)


def take(lines: list[str]) -> tuple[list[str], pl.DataFrame]:
    steps, _ = unwrap.detect(lines)
    steps = [unwrap.Step.from_json(json.loads(json.dumps(step.to_json()))) for step in steps]
    return [step.kind for step in steps], unwrap.apply(pl.Series(lines), steps, assume_tz="UTC", received_at=NOW)


def test_cri_and_its_pieces() -> None:
    kinds, frame = take(
        [f"{T} stdout F hello {i}" for i in range(5)] + [f"{T} stderr P part", f"{T} stderr F", "stray"]
    )
    assert kinds == ["cri"]
    assert frame["text"].to_list()[4:] == ["hello 4", "part", "", "stray"]
    assert frame["time"][0] == AT
    assert frame["partial"].to_list()[5:] == [True, False, False]
    assert frame["lane"].to_list()[4:6] == ["stdout", "stderr"]


def test_docker_json_with_a_line_cut_in_two() -> None:
    lines = [json.dumps({"log": f"line {i}\n", "stream": "stdout", "time": T}) for i in range(4)]
    lines += [json.dumps({"log": "first half ", "stream": "stdout", "time": T}), "{broken"]
    kinds, frame = take(lines)
    assert kinds == ["json"]
    assert frame["text"].to_list()[3:] == ["line 3", "first half ", "{broken"]
    assert frame["partial"].to_list()[3:] == [False, True, False]
    assert frame["time"][0] == AT
    assert not frame["whole"].any()


def test_compose_and_kubernetes_prefixes() -> None:
    kinds, frame = take(["web-1  | one", "db-1   | two", "web-1  |   indented", "web-1  | "])
    assert kinds == ["compose"]
    assert frame["text"].to_list() == ["one", "two", "  indented", ""]
    assert frame["process"].to_list() == ["web-1", "db-1", "web-1", "web-1"]
    kinds, frame = take(["[pod/web-7d9f/app] hi"] * 3)
    assert (kinds, frame["text"][0], frame["lane"][0]) == (["kubectl"], "hi", "pod/web-7d9f/app")


def test_columns_between_bars_are_no_compose() -> None:
    lines = ["INFO | started", "WARN | slow", "INFO | stopped"]
    assert take(lines)[0] == []


def test_syslog_5424_with_structured_data() -> None:
    line = '<165>1 2026-11-24T08:00:00.123Z host app 77 ID47 [ex@1 a="b \\] c"] the message'
    kinds, frame = take([line] * 3)
    assert kinds == ["rfc5424"]
    row = frame.row(0, named=True)
    assert (row["text"], row["host"], row["logger"], row["process"], row["level"], row["time"]) == (
        "the message",
        "host",
        "app",
        "77",
        "info",
        AT,
    )


def test_escaped_line_feeds_of_syslog() -> None:
    _, frame = take(["<11>Nov 24 08:00:00 host app: java.lang.X: y#012#011at a.b(C.java:1)"] * 2)
    assert frame["text"][0].endswith("java.lang.X: y\n\tat a.b(C.java:1)")


def test_colours_go() -> None:
    assert take(["\x1b[32mINFO\x1b[0m hello"] * 2)[1]["text"][0] == "INFO hello"


OBJECTS = {
    "ecs": (
        {
            "@timestamp": T,
            "log.level": "ERROR",
            "message": "m",
            "ecs.version": "1.2",
            "trace": {"id": "t1"},
            "error": {"stack_trace": "E: x\n\tat y"},
        },
        "ERROR",
        "t1",
    ),
    "logstash": (
        {
            "@timestamp": T,
            "@version": "1",
            "level": "WARN",
            "logger_name": "a.B",
            "thread_name": "main",
            "message": "m",
        },
        "WARN",
        None,
    ),
    "gelf": (
        {"version": "1.1", "host": "h", "short_message": "m", "timestamp": 1795507200.123, "level": 3},
        "error",
        None,
    ),
    "journald": (
        {
            "__REALTIME_TIMESTAMP": "1795507200123000",
            "MESSAGE": "m",
            "PRIORITY": "4",
            "_HOSTNAME": "h",
            "SYSLOG_IDENTIFIER": "sshd",
        },
        "warn",
        None,
    ),
    "bunyan": ({"name": "app", "hostname": "h", "pid": 1, "level": 50, "msg": "m", "time": T, "v": 0}, "50", None),
    "zap": ({"level": "info", "ts": 1795507200.123, "caller": "a/b.go:1", "msg": "m"}, "info", None),
    "serilog": ({"@t": T, "@mt": "m", "@l": "Warning", "SourceContext": "A.B"}, "Warning", None),
    "mongo": (
        {
            "t": {"$date": "2026-11-24T08:00:00.123+00:00"},
            "s": "I",
            "c": "NETWORK",
            "id": 1,
            "ctx": "conn1",
            "msg": "m",
            "attr": {},
        },
        "I",
        None,
    ),
    "google": (
        {"severity": "ERROR", "message": "m", "timestamp": T, "logging.googleapis.com/trace": "t1"},
        "ERROR",
        "t1",
    ),
    "otlp": (
        {
            "resourceLogs": [
                {
                    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
                    "scopeLogs": [
                        {
                            "scope": {"name": "a"},
                            "logRecords": [
                                {
                                    "timeUnixNano": "1795507200123000000",
                                    "severityNumber": 17,
                                    "body": {"stringValue": "m"},
                                    "traceId": "t1",
                                }
                            ],
                        }
                    ],
                }
            ]
        },
        "error",
        "t1",
    ),
}


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_objects_of_the_usual_libraries(name: str) -> None:
    item, level, trace = OBJECTS[name]
    kinds, frame = take([json.dumps(item)] * 3)
    assert kinds[0] == "json"
    row = frame.row(0, named=True)
    assert (row["text"], row["level"], row["trace_id"]) == ("m", level, trace)
    assert row["time"] == AT
    if name == "ecs":
        assert row["stack"] == "E: x\n\tat y"


def test_a_stack_trace_under_a_key_the_sample_did_not_have() -> None:
    plain = json.dumps({"level": "info", "msg": "ok", "time": T})
    steps, _ = unwrap.detect([plain] * 5)
    odd = json.dumps({"level": "error", "msg": "bad", "time": T, "failure": {"trace": "A: b\n  at c (d.js:1:2)"}})
    frame = unwrap.apply(pl.Series([odd]), steps, assume_tz="UTC", received_at=NOW)
    assert frame["stack"][0] == "A: b\n  at c (d.js:1:2)"
