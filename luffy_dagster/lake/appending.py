"""Rows appended to a table in a folder: Parquet files written by the column engine, one per day, and one commit that names them.

Two thirds of what it costs to hand the rows to the storage library. Everything else that changes a table, and every change of
one in an object store, is the library's own business.
"""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deltalake import CommitProperties, DeltaTable
    from deltalake.transaction import AddAction

ROW_GROUP = 65_536


def append_rows(
    delta: DeltaTable, folder: Path, rows: pl.DataFrame, columns: Sequence[str], properties: CommitProperties | None
) -> None:
    """Adds `rows` (exactly the table's columns, `day` among them) in one commit; the log gets minimum and maximum of `columns`.

    A file whose commit fails is named nowhere, as one that the library wrote for such a commit.
    """
    days = rows.get_column("day").unique().to_list()
    parts = ((day, rows if len(days) == 1 else rows.filter(pl.col("day") == day)) for day in days)
    delta.create_write_transaction(
        [_written(folder, day, part.drop("day"), columns) for day, part in parts],
        mode="append",
        schema=delta.schema(),
        partition_by=["day"],
        commit_properties=properties,
    )


def _written(folder: Path, day: date, rows: pl.DataFrame, columns: Sequence[str]) -> AddAction:
    """Writes a day's rows to a file of their own; what the log says of it."""
    from deltalake.transaction import AddAction

    # a day that goes on is written and read all the time: what is quick goes before what is small until the night joins its files
    codec: Literal["snappy", "zstd"] = "snappy" if day >= datetime.now(UTC).date() else "zstd"
    path = f"day={day.isoformat()}/part-{uuid.uuid4()}.{codec}.parquet"
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    # a file is small and what it holds is told by the log; of whole texts minimum and maximum tell nothing
    level = 1 if codec == "zstd" else None
    rows.write_parquet(target, compression=codec, compression_level=level, row_group_size=ROW_GROUP, statistics=False)
    found = target.stat()
    known = [name for name in columns if name in rows.columns]
    stats = json.dumps(_statistics(rows.select(known)), ensure_ascii=False)
    return AddAction(
        path, found.st_size, {"day": day.isoformat()}, int(time.time() * 1000), data_change=True, stats=stats
    )


def _statistics(rows: pl.DataFrame) -> dict[str, Any]:
    """What lets a reader pass over the file: Delta's statistics, times cut to milliseconds."""
    lowest, highest = rows.min().row(0, named=True), rows.max().row(0, named=True)
    return {
        "numRecords": rows.height,
        "minValues": {name: _plain(value) for name, value in lowest.items() if value is not None},
        "maxValues": {name: _plain(value) for name, value in highest.items() if value is not None},
        "nullCount": rows.null_count().row(0, named=True),
    }


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    return value
