"""Appending to, replacing in and reading from the tables of the lake.

Every write is one Delta commit. A commit carries the batch number as Delta's application transaction
`luffy:<kind>:<service>` and, as JSON, whatever the caller needs to finish a batch that PostgreSQL does not know yet.
Only one process writes to a service's tables at a time (the caller holds the service's lock); reading needs no lock.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from luffy_dagster.core.schemas import TABLES, UTC_US
from luffy_dagster.lake import upkeep
from luffy_dagster.lake.appending import ROW_GROUP, append_rows
from luffy_dagster.lake.errors import LakeError
from luffy_dagster.lake.predicates import Span, of_spans

if TYPE_CHECKING:
    from deltalake import CommitProperties, DeltaTable

# Only these columns get minimum and maximum in the log: they are what is asked by, and the log outlives
# purged rows, so no log text may stand in it.
_STATISTICS = ("event_time", "batch", "stream", "source_id")
_CONFIGURATION = {
    "delta.dataSkippingStatsColumns": ",".join(_STATISTICS),
    "delta.logRetentionDuration": "interval 2 days",
    "delta.deletedFileRetentionDuration": "interval 1 hours",
}
_METADATA_KEY = "luffy"
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\Z")
_MILLISECOND = timedelta(milliseconds=1)  # Delta cuts the time statistics to milliseconds
# Columns whose values hardly repeat: a dictionary of them costs a third of a write and makes the files bigger.
_ALL_DIFFERENT = ("doc_id", "seq", "body", "fields", "entry_id", "message", "raw_line", "trace")
_HISTORY = 50  # commits looked through for the last one with metadata: upkeep writes commits of its own
Window = tuple[datetime | None, datetime | None]


@dataclass(frozen=True, slots=True)
class Commit:
    """The last batch written to a table: its number, the metadata of its commit, and the table's version."""

    batch: int
    metadata: dict[str, Any]
    version: int


@dataclass(frozen=True, slots=True)
class Size:
    """Rows, bytes and files of a table as it stands."""

    rows: int
    bytes: int
    files: int


@dataclass(slots=True)
class _Table:
    """An opened table with the list of its files, kept as long as its version stands."""

    delta: DeltaTable
    lock: threading.RLock = field(default_factory=threading.RLock)
    files_version: int = -1
    files: pl.DataFrame = field(default_factory=pl.DataFrame)


