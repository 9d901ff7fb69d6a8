"""OpenSearch and Elasticsearch sources against real servers."""

import json
import threading
import uuid
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import polars as pl
import pytest
import urllib3

from luffy_dagster.adapters.errors import SourceError, SourceIncomplete, SourceUnavailable
from luffy_dagster.adapters.opensearch.decode import times_of
from luffy_dagster.adapters.opensearch.mapping import lookup
from luffy_dagster.adapters.opensearch.paging import last_sort
from luffy_dagster.adapters.opensearch.timefield import TimeField
from luffy_dagster.adapters.source_model import RAW_COLUMNS, SourceConfig, TlsSettings
from luffy_dagster.adapters.sources import open_source
from luffy_dagster.core.model import TimeRange
from luffy_dagster.core.schemas import RAW_LOGS, RowFlag
from luffy_dagster.evals import parts
from luffy_dagster_tests.parts import elasticsearch_part, opensearch_part, secure_opensearch  # noqa: F401

DAY = datetime(2026, 11, 24, tzinfo=UTC)
WINDOW = TimeRange(DAY, DAY + timedelta(days=1))
SETTINGS = {
    "settings": {"number_of_shards": 2, "number_of_replicas": 0},
    "mappings": {"properties": {"@timestamp": {"type": "date", "ignore_malformed": True}, "message": {"type": "text"}}},
}


def clock():
    return DAY + timedelta(hours=12)


_made = []


@pytest.fixture(autouse=True)
def _tidy():
    """The server may be somebody's: indices of a test go with it."""
    yield
    while _made:
        url, index, options = _made.pop()
        try:
            urllib3.PoolManager(retries=False, **options).request("DELETE", f"{url}/{index}")
        except urllib3.exceptions.HTTPError:
            pass  # a server that the test stopped


def make(url, index, documents, body=SETTINGS, **options):
    pool = urllib3.PoolManager(**options)
    _made.append((url, index, options))
    answer = pool.request("PUT", f"{url}/{index}", body=json.dumps(body), headers={**pool.headers, "Content-Type": "application/json"})
    assert answer.status == 200, answer.data
    parts.bulk(url, index, documents, **options)


def source(part, kind="opensearch", **more):
    fields = {"host": "127.0.0.1", "port": part.port, "index_pattern": "logs-*", "options": {"retry_for_s": 2}}
    return open_source(SourceConfig("s1", kind, **{**fields, **more}), sleep=lambda _: None, clock=clock)


def everything(opened, window=WINDOW, **more):
    with opened.fetch(window, **more) as fetch:
        frames = list(fetch)
    frame = pl.concat(frames) if frames else pl.DataFrame(schema={c: RAW_LOGS[c] for c in RAW_COLUMNS})
    assert frame.schema == {c: RAW_LOGS[c] for c in RAW_COLUMNS}
    return frame, fetch.summary


def documents():
    one_time = (DAY + timedelta(hours=5)).isoformat()
    yield from ({"_id": f"d{i}", "@timestamp": (DAY + timedelta(seconds=i)).isoformat(), "message": f"m {i}", "level": "INFO", "host": "h"} for i in range(3000))
    yield from ({"_id": f"e{i}", "@timestamp": one_time, "message": "same"} for i in range(25_000))
    yield {"_id": "n1", "@timestamp": (DAY + timedelta(hours=6)).isoformat(), "log": {"level": "WARN"}, "message": "nested", "trace.id": "t1", "user": {"id": 7}}
    yield {"_id": "u1", "message": "no time"}
    yield {"_id": "u2", "@timestamp": "garbage", "message": "bad time"}
    yield {"_id": "u3", "@timestamp": "1970-01-01T00:00:00Z", "message": "old"}
    yield {"_id": "u4", "@timestamp": "2400-01-01T00:00:00Z", "message": "far"}


