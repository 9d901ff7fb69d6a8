"""Page after page of one query: a point in time with `search_after`, each product's own; a scroll where there is none.

A point in time keeps what the pages are taken from unchanged while documents arrive. Its tie breaker `_shard_doc`
exists in Elasticsearch and in OpenSearch from 3 on; older OpenSearch is read by sliced scroll, which is as exact.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec

from luffy_dagster.adapters.errors import SourceError, SourceIncomplete, SourceMisconfigured
from luffy_dagster.adapters.opensearch.client import Client

KEEP = "5m"
_PIT = b'{"pit_id":"'
FIRST = 64  # documents of the first page: what they weigh says how many the next ones may hold
TARGET = 8 << 20  # bytes of an answer
_REOPENED = 3  # times an expired point in time is opened again before that is an error


class Cursor(ABC):
    """Pages of a query by slice; made by `open_cursor`."""

    @abstractmethod
    def pages(self, number: int) -> Iterator[bytes]:
        """The answers (bytes) of slice `number`, until one has no hits."""

    @abstractmethod
    def close(self) -> None:
        """Frees what the server keeps."""


def last_sort(data: bytes) -> list[Any] | None:
    """The sort values of the last hit, out of the bytes of an answer; None when it has no hits."""
    at = data.rfind(
        b'"sort":['
    )  # inside a document the quotes would be escaped or a brace behind: the last is the hit's
    if at < 0:
        return None
    depth, end, in_text, escaped = 0, at + 7, False, False
    while end < len(data):
        c = data[end : end + 1]
        if in_text:
            if escaped:
                escaped = False
            elif c == b"\\":
                escaped = True
            elif c == b'"':
                in_text = False
        elif c == b'"':
            in_text = True
        elif c == b"[":
            depth += 1
        elif c == b"]":
            depth -= 1
            if depth == 0:
                return msgspec.json.decode(data[at + 7 : end + 1])
        end += 1
    return None


class PointInTime(Cursor):
    """`search_after` over a point in time."""

    def __init__(
        self, client: Client, index: str, product: str, query: dict[str, Any], size: int, slices: int, sort: str | None
    ) -> None:
        self.client, self.index, self.product = client, index, product
        self.query, self.size, self.slices = query, size, slices
        order: list[Any] = [{"_shard_doc": {"order": "asc"}}]
        if sort is not None:
            order.insert(0, {sort: {"order": "asc"}})
        self.sort = order
        self.ids: list[str] = []
        self.id = self._open()

    def _open(self) -> str:
        keep = f"keep_alive={KEEP}"
        if self.product == "elasticsearch":
            made = str(self.client.call("POST", f"/{self.index}/_pit?{keep}")["id"])
        else:
            made = str(self.client.call("POST", f"/{self.index}/_search/point_in_time?{keep}")["pit_id"])
        self.ids.append(made)
        return made

    def close(self) -> None:
        """Frees the points in time."""
        for made in self.ids:
            with suppress(SourceError):
                if self.product == "elasticsearch":
                    self.client.call("DELETE", "/_pit", {"id": made})
                else:
                    self.client.call("DELETE", "/_search/point_in_time", {"pit_id": [made]})

    def _answer(self, body: dict[str, Any]) -> bytes:
        data = self.client.raw("POST", "/_search", body)
        if ended_on_a_shard(data):
            raise SourceIncomplete(
                self.client.name, "the point in time expired on a shard", "it is opened again", kind="expired"
            )
        return data

    def pages(self, number: int) -> Iterator[bytes]:
        """The answers of slice `number`. A point in time that expired is opened again and the slice read from its start:
        documents then come twice, under the same ids.
        """
        after: list[Any] | None = None
        pit, reopened, size = self.id, 0, min(FIRST, self.size)
        while True:
            body: dict[str, Any] = {
                "size": size, "query": self.query, "sort": self.sort, "track_total_hits": False, "pit": {"id": pit, "keep_alive": KEEP},
            }  # fmt: skip
            if self.slices > 1:
                body["slice"] = {"id": number, "max": self.slices}
            if after is not None:
                body["search_after"] = after
            try:
                data = self._answer(body)
            except SourceIncomplete as error:
                if error.kind == "too_large" and size > 1:
                    size = max(1, size // 8)
                    continue
                if error.kind != "expired" or reopened >= _REOPENED:
                    raise
                reopened += 1
                pit, after = self._open(), None
                continue
            if data.startswith(_PIT):  # the server may give it another name
                pit = data[len(_PIT) : data.index(b'"', len(_PIT))].decode()
            after = last_sort(data)
            if after is None:
                yield data  # its shards are looked at all the same
                return
            size = fitting(data, size, self.size)
            yield data


def ended_on_a_shard(data: bytes) -> bool:
    """Whether an answer lacks a shard because the point in time is gone there: what stands before the hits says so."""
    head = data[: max(data.find(b'"hits":{'), 0)]
    return b'"failures":[' in head and b"search_context_missing" in head


def fitting(data: bytes, size: int, most: int) -> int:
    """Documents to ask for next, when `size` documents made these bytes: about TARGET bytes, growing step by step."""
    return max(1, min(most, size * 32, TARGET * size // max(1, len(data))))


class Scroll(Cursor):
    """Sliced scroll, for servers without `_shard_doc`."""

    def __init__(
        self, client: Client, index: str, query: dict[str, Any], size: int, slices: int, sort: str | None
    ) -> None:
        self.client, self.index, self.query, self.size, self.slices = client, index, query, size, slices
        self.sort: list[Any] = ["_doc"] if sort is None else [{sort: {"order": "asc"}}]
        self.ids: list[str] = []

    def close(self) -> None:
        """Frees the scrolls."""
        if self.ids:
            with suppress(SourceError):
                self.client.call("DELETE", "/_search/scroll", {"scroll_id": self.ids})

    def pages(self, number: int) -> Iterator[bytes]:
        """The answers of slice `number`."""
        first: dict[str, Any] = {"size": min(FIRST, self.size), "query": self.query, "track_total_hits": False}
        size = fitting(self.client.raw("POST", f"/{self.index}/_search", first), first["size"], self.size)
        body: dict[str, Any] = {"size": size, "query": self.query, "sort": self.sort, "track_total_hits": True}
        got = 0
        if self.slices > 1:
            body["slice"] = {"id": number, "max": self.slices}
        data = self.client.raw("POST", f"/{self.index}/_search?scroll={KEEP}", body)
        while True:
            head = msgspec.json.decode(data, type=_ScrollHead)
            self.ids.append(head.scroll_id)
            got += len(head.hits.hits)
            yield data
            if not head.hits.hits:
                if got != head.hits.total.value:  # an answer that was lost on the way is not given again
                    raise SourceIncomplete(
                        self.client.name,
                        f"{got} of {head.hits.total.value} documents arrived",
                        "the fetch is done again from its start",
                    )
                return
            data = self.client.raw("POST", "/_search/scroll", {"scroll": KEEP, "scroll_id": head.scroll_id})
            if head.scroll_id in self.ids:
                self.ids.remove(head.scroll_id)


class _Total(msgspec.Struct):
    value: int


class _ScrollHits(msgspec.Struct):
    hits: list[msgspec.Raw]
    total: _Total


class _ScrollHead(msgspec.Struct):
    scroll_id: str = msgspec.field(name="_scroll_id")
    hits: _ScrollHits


@contextmanager
def open_cursor(
    client: Client, index: str, product: str, query: dict[str, Any], size: int, slices: int, *, sort: str | None = None
) -> Iterator[Cursor]:
    """A cursor over the query: by point in time where the server has what it needs, else by scroll. Closed at the end."""
    cursor: Cursor
    pit = PointInTime(client, index, product, query, size, slices, sort)
    try:
        body = {"size": 0, "query": {"match_none": {}}, "pit": {"id": pit.id, "keep_alive": KEEP}, "sort": pit.sort}
        client.raw("POST", "/_search", body)
        cursor = pit
    except SourceMisconfigured as error:
        pit.close()
        if "_shard_doc" not in error.reason:
            raise
        cursor = Scroll(client, index, query, size, slices, sort)
    try:
        yield cursor
    finally:
        cursor.close()
