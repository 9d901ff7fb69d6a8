"""The last entries of streams, which may still go on: which they are, whether they are kept back, what changes when they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from luffy_dagster.core.parsing import ParsedRows
from luffy_dagster.flows.work import Again, Parsing
from luffy_dagster.store.cursors import StreamState


@dataclass(frozen=True)
class Tail:
    """The last entries of a stream: their ids, their rows' doc_ids, and whether they are kept back."""

    entry_ids: tuple[str, ...]
    rows: tuple[str, ...]
    first_time: datetime
    last: tuple[datetime, int | None, str]
    held: bool


def tails_of(work: Parsing, rows: pl.DataFrame, parsed: ParsedRows, *, final: bool) -> dict[str, Tail]:
    """The tail of every stream in `rows`: held while more is to come or the stream is not silent yet."""
    if rows.is_empty():
        return {}
    last = rows.group_by("stream", maintain_order=True).agg(
        pl.col("event_time").last(),
        pl.col("seq").last(),
        pl.col("doc_id").last(),
        pl.col("event_time").max().alias("max"),
    )
    entries = pl.DataFrame(
        [(stream, entry) for stream, group in parsed.open.items() for entry in group],
        schema={"stream": pl.Utf8, "entry_id": pl.Utf8},
        orient="row",
    )
    members = parsed.members.join(entries, on="entry_id", how="inner", maintain_order="left")
    times = rows.get_column("event_time").gather(members.get_column("row"))
    grouped = (
        members.with_columns(times.alias("at"))
        .group_by("stream", maintain_order=True)
        .agg(pl.col("doc_id"), pl.col("at").min())
    )
    kept = {stream: (tuple(docs), at) for stream, docs, at in grouped.iter_rows()}
    tails = {}
    for stream, at, seq, doc, newest in last.iter_rows():
        docs, first = kept.get(stream, ((), at))
        silent = work.close or work.now - newest > work.quiet
        tails[stream] = Tail(parsed.open.get(stream, ()), docs, first, (at, seq, doc), held=not final or not silent)
    return tails


def changed_tails(
    rows: pl.DataFrame, parsed: ParsedRows, known: Mapping[str, StreamState]
) -> dict[str, tuple[datetime, date]]:
    """Streams whose last entries were written already and now go on: (time, day) of the first of them."""
    written = [stream for stream, state in known.items() if state.tail_written]
    if not written or rows.is_empty():
        return {}
    numbered = rows.select("stream", "event_time", "_new").with_row_index("row")
    mixed = (
        parsed.members.join(numbered.filter(pl.col("stream").is_in(written)), on="row", how="inner")
        .group_by("stream", "entry_id")
        .agg(pl.col("_new").any().alias("new"), (~pl.col("_new")).any().alias("old"))
        .filter(pl.col("new") & pl.col("old"))
        .get_column("stream")
        .unique()
    )
    first = (
        numbered.filter(pl.col("stream").is_in(mixed.implode()) & ~pl.col("_new"))
        .group_by("stream")
        .agg(pl.col("event_time").min())
    )
    return {stream: (at, at.date()) for stream, at in first.iter_rows()}


def unwritten(
    rows: pl.DataFrame,
    parsed: ParsedRows,
    tails: Mapping[str, Tail],
    known: Mapping[str, StreamState],
    again: Mapping[date, Again],
) -> pl.DataFrame:
    """Entries to append: not held, not written before, not of a stream and day that is parsed again."""
    entries = parsed.entries
    if entries.is_empty():
        return entries
    held = [entry for tail in tails.values() if tail.held for entry in tail.entry_ids]
    if held:
        entries = entries.filter(~pl.col("entry_id").is_in(held))
    written = [stream for stream, state in known.items() if state.tail_written]
    if written:
        old = (
            rows.with_row_index("row")
            .filter(pl.col("stream").is_in(written) & ~pl.col("_new"))
            .select("row")
            .join(parsed.members, on="row", how="inner")
            .select("entry_id")
        )
        touched = parsed.members.join(
            rows.with_row_index("row").filter("_new").select("row"), on="row", how="semi"
        ).select("entry_id")
        entries = entries.join(old.join(touched, on="entry_id", how="anti"), on="entry_id", how="anti")
    for day, wanted in again.items():
        names = [*(wanted.since or {})]
        entries = entries.filter(~((pl.col("day") == day) & pl.col("stream").is_in(names)))
    return entries
