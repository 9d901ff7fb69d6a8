"""What every log source takes and gives: one configuration, one protocol, one form of rows. Each kind is a package of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from luffy_dagster.core.model import TimeRange

if TYPE_CHECKING:
    import polars as pl

# What a frame of a fetch holds; the flow adds received_at, batch and day. Types are those of core.schemas.RAW_LOGS.
RAW_COLUMNS = ("doc_id", "source_id", "stream", "seq", "event_time", "body", "fields", "flags")


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How the server proves who it is, and we to it."""

    verify: bool = True
    ca_file: str | None = None
    ca_pem: str | None = None
    client_cert: str | None = None
    client_key: str | None = field(default=None, repr=False)
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """What an adapter needs of a source; secrets are kept out of its repr."""

    id: str
    type: str
    host: str = "localhost"
    port: int = 9200
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    tls: TlsSettings | None = None
    index_pattern: str = "*"
    query_filter: str = ""  # Lucene query string, or a JSON object of the query DSL
    field_mapping: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    environment: str = ""
    assume_tz: str = "UTC"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """Outcome of a connection test. `sample` lines are raw: redact before showing."""

    status: str  # connected | failed
    kind: str
    message: str
    milliseconds: float
    sample: tuple[str, ...] = ()
    product: str | None = None
    version: str | None = None
    documents: int | None = None


@dataclass(frozen=True, slots=True)
class FetchSummary:
    """What a fetch read. `state` goes into the store with the rows and is passed to the next fetch."""

    documents: int
    bytes: int
    capped: bool
    covered: TimeRange
    state: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    undated: int = 0


class Fetch(Protocol):
    """A fetch under way: iterate it for frames of RAW_COLUMNS; `summary` is valid after the last."""

    summary: FetchSummary

    def __iter__(self) -> Iterator[pl.DataFrame]: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class LogSource(Protocol):
    """Something that log rows are read from. Raises `adapters.errors.SourceError`."""

    source_id: str

    def fetch(
        self,
        window: TimeRange,
        *,
        state: Mapping[str, Any] | None = None,
        limit: int | None = None,
        undated: bool = True,
    ) -> Fetch:
        """Rows of the window (files: after the state's positions), at most about `limit`."""
        ...

    def count_by_hour(self, window: TimeRange) -> dict[datetime, int] | None:
        """Documents per hour; None when the source cannot say."""
        ...

    def test(self) -> ConnectionReport:
        """Whether it can be read, with what is wrong and how to mend it. Never raises for a fault of the source."""
        ...

    def close(self) -> None:
        """Lets go of connections and files."""
        ...
