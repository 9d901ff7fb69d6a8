"""The search source: one window of time → frames of rows, through a point in time, sliced, all documents however many."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from luffy_dagster.adapters.errors import SourceError, SourceIncomplete, SourceIndexMissing, SourceMisconfigured
from luffy_dagster.adapters.opensearch.client import Client
from luffy_dagster.adapters.opensearch.fetch import SearchFetch, check
from luffy_dagster.adapters.opensearch.mapping import lookup, mapped
from luffy_dagster.adapters.opensearch.timefield import TimeField, unit_of
from luffy_dagster.adapters.sources import ConnectionReport, SourceConfig
from luffy_dagster.core.model import TimeRange

_TEST_PATIENCE = 1.0  # seconds that a connection test tries again: a person waits for it
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class SearchSource:
    """OpenSearch or Elasticsearch as a log source."""

    def __init__(
        self, config: SourceConfig, *, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], datetime]
    ) -> None:
        self.source_id = config.id
        self.config = config
        self.clock = clock
        self._sleep = sleep
        self.client = Client(config, sleep)
        try:
            self.mapped = mapped(config.field_mapping)
        except ValueError as error:
            raise SourceMisconfigured(config.id, str(error), "correct the field mapping") from None
        self.index = quote(config.index_pattern, safe="*,-_.<>{}")
        self._time: TimeField | None = None
        self.shards = 1

    def close(self) -> None:
        """Closes the connections."""
        self.client.close()

    # ---- queries

    def _filter(self) -> list[dict[str, Any]]:
        text = self.config.query_filter.strip()
        if not text:
            return []
        if text.startswith("{"):
            try:
                query = json.loads(text)
            except ValueError as error:
                raise SourceMisconfigured(
                    self.source_id, f"the query filter is no JSON ({error})", "correct it"
                ) from None
            inner = query.get("query", query)
            return [{"query_string": {"query": inner}}] if isinstance(inner, str) else [inner]
        return [{"query_string": {"query": text}}]

    def time_field(self) -> TimeField:
        """The documents' time field: the first candidate that the indices map as a date, else as a whole number."""
        if self._time is None:
            names = quote(",".join(self.mapped.time), safe=",@.")
            answer = self.client.call("GET", f"/{self.index}/_field_caps?ignore_unavailable=true&fields={names}")
            found = answer.get("fields", {})
            dates = [name for name in self.mapped.time if set(found.get(name, {})) & {"date", "date_nanos"}]
            numbers = [name for name in self.mapped.time if set(found.get(name, {})) == {"long"}]
            if dates:
                self._time = TimeField(dates[0])
            elif numbers:
                self._time = TimeField(numbers[0], unit_of(self._largest(numbers[0])))
            else:
                self.count({"match_all": {}})  # says that no index matches, if so
                there = [f"{name} ({', '.join(found[name])})" for name in self.mapped.time if name in found]
                raise SourceMisconfigured(
                    self.source_id,
                    f"no field of type date among {', '.join(self.mapped.time)}"
                    + (f"; there is {', '.join(there)}" if there else ""),
                    'set field_mapping {"time": "<your field>"}, or map the field as a date',
                )
        return self._time

    def _largest(self, field: str) -> float:
        body = {"size": 0, "query": {"bool": {"filter": self._filter()}}, "aggs": {"m": {"max": {"field": field}}}}
        answer = self.client.call("POST", f"/{self.index}/_search", body)
        check(self.source_id, answer)
        return float(answer["aggregations"]["m"]["value"] or 0)

    def within(self, window: TimeRange) -> dict[str, Any]:
        """The query for the documents of a window."""
        return {"bool": {"filter": [*self._filter(), self.time_field().bounds(window.start, window.end)]}}

    def undated(self) -> dict[str, Any]:
        """The query for documents that no window holds: without a time, or with one that cannot be."""
        field = self.time_field()
        impossible = [
            {"bool": {"must_not": [{"exists": {"field": field.name}}]}},
            field.bounds(None, _EARLIEST),
            field.bounds(self.clock() + timedelta(days=1), None),
        ]
        return {"bool": {"filter": self._filter(), "should": impossible, "minimum_should_match": 1}}

    def signature(self, query: dict[str, Any]) -> str:
        """Changes when the set of the query's documents does: how many, and which sequence numbers they have."""
        body = {
            "size": 0,
            "query": query,
            "track_total_hits": True,
            "aggs": {"n": {"stats": {"field": "_seq_no"}}},
        }
        answer = self.client.call("POST", f"/{self.index}/_search", body)
        check(self.source_id, answer)
        numbers = answer["aggregations"]["n"]
        return f"{answer['hits']['total']['value']}:{numbers['sum']:.0f}:{numbers['max'] or 0:.0f}"

    def count(self, query: dict[str, Any]) -> int:
        """How many documents a query has; raises SourceIndexMissing and SourceIncomplete."""
        answer = self.client.call("POST", f"/{self.index}/_count", {"query": query})
        shards = answer.get("_shards", {})
        if shards.get("failed"):
            reason = str(((shards.get("failures") or [{}])[0].get("reason") or {}).get("reason", "unknown"))[:200]
            raise SourceIncomplete(
                self.source_id,
                f"{shards['failed']} of {shards['total']} shards failed ({reason})",
                "see the cluster's health; it is tried again",
            )
        if not shards.get("total"):
            raise SourceIndexMissing(
                self.source_id, f"no index matches {self.config.index_pattern!r}", "check the index pattern"
            )
        self.shards = int(shards["total"])
        return int(answer["count"])

    # ---- protocol

    def fetch(
        self,
        window: TimeRange,
        *,
        state: Mapping[str, Any] | None = None,
        limit: int | None = None,
        undated: bool = True,
    ) -> SearchFetch:
        """All documents of the window by event time; with `undated` also those whose time is missing or cannot be."""
        return SearchFetch(self, window, state, limit, undated)

    def count_by_hour(self, window: TimeRange) -> dict[datetime, int] | None:
        """Documents per hour that holds any (one aggregation)."""
        field = self.time_field()
        body = {"size": 0, "query": self.within(window), "track_total_hits": False, "aggs": {"h": field.by_hour()}}
        answer = self.client.call("POST", f"/{self.index}/_search", body)
        check(self.source_id, answer)
        buckets = answer["aggregations"]["h"]["buckets"]
        return {field.hour_of(b["key"]): int(b["doc_count"]) for b in buckets}

    def test(self) -> ConnectionReport:
        """Connects, looks at the index and at three documents; says what is wrong and how to mend it."""
        started = time.perf_counter()
        kept, self.client = self.client, Client(self.config, self._sleep, retry_for=_TEST_PATIENCE)
        try:
            return self._report(started)
        finally:
            self.client.close()
            self.client = kept

    def _report(self, started: float) -> ConnectionReport:
        product = version = None
        documents: int | None = None
        sample: list[str] = []
        try:
            root = self.client.call("GET", "/").get("version", {})
            product, version = root.get("distribution", "elasticsearch"), root.get("number")
            documents = self.count({"bool": {"filter": self._filter()}})
            if documents:
                field = self.time_field()
                body = {
                    "size": 3,
                    "query": {"bool": {"filter": self._filter()}},
                    "sort": [{field.name: {"order": "desc", "unmapped_type": "date"}}],
                }
                for hit in self.client.call("POST", f"/{self.index}/_search", body)["hits"]["hits"]:
                    text = next(
                        (t for p in self.mapped.fields["body"] if (t := lookup(hit["_source"], p)) is not None), None
                    )
                    sample.append(str(text) if text is not None else json.dumps(hit["_source"])[:500])
        except SourceError as error:
            return ConnectionReport("failed", error.kind, str(error), _ms(started), product=product, version=version)
        if not documents:
            message = f"{product} {version}: index {self.config.index_pattern!r} is there and empty" + (
                " for this filter" if self._filter() else ""
            )
            return ConnectionReport(
                "connected", "empty", message, _ms(started), product=product, version=version, documents=0
            )
        message = f"{product} {version}: {documents:,} documents in {self.config.index_pattern!r}, time field {self.time_field().name}"
        return ConnectionReport("connected", "ok", message, _ms(started), tuple(sample), product, version, documents)


def _ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
