"""Row by row: a frame of raw rows, unwrapped and with its headers read, ready to be folded.

Streams with one and the same profile are read together, so that a thousand small streams cost like one big one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
import polars as pl

from luffy_dagster.core.model import StreamProfile
from luffy_dagster.core.parsing import unwrap
from luffy_dagster.core.parsing.headers import FIELDS, read_headers
from luffy_dagster.core.parsing.profiles import Reading, reading
from luffy_dagster.core.parsing.texts import encode

# Columns of an entry that header, wrapper or source may give.
KEPT = ("level", "logger", "thread", "process", "host", "environment", "version", "trace_id", "span_id")
_HEADER = tuple(name for name in FIELDS if name != "time")
_SOURCE = ("level", "logger", "thread", "process", "host", "environment", "version", "trace_id", "span_id")


def read_lines(
    bodies: pl.Series, settled: Reading, *, assume_tz: str, received_at: pl.Series | datetime, wants_time: bool = True
) -> pl.DataFrame:
    """Unwrapped rows with their headers read: `text`, `time`, KEPT, `wrapped_lane`, `stack`, `partial`, `headed`, `ambiguous`, `read`."""
    zone = assume_tz or settled.zone
    n = len(bodies)
    if settled.steps:
        frame = unwrap.apply(bodies, settled.steps, assume_tz=zone, received_at=received_at, wants_time=wants_time)
    else:
        nulls = [
            pl.lit(None, dtype=kind).alias(name)
            for name, kind in unwrap.COLUMNS.items()
            if name not in ("text", "partial", "whole")
        ]
        frame = pl.DataFrame({"text": bodies}).with_columns(
            *nulls, pl.lit(value=False).alias("partial"), pl.lit(value=False).alias("whole")
        )
    wrapped = (
        pl.Series("w", [False]).new_from_index(0, n)
        if not settled.steps
        else frame["time"].is_not_null() | frame["level"].is_not_null()
    )
    headed, ambiguous = frame["whole"], pl.Series("a", [False]).new_from_index(0, n)
    if settled.formats and not frame["whole"].all():
        found = read_headers(
            frame["text"] if not frame["whole"].any() else frame["text"].set(frame["whole"], ""),
            settled.formats,
            assume_tz=zone,
            received_at=received_at,
            wants_time=wants_time,
        )
        hit = found["format"].is_not_null()
        headed = headed | hit
        text = found["message"] if hit.all() else found["message"].zip_with(hit, frame["text"])
        columns = [text.alias("text")]
        columns.append(_prefer(found["time"], frame["time"]).alias("time"))
        columns.extend(_prefer(found[name], frame[name]).alias(name) for name in _HEADER)
        frame = frame.with_columns(columns)
        uncertain = [
            i
            for i, form in enumerate(settled.formats)
            if form.compiled.time is not None and form.compiled.time.ambiguous
        ]
        if uncertain:
            ambiguous = found["format"].is_in(uncertain).fill_null(value=False)
        if settled.after:
            frame = _behind(frame, headed, settled, zone, received_at)
    elif not settled.formats and settled.steps:
        # no header inside: a wrapper that dates the line has said what there is to know
        headed = frame["whole"]
    dated = pl.Series("dated", [None], dtype=pl.Boolean).new_from_index(0, n)
    if settled.paired:
        numbers = [i for i, form in enumerate(settled.formats) if form.compiled.time is not None]
        dated = found["format"].is_in(numbers) if settled.formats and not frame["whole"].all() else dated
    return frame.with_columns(
        dated.alias("dated"), headed.alias("headed"), ambiguous.alias("ambiguous"), (headed | wrapped).alias("read")
    ).rename({"lane": "wrapped_lane"})


def _prefer(first: pl.Series, second: pl.Series) -> pl.Series:
    if second.null_count() == len(second):
        return first
    if first.null_count() == len(first):
        return second
    return first.fill_null(second)


def _behind(
    frame: pl.DataFrame, headed: pl.Series, settled: Reading, zone: str, received_at: pl.Series | datetime
) -> pl.DataFrame:
    """Objects behind the header (`tag: {"level": …}`): what they say goes before what the header says, but for the time."""
    inner = unwrap.apply(frame["text"].set(~headed, ""), settled.after, assume_tz=zone, received_at=received_at)
    hit = inner["whole"] & headed
    if not hit.any():
        return frame
    columns = [inner["text"].zip_with(hit, frame["text"]).alias("text")]
    columns.extend(_prefer(inner[name], frame[name]).alias(name) for name in (*KEPT, "stack"))
    columns.append(_prefer(frame["time"], inner["time"]).alias("time"))
    return frame.with_columns(columns)


def unfold(
    raw: pl.DataFrame,
    profiles: Mapping[str, StreamProfile],
    assume_tz: Mapping[str, str],
    *,
    wants_time: frozenset[str],
) -> pl.DataFrame:
    """All rows of `raw` (with `row`) read by their streams' profiles, in order, with `lane`, `key`, `fold_all`, `glued`."""
    groups: dict[tuple[str, str, bool], list[int]] = {}
    numbers, streams = encode(raw["stream"])
    firsts = numbers.arg_unique()
    sources = raw["source_id"].gather(firsts)
    for number, (stream, source) in enumerate(zip(streams, sources, strict=True)):
        profile = profiles[stream]
        zone = assume_tz.get(source) or reading(profile).zone
        groups.setdefault((profile.profile_id, zone, source in wants_time), []).append(number)
    # where streams that stand one after the other begin and end
    borders = [*firsts.to_list(), raw.height] if numbers.is_sorted() else []
    pieces = []
    for (_, zone, timed), members in groups.items():
        settled = reading(profiles[streams[members[0]]])
        if borders and members[-1] - members[0] == len(members) - 1:
            part = raw.slice(borders[members[0]], borders[members[-1] + 1] - borders[members[0]])
        else:
            part = raw.filter(numbers.is_in(members))
        received = part["received_at"]
        read = read_lines(part["body"], settled, assume_tz=zone, received_at=received, wants_time=timed)
        key = _key(read, settled)
        pieces.append(
            read.with_columns(
                part["row"], part["stream"], key.alias("key"), pl.lit(settled.fold_all).alias("fold_all")
            ).drop("whole")
        )
    out = pieces[0] if len(pieces) == 1 else pl.concat(pieces, rechunk=True)
    if not out["row"].is_sorted():
        out = out.sort("row")
    out = out.with_columns(_lanes(out, numbers).alias("lane"))
    return _glue(_pairs(out)).drop("dated")


