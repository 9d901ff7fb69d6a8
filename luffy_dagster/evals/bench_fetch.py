"""`luffy bench fetch`: documents per second out of a real OpenSearch into Arrow columns, beside `opensearchpy.helpers.scan`.

Both read the same index of documents of some 400 bytes, whole `_source`, in turns; the server shares the machine. Ours
ends in polars frames of raw rows; the yardstick once in its dictionaries, which are dropped (`ratio`), and once in a
pyarrow table of the same fields (`ratio_to_table`).
"""

from __future__ import annotations

import os
import platform
import random
import resource
import statistics
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

_START = datetime(2026, 11, 23, tzinfo=UTC)
_INDEX = "luffy-bench-fetch"
_SETTINGS = {
    "settings": {"number_of_shards": 2, "number_of_replicas": 0, "refresh_interval": "-1"},
    "mappings": {
        "properties": {
            "@timestamp": {"type": "date"}, "message": {"type": "text", "index": False}, "level": {"type": "keyword"}, "logger": {"type": "keyword"},
            "thread": {"type": "keyword"}, "host": {"type": "keyword"}, "service": {"type": "keyword"}, "trace_id": {"type": "keyword"}, "span_id": {"type": "keyword"},
        }
    },
}  # fmt: skip
FIELDS = ("@timestamp", "message", "level", "logger", "thread", "host", "service", "trace_id", "span_id")


def documents(count: int, seed: int = 7) -> Iterator[dict[str, Any]]:
    """Documents of some 400 bytes."""
    rng = random.Random(seed)
    verbs = ("accepted", "rejected", "stored", "sent", "received", "retried", "dropped", "merged")
    for i in range(count):
        words = " ".join(rng.choice(verbs) for _ in range(6))
        yield {
            "_id": f"{i:012x}",
            "@timestamp": (_START + timedelta(milliseconds=i * 80))
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "message": f"request {rng.getrandbits(40)} for customer {rng.randrange(10**6)} {words} after {rng.randrange(2000)} ms by worker {rng.randrange(64)} of pool main",
            "level": rng.choice(("INFO", "INFO", "INFO", "WARN", "ERROR")),
            "logger": f"com.example.shop.module{rng.randrange(20)}.Handler",
            "thread": f"http-nio-8080-exec-{rng.randrange(40)}",
            "host": f"node-{rng.randrange(12):02d}",
            "service": "bench",
            "trace_id": f"{rng.getrandbits(128):032x}",
            "span_id": f"{rng.getrandbits(64):016x}",
        }


def _ours(port: int, count: int) -> dict[str, float]:
    from luffy_dagster.adapters.source_model import SourceConfig
    from luffy_dagster.adapters.sources import open_source
    from luffy_dagster.core.model import TimeRange

    source = open_source(SourceConfig("b", "opensearch", host="127.0.0.1", port=port, index_pattern=_INDEX))
    wall, cpu, rows = time.perf_counter(), time.process_time(), 0
    with source.fetch(TimeRange(_START, _START + timedelta(days=30)), undated=False) as fetch:
        for frame in fetch:
            rows += frame.height
    took = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    source.close()
    if rows != count:
        raise RuntimeError(f"{rows} of {count} documents arrived")
    return took


def _scan_alone(port: int, count: int) -> dict[str, float]:
    """The documents as dictionaries, one after the other, and nothing made of them."""
    from opensearchpy import OpenSearch
    from opensearchpy.helpers import scan

    client = OpenSearch(hosts=[{"host": "127.0.0.1", "port": port}], timeout=60)
    wall, cpu = time.perf_counter(), time.process_time()
    query = {"query": {"range": {"@timestamp": {"gte": _START.isoformat()}}}}
    rows = sum(1 for _ in scan(client, index=_INDEX, query=query, size=1000))
    took = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    client.close()
    if rows != count:
        raise RuntimeError(f"{rows} of {count} documents arrived")
    return took


def _scan(port: int, count: int) -> dict[str, float]:
    import pyarrow as pa
    from opensearchpy import OpenSearch
    from opensearchpy.helpers import scan

    client = OpenSearch(hosts=[{"host": "127.0.0.1", "port": port}], timeout=60)
    wall, cpu, rows = time.perf_counter(), time.process_time(), 0
    columns: dict[str, list[Any]] = {name: [] for name in ("_id", *FIELDS)}
    batches = []
    for hit in scan(
        client, index=_INDEX, query={"query": {"range": {"@timestamp": {"gte": _START.isoformat()}}}}, size=1000
    ):
        columns["_id"].append(hit["_id"])
        source = hit["_source"]
        for name in FIELDS:
            columns[name].append(source.get(name))
        rows += 1
        if rows % 10_000 == 0:
            batches.append(pa.table(columns))
            columns = {name: [] for name in columns}
    batches.append(pa.table(columns))
    took = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    client.close()
    if rows != count:
        raise RuntimeError(f"{rows} of {count} documents arrived")
    return took


def run(documents: int = 1_000_000, repeats: int = 3, url: str | None = None) -> dict[str, Any]:
    """Fills an index, reads it `repeats` times each way, in turns. Returns medians, their `ratio`, and the peak of memory."""
    import json

    import urllib3

    from luffy_dagster.evals import parts

    make = globals()["documents"]
    with nullcontext(parts.Part(url, [], {}, log=None)) if url else parts.opensearch(heap="1g") as part:  # type: ignore[arg-type]
        pool = urllib3.PoolManager()
        pool.request("DELETE", f"{part.url}/{_INDEX}")
        pool.request(
            "PUT", f"{part.url}/{_INDEX}", body=json.dumps(_SETTINGS), headers={"Content-Type": "application/json"}
        )
        parts.bulk(part.url, _INDEX, make(documents))
        pool.request("POST", f"{part.url}/{_INDEX}/_forcemerge?max_num_segments=2", timeout=600)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ours = [_ours(part.port, documents) for _ in range(repeats)]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        alone = [_scan_alone(part.port, documents) for _ in range(repeats)]
        theirs = [_scan(part.port, documents) for _ in range(repeats)]
        ours += [_ours(part.port, documents) for _ in range(repeats)]
        pool.request("DELETE", f"{part.url}/{_INDEX}")

    def rate(takes: list[dict[str, float]]) -> float:
        return documents / statistics.median(t["seconds"] for t in takes)

    # ours once before and once after the yardstick: the slower half counts
    slower = min(rate(ours[:repeats]), rate(ours[repeats:]))
    return {
        "bench": "fetch",
        "documents": documents,
        "repeats": repeats,
        "documents_per_second": round(slower),
        "scan_documents_per_second": round(rate(alone)),
        "scan_to_table_documents_per_second": round(rate(theirs)),
        "ratio": round(slower / rate(alone), 3),
        "ratio_to_table": round(slower / rate(theirs), 3),
        "cpu_seconds": round(statistics.median(t["cpu"] for t in ours), 2),
        "scan_cpu_seconds": round(statistics.median(t["cpu"] for t in alone), 2),
        "scan_to_table_cpu_seconds": round(statistics.median(t["cpu"] for t in theirs), 2),
        "peak_mb": round(peak / 1024),
        "peak_mb_before": round(before / 1024),
        "machine": f"{platform.machine()}, server and client on the same {os.cpu_count()} cores",
        "versions": {name: version(name) for name in ("opensearch-py", "polars", "msgspec", "pyarrow")},
    }
