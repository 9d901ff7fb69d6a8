"""A source in memory with the protocol of the adapters, and helpers that make services and read what flows wrote."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.model import TimeRange
from luffy_dagster.core.schemas import RAW_LOGS, RowFlag
from luffy_dagster.flows import FlowContext
from luffy_dagster.lake import Lake

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
COLUMNS = {name: RAW_LOGS[name] for name in ("doc_id", "source_id", "stream", "seq", "event_time", "body", "fields", "flags")}


@dataclass
class Doc:
    id: str
    at: datetime | None
    body: str
    stream: str = "app"
    seq: int | None = None
    fields: str | None = None
    flags: int = 0


@dataclass
class Server:
    """What stands behind a memory source: documents, switched off or breaking in the middle on demand."""

    docs: list[Doc] = field(default_factory=list)
    down: bool = False
    break_after: int | None = None
    page: int = 10_000
    fetches: int = 0
    counts: int = 0

    def add(self, *docs: Doc) -> None:
        self.docs.extend(docs)


class MemorySource:
    """Reads a Server by event time, as the OpenSearch adapter does."""

    def __init__(self, config, server: Server) -> None:
        self.source_id = config.id
        self.server = server

    def _up(self) -> None:
        if self.server.down:
            from luffy_dagster.adapters.errors import SourceUnavailable

            raise SourceUnavailable(self.source_id, "nobody answers on localhost:9200", "start it")

    def fetch(self, window: TimeRange, *, state=None, limit=None, undated=True):
        self._up()
        self.server.fetches += 1
        inside = [doc for doc in self.server.docs if doc.at is not None and window.start <= doc.at < window.end]
        if undated:
            far = window.end + timedelta(hours=1)
            inside += [doc for doc in self.server.docs if doc.at is None or doc.at.year < 2000 or doc.at > far]
        capped, end = False, window.end
        if limit is not None and len(inside) > limit:
            inside = sorted(inside, key=lambda doc: doc.at or window.start)
            end, capped = inside[limit].at, True
            inside = [doc for doc in inside if doc.at is not None and doc.at < end]
        return _Fetch(self, inside, TimeRange(window.start, end), capped)

    def count_by_hour(self, window: TimeRange):
        self._up()
        self.server.counts += 1
        hours = Counter(
            doc.at.replace(minute=0, second=0, microsecond=0)
            for doc in self.server.docs
            if doc.at is not None and window.start <= doc.at < window.end
        )
        return dict(hours)

    def close(self) -> None:
        pass


class _Fetch:
    def __init__(self, source: MemorySource, docs: list[Doc], covered: TimeRange, capped: bool) -> None:
        self.source, self.docs = source, docs
        self.summary = SimpleNamespace(
            documents=len(docs), bytes=0, capped=capped, covered=covered, state=None, notes=(), undated=0
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def __iter__(self):
        server, given = self.source.server, 0
        for start in range(0, len(self.docs), server.page):
            part = self.docs[start : start + server.page]
            if server.break_after is not None and given + len(part) > server.break_after:
                from luffy_dagster.adapters.errors import SourceUnavailable

                raise SourceUnavailable(self.source.source_id, "the connection broke while reading", "start it again")
            given += len(part)
            yield frame_of(self.source.source_id, part)


def frame_of(source_id: str, docs: list[Doc]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "doc_id": [doc.id for doc in docs],
            "source_id": [source_id for _ in docs],
            "stream": [doc.stream for doc in docs],
            "seq": [doc.seq for doc in docs],
            "event_time": [doc.at for doc in docs],
            "body": [doc.body for doc in docs],
            "fields": [doc.fields for doc in docs],
            "flags": [
                doc.flags | (int(RowFlag.TIME_FROM_RECEIPT) if doc.at is None else 0) for doc in docs
            ],
        },
        schema=COLUMNS,
    )


@dataclass
class World:
    """A store, a lake and servers: everything a flow works with, with a clock that is set by hand."""

    engine: object
    settings: object
    lake: Lake
    servers: dict[str, Server] = field(default_factory=dict)
    clock: datetime = NOW
    piece_rows: int = 200_000
    real: bool = False  # sources are opened by the real adapters

    @property
    def ctx(self) -> FlowContext:
        return FlowContext(
            self.settings, self.engine, self.lake, lambda: self.clock, self._open, piece_rows=self.piece_rows
        )

    def _open(self, config):
        if config.type == "file" or self.real:
            from luffy_dagster.adapters.sources import open_source

            return open_source(config, clock=lambda: self.clock)
        return MemorySource(config, self.servers[config.id])

    def service(self, slug: str = "web", **fields) -> tuple[str, Server]:
        """A service with one memory source; gives the source's id and its server."""
        with store.begin(self.engine) as conn:
            store.services.create(conn, {"id": slug, "name": slug, **fields}, actor="test", now=self.clock)
        return self.source(slug)

    def source(self, slug: str, **fields) -> tuple[str, Server]:
        with store.begin(self.engine) as conn:
            made = store.sources.create(
                conn,
                slug,
                {"type": "opensearch", "host": "localhost", "index_pattern": "logs-*", **fields},
                actor="test",
                now=self.clock,
            )
            store.sources.set_monitoring(conn, made.id, True, actor="test", now=self.clock)
        server = self.servers.setdefault(made.id, Server())
        return made.id, server

    def later(self, **delta) -> None:
        self.clock += timedelta(**delta)

    def raw(self, slug: str = "web") -> pl.DataFrame:
        return self.lake.scan("raw_logs", slug).collect()

    def entries(self, slug: str = "web") -> pl.DataFrame:
        return self.lake.scan("entries", slug).collect()

    def exceptions(self, slug: str = "web") -> pl.DataFrame:
        return self.lake.scan("exceptions", slug).collect()

    def counts(self, slug: str = "web") -> pl.DataFrame:
        with store.begin(self.engine) as conn:
            return store.counts.by_level(
                conn, slug, start=self.clock - timedelta(days=40), end=self.clock + timedelta(days=2)
            )


_HISTORY = ("batch", "received_at")


def rows_of(frame: pl.DataFrame) -> list[dict]:
    """Rows without what tells only when they were read, in an order of their own."""
    key = "entry_id" if "entry_id" in frame.columns else "doc_id"
    late = ~(int(RowFlag.LATE))
    if "flags" in frame.columns:
        frame = frame.with_columns(pl.col("flags") & late)
    return frame.drop(_HISTORY, strict=False).sort(key).to_dicts()


def line(at: datetime, level: str, message: str) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03d} {level} app.main - {message}"


def minutes_of_logs(count: int, start: datetime, *, stream: str = "app", step: float = 1.0, tag: str = "d") -> list[Doc]:
    """Documents one line each: mostly ordinary, every tenth the beginning of a Python trace in lines of their own."""
    docs: list[Doc] = []
    at = start
    number = 0
    while len(docs) < count:
        if number % 10 == 9:
            body = [
                line(at, "ERROR", f"request {number} failed"),
                "Traceback (most recent call last):",
                '  File "/srv/app/orders.py", line 42, in place',
                "    total = price(items)",
                '  File "/srv/app/price.py", line 7, in price',
                "    return table[code]",
                f"KeyError: 'code-{number % 3}'",
            ]
        else:
            body = [line(at, "INFO", f"request {number} took {number % 97} ms")]
        for text in body:
            docs.append(Doc(f"{tag}-{stream}-{len(docs):06d}", at, text, stream, seq=len(docs)))
            at += timedelta(milliseconds=1)
        at += timedelta(seconds=step)
        number += 1
    return docs[:count]