class Lake:
    """The tables under one folder or object store URL. Safe to use from several threads."""

    def __init__(self, root: str | Path, storage_options: Mapping[str, str] | None = None) -> None:
        """`root`: a folder, or s3://, gs://, az:// with its `storage_options` (names as object stores call them)."""
        self.root = str(root).rstrip("/")
        self.storage_options = dict(storage_options or {})
        if self.root.startswith("s3://"):  # two writers exclude each other by the store's own conditional put
            self.storage_options.setdefault("aws_conditional_put", "etag")
        self._tables: dict[tuple[str, str], _Table] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """The root without its options, which may be secret."""
        return f"Lake({self.root!r})"

    # ---- opening

    def uri(self, kind: str, service: str) -> str:
        """Where the table lies (raises KeyError for an unknown kind, ValueError for a service that is no slug)."""
        if kind not in TABLES:
            raise KeyError(kind)
        if not _SLUG.match(service):
            message = f"{service!r} is no slug of a service"
            raise ValueError(message)
        return f"{self.root}/{kind}/{service}"

    @property
    def local(self) -> bool:
        """Whether the lake is a folder of this machine."""
        return "://" not in self.root

    def exists(self, kind: str, service: str) -> bool:
        """Whether anything was ever written to the table."""
        return self._open(kind, service) is not None

    def services(self, kind: str) -> list[str]:
        """Services that have a table of this kind (folders only: an object store is not listed)."""
        folder = Path(self.root) / kind
        if not self.local or not folder.is_dir():
            return sorted({service for known, service in self._tables if known == kind})
        return sorted(entry.name for entry in folder.iterdir() if (entry / "_delta_log").is_dir())

    def _open(self, kind: str, service: str, *, fresh: bool = True) -> _Table | None:
        uri = self.uri(kind, service)
        with self._lock:
            table = self._tables.get((kind, service))
        if table is not None:
            if fresh:
                with table.lock, _errors(kind, service):
                    table.delta.update_incremental()
            return table
        from deltalake import DeltaTable

        if self.local and not (Path(uri) / "_delta_log").is_dir():
            return None
        with _errors(kind, service):
            if not DeltaTable.is_deltatable(uri, self.storage_options or None):
                return None
            table = _Table(DeltaTable(uri, storage_options=self.storage_options or None))
        with self._lock:
            return self._tables.setdefault((kind, service), table)

    # ---- writing

    def append(
        self,
        kind: str,
        service: str,
        frame: pl.DataFrame,
        *,
        batch: int | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> int:
        """Adds the rows of `frame` (columns of the kind's schema) in one commit and returns their number.

        An empty frame writes nothing. Raises LakeError when the commit fails.
        """
        if frame.is_empty():
            return 0
        from deltalake import write_deltalake

        table = self._open(kind, service)
        rows = _conform(kind, frame)
        if self.local and table is None:
            self._create(kind, service)
            table = self._open(kind, service)
        with _errors(kind, service), table.lock if table else threading.Lock():
            if self.local and table is not None and _schema_mode(kind, table) is None:
                properties = _properties(kind, service, batch, metadata)
                append_rows(table.delta, Path(self.uri(kind, service)), rows, _STATISTICS, properties)
                return rows.height
            write_deltalake(
                table.delta if table else self.uri(kind, service),
                rows,
                mode="append",
                partition_by=["day"],
                configuration=None if table else _CONFIGURATION,
                schema_mode=_schema_mode(kind, table),
                writer_properties=_writer(),
                commit_properties=_properties(kind, service, batch, metadata),
                storage_options=None if table else (self.storage_options or None),
            )
        return rows.height

    def _create(self, kind: str, service: str) -> None:
        """An empty table in a folder."""
        from deltalake import write_deltalake

        with _errors(kind, service):
            write_deltalake(
                self.uri(kind, service),
                pl.DataFrame(schema=TABLES[kind]),
                partition_by=["day"],
                configuration=_CONFIGURATION,
            )

    def replace(
        self,
        kind: str,
        service: str,
        frame: pl.DataFrame,
        *,
        spans: Sequence[Span],
        batch: int | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> int:
        """Removes the rows of `spans` and adds those of `frame`, all of which must lie inside them, in one commit.

        Returns the number of rows added. Raises LakeError when a row lies outside or the commit fails.
        """
        table = self._open(kind, service)
        if table is None:
            return self.append(kind, service, frame, batch=batch, metadata=metadata)
        predicate = of_spans(spans)
        properties = _properties(kind, service, batch, metadata)
        with _errors(kind, service), table.lock:
            if frame.is_empty():
                table.delta.delete(predicate, writer_properties=_writer(), commit_properties=properties)
                return 0
            from deltalake import write_deltalake

            rows = _conform(kind, frame)
            write_deltalake(
                table.delta,
                rows,
                mode="overwrite",
                predicate=predicate,
                schema_mode=_schema_mode(kind, table),
                writer_properties=_writer(),
                commit_properties=properties,
            )
            return rows.height

    def delete_days(self, kind: str, service: str, before: date) -> int:
        """Removes whole days before `before` and returns the number of rows."""
        return self._delete(kind, service, f"day < '{before.isoformat()}'", pl.col("partition.day") < before)

    def delete_batches(self, kind: str, service: str, after: int) -> int:
        """Removes the rows of batches later than `after` and returns their number."""
        return self._delete(kind, service, f"batch > {int(after)}", pl.col("max.batch") > after)

    def _delete(self, kind: str, service: str, predicate: str, concerned: pl.Expr) -> int:
        table = self._open(kind, service)
        if table is None or self._files(table, kind, service).filter(concerned).is_empty():
            return 0
        with _errors(kind, service), table.lock:
            metrics = table.delta.delete(predicate, writer_properties=_writer())
        return int(metrics.get("num_deleted_rows") or 0)

    # ---- reading

    def last_batch(self, kind: str, service: str) -> Commit | None:
        """The last batch number written, with the metadata of its commit (empty when that has left the log)."""
        table = self._open(kind, service)
        if table is None:
            return None
        with _errors(kind, service), table.lock:
            batch = table.delta.transaction_version(_transaction(kind, service))
            return None if batch is None else Commit(batch, {}, table.delta.version())

    def metadata_of(self, kind: str, service: str, batch: int) -> dict[str, Any] | None:
        """The metadata of a batch's commit, or None when it has left the log or had none."""
        table = self._open(kind, service)
        if table is None:
            return None
        with _errors(kind, service), table.lock:
            history = table.delta.history(_HISTORY)
        for commit in history:
            found = json.loads(commit.get(_METADATA_KEY) or "{}")
            if found.get("batch") == batch:
                return dict(found.get("metadata") or {})
        return None

    def scan(
        self,
        kind: str,
        service: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        windows: Sequence[Window] | None = None,
        days: Sequence[date] | None = None,
        batch_after: int | None = None,
        streams: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> pl.LazyFrame:
        """Rows of a table as a lazy frame with exactly the columns of its schema (or `columns`).

        `start` (inclusive), `end` (exclusive) and `windows` (any of them) bound event_time; `days` are partitions. Files
        that cannot hold such rows are not opened; further filters on the frame are pushed down to the Parquet reader.
        """
        wanted = [*TABLES[kind]] if columns is None else [*columns]
        table = self._open(kind, service)
        ranges = [*windows] if windows is not None else [(start, end)] if start is not None or end is not None else None
        files = self._files(table, kind, service) if table else pl.DataFrame()
        if not files.is_empty():
            files = _prune(files, ranges, days, batch_after, streams)
        if files.is_empty():
            return pl.LazyFrame(schema=TABLES[kind]).select(wanted)
        frame = pl.scan_parquet(
            [f"{self.uri(kind, service)}/{path}" for path in files.get_column("path")],
            schema=TABLES[kind],
            hive_partitioning=True,
            hive_schema={"day": pl.Date},
            missing_columns="insert",
            extra_columns="ignore",
            glob=False,
            storage_options=self.storage_options or None,
        )
        if ranges is not None:
            frame = frame.filter(_within(ranges))
        if days is not None:
            frame = frame.filter(pl.col("day").is_in([*days]))
        if batch_after is not None:
            frame = frame.filter(pl.col("batch") > batch_after)
        if streams is not None:
            frame = frame.filter(pl.col("stream").is_in([*streams]))
        return frame.select(wanted)

    def doc_ids(
        self, service: str, source_id: str, start: datetime | None, end: datetime | None, *, flags: int = 0
    ) -> pl.DataFrame:
        """doc_id of the source's raw rows with an event time in [start, end), or with any of the bits of `flags` set."""
        own = pl.col("source_id") == source_id
        if flags:
            frame = self.scan("raw_logs", service)
            own &= _within([(start, end)]) | ((pl.col("flags") & flags) != 0)
        else:
            frame = self.scan("raw_logs", service, start=start, end=end)
        return frame.filter(own).select("doc_id").collect()

    def hourly(self, kind: str, service: str, start: datetime, end: datetime, by: Sequence[str] = ()) -> pl.DataFrame:
        """Rows per hour of event_time in [start, end): [hour, *by, count Int64], sorted."""
        return (
            self.scan(kind, service, start=start, end=end)
            .group_by(pl.col("event_time").dt.truncate("1h").alias("hour"), *by)
            .agg(pl.len().cast(pl.Int64).alias("count"))
            .sort("hour", *by)
            .collect()
        )

    def days(self, kind: str, service: str) -> pl.DataFrame:
        """Partitions of a table: [day, rows, bytes, files], sorted; from the log alone."""
        table = self._open(kind, service)
        schema = {"day": pl.Date, "rows": pl.Int64, "bytes": pl.Int64, "files": pl.Int64}
        if table is None:
            return pl.DataFrame(schema=schema)
        files = self._files(table, kind, service)
        if files.is_empty():
            return pl.DataFrame(schema=schema)
        return (
            files.group_by(pl.col("partition.day").alias("day"))
            .agg(
                pl.col("num_records").sum().alias("rows"),
                pl.col("size_bytes").sum().alias("bytes"),
                pl.len().alias("files"),
            )
            .cast(schema)  # type: ignore[arg-type]
            .sort("day")
        )

    def size(self, kind: str, service: str) -> Size:
        """Rows, bytes and files of the table; zeros when it does not exist."""
        days = self.days(kind, service)
        return Size(*(int(days.get_column(name).sum() or 0) for name in ("rows", "bytes", "files")))

    def _files(self, table: _Table, kind: str, service: str) -> pl.DataFrame:
        with table.lock, _errors(kind, service):
            version = table.delta.version()
            if table.files_version != version:
                table.files = pl.DataFrame(table.delta.get_add_actions(flatten=True))
                table.files_version = version
            return table.files

    # ---- upkeep

    def compact(self, kind: str, service: str, days: Sequence[date] | None = None) -> int:
        """Joins the small files of `days` (all days when None) and returns how many files were replaced."""
        table = self._open(kind, service)
        if table is None:
            return 0
        listed = self.days(kind, service).filter(pl.col("files") > 1).get_column("day").to_list()
        with table.lock, _errors(kind, service):
            return upkeep.compact(table.delta, [day for day in listed if days is None or day in days], _writer())

    def vacuum(self, kind: str, service: str, older_than_hours: int = 1) -> int:
        """Deletes files that no version younger than `older_than_hours` needs, and old log entries; returns the number of files."""
        table = self._open(kind, service)
        if table is None:
            return 0
        with table.lock, _errors(kind, service):
            return upkeep.vacuum(table.delta, older_than_hours)


def _within(ranges: Sequence[Window]) -> pl.Expr:
    """event_time lies in any of the half-open ranges."""
    result = pl.lit(False)
    for start, end in ranges:
        one = pl.lit(True)
        if start is not None:
            one &= pl.col("event_time") >= pl.lit(start, dtype=UTC_US)
        if end is not None:
            one &= pl.col("event_time") < pl.lit(end, dtype=UTC_US)
        result = one if len(ranges) == 1 else result | one
    return result


def _prune(
    files: pl.DataFrame,
    ranges: Sequence[Window] | None,
    days: Sequence[date] | None,
    batch_after: int | None,
    streams: Sequence[str] | None,
) -> pl.DataFrame:
    """Files that may hold wanted rows; a file without statistics always may."""
    keep = pl.lit(True)
    if ranges is not None:
        hit = pl.lit(False)
        for start, end in ranges:
            one = pl.lit(True)
            if start is not None:
                one &= pl.col("max.event_time") >= pl.lit(start - _MILLISECOND, dtype=UTC_US)
            if end is not None:
                one &= pl.col("min.event_time") < pl.lit(end, dtype=UTC_US)
            hit |= one
        keep &= hit.fill_null(True)
    if days is not None:
        keep &= pl.col("partition.day").is_in([*days])
    if batch_after is not None:
        keep &= (pl.col("max.batch") > batch_after).fill_null(True)
    if streams is not None and len(streams) == 1:
        keep &= ((pl.col("min.stream") <= streams[0]) & (pl.col("max.stream") >= streams[0])).fill_null(True)
    return files.filter(keep)


def _conform(kind: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with exactly the kind's columns and types; a column that it lacks is null (raises when `day` is missing)."""
    schema = TABLES[kind]
    if "day" not in frame.columns:
        message = f"rows for {kind} have no column day"
        raise ValueError(message)
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    )


def _schema_mode(kind: str, table: _Table | None) -> Any:
    """Merge only when the table lacks a column of today's schema."""
    if table is None:
        return None
    known = {column.name for column in table.delta.schema().fields}
    return None if known >= TABLES[kind].keys() else "merge"


def _writer() -> Any:
    from deltalake import ColumnProperties, WriterProperties

    plain = ColumnProperties(dictionary_enabled=False)
    return WriterProperties(
        compression="ZSTD",
        compression_level=1,
        max_row_group_size=ROW_GROUP,
        column_properties=dict.fromkeys(_ALL_DIFFERENT, plain),
    )


def _transaction(kind: str, service: str) -> str:
    return f"luffy:{kind}:{service}"


def _properties(
    kind: str, service: str, batch: int | None, metadata: Mapping[str, Any] | None
) -> CommitProperties | None:
    if batch is None:
        return None
    from deltalake import CommitProperties, Transaction

    return CommitProperties(
        app_transactions=[Transaction(_transaction(kind, service), batch)],
        custom_metadata={_METADATA_KEY: json.dumps({"batch": batch, "metadata": dict(metadata or {})})},
    )


@contextmanager
def _errors(kind: str, service: str) -> Iterator[None]:
    """Turns the storage library's errors into one LakeError."""
    from deltalake.exceptions import CommitFailedError, DeltaError

    table = f"{kind}/{service}"
    try:
        yield
    except CommitFailedError as error:
        raise LakeError(table, str(error), "another process wrote to it meanwhile: run again") from None
    except (DeltaError, OSError) as error:
        raise LakeError(
            table,
            str(error) or type(error).__name__,
            "check that LUFFY_LAKE_URL (or LUFFY_HOME) is reachable and has room",
        ) from None
