"""Pages of hits → rows, without a server: nothing of a document is lost, and both ways of reading give the same rows."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from luffy_dagster.adapters.errors import SourceMisconfigured
from luffy_dagster.adapters.opensearch.decode import Decoder, NoSourceError
from luffy_dagster.adapters.opensearch.mapping import mapped
from luffy_dagster.adapters.opensearch.paging import FIRST, TARGET, fitting
from luffy_dagster.adapters.source_model import SourceConfig
from luffy_dagster.adapters.sources import open_source
from luffy_dagster.core.schemas import RowFlag

NOW = 1_795_514_400_000_000
AT = "2026-11-24T10:00:00Z"


def page(documents):
    hits = [{"_id": f"i{n}", "_source": d, "sort": [n]} for n, d in enumerate(documents)]
    return json.dumps({"_shards": {"total": 1, "failed": 0}, "hits": {"hits": hits}}).encode()


def decoder(**options):
    return Decoder("s", mapped({}), now_us=NOW, **options)


def row(document, **options):
    frame, _ = decoder(**options).page(page([document]))
    return frame.row(0, named=True)


def fields(document):
    return json.loads(row(document)["fields"])


def test_every_field_is_kept_nested_or_with_dots():
    document = {
        "@timestamp": AT, "message": "m", "msg": "second", "log": {"level": "WARN", "logger": "a.b", "file": {"line": 3}},
        "kubernetes": {"pod": {"name": "p-1"}, "labels": {"app": "shop", "tier": "web"}, "namespace": "prod"},
        "trace.id": "t", "http": {"status": 500}, "tags": ["a"], "null": None, "error": {"type": "E", "code": 7},
    }  # fmt: skip
    got = row(document)
    assert (got["body"], got["stream"]) == ("m", "p-1")
    assert json.loads(got["fields"]) == {
        "level": "WARN", "logger": "a.b", "service": "shop", "trace_id": "t", "error_type": "E",
        "extra": {"msg": "second", "log.file.line": 3, "kubernetes.labels.tier": "web", "kubernetes.namespace": "prod", "http": {"status": 500}, "tags": ["a"], "error.code": 7},
    }  # fmt: skip


def test_the_same_name_twice_and_objects_where_text_is_expected():
    assert fields({"@timestamp": AT, "message": "m", "a": 1, "host": {"name": "h"}, "host.name": "k"})["extra"] == {"a": 1, "host.name": "k"}
    assert fields({"@timestamp": AT, "message": "m", "level": {"n": 3}, "severity": 4}) == {"level": "4", "extra": {"level": {"n": 3}}}
    assert row({"@timestamp": AT, "message": {"text": "x"}})["body"] == '{"text":"x"}'
    assert json.loads(row({"@timestamp": AT, "size": 3})["body"]) == {"@timestamp": AT, "size": 3}  # no message: the document is the text


def test_a_time_that_cannot_be_read_is_kept_beside():
    got = row({"@timestamp": "yesterday", "message": "m"})
    assert got["event_time"] is None
    assert got["flags"] == RowFlag.TIME_FROM_RECEIPT
    assert json.loads(got["fields"])["extra"] == {"unreadable_time": "yesterday"}


def test_half_a_surrogate_pair_costs_one_character_and_is_flagged():
    frame, _ = decoder().page(page([{"@timestamp": AT, "message": "a\ud800b"}, {"@timestamp": AT, "message": "fine"}]))
    assert frame["body"].to_list() == ["a\ufffdb", "fine"]
    assert frame["flags"].to_list() == [RowFlag.INVALID_UTF8, 0]


def test_long_messages_are_cut_with_their_length():
    for more in ({}, {"other": 1}):
        got = row({"@timestamp": AT, "message": "x" * 5000, **more}, max_body=1000)
        assert got["body"] == "x" * 1000 + " … [cut: 5000 bytes]"
        assert got["flags"] == RowFlag.TRUNCATED


def test_an_index_without_source_is_refused():
    data = b'{"_shards":{"total":1,"failed":0},"hits":{"hits":[{"_id":"1","sort":[1]}]}}'
    with pytest.raises(NoSourceError):
        decoder().page(data)


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_flat = st.fixed_dictionaries(
    {"@timestamp": st.sampled_from([AT, "2026-11-24T10:00:00.123Z", "1970-01-01T00:00:00Z"]), "message": _text},
    optional={"level": _text, "host": _text, "thread": _text, "service": st.none() | _text, "offset": st.integers(0, 2**60)},
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_flat, min_size=1, max_size=6))
def test_both_ways_of_reading_give_the_same_rows(documents):
    data = page(documents)
    quick, slow = decoder(), decoder()
    slow._tried = True  # never learns: one by one
    got, expected = quick.page(data)[0], slow.page(data)[0]
    assert_frame_equal(got, expected)


def test_both_ways_on_one_fetch():
    known = {"@timestamp": AT, "message": "m", "level": "INFO"}
    made = decoder()
    first, _ = made.page(page([known]))
    assert made._flat is not None
    second, _ = made.page(page([known, {**known, "color": "red"}, {"@timestamp": AT, "level": "INFO"}]))
    assert second["fields"].to_list()[:2] == [first["fields"][0], '{"level":"INFO","extra":{"color":"red"}}']
    assert second["body"].to_list()[2] == json.dumps({"@timestamp": AT, "level": "INFO"}, separators=(",", ":"))
    assert second.head(1).equals(first)
    assert pl.concat([first, second]).height == 4


def test_pages_fit_the_documents():
    assert fitting(b"x" * FIRST * 400, FIRST, 10_000) == FIRST * 32
    assert fitting(b"x" * 2048 * 400, 2048, 10_000) == 10_000
    assert fitting(b"x" * (10 << 20), 1, 10_000) == 1
    assert fitting(b"x" * TARGET * 4, 64, 10_000) == 16


@pytest.mark.parametrize("host", ["user:secret@search", "search/path"])
def test_a_host_is_a_name_only(host):
    with pytest.raises(SourceMisconfigured) as caught:
        open_source(SourceConfig("s", "opensearch", host=host))
    assert "secret" not in str(caught.value)
