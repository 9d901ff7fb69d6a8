"""The search source: one window of time → frames of rows, through a point in time, sliced, all documents however many."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import msgspec
import polars as pl

from luffy_dagster.adapters.errors import SourceError, SourceIncomplete, SourceIndexMissing, SourceMisconfigured
from luffy_dagster.adapters.opensearch.client import Client
from luffy_dagster.adapters.opensearch.decode import Decoder, Shards
from luffy_dagster.adapters.opensearch.mapping import lookup, mapped
from luffy_dagster.adapters.opensearch.paging import Cursor, open_cursor
from luffy_dagster.adapters.sources import ConnectionReport, FetchSummary, SourceConfig
from luffy_dagster.core.model import TimeRange

PAGE = 10_000  # documents of one answer; the most a server gives without a setting of its own
SLICED_FROM = 20_000  # documents from which slices pay
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class SearchSource:
    """OpenSearch or Elasticsearch as a log source."""

    def __init__(
        self, config: SourceConfig, *, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], datetime]
    ) -> None:
        self.source_id = config.id
        self.config = config
        self.clock = clock
        self.client = Client(config, sleep)
        try:
            self.mapped = mapped(config.field_mapping)
        except ValueError as error:
            raise SourceMisconfigured(config.id, str(error), "correct the field mapping") from None
        self.index = quote(config.index_pattern, safe="*,-_.<>{}")
        self._time: str | None = None
        self._shards = 1

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

    def time_field(self) -> str:
        """The documents' time field: the first candidate that the indices map as a date."""
        if self._time is None:
            answer = self.client.call(
                "GET",
                f"/{self.index}/_field_caps?ignore_unavailable=true&fields={quote(','.join(self.mapped.time), safe=',@.')}",
            )
            found = answer.get("fields", {})
            dates = [name for name in self.mapped.time if set(found.get(name, {})) & {"date", "date_nanos"}]
            if not dates:
                self._count({"match_all": {}})  # says that no index matches, if so
                there = [f"{name} ({', '.join(found[name])})" for name in self.mapped.time if name in found]
                raise SourceMisconfigured(
                    self.source_id,
                    f"no field of type date among {', '.join(self.mapped.time)}"
                    + (f"; there is {', '.join(there)}" if there else ""),
                    'set field_mapping {"time": "<your field>"}',
                )
            self._time = dates[0]
        return self._time

    def _within(self, window: TimeRange) -> dict[str, Any]:
        bounds = {"gte": _iso(window.start), "lt": _iso(window.end), "format": "strict_date_optional_time"}
        return {"bool": {"filter": [*self._filter(), {"range": {self.time_field(): bounds}}]}}

    def _undated(self) -> dict[str, Any]:
        field = self.time_field()
        form = "strict_date_optional_time"
        impossible = [
            {"bool": {"must_not": [{"exists": {"field": field}}]}},
            {"range": {field: {"lt": _iso(_EARLIEST), "format": form}}},
            {"range": {field: {"gte": _iso(self.clock() + timedelta(days=1)), "format": form}}},
        ]
        return {"bool": {"filter": self._filter(), "should": impossible, "minimum_should_match": 1}}

    def _count(self, query: dict[str, Any]) -> int:
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
        self._shards = int(shards["total"])
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
        body = {
            "size": 0, "query": self._within(window), "track_total_hits": False,
            "aggs": {"h": {"date_histogram": {"field": field, "fixed_interval": "1h", "min_doc_count": 1}}},
        }  # fmt: skip
        answer = self.client.call("POST", f"/{self.index}/_search", body)
        check_shards(
            self.source_id, msgspec.convert({k: answer["_shards"].get(k, 0) for k in ("total", "failed")}, Shards)
        )
        buckets = answer["aggregations"]["h"]["buckets"]
        return {datetime.fromtimestamp(b["key"] / 1000, UTC): int(b["doc_count"]) for b in buckets}

    def test(self) -> ConnectionReport:
        """Connects, looks at the index and at three documents; says what is wrong and how to mend it."""
        started = time.perf_counter()
        product = version = None
        documents: int | None = None
        sample: list[str] = []
        try:
            root = self.client.call("GET", "/").get("version", {})
            product, version = root.get("distribution", "elasticsearch"), root.get("number")
            documents = self._count({"bool": {"filter": self._filter()}})
            if documents:
                field = self.time_field()
                body = {
                    "size": 3,
                    "query": {"bool": {"filter": self._filter()}},
                    "sort": [{field: {"order": "desc", "unmapped_type": "date"}}],
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
        message = (
            f"{product} {version}: {documents:,} documents in {self.config.index_pattern!r}, time field {self._time}"
        )
        return ConnectionReport("connected", "ok", message, _ms(started), tuple(sample), product, version, documents)


def _ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def check_shards(source: str, shards: Shards) -> None:
    """Raises SourceIncomplete when a shard failed: a part of the answer is missing."""
    if shards.failed:
        raise SourceIncomplete(
            source, f"{shards.failed} of {shards.total} shards failed", "see the cluster's health; it is tried again"
        )


class SearchFetch:
    """One fetch: pages are asked for in threads, one per slice, while earlier ones are decoded here."""

    summary: FetchSummary

    def __init__(
        self, source: SearchSource, window: TimeRange, state: Mapping[str, Any] | None, limit: int | None, undated: bool
    ) -> None:
        self.source, self.window, self.state, self.limit, self.want_undated = source, window, state, limit, undated
        now_us = int(source.clock().timestamp() * 1_000_000)
        self.decoder = Decoder(
            source.source_id, source.mapped, identity=str(source.config.options.get("identity", "id")), now_us=now_us
        )
        self.documents = self.bytes = self.undated = 0
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()

    def __iter__(self) -> Iterator[pl.DataFrame]:
        source = self.source
        covered, capped = self.window, False
        query = source._within(self.window)  # noqa: SLF001 - the two classes are one module
        count = source._count(query)  # noqa: SLF001
        if count:
            if self.limit is not None and count > self.limit:
                end = yield from self._by_time(query)
                covered, capped = TimeRange(self.window.start, end or self.window.end), end is not None
            else:
                yield from self._all(query, count)
        state = dict(self.state or {})
        if self.want_undated and not capped:
            query = source._undated()  # noqa: SLF001
            count = source._count(query)  # noqa: SLF001
            if count and count != state.get("undated"):
                for frame in self._all(query, count):
                    self.undated += frame.height
                    yield frame
            state["undated"] = count
        self.summary = FetchSummary(self.documents, self.bytes, capped, covered, state, (), self.undated)

    def _frame(self, data: bytes) -> pl.DataFrame:
        try:
            frame, shards = self.decoder.page(data)
        except msgspec.DecodeError as error:
            raise SourceIncomplete(
                self.source.source_id, f"an answer cannot be read ({error})", "it is tried again"
            ) from None
        check_shards(self.source.source_id, shards)
        self.bytes += len(data)
        return frame

    def _all(self, query: dict[str, Any], count: int) -> Iterator[pl.DataFrame]:
        """Every document of the query, in no order, several slices side by side."""
        options = self.source.config.options
        wanted = int(options.get("slices", 2))
        slices = max(1, min(wanted, self.source._shards)) if count > SLICED_FROM else 1  # noqa: SLF001
        size = min(int(options.get("page_size", PAGE)), PAGE)
        with open_cursor(self.source.client, self.source.index, self.source.config.type, query, size, slices) as cursor:
            pages: queue.Queue[bytes | BaseException | None] = queue.Queue(maxsize=slices)
            threads = [threading.Thread(target=self._pump, args=(cursor, n, pages), daemon=True) for n in range(slices)]
            for thread in threads:
                thread.start()
            try:
                running = slices
                while running:
                    data = pages.get()
                    if data is None:
                        running -= 1
                    elif isinstance(data, BaseException):
                        raise data
                    else:
                        frame = self._frame(data)
                        self.documents += frame.height
                        if frame.height:
                            yield frame
            finally:
                self._stop.set()
                while any(t.is_alive() for t in threads):
                    try:
                        pages.get(timeout=0.05)
                    except queue.Empty:
                        continue
                self._stop.clear()

    def _pump(self, cursor: Cursor, number: int, pages: queue.Queue[bytes | BaseException | None]) -> None:
        try:
            for data in cursor.pages(number):
                if self._stop.is_set():
                    return
                pages.put(data)
            pages.put(None)
        except BaseException as error:  # noqa: BLE001 - handed to the reader, who raises it
            pages.put(error)

    def _by_time(self, query: dict[str, Any]) -> Generator[pl.DataFrame, None, datetime | None]:
        """Documents in order of time until the limit is reached and the time changes; returns that time, or None at the end."""
        assert self.limit is not None
        field = self.source.time_field()
        size = min(int(self.source.config.options.get("page_size", PAGE)), PAGE)
        with open_cursor(
            self.source.client, self.source.index, self.source.config.type, query, size, 1, sort=field
        ) as cursor:
            last: datetime | None = None  # the limit's time: all documents of it are still taken
            for data in cursor.pages(0):
                frame = self._frame(data)
                ordered = frame["event_time"]
                if last is None:
                    left = self.limit - self.documents
                    if frame.height >= left:
                        last = ordered[left - 1]
                if last is not None:
                    kept = frame.filter(pl.col("event_time") <= last)
                    self.documents += kept.height
                    if kept.height:
                        yield kept
                    if kept.height < frame.height:
                        after = ordered.filter(ordered > last)
                        return after[0]
                    continue
                self.documents += frame.height
                yield frame
        return None