def _pairs(frame: pl.DataFrame) -> pl.DataFrame:
    """Entries whose header stands on a line of its own: time and logger first, level and message on the next."""
    if not frame["dated"].any():
        return frame
    level = pl.col("level").shift(-1).over("lane")
    first = (
        pl.col("dated") & pl.col("level").is_null() & ~pl.col("dated").shift(-1).over("lane") & level.is_not_null()
    ).fill_null(value=False)
    said = pl.col("text").str.strip_chars()
    return (
        frame.with_columns(
            first.alias("_first"),
            pl.when(first).then(level).otherwise(pl.col("level")).alias("level"),
            pl.when(first)
            .then(pl.coalesce("logger", said.str.extract(r"^([^ ]+)")))
            .otherwise(pl.col("logger"))
            .alias("logger"),
            pl.when(first).then(pl.lit("")).otherwise(pl.col("text")).alias("text"),
        )
        .with_columns((pl.col("partial") | pl.col("_first")).alias("partial"))
        .drop("_first")
    )


def _key(read: pl.DataFrame, settled: Reading) -> pl.Series:
    """What tells the threads of one lane apart, where headers say it."""
    names = [name for name in ("process", "thread") if settled.formats and read[name].null_count() < len(read)]
    if not names:
        return pl.Series("key", [None], dtype=pl.Utf8).new_from_index(0, len(read))
    return read.select(
        pl.concat_str([pl.col(name).fill_null("") for name in names], separator="\x1f").alias("key")
    ).to_series()


def _lanes(frame: pl.DataFrame, numbers: pl.Series) -> pl.Series:
    """A number per lane: a stream (then its number), or a container or service inside it."""
    if frame["wrapped_lane"].null_count() == len(frame):
        return numbers
    texts = frame.select(pl.concat_str("stream", "wrapped_lane", separator="\x1f", ignore_nulls=True)).to_series()
    return encode(texts)[0]


def _glue(frame: pl.DataFrame) -> pl.DataFrame:
    """Marks rows that go on in the line of the row before them (CRI's P, Docker's pieces): never headed, always folded."""
    if not frame["partial"].any():
        return frame.with_columns(pl.lit(value=False).alias("glued"))
    glued = frame.select(pl.col("partial").shift(1).over("lane").fill_null(value=False)).to_series()
    return frame.with_columns(
        glued.alias("glued"),
        (pl.col("headed") & ~glued).alias("headed"),
        (pl.col("fold_all") | glued).alias("fold_all"),
    )


def source_fields(read: pl.DataFrame, raw: pl.DataFrame) -> pl.DataFrame:
    """Adds what the source's own fields say; they go before what the line says."""
    if "fields" not in raw.columns:
        return read
    given = raw["fields"].is_not_null() & (raw["fields"].str.len_bytes() > 2)
    if not given.any():
        return read
    rows = given.arg_true()
    values: dict[str, list[str | None]] = {name: [] for name in (*_SOURCE, "stack")}
    for text in raw["fields"].gather(rows).to_list():
        try:
            item = msgspec.json.decode(text)
        except msgspec.DecodeError:
            item = {}
        if not isinstance(item, dict):
            item = {}
        for name in _SOURCE:
            value = item.get(name)
            values[name].append(None if value is None or value == "" else str(value))
        stack, kind, said = item.get("stack_trace"), item.get("error_type"), item.get("error_message")
        if not stack and kind:
            stack = f"{kind}: {said}" if said else str(kind)
        values["stack"].append(str(stack) if stack else None)
    columns = []
    for name, column in values.items():
        found = pl.Series(name, column, dtype=pl.Utf8)
        if found.null_count() == len(found):
            continue
        wide = pl.Series(name, [None], dtype=pl.Utf8).new_from_index(0, len(read)).scatter(rows, found)
        columns.append(wide.fill_null(read[name]).alias(name))
        if name in ("level", "stack"):
            said_so = wide.is_not_null()
            read = read.with_columns(
                (pl.col("headed") | said_so).alias("headed"), (pl.col("read") | said_so).alias("read")
            )
    return read.with_columns(columns)
