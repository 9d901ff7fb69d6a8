"""Folding: which rows make one entry.

A row with a header begins an entry; one without belongs to the entry before it in its lane (the lines of one container, one
service of a compose log). Where a prefix stands on every line, frames carry it too: then a headed row whose message plainly
goes on with a trace belongs to the entry before it of the same thread. What a continuation looks like is `traces.continuation`'s business.

Nothing depends on where a batch begins: an entry that may go on is reported open, and its rows are given again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from luffy_dagster.core.parsing.traces.continuation import is_continuation, opens_trace

SILENCE = timedelta(seconds=60)
_LOOSE_ENDS = 5  # lines behind a trace that may turn out to belong to it
# A headed message that can only be a piece of a trace: worth the closer look.
_PIECE = (
    r"^(?:[ \t]+(?:at |File \"|from |\.\.\. [0-9]+|#[0-9]+ |\||\^)|Caused by: |Suppressed: |Traceback \(|at [\w$.<>]+\(|\.\.\. [0-9]+ more|#[0-9]+ +|goroutine [0-9]+ \[|panic: |"
    r"During handling of|The above exception|\t)"
)


def fold(rows: pl.DataFrame) -> pl.DataFrame:
    """The entry of every row.

    Args:
        rows: `row` (UInt32, rising), `lane` (UInt32; equal for the lines of one lane), `key` (Utf8, what tells threads of a
            lane apart, or null), `headed` (Boolean), `fold_all` (Boolean: rows without header always continue), `text` (Utf8, without
            header, leading blanks kept), `time` (UTC).

    Returns:
        `row`, `entry` (row number of the entry's first row) in the order given, and `lane`, `key` of that entry's first row.
    """
    one_lane = rows["lane"].n_unique() <= 1
    ordered = rows if one_lane else rows.sort("lane", "row")
    headed, fold_all = ordered["headed"], ordered["fold_all"]
    first = (ordered["lane"] != ordered["lane"].shift(1)).fill_null(value=True)
    start = headed | first
    loose = ~headed & ~fold_all
    if loose.any():
        start = start | (loose & ~is_continuation(ordered["text"], ordered["lane"]))
        start = start & ~_raw_traces(ordered, start, loose)
    entry = ordered.select(pl.when(start).then(pl.col("row")).forward_fill().alias("entry"))["entry"]
    heads = ordered.with_columns(_tailed(entry).alias("tailed")).filter(start)
    joined = _join_headed(heads)
    if joined is not None:
        entry = entry.replace(joined["row"], joined["entry"])
    out = ordered.select("row").with_columns(entry)
    return out if one_lane else out.sort("row")


def _raw_traces(ordered: pl.DataFrame, start: pl.Series, loose: pl.Series) -> pl.Series:
    """Heads of traces that are printed raw right behind a line that has said who it is (JSON, logfmt): they belong to that line.

    The head alone may be an ordinary line; it counts when what follows goes on with it. `tail_of` keeps both open until that is known.
    """
    lane = ordered["lane"]
    behind = ordered["headed"].shift(1).fill_null(value=False) & (lane == lane.shift(1)).fill_null(value=False)
    follows = (~start.shift(-1)).fill_null(value=False)
    near = ((ordered["time"] - ordered["time"].shift(1)) <= SILENCE).fill_null(value=True)
    found = loose & start & behind & follows & near
    if found.any():
        rows = found.arg_true()
        found = found.scatter(rows, opens_trace(ordered["text"].gather(rows)))
    return found


def tail_of(headed: Sequence[bool], texts: Sequence[str], lines: Sequence[int]) -> int:
    """How many of a lane's last entries may still become one, when its last lines have no header (the newest last).

    More than one when a line among them can open a trace whose frames have not come yet: from the line before it on; or when
    they stand right behind a trace, of which they may be a part once the next line is known (Go's call and file, a blank).

    Args:
        headed: Of each entry, whether it begins with a header.
        texts: Its message.
        lines: Of how many lines it is made.
    """
    openers = opens_trace(pl.Series("text", texts, dtype=pl.Utf8)).to_list()
    kept = 1
    for back in range(1, len(texts) + 1):
        if lines[-back] > 1 and back <= _LOOSE_ENDS:
            kept = max(kept, back)
        if headed[-back]:
            break
        if openers[-back]:
            kept = min(back + 1, len(texts))
    return kept


def _tailed(entry: pl.Series) -> pl.Series:
    """Whether the row before belongs to an entry of several rows: its trace goes on without header, so none with one continues it."""
    before = entry.shift(1)
    return ((before == entry.shift(2)) & (before != entry)).fill_null(value=False)


def _join_headed(heads: pl.DataFrame) -> pl.DataFrame | None:
    """For heads that continue an earlier one of their lane and thread: `row`, `entry`; None when there are none."""
    candidates = heads["headed"] & heads["text"].str.contains(_PIECE)
    if not candidates.any():
        return None
    # only lanes and threads that hold such a piece are looked at closely
    keyed = heads.with_columns(pl.col("key").fill_null(""))
    touched = keyed.filter(candidates).select("lane", "key").unique()
    part = keyed.join(touched, on=["lane", "key"], how="semi").sort("lane", "key", "row")
    group = part.select(pl.struct("lane", "key").rle_id())["lane"].cast(pl.UInt32)
    near = (part["time"] - part["time"].shift(1)) <= SILENCE
    goes_on = (
        part["headed"]
        & is_continuation(part["text"], group)
        & (group == group.shift(1)).fill_null(value=False)
        & near.fill_null(value=True)
        & ~part["tailed"]
    )
    if not goes_on.any():
        return None
    entry = part.select(pl.when(~goes_on).then(pl.col("row")).forward_fill().alias("entry"))["entry"]
    return part.select("row").with_columns(entry).filter(goes_on)
