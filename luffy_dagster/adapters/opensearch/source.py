"""The search source: one window of time → frames of rows, through a point in time, sliced, all documents however many."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from luffy_dagster.adapters.errors import SourceError
from luffy_dagster.adapters.opensearch.client import Client
from luffy_dagster.adapters.opensearch.decode import check
from luffy_dagster.adapters.opensearch.fetch import SearchFetch
from luffy_dagster.adapters.opensearch.index import Index
from luffy_dagster.adapters.opensearch.mapping import lookup
from luffy_dagster.adapters.source_model import ConnectionReport, SourceConfig
from luffy_dagster.core.model import TimeRange

_TEST_PATIENCE = 1.0  # seconds that a connection test tries again: a person waits for it


class SearchSource:
    """OpenSearch or Elasticsearch as a log source."""

    def __init__(
        self, config: SourceConfig, *, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], datetime]
    ) -> None:
        self.source_id = config.id
        self.config = config
        self.clock = clock
        self._sleep = sleep
        self.index = Index(config, Client(config, sleep), clock)

    def close(self) -> None:
        """Closes the connections."""
        self.index.client.close()

    def fetch(
        self,
        window: TimeRange,
        *,
        state: Mapping[str, Any] | None = None,
        limit: int | None = None,
        undated: bool = True,
    ) -> SearchFetch:
        """All documents of the window by event time; with `undated` also those whose time is missing or cannot be."""
        return SearchFetch(self.index, window, state, limit, undated)

    def count_by_hour(self, window: TimeRange) -> dict[datetime, int] | None:
        """Documents per hour that holds any (one aggregation)."""
        field = self.index.time_field()
        body = {
            "size": 0,
            "query": self.index.within(window),
            "track_total_hits": False,
            "aggs": {"h": field.by_hour()},
        }
        answer = self.index.client.call("POST", f"/{self.index.path}/_search", body)
        check(self.source_id, answer)
        buckets = answer["aggregations"]["h"]["buckets"]
        return {field.hour_of(b["key"]): int(b["doc_count"]) for b in buckets}

    def test(self) -> ConnectionReport:
        """Connects, looks at the index and at three documents; says what is wrong and how to mend it."""
        started = time.perf_counter()
        index = Index(self.config, Client(self.config, self._sleep, retry_for=_TEST_PATIENCE), self.clock)
        try:
            return self._report(index, started)
        finally:
            index.client.close()

    def _report(self, index: Index, started: float) -> ConnectionReport:
        product = version = None
        documents: int | None = None
        sample: list[str] = []
        try:
            root = index.client.call("GET", "/").get("version", {})
            product, version = root.get("distribution", "elasticsearch"), root.get("number")
            documents = index.count({"bool": {"filter": index.filter()}})
            if documents:
                field = index.time_field()
                body = {
                    "size": 3,
                    "query": {"bool": {"filter": index.filter()}},
                    "sort": [{field.name: {"order": "desc", "unmapped_type": "date"}}],
                }
                for hit in index.client.call("POST", f"/{index.path}/_search", body)["hits"]["hits"]:
                    text = next(
                        (t for p in index.mapped.fields["body"] if (t := lookup(hit["_source"], p)) is not None), None
                    )
                    sample.append(str(text) if text is not None else json.dumps(hit["_source"])[:500])
        except SourceError as error:
            return ConnectionReport("failed", error.kind, str(error), _ms(started), product=product, version=version)
        if not documents:
            message = f"{product} {version}: index {self.config.index_pattern!r} is there and empty" + (
                " for this filter" if index.filter() else ""
            )
            return ConnectionReport(
                "connected", "empty", message, _ms(started), product=product, version=version, documents=0
            )
        message = f"{product} {version}: {documents:,} documents in {self.config.index_pattern!r}, time field {index.time_field().name}"
        return ConnectionReport("connected", "ok", message, _ms(started), tuple(sample), product, version, documents)


def _ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
