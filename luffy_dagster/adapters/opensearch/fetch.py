"""One fetch of a search source: pages asked for in threads, one per slice, while earlier ones are decoded here."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import msgspec
import polars as pl

from luffy_dagster.adapters.errors import SourceIncomplete, SourceMisconfigured
from luffy_dagster.adapters.opensearch.decode import (
    MAX_BODY,
    Decoder,
    NoSourceError,
    check,
    check_shards,
    time_flags,
    times_of,
)
from luffy_dagster.adapters.opensearch.index import Index
from luffy_dagster.adapters.opensearch.paging import Cursor, open_cursor
from luffy_dagster.adapters.opensearch.timefield import floor_ms
from luffy_dagster.adapters.source_model import FetchSummary
from luffy_dagster.core.model import TimeRange
from luffy_dagster.core.schemas import RowFlag

PAGE = 10_000  # documents of one answer; the most a server gives without a setting of its own
SLICED_FROM = 20_000  # documents from which slices pay


class SearchFetch:
    """One fetch: pages are asked for in threads, one per slice, while earlier ones are decoded here."""

    summary: FetchSummary

    def __init__(
        self, index: Index, window: TimeRange, state: Mapping[str, Any] | None, limit: int | None, undated: bool
    ) -> None:
        self.index, self.window, self.state, self.limit, self.want_undated = index, window, state, limit, undated
        now_us = int(index.clock().timestamp() * 1_000_000)
        self.decoder = Decoder(
            index.source_id,
            index.mapped,
            identity=str(index.config.options.get("identity", "id")),
            now_us=now_us,
            max_body=int(index.config.options.get("max_body_bytes", MAX_BODY)),
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
        index = self.index
        covered, capped = self.window, False
        query = index.within(self.window)
        count = index.count(query)
        if count:
            if self.limit is not None and count > self.limit:
                end = yield from self._by_time(query)
                covered, capped = TimeRange(self.window.start, end or self.window.end), end is not None
            else:
                yield from self._all(query, count, self.window)
        state = dict(self.state or {})
        if self.want_undated and not capped:
            query = index.undated()
            count = index.count(query)
            signature = index.signature(query) if count else 0
            if count and signature != state.get("undated"):
                for frame in self._all(query, count, None):
                    self.undated += frame.height
                    yield frame
            state["undated"] = signature
        self.summary = FetchSummary(self.documents, self.bytes, capped, covered, state, (), self.undated)

    def _frame(self, data: bytes, window: TimeRange | None) -> pl.DataFrame:
        try:
            frame, shards = self.decoder.page(data)
        except msgspec.DecodeError as error:
            raise SourceIncomplete(
                self.index.source_id, f"an answer cannot be read ({error})", "it is tried again"
            ) from None
        except NoSourceError:
            raise SourceMisconfigured(
                self.index.source_id, "an index keeps no _source", "leave it out of the index pattern"
            ) from None
        check_shards(self.index.source_id, shards)
        self.bytes += len(data)
        return frame if window is None else self._as_the_server_reads(frame, window)

    def _as_the_server_reads(self, frame: pl.DataFrame, window: TimeRange) -> pl.DataFrame:
        """The frame with the server's own reading of those times that we cannot read or read outside the window.

        The server found these documents inside the window: a date format of its mapping, an alias, a list of times.
        """
        at = frame["event_time"].dt.truncate("1ms")
        inside = (at >= floor_ms(window.start)) & (at < floor_ms(window.end))
        ids = self.decoder.ids.filter(~inside.fill_null(False))
        if not len(ids):
            return frame
        if self.index.time_field().per_second is not None:
            return frame  # numbers are read in one way only
        field = self.index.time_field().name
        body = {
            "size": len(ids),
            "query": {"ids": {"values": ids.to_list()}},
            "_source": False,
            "docvalue_fields": [{"field": field, "format": "strict_date_optional_time_nanos"}],
        }
        answer = self.index.client.call("POST", f"/{self.index.path}/_search", body)
        check(self.index.source_id, answer)
        said = {h["_id"]: (h.get("fields", {}).get(field) or [None])[0] for h in answer["hits"]["hits"]}
        server = times_of(pl.Series([said.get(i) for i in self.decoder.ids], dtype=pl.Utf8), frame.height)
        late, impossible = int(RowFlag.TIME_FROM_RECEIPT), int(RowFlag.TIME_OUT_OF_RANGE)
        mended = frame.with_columns(event_time=pl.coalesce(server, pl.col("event_time")))
        return mended.with_columns(
            flags=(pl.col("flags") - (pl.col("flags") & (late | impossible))) | time_flags(self.decoder.now_us)
        )

    def _all(self, query: dict[str, Any], count: int, window: TimeRange | None) -> Iterator[pl.DataFrame]:
        """Every document of the query, in no order, several slices side by side."""
        options = self.index.config.options
        wanted = int(options.get("slices", 2))
        slices = max(1, min(wanted, self.index.shards)) if count > SLICED_FROM else 1
        size = min(int(options.get("page_size", PAGE)), PAGE)
        with open_cursor(self.index.client, self.index.path, self.index.config.type, query, size, slices) as cursor:
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
                        frame = self._frame(data, window)
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
        field = self.index.time_field().name
        size = min(int(self.index.config.options.get("page_size", PAGE)), PAGE)
        with open_cursor(
            self.index.client, self.index.path, self.index.config.type, query, size, 1, sort=field
        ) as cursor:
            last: datetime | None = None  # the limit's time: all documents of it are still taken
            for data in cursor.pages(0):
                frame = self._frame(data, self.window)
                ordered = frame["event_time"].dt.truncate("1ms")  # as fine as the borders of a window
                if last is None:
                    left = self.limit - self.documents
                    if frame.height >= left:
                        last = ordered[left - 1]
                if last is not None:
                    kept = frame.filter(ordered <= last)
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