def check_reading(part, kind):
    name = f"logs-{uuid.uuid4().hex[:8]}"
    make(part.url, name, documents())
    opened = source(part, kind, index_pattern=f"{name}*")
    frame, summary = everything(opened)
    assert frame.height == frame["doc_id"].n_unique() == summary.documents == 28_005
    assert frame.filter(pl.col("body") == "same").height == 25_000
    flags = dict(frame.filter(pl.col("flags") > 0).select("doc_id", "flags").iter_rows())
    late, impossible = int(RowFlag.TIME_FROM_RECEIPT), int(RowFlag.TIME_OUT_OF_RANGE)
    assert flags == {"u1": late, "u2": late, "u3": impossible, "u4": impossible}
    nested = frame.row(by_predicate=pl.col("doc_id") == "n1", named=True)
    fields = json.loads(nested["fields"])
    assert (fields["level"], fields["trace_id"], fields["extra"]) == ("WARN", "t1", {"user": {"id": 7}})
    again, _ = everything(opened, state=summary.state)
    assert again.height == 28_001  # undated documents come once
    window, seen, rounds = WINDOW, [], 0
    while True:
        part_, cut = everything(opened, window, limit=2000, undated=False)
        seen += part_["doc_id"].to_list()
        rounds += 1
        if not cut.capped:
            break
        window = TimeRange(cut.covered.end, WINDOW.end)
    assert len(seen) == len(set(seen)) == 28_001
    assert rounds == 3
    counts = opened.count_by_hour(WINDOW)
    assert sum(counts.values()) == 28_001
    assert counts[DAY + timedelta(hours=5)] == 25_000
    good = opened.test()
    assert (good.status, good.product, good.documents) == ("connected", kind, 28_005)
    some, _ = everything(source(part, kind, index_pattern=name, query_filter="message:nested OR level:nothing"), undated=False)
    assert some["doc_id"].to_list() == ["n1"]
    content, _ = everything(source(part, kind, index_pattern=name, options={"identity": "content"}), undated=False)
    assert content["doc_id"].n_unique() == 3002  # equal documents are one
    opened.close()


@pytest.mark.opensearch
def test_opensearch_is_read_whole(opensearch_part):
    check_reading(opensearch_part, "opensearch")


def check_oddities(part, kind):
    """What a server knows of times, memory and sets of documents that a reader could get wrong."""
    name = f"odd-{uuid.uuid4().hex[:8]}"
    body = {"settings": {"number_of_shards": 2}, "mappings": {"properties": {"@timestamp": {"type": "date", "format": "dd/MM/yyyy HH:mm:ss||epoch_second||strict_date_optional_time"}}}}
    rows = [
        {"_id": "a", "@timestamp": "24/11/2026 03:04:05", "message": "a date format of the mapping"},
        {"_id": "b", "@timestamp": int((DAY + timedelta(hours=3)).timestamp()), "message": "seconds"},
        {"_id": "c", "@timestamp": ["2026-11-24T04:00:00Z", "2026-11-24T05:00:00Z"], "message": "two times"},
        {"_id": "d", "@timestamp": "2026-11-24T06:00:00Z", "message": "L" * 10_000_000},
        {"_id": "e", "@timestamp": "2026-11-24T07:00:00Z", "message": "nul \x00 and \ufffd"},
        *({"_id": f"f{i}", "@timestamp": f"2026-11-24T08:00:00.{123000 + i % 900:06d}Z", "message": "one millisecond"} for i in range(1500)),
        {"_id": "u1", "message": "no time"},
    ]
    make(part.url, name, rows, body)
    opened = source(part, kind, index_pattern=name)
    frame, summary = everything(opened)
    assert frame.height == frame["doc_id"].n_unique() == len(rows)
    got = {r["doc_id"]: r for r in frame.iter_rows(named=True)}
    assert [got[i]["event_time"] for i in "abc"] == [DAY + timedelta(hours=3, minutes=4, seconds=5), DAY + timedelta(hours=3), DAY + timedelta(hours=4)]
    assert [got[i]["flags"] for i in ("a", "b", "c", "d", "u1")] == [0, 0, 0, RowFlag.TRUNCATED, RowFlag.TIME_FROM_RECEIPT]
    assert got["d"]["body"].endswith("[cut: 10000000 bytes]")
    assert got["e"]["body"] == "nul \x00 and \ufffd"
    # a limit inside one millisecond still moves on
    window, seen = WINDOW, []
    for _ in range(6):
        some, cut = everything(opened, window, limit=100, undated=False)
        seen += some["doc_id"].to_list()
        if not cut.capped:
            break
        assert cut.covered.end > window.start
        window = TimeRange(cut.covered.end, WINDOW.end)
    assert sorted(seen) == sorted(r["_id"] for r in rows if r["_id"] != "u1")
    # as many documents without a time as before, but others
    pool = urllib3.PoolManager()
    pool.request("DELETE", f"{part.url}/{name}/_doc/u1?refresh=true")
    parts.bulk(part.url, name, [{"_id": "u2", "message": "another"}])
    again, _ = everything(opened, state=summary.state)
    assert "u2" in set(again["doc_id"])
    opened.close()


@pytest.mark.opensearch
def test_oddities_of_opensearch(opensearch_part):
    check_oddities(opensearch_part, "opensearch")


