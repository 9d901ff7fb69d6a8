"""Reading the tables: rows as lazy frames, with the files left out that cannot hold what is asked for, and counts from the log alone.

Reading needs no lock.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from luffy_dagster.core.schemas import TABLES, UTC_US
from luffy_dagster.lake.opening import METADATA_KEY, Opening, table_errors, transaction

_MILLISECOND = timedelta(milliseconds=1)  # Delta cuts the time statistics to milliseconds
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


class Reading(Opening):
    """The tables as something to read from."""

    def last_batch(self, kind: str, service: str) -> Commit | None:
        """The last batch number written, with the metadata of its commit (empty when that has left the log)."""
        table = self._open(kind, service)
        if table is None:
            return None
        with table_errors(kind, service), table.lock:
            batch = table.delta.transaction_version(transaction(kind, service))
            return None if batch is None else Commit(batch, {}, table.delta.version())

    def metadata_of(self, kind: str, service: str, batch: int) -> dict[str, Any] | None:
        """The metadata of a batch's commit, or None when it has left the log or had none."""
        table = self._open(kind, service)
        if table is None:
            return None
        with table_errors(kind, service), table.lock:
            history = table.delta.history(_HISTORY)
        for commit in history:
            found = json.loads(commit.get(METADATA_KEY) or "{}")
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
        batch_upto: int | None = None,
        streams: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> pl.LazyFrame:
        """Rows of a table as a lazy frame with exactly the columns of its schema (or `columns`).

        `start` (inclusive), `end` (exclusive) and `windows` (any of them) bound event_time; `days` are partitions; batches
        are those after `batch_after` (exclusive) up to `batch_upto` (inclusive). Files
        that cannot hold such rows are not opened; further filters on the frame are pushed down to the Parquet reader.
        """
        wanted = [*TABLES[kind]] if columns is None else [*columns]
        table = self._open(kind, service)
        ranges = [*windows] if windows is not None else [(start, end)] if start is not None or end is not None else None
        files = self._files(table, kind, service) if table else pl.DataFrame()
        if not files.is_empty():
            files = _prune(files, ranges, days, (batch_after, batch_upto), streams)
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
        if batch_upto is not None:
            frame = frame.filter(pl.col("batch") <= batch_upto)
        if streams is not None:
            frame = frame.filter(pl.col("stream").is_in([*streams]))
        return frame.select(wanted)

    def doc_ids(
        self,
        service: str,
        source_id: str,
        windows: Sequence[Window],
        *,
        flags: int = 0,
        batch_after: int | None = None,
        batch_upto: int | None = None,
    ) -> pl.DataFrame:
        """doc_id of the source's raw rows with an event time in one of `windows`, or with any of the bits of `flags` set."""
        own = pl.col("source_id") == source_id
        if flags:
            own &= _within(windows) | ((pl.col("flags") & flags) != 0)
        frame = self.scan(
            "raw_logs",
            service,
            windows=None if flags else windows,
            batch_after=batch_after,
            batch_upto=batch_upto,
        )
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
    batches: tuple[int | None, int | None],
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
    after, upto = batches
    if after is not None:
        keep &= (pl.col("max.batch") > after).fill_null(True)
    if upto is not None:
        keep &= (pl.col("min.batch") <= upto).fill_null(True)
    if streams is not None and len(streams) == 1:
        keep &= ((pl.col("min.stream") <= streams[0]) & (pl.col("max.stream") >= streams[0])).fill_null(True)
    return files.filter(keep)
