"""Lines of several records: each is a row, with an id that is the same when the line comes again."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luffy_dagster.core.parsing import settle_profile
from luffy_dagster.core.parsing.batches import expanded, records_of
from luffy_dagster.core.parsing.profiles import reading
from luffy_dagster.core.parsing.rows import read_lines

NOW = datetime(2026, 11, 25, tzinfo=UTC)
START = 1_795_000_000_000


def otlp(*messages: str) -> str:
    records = [
        {"timeUnixNano": str((START + i) * 1_000_000), "severityText": "WARN", "body": {"stringValue": text}}
        for i, text in enumerate(messages)
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "mill"}}]}
    first, rest = records[:1], records[1:]
    scopes = [{"scope": {"name": "a.Feed"}, "logRecords": first}, {"scope": {"name": "a.Silo"}, "logRecords": rest}]
    return json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": [s for s in scopes if s["logRecords"]]}]})


def cloudwatch(*messages: str) -> str:
    events = [{"id": f"3{i}", "timestamp": START + i, "message": text} for i, text in enumerate(messages)]
    shared = {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "/mill", "logStream": "s1"}
    return json.dumps({**shared, "logEvents": events})


def rows(*bodies: str) -> pl.DataFrame:
    return pl.DataFrame({"doc_id": [f"f@{i}" for i in range(len(bodies))], "seq": [*range(len(bodies))], "body": bodies})


@pytest.mark.parametrize("pack", [otlp, cloudwatch])
def test_each_record_is_read_as_a_line_of_its_own(pack: object) -> None:
    lines = [pack(f"feed {i} is late", "silo is full", f"sack {i} lost") for i in range(30)]  # type: ignore[operator]
    out = expanded(rows(*lines))
    assert out.height == 90
    assert out["doc_id"].n_unique() == 90
    assert out["doc_id"][:4].to_list() == ["f@0#000001", "f@0#000002", "f@0#000003", "f@1#000001"]
    profile = settle_profile(out["body"].to_list(), received_at=NOW)
    read = read_lines(out["body"], reading(profile), assume_tz="UTC", received_at=NOW)
    assert read["text"][:3].to_list() == ["feed 0 is late", "silo is full", "sack 0 lost"]
    assert [at.timestamp() * 1000 for at in read["time"][:3]] == [START, START + 1, START + 2]


def test_objects_one_behind_the_other_are_lines_and_may_be_batches() -> None:
    line = '{"message":"a}{b"}{"message":"c"} ' + cloudwatch("d", "e")
    texts = [json.loads(record)["message"] for record in records_of(line)]
    assert texts == ["a}{b", "c", "d", "e"]


def test_a_line_of_one_record_keeps_its_id() -> None:
    out = expanded(rows(cloudwatch("alone"), otlp("alone"), "plain", cloudwatch("x", "y")))
    assert out["doc_id"].to_list() == ["f@0", "f@1", "f@2", "f@3#000001", "f@3#000002"]
    assert out["body"][1] == otlp("alone")


@pytest.mark.parametrize(
    "line",
    [
        '{"logEvents": 7}', '{"logEvents": []}', '{"resourceLogs": [7]}', '{"resourceLogs": null}', '{"a":"}{"', '{"a":1}{"b":', '{"a":1}{}x',
        '{"message":"logEvents"}', "{" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_batch_stays_as_it_came(line: str) -> None:
    assert records_of(line) == [line]
    assert expanded(rows(line)).equals(rows(line))


@given(st.lists(st.sampled_from(["plain", otlp("a", "b"), cloudwatch("c", "d", "e"), '{"x":1}{"y":2}']), max_size=6))
def test_counts_and_ids_are_those_of_the_records_and_twice_is_once(bodies: list[str]) -> None:
    given_rows = rows(*bodies) if bodies else rows("x").head(0)
    once = expanded(given_rows)
    assert once.height == sum(len(records_of(body)) for body in bodies)
    assert once["doc_id"].n_unique() == once.height
    assert once.columns == given_rows.columns
    assert expanded(once).equals(once)