@pytest.mark.opensearch
@pytest.mark.parametrize("unit", [1, 1000, 1_000_000])
def test_times_as_numbers(opensearch_part, unit):
    name = f"numbers-{uuid.uuid4().hex[:8]}"
    at = [int((DAY + timedelta(minutes=30 * i)).timestamp()) * unit for i in range(60)]
    make(opensearch_part.url, name, [{"_id": str(i), "ts": t, "message": "m"} for i, t in enumerate(at)] + [{"_id": "u", "ts": 5, "message": "1970"}, {"_id": "n", "message": "none"}], {})
    opened = source(opensearch_part, index_pattern=name)
    frame, _ = everything(opened, TimeRange(DAY, DAY + timedelta(hours=10)))
    got = dict(frame.select("doc_id", "event_time").iter_rows())
    # more than a day ahead of the clock (noon) there is nothing; half an hour apart: 20 in 10 hours
    assert set(got) == {*(str(i) for i in range(20)), "u", "n"}
    assert got["3"] == DAY + timedelta(minutes=90)
    assert opened.count_by_hour(WINDOW) == {DAY + timedelta(hours=h): 2 for h in range(24)}
    some, cut = everything(opened, limit=10, undated=False)
    assert (cut.capped, some.height, cut.covered.end) == (True, 10, DAY + timedelta(hours=5))
    opened.close()


@pytest.mark.opensearch
def test_a_point_in_time_that_ends_is_opened_again(opensearch_part):
    name = f"ends-{uuid.uuid4().hex[:8]}"
    make(opensearch_part.url, name, ({"_id": str(i), "@timestamp": DAY.isoformat(), "message": "m"} for i in range(3000)))
    opened = source(opensearch_part, index_pattern=name, options={"page_size": 500, "retry_for_s": 2})
    pool = urllib3.PoolManager()
    with opened.fetch(WINDOW) as fetch:
        frames = iter(fetch)
        ids = set(next(frames)["doc_id"])
        pool.request("DELETE", f"{opensearch_part.url}/_search/point_in_time/_all")
        for frame in frames:
            ids |= set(frame["doc_id"])
    assert len(ids) == 3000
    opened.close()


def test_a_point_in_time_that_is_gone_on_one_shard_is_told_from_other_failures():
    from luffy_dagster.adapters.opensearch.paging import ended_on_a_shard

    gone = b'{"took":1,"_shards":{"total":2,"failed":1,"failures":[{"reason":{"type":"search_context_missing_exception"}}]},"hits":{"hits":[]}}'
    assert ended_on_a_shard(gone)
    assert not ended_on_a_shard(gone.replace(b"search_context_missing", b"circuit_breaking"))
    said = b'{"_shards":{"failed":0},"hits":{"hits":[{"_source":{"failures":["search_context_missing"]}}]}}'
    assert not ended_on_a_shard(said)
    assert not ended_on_a_shard(b"")


@pytest.mark.elasticsearch
def test_elasticsearch_is_read_whole(elasticsearch_part):
    check_reading(elasticsearch_part, "elasticsearch")
    check_oddities(elasticsearch_part, "elasticsearch")
    assert source(elasticsearch_part, "elasticsearch", index_pattern="none-*").test().kind == "index_missing"


@pytest.mark.opensearch
def test_what_is_wrong_is_told_apart(opensearch_part):
    make(opensearch_part.url, "told-empty", [])
    make(opensearch_part.url, "told-text", [{"when": "x", "message": "y"}], body={})

    def kind(**more):
        report = source(opensearch_part, **{"index_pattern": "told-empty", **more}).test()
        assert report.milliseconds >= 0
        return report.kind

    assert kind() == "empty"
    assert kind(index_pattern="told-none") == "index_missing"
    assert kind(index_pattern="told-none*") == "index_missing"
    assert kind(port=1) == "port_refused"
    assert kind(host="no.such.host.invalid") == "host_unknown"
    assert kind(tls=TlsSettings()) == "tls_mismatch"
    assert kind(query_filter="a:(") == "misconfigured"
    assert kind(query_filter="{nonsense") == "misconfigured"
    assert kind(index_pattern="told-text") == "misconfigured"
    with pytest.raises(SourceError, match="known:"):
        source(opensearch_part, field_mapping={"zeit": "x"})


