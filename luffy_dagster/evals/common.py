"""What evaluations share: lines of a file, and lines as the raw rows that the parser takes."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from luffy_dagster.core import schemas

SOURCE = "eval"


def lines_of(file: Path) -> list[str]:
    """The lines of a text file (also `.gz`) without the empty one behind its last line break; bad bytes are replaced."""
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8", errors="replace", newline="\n") as stream:
        lines = stream.read().split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return lines


def raw_rows(lines: Sequence[str], stream: str, at: datetime, *, first: int = 0) -> pl.DataFrame:
    """Lines as rows of one stream (columns of RAW_LOGS but `batch` and `day`), all received at `at`, ids counted from `first`."""
    moment = pl.lit(at).cast(schemas.UTC_US)
    rows = pl.DataFrame({"body": lines}, schema={"body": pl.Utf8}).with_row_index("seq")
    return rows.select(
        doc_id=(pl.col("seq") + first).cast(pl.Utf8),
        source_id=pl.lit(SOURCE),
        stream=pl.lit(stream),
        seq=pl.col("seq").cast(pl.Int64),
        event_time=moment,
        received_at=moment,
        body="body",
        fields=pl.lit(None, dtype=pl.Utf8),
        flags=pl.lit(0, dtype=pl.Int32),
    )
