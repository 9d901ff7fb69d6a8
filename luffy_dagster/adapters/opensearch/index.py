"""What is asked of a search server about one index pattern: its time field, the query of a window, counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from luffy_dagster.adapters.errors import SourceIncomplete, SourceIndexMissing, SourceMisconfigured
from luffy_dagster.adapters.opensearch.client import Client
from luffy_dagster.adapters.opensearch.decode import check
from luffy_dagster.adapters.opensearch.mapping import mapped
from luffy_dagster.adapters.opensearch.timefield import TimeField, unit_of
from luffy_dagster.adapters.source_model import SourceConfig
from luffy_dagster.core.model import TimeRange

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class Index:
    """The indices of one pattern, and the documents among them that a source's filter takes. Raises SourceMisconfigured."""

    def __init__(self, config: SourceConfig, client: Client, clock: Callable[[], datetime]) -> None:
        self.source_id, self.config, self.client, self.clock = config.id, config, client, clock
        try:
            self.mapped = mapped(config.field_mapping)
        except ValueError as error:
            raise SourceMisconfigured(config.id, str(error), "correct the field mapping") from None
        self.path = quote(config.index_pattern, safe="*,-_.<>{}")
        self.shards = 1
        self._time: TimeField | None = None

    def filter(self) -> list[dict[str, Any]]:
        """What the source's own filter asks for; nothing without one."""
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
            answer = self.client.call("GET", f"/{self.path}/_field_caps?ignore_unavailable=true&fields={names}")
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
        body = {"size": 0, "query": {"bool": {"filter": self.filter()}}, "aggs": {"m": {"max": {"field": field}}}}
        answer = self.client.call("POST", f"/{self.path}/_search", body)
        check(self.source_id, answer)
        return float(answer["aggregations"]["m"]["value"] or 0)

    def within(self, window: TimeRange) -> dict[str, Any]:
        """The query for the documents of a window."""
        return {"bool": {"filter": [*self.filter(), self.time_field().bounds(window.start, window.end)]}}

    def undated(self) -> dict[str, Any]:
        """The query for documents that no window holds: without a time, or with one that cannot be."""
        field = self.time_field()
        impossible = [
            {"bool": {"must_not": [{"exists": {"field": field.name}}]}},
            field.bounds(None, _EARLIEST),
            field.bounds(self.clock() + timedelta(days=1), None),
        ]
        return {"bool": {"filter": self.filter(), "should": impossible, "minimum_should_match": 1}}

    def signature(self, query: dict[str, Any]) -> str:
        """Changes when the set of the query's documents does: how many, and which sequence numbers they have."""
        body = {
            "size": 0,
            "query": query,
            "track_total_hits": True,
            "aggs": {"n": {"stats": {"field": "_seq_no"}}},
        }
        answer = self.client.call("POST", f"/{self.path}/_search", body)
        check(self.source_id, answer)
        numbers = answer["aggregations"]["n"]
        return f"{answer['hits']['total']['value']}:{numbers['sum']:.0f}:{numbers['max'] or 0:.0f}"

    def count(self, query: dict[str, Any]) -> int:
        """How many documents a query has; raises SourceIndexMissing and SourceIncomplete."""
        answer = self.client.call("POST", f"/{self.path}/_count", {"query": query})
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