@pytest.mark.opensearch
def test_security_is_told_apart(secure_opensearch):
    part = secure_opensearch
    admin = {"cert_reqs": "CERT_NONE", "headers": urllib3.make_headers(basic_auth=f"admin:{part.password}")}
    make(part.url, "logs-secure", [{"_id": "1", "@timestamp": DAY.isoformat(), "message": "hello"}], **admin)
    pool = urllib3.PoolManager(**admin)
    body = json.dumps({"password": part.password, "opendistro_security_roles": []})
    assert pool.request("PUT", f"{part.url}/_plugins/_security/api/internalusers/nobody", body=body, headers={**admin["headers"], "Content-Type": "application/json"}).status in (200, 201)
    ca = part.ca_file.read_text()
    good = {"host": "localhost", "username": "admin", "password": part.password, "tls": TlsSettings(ca_pem=ca)}

    def kind(**more):
        report = source(part, **{**good, **more}).test()
        assert part.password not in report.message
        return report.kind

    assert kind() == "ok"
    frame, _ = everything(source(part, **good))
    assert frame["body"].to_list() == ["hello"]
    assert kind(password="wrong") == "unauthorised"  # noqa: S106
    assert kind(tls=TlsSettings()) == "tls_certificate"
    assert kind(tls=TlsSettings(verify=False)) == "ok"
    assert kind(username="nobody") == "forbidden"
    assert kind(tls=None) == "unavailable"
    assert kind(index_pattern="none") == "index_missing"


class _Faulty(BaseHTTPRequestHandler):
    """A server that answers as it is told: for faults that a real one does not give on demand."""

    plan: list = []
    asked: list = []

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append(self.path)
        status, headers, body = self.plan.pop(0) if self.plan else (500, {}, b"{}")
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_DELETE = do_POST

    def log_message(self, *_):
        pass


@pytest.fixture
def faulty():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Faulty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _Faulty.plan, _Faulty.asked = [], []
    slept = []
    client = open_source(
        SourceConfig("s1", "opensearch", host="127.0.0.1", port=server.server_port, options={"retry_for_s": 30}), sleep=slept.append, clock=clock
    ).index.client
    yield client, slept
    server.shutdown()
    server.server_close()


def test_busy_servers_are_asked_again_as_they_wish(faulty):
    client, slept = faulty
    _Faulty.plan = [(429, {"Retry-After": "3"}, b"{}"), (503, {}, b"{}"), (200, {}, b'{"ok":1}')]
    assert client.call("POST", "/x") == {"ok": 1}
    assert slept == [3.0, 0.5]


def test_patience_ends(faulty):
    client, slept = faulty
    _Faulty.plan = [(429, {"Retry-After": "60"}, b"{}")]
    with pytest.raises(SourceUnavailable, match="busy"):
        client.call("POST", "/x")
    assert slept == []


def test_an_answer_without_some_shards_is_refused(faulty):
    client, _ = faulty
    opened = open_source(SourceConfig("s1", "opensearch", host="127.0.0.1", port=int(client._where.split(":")[1])), clock=clock)
    opened.index._time = TimeField("@timestamp")
    _Faulty.plan = [(200, {}, b'{"count":3,"_shards":{"total":2,"failed":1,"failures":[{"reason":{"reason":"disk"}}]}}')]
    with pytest.raises(SourceIncomplete, match="1 of 2 shards failed"):
        everything(opened)


def test_a_server_that_stops_while_we_read(opensearch_part):
    if opensearch_part.process is None:
        pytest.skip("the server is not ours to stop")
    with parts.opensearch(heap="512m") as part:
        make(part.url, "logs-stop", documents())
        opened = source(part, options={"retry_for_s": 0.5, "page_size": 500})
        with opened.fetch(WINDOW) as fetch:
            frames = iter(fetch)
            next(frames)
            part.stop(kill=True)
            with pytest.raises(SourceUnavailable, match="source s1"):
                list(frames)


def test_times_in_every_writing():
    values = [
        "2026-11-24T10:00:00Z", "2026-11-24T10:00:00.123456Z", "2026-11-24T12:00:00+02:00", "2026-11-24 10:00:00.5", "2026-11-24T12:00:00+0200",
        "1795514400", "1795514400000", "1795514400000000", "nonsense", None,
    ]  # fmt: skip
    at = datetime(2026, 11, 24, 10, tzinfo=UTC)
    got = times_of(pl.Series(values), len(values)).to_list()
    assert [g and g.replace(microsecond=0) for g in got] == [at] * 8 + [None, None]
    assert times_of(pl.Series([1795514400, None]), 2).to_list() == [at, None]


def test_small_pieces():
    assert lookup({"a": {"b.c": 1}}, "a.b.c") == 1
    assert lookup({"a.b": {"c": 2}}, "a.b.c") == 2
    assert lookup({"a": 1}, "a.b") is None
    assert last_sort(b'{"hits":{"hits":[{"_source":{"m":"x \\"sort\\":[1]"},"sort":["a]\\"",2]}]}}') == ['a]"', 2]
    assert last_sort(b'{"hits":{"hits":[]}}') is None
    assert "secret" not in repr(SourceConfig("s", "opensearch", password="secret", api_key="secret"))  # noqa: S106
