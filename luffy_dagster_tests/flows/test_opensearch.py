"""A real OpenSearch behind the flows: equal timestamps, late documents, a server that stops and comes back."""

from __future__ import annotations

import json
import urllib.request
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from luffy_dagster import store
from luffy_dagster.flows import process_service, reconcile
from luffy_dagster_tests.flows.support import NOW, line, minutes_of_logs
from luffy_dagster_tests.parts import opensearch_part  # noqa: F401

pytestmark = pytest.mark.opensearch
START = NOW - timedelta(hours=2)


def put(url: str, index: str, docs) -> None:
    body = "".join(
        json.dumps({"index": {"_index": index, "_id": doc.id}})
        + "\n"
        + json.dumps({"@timestamp": doc.at.isoformat(), "message": doc.body, "host": doc.stream, "offset": doc.seq})
        + "\n"
        for doc in docs
    )
    request = urllib.request.Request(
        f"{url}/_bulk?refresh=true", body.encode(), {"Content-Type": "application/x-ndjson"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert not json.load(answer)["errors"]


def service(world, slug: str, url: str, index: str) -> str:
    split = urlsplit(url)
    world.real = True
    with store.begin(world.engine) as conn:
        store.services.create(conn, {"id": slug, "name": slug}, actor="test", now=world.clock)
        made = store.sources.create(
            conn,
            slug,
            {
                "type": "opensearch",
                "host": split.hostname,
                "port": split.port,
                "index_pattern": index,
                "field_mapping": {"time": "@timestamp", "body": "message", "stream": "host", "seq": "offset"},
                "options": {"retry_for_s": 1, "timeout_s": 10},
            },
            actor="test",
            now=world.clock,
        )
        store.sources.set_monitoring(conn, made.id, True, actor="test", now=world.clock)
    return made.id


def test_equal_timestamps_late_documents_and_a_server_that_stops(world, opensearch_part) -> None:  # noqa: F811
    from luffy_dagster_tests.flows.support import Doc

    url = opensearch_part.url
    at = START.replace(microsecond=0)
    equal = [Doc(f"e{number:05d}", at, line(at, "INFO", f"event {number}"), seq=number) for number in range(25_000)]
    docs = minutes_of_logs(300, START + timedelta(minutes=20), step=10.0)
    put(url, "flows-a", equal)
    put(url, "flows-a", [*docs[:150], *docs[160:]])
    source = service(world, "web", url, "flows-a")
    first = process_service(world.ctx, "web")
    assert first.ok, first.error
    assert first.fetch.rows == 25_290
    assert process_service(world.ctx, "web").fetch.rows == 0
    put(url, "flows-a", docs[150:160])
    world.clock = NOW + timedelta(hours=2)
    put(url, "flows-a", [Doc("next", world.clock - timedelta(minutes=5), line(world.clock, "INFO", "next"), seq=0)])
    process_service(world.ctx, "web")
    assert reconcile(world.ctx, "web").rows + world.raw().height >= 25_301
    assert world.raw().height == 25_301
    assert world.raw().get_column("doc_id").n_unique() == 25_301
    assert world.entries().get_column("lines").sum() == 25_301

    with store.begin(world.engine) as conn:
        before = store.services.get(conn, "web").last_log_fetch
    opensearch_part.stop()
    world.later(minutes=5)
    failed = process_service(world.ctx, "web")
    assert not failed.ok
    assert source in failed.error or "OpenSearch" in failed.error
    with store.begin(world.engine) as conn:
        assert store.services.get(conn, "web").last_log_fetch == before
    opensearch_part.start()
    put(opensearch_part.url, "flows-a", [Doc("gap", world.clock, line(world.clock, "INFO", "gap"), seq=1)])
    world.later(minutes=5)
    assert process_service(world.ctx, "web").fetch.rows == 1


def test_a_missing_and_an_empty_index_are_told_apart(world, opensearch_part) -> None:  # noqa: F811
    put(opensearch_part.url, "flows-empty", minutes_of_logs(1, START - timedelta(days=20)))
    service(world, "empty", opensearch_part.url, "flows-empty")
    service(world, "missing", opensearch_part.url, "flows-no-such-index")
    assert process_service(world.ctx, "empty").ok
    assert "flows-no-such-index" in process_service(world.ctx, "missing").error
