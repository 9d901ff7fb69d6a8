"""Writing to the tables: every write is one Delta commit.

A commit carries the batch number as Delta's application transaction `luffy:<kind>:<service>` and, as JSON, whatever the caller
needs to finish a batch that PostgreSQL does not know yet.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from luffy_dagster.core.schemas import TABLES
from luffy_dagster.lake.appending import ROW_GROUP, append_rows
from luffy_dagster.lake.opening import METADATA_KEY, Opening, Table, table_errors, transaction
from luffy_dagster.lake.predicates import Span, of_spans

if TYPE_CHECKING:
    from deltalake import CommitProperties

# Only these columns get minimum and maximum in the log: they are what is asked by, and the log outlives
# purged rows, so no log text may stand in it.
_STATISTICS = ("event_time", "batch", "stream", "source_id")
_CONFIGURATION = {
    "delta.dataSkippingStatsColumns": ",".join(_STATISTICS),
    "delta.logRetentionDuration": "interval 2 days",
    "delta.deletedFileRetentionDuration": "interval 1 hours",
}
# Columns whose values hardly repeat: a dictionary of them costs a third of a write and makes the files bigger.
_ALL_DIFFERENT = ("doc_id", "seq", "body", "fields", "entry_id", "message", "raw_line", "trace")


class Writing(Opening):
    """The tables as something to write to. Only one process writes to a service's tables at a time."""

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
        with table_errors(kind, service), table.lock if table else threading.Lock():
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
                writer_properties=writer(),
                commit_properties=_properties(kind, service, batch, metadata),
                storage_options=None if table else (self.storage_options or None),
            )
        return rows.height

    def _create(self, kind: str, service: str) -> None:
        """An empty table in a folder."""
        from deltalake import write_deltalake

        with table_errors(kind, service):
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
        with table_errors(kind, service), table.lock:
            if frame.is_empty():
                table.delta.delete(predicate, writer_properties=writer(), commit_properties=properties)
                return 0
            from deltalake import write_deltalake

            rows = _conform(kind, frame)
            write_deltalake(
                table.delta,
                rows,
                mode="overwrite",
                predicate=predicate,
                schema_mode=_schema_mode(kind, table),
                writer_properties=writer(),
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
        with table_errors(kind, service), table.lock:
            metrics = table.delta.delete(predicate, writer_properties=writer())
        return int(metrics.get("num_deleted_rows") or 0)


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


def _schema_mode(kind: str, table: Table | None) -> Any:
    """Merge only when the table lacks a column of today's schema."""
    if table is None:
        return None
    known = {column.name for column in table.delta.schema().fields}
    return None if known >= TABLES[kind].keys() else "merge"


def writer() -> Any:
    """How the storage library writes files."""
    from deltalake import ColumnProperties, WriterProperties

    plain = ColumnProperties(dictionary_enabled=False)
    return WriterProperties(
        compression="ZSTD",
        compression_level=1,
        max_row_group_size=ROW_GROUP,
        column_properties=dict.fromkeys(_ALL_DIFFERENT, plain),
    )


def _properties(
    kind: str, service: str, batch: int | None, metadata: Mapping[str, Any] | None
) -> CommitProperties | None:
    if batch is None:
        return None
    from deltalake import CommitProperties, Transaction

    return CommitProperties(
        app_transactions=[Transaction(transaction(kind, service), batch)],
        custom_metadata={METADATA_KEY: json.dumps({"batch": batch, "metadata": dict(metadata or {})})},
    )
