"""Raw rows on their way into the lake: identity, order, times, days. Frames in, frames out; no I/O here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from luffy_dagster.core.model import StreamProfile
from luffy_dagster.core.parsing import date_lines
from luffy_dagster.core.schemas import RAW_LOGS, UTC_US, RowFlag

ORDER = (
    "stream",
    "event_time",
    "seq",
    "doc_id",
)  # the order of rows inside a stream (DESIGN, "Identity of a document")
_AHEAD = timedelta(days=1)  # a time further in the future cannot be
_OUT = int(RowFlag.TIME_OUT_OF_RANGE)
_RECEIPT = int(RowFlag.TIME_FROM_RECEIPT)
_BIT_COLUMNS = ("event_time", "flags")
_FEW = 8  # streams


def ordered(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows sorted by stream and the stream's own order."""
    column = frame.get_column("stream")
    if column.is_sorted() and _in_order(frame):
        return frame
    # rows come by time: a few streams put one after the other are in order nearly always, at a third of what sorting costs
    streams = column.unique().sort()
    if streams.null_count() or not 1 < len(streams) <= _FEW:
        return frame.sort(ORDER, nulls_last=True)
    rows = pl.concat([frame.filter(pl.col("stream") == stream) for stream in streams], rechunk=True)
    return rows if _in_order(rows) else rows.sort(ORDER, nulls_last=True)


def _in_order(frame: pl.DataFrame) -> bool:
    """Whether each row stands strictly behind the one before it (nulls last)."""
    stream, time, seq, doc = (pl.col(name) for name in ORDER)
    time_before, seq_before = time.shift(1), seq.shift(1)
    later = (seq > seq_before).fill_null(seq.is_null() & seq_before.is_not_null())
    later |= seq.eq_missing(seq_before) & (doc > doc.shift(1))
    later = (time > time_before) | ((time == time_before) & later)
    right = (stream > stream.shift(1)) | ((stream == stream.shift(1)) & later)
    return bool(frame.select(right.slice(1).fill_null(value=False).all()).item())


def identified(frame: pl.DataFrame, source_id: str) -> pl.DataFrame:
    """doc_id and stream made unique in the service by the source's id in front; rows that come twice kept once."""
    prefix = f"{source_id}/"

    def owned(name: str) -> pl.Expr:
        column = pl.col(name)
        return pl.when(column.str.starts_with(prefix)).then(column).otherwise(pl.lit(prefix) + column).alias(name)

    rows = frame.with_columns(pl.lit(source_id).alias("source_id"), pl.col("stream").fill_null("")).with_columns(
        owned("doc_id"), owned("stream")
    )
    if rows.get_column("doc_id").n_unique() == rows.height:  # as nearly always: counting costs a sixth of choosing
        return rows
    return rows.unique("doc_id", keep="first", maintain_order=True)


def dated_by_lines(
    frame: pl.DataFrame,
    profiles: Mapping[str, StreamProfile],
    last_times: dict[str, datetime],
    *,
    assume_tz: str,
    now: datetime,
) -> pl.DataFrame:
    """event_time of rows that their source does not date (files): the time of their header, carried on to the lines after it.

    `last_times` (stream → time of its last header) is read for what came before and brought up to date. Lines before a stream's
    first header take that header's time; a stream without any keeps null (see `timed`).
    """
    rows = frame.sort("stream", "seq", "doc_id")
    groups: dict[str, list[str]] = {}
    for stream in rows.get_column("stream").unique(maintain_order=True).to_list():
        groups.setdefault(profiles[stream].profile_id, []).append(stream)
    parts = []
    for streams in groups.values():
        part = rows if len(groups) == 1 else rows.filter(pl.col("stream").is_in(streams))
        times = date_lines(part.get_column("body"), profiles[streams[0]], assume_tz=assume_tz, received_at=now)
        parts.append(part.with_columns(times.cast(UTC_US).alias("event_time")))
    rows = pl.concat(parts)
    before = pl.DataFrame(
        {"stream": [*last_times], "before": [*last_times.values()]}, schema={"stream": pl.Utf8, "before": UTC_US}
    )
    rows = (
        rows.join(before, on="stream", how="left", maintain_order="left")
        .with_columns(
            pl.coalesce(pl.col("event_time").forward_fill().over("stream"), pl.col("before")).alias("event_time")
        )
        .with_columns(pl.col("event_time").backward_fill().over("stream"))
        .drop("before")
    )
    latest = rows.drop_nulls("event_time").group_by("stream").agg(pl.col("event_time").last())
    last_times.update(latest.iter_rows())
    return rows


def timed(frame: pl.DataFrame, *, received_at: datetime, floor: datetime) -> pl.DataFrame:
    """Rows with an event time that can be, the flags that say where it comes from, received_at and day.

    No time: that of receipt. A time before `floor` or more than a day ahead: that of receipt too, and the original is kept as
    `event_time` in `fields`.
    """
    receipt = pl.lit(received_at, dtype=UTC_US)
    time = pl.col("event_time")
    missing = time.is_null()
    odd = (
        (time < pl.lit(floor, dtype=UTC_US))
        | (time > pl.lit(received_at + _AHEAD, dtype=UTC_US))
        | ((pl.col("flags") & _OUT) != 0)
    ).fill_null(False)
    marked = frame.with_columns(pl.col("flags").fill_null(0)).with_columns(missing.alias("_missing"), odd.alias("_odd"))
    if marked.get_column("_odd").any():
        kept = pl.struct("fields", "event_time").map_elements(_with_original, return_dtype=pl.Utf8)
        marked = marked.with_columns(pl.when("_odd").then(kept).otherwise("fields").alias("fields"))
    return (
        marked.with_columns(
            pl.when(pl.col("_missing") | pl.col("_odd")).then(receipt).otherwise(time).alias("event_time"),
            (
                pl.col("flags")
                | pl.when("_missing").then(_RECEIPT).otherwise(0)
                | pl.when("_odd").then(_OUT).otherwise(0)
            )
            .cast(pl.Int32)
            .alias("flags"),
            receipt.alias("received_at"),
        )
        .with_columns(pl.col("event_time").dt.date().alias("day"))
        .drop("_missing", "_odd")
    )


def _with_original(row: Mapping[str, object]) -> str | None:
    """`fields` with the time that the document claims; runs only where rows have an impossible one."""
    when = row["event_time"]
    fields = row["fields"]
    if not isinstance(when, datetime):
        return fields if isinstance(fields, str) else None
    try:
        known = json.loads(fields) if isinstance(fields, str) and fields else {}
    except ValueError:
        known = {}
    return json.dumps({**(known if isinstance(known, dict) else {}), "event_time": when.isoformat()})


def raw_frame(frame: pl.DataFrame, batch: int) -> pl.DataFrame:
    """Exactly the columns of RAW_LOGS, sorted as a parse reads them."""
    return ordered(frame.with_columns(pl.lit(batch).alias("batch")).select([*RAW_LOGS]))
