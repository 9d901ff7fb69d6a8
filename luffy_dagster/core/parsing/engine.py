"""The parse engine: raw rows of one or several streams in, entries, exceptions and shapes out.

It puts unwrapping, headers, folding, redaction, shapes and traces in their order and keeps the books; each step's knowledge is
in its own module. Pure: the clock and every setting are passed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl

from luffy_dagster.core import schemas
from luffy_dagster.core.model import StreamProfile
from luffy_dagster.core.parsing import levels, shapes
from luffy_dagster.core.parsing.fold import SILENCE, fold, tail_of
from luffy_dagster.core.parsing.redacting import redact_entries
from luffy_dagster.core.parsing.rows import KEPT, source_fields, unfold
from luffy_dagster.core.parsing.traces.continuation import MESSAGE_LINES
from luffy_dagster.core.parsing.traces.extract import extract_exceptions
from luffy_dagster.core.parsing.traces.in_app import InAppRules
from luffy_dagster.core.redaction import Policy
from luffy_dagster.core.schemas import RowFlag


@dataclass(frozen=True)
class ParseOptions:
    """Everything that is not in the rows or the profiles."""

    now: datetime
    assume_tz: Mapping[str, str] = field(default_factory=dict)
    header_times: frozenset[str] = frozenset()  # sources whose rows take the time of their header
    quiet: timedelta = SILENCE
    close: bool = False  # nothing stays open
    retention_floor: datetime | None = None
    redaction: Policy | None = None  # None: not redacted (evaluations only)
    redaction_key: bytes = b""
    in_app: InAppRules | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    shapes: bool = True
    exceptions: bool = True
    error_lines: bool = False  # errors without a trace are kept with the exceptions


@dataclass(frozen=True)
class ParseStats:
    """The books of one parse: rows == entries + folded."""

    rows: int
    entries: int
    folded: int
    unparsed: int
    ambiguous: int
    redacted: int
    exceptions: int
    confidence: dict[str, float]


@dataclass(frozen=True)
class ParsedRows:
    """What `parse_rows` gives; columns as in core.schemas."""

    entries: pl.DataFrame
    exceptions: pl.DataFrame
    shapes: pl.DataFrame
    members: pl.DataFrame  # row, doc_id, entry_id, place
    open: dict[str, tuple[str, ...]]
    stats: ParseStats


_SHAPES: dict[str, pl.DataType | type[pl.DataType]] = {
    "shape_id": pl.Utf8,
    "shape": pl.Utf8,
    "count": pl.Int64,
    "example": pl.Utf8,
    "first_seen": schemas.UTC_US,
    "last_seen": schemas.UTC_US,
    "level": pl.Utf8,
}
_NO_SHAPES = {**_SHAPES, "constants": pl.List(pl.Utf8)}
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # no log is older, when no retention floor is given
# A level at the beginning of a message whose header has none.
_LEVEL_IN_MESSAGE = (
    r"^(?:\[ ?|<|PHP |-+ )?(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|CRITICAL|FATAL|PANIC|ALERT|EMERG|Debug|Info|Notice|Warning|Error|Fatal|"
    r"[Ff]atal error|Parse error|fatal|error|warning|panic|notice|info|debug|level=[\"']?[A-Za-z]+)(?:[\]>]|:|[ \t]+-|[\"' \t]|$)"
)
# What stands before the statement in an entry of MySQL's slow log.
_BEFORE_STATEMENT = r"^(?:(?:# [A-Z][\w@]*: [^\n]*|use [^\n;]+;|SET timestamp=[0-9]+;)\n)+"


def parse_rows(raw: pl.DataFrame, profiles: Mapping[str, StreamProfile], options: ParseOptions) -> ParsedRows:
    """Entries of the rows, with their exceptions and shapes.

    Args:
        raw: RAW_LOGS columns (`batch` and `day` may be absent), sorted by stream and the stream's own order.
        profiles: profile of every stream in `raw`.
        options: clock, zones, redaction, rules.

    Raises:
        KeyError: a stream has no profile.
    """
    streams = raw["stream"].unique().to_list() if raw.height else []
    missing = [name for name in streams if name not in profiles]
    if missing:
        raise KeyError(f"no profile for stream {missing[0]!r}: settle one with settle_profile before parsing")
    if not raw.height:
        return _nothing()
    numbered = raw.with_row_index("row").with_columns(pl.col("body").fill_null(""), pl.col("flags").fill_null(0))
    read = unfold(numbered, profiles, options.assume_tz, wants_time=options.header_times)
    read = source_fields(read, numbered)
    folded = fold(
        read.select("row", "lane", "key", "headed", "fold_all", "text", "time").with_columns(
            numbered["event_time"].alias("time")
        )
    )
    read = read.with_columns(folded["entry"])
    entries, members = _entries(numbered, read, profiles, options)
    entries, redacted = redact_entries(entries, options.redaction, options.redaction_key)
    entries = _shape(entries, options)
    opened = {} if options.close else _open(entries, options)
    names = [name for group in opened.values() for name in group]
    if names:
        kept = pl.col("entry_id").is_in(names)
        entries = entries.with_columns(
            pl.when(kept).then(pl.col("flags") | int(RowFlag.KEPT_OPEN)).otherwise(pl.col("flags")).alias("flags")
        )
    exceptions = _exceptions(entries, options)
    summary = _summary(entries) if options.shapes else pl.DataFrame(schema=_NO_SHAPES)
    stats = ParseStats(
        raw.height,
        entries.height,
        raw.height - entries.height,
        int((entries["flags"] & int(RowFlag.UNPARSED) != 0).sum()),
        int((entries["flags"] & int(RowFlag.TIME_AMBIGUOUS) != 0).sum()),
        redacted,
        exceptions.height,
        _confidence(entries, profiles),
    )
    columns = [name for name in schemas.ENTRIES if name != "batch"]
    return ParsedRows(entries.select(columns), exceptions, summary, members, opened, stats)


def _nothing() -> ParsedRows:
    entries, exceptions = schemas.empty("entries").drop("batch"), schemas.empty("exceptions").drop("batch")
    members = pl.DataFrame(schema={"row": pl.UInt32, "doc_id": pl.Utf8, "entry_id": pl.Utf8, "place": pl.Int32})
    return ParsedRows(
        entries, exceptions, pl.DataFrame(schema=_NO_SHAPES), members, {}, ParseStats(0, 0, 0, 0, 0, 0, 0, {})
    )


def _entries(
    raw: pl.DataFrame, read: pl.DataFrame, profiles: Mapping[str, StreamProfile], options: ParseOptions
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row per entry with the columns of ENTRIES except shapes, plus `text`, `last_time`, `lane`, `key`; and the members."""
    is_first = read["entry"] == read["row"]
    all_first = bool(is_first.all())
    head = read.select(*KEPT, "text", "stack", "headed", "ambiguous", "read", "lane", "key", "row", "time")
    rows = raw.select("doc_id", "source_id", "stream", "seq", "event_time", "received_at", "flags", "body")
    if not all_first:
        head, rows = head.filter(is_first), rows.filter(is_first)
    message = head["text"]
    text = (
        message
        if head["stack"].null_count() == head.height
        else head.select(pl.concat_str("text", "stack", separator="\n", ignore_nulls=True)).to_series()
    )
    frame = rows.hstack(head.drop("text", "stack").rename({"time": "header_time"})).with_columns(
        text.alias("text"),
        message.alias("message"),
        pl.col("event_time").alias("last_time"),
        pl.lit(1, dtype=pl.Int32).alias("lines"),
        pl.col("body").alias("raw_line"),
    )
    if not all_first:
        frame = _gather_lines(frame, raw, read)
    # left of one line: of several, the first that is not empty
    first_line = frame["message"]
    several = first_line.str.contains("\n", literal=True).fill_null(value=False)
    if several.any():
        rows_of = several.arg_true()
        lines = first_line.gather(rows_of).str.strip_chars_start("\r\n").str.extract(r"^([^\n]*)", 1)
        first_line = first_line.clone().scatter(rows_of, lines)
    frame = frame.with_columns(first_line.str.strip_chars(" \t\r").alias("message"))
    wordless = frame["level"].is_null()
    if wordless.any():
        rows_of = wordless.arg_true()
        guess = frame["message"].gather(rows_of).str.extract(_LEVEL_IN_MESSAGE, 1)
        guess = (
            guess.str.replace(r"^level=[\"']?", "")
            .str.replace(r"^(?:Fatal|Parse) error$", "fatal")
            .str.replace("^fatal error$", "fatal")
        )
        frame = frame.with_columns(frame["level"].clone().scatter(rows_of, guess).alias("level"))
    frame = _times(frame.with_columns(levels.normalise(frame["level"]).alias("level")), options)
    identities = {stream: profiles[stream].profile_id for stream in frame["stream"].unique().to_list()}
    environments = (
        pl.col("source_id").replace_strict(
            list(options.environment), list(options.environment.values()), default=None, return_dtype=pl.Utf8
        )
        if options.environment
        else pl.lit(None, dtype=pl.Utf8)
    )
    frame = frame.with_columns(
        pl.col("doc_id").alias("entry_id"),
        pl.col("environment").fill_null(environments),
        pl.col("stream")
        .replace_strict(list(identities), list(identities.values()), return_dtype=pl.Utf8)
        .alias("profile_id"),
        pl.col("event_time").dt.date().alias("day"),
    )
    ids = raw["doc_id"]
    if all_first:
        members = pl.DataFrame({"row": raw["row"], "doc_id": ids, "entry_id": ids}).with_columns(
            pl.lit(0, dtype=pl.Int32).alias("place")
        )
    else:
        members = pl.DataFrame(
            {"row": raw["row"], "doc_id": ids, "entry_id": ids.gather(read["entry"]), "place": _places(read)}
        )
    return frame, members


def _places(read: pl.DataFrame) -> pl.Series:
    """The place of every row among those of its entry (Int32), from 0."""
    follow = (read["entry"] != read["row"]).arg_true()
    if not len(follow):
        return pl.Series("place", [0], dtype=pl.Int32).new_from_index(0, read.height)
    place = pl.DataFrame({"entry": read["entry"].gather(follow)}).select(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("entry")
    )
    return pl.Series("place", [0], dtype=pl.Int32).new_from_index(0, read.height).scatter(follow, place.to_series())


def _gather_lines(frame: pl.DataFrame, raw: pl.DataFrame, read: pl.DataFrame) -> pl.DataFrame:
    """The lines of entries of several rows, put together."""
    follow = read.filter(read["entry"] != read["row"])
    many = follow["entry"].unique()
    parts = read.filter(read["entry"].is_in(many.implode())).select("row", "entry", "text", "stack", "glued")
    bodies, when = raw["body"].gather(parts["row"]), raw["event_time"].gather(parts["row"])
    text = (
        parts.select(pl.concat_str("text", "stack", separator="\n", ignore_nulls=True)).to_series()
        if parts["stack"].null_count() < parts.height
        else parts["text"]
    )
    text = (
        parts.select(pl.when("glued").then(pl.lit("")).otherwise(pl.lit("\n")).alias("sign"))
        .with_columns(text.alias("text"))
        .select(pl.concat_str("sign", "text"))
        .to_series()
    )
    grouped = (
        parts.select("row", "entry")
        .with_columns(text.alias("text"), bodies.alias("raw_line"), when.alias("last_time"))
        .group_by("entry", maintain_order=True)
        .agg(
            pl.col("text").str.join(""),
            pl.col("raw_line").str.join("\n"),
            pl.col("last_time").max(),
            pl.len().cast(pl.Int32).alias("lines"),
        )
        .with_columns(pl.col("text").str.slice(1))
    )
    first = parts.filter(parts["entry"] == parts["row"])
    glued = parts.filter(pl.col("glued"))["entry"].unique()
    where = frame["row"].search_sorted(grouped["entry"])
    joined = frame.with_columns(
        frame[name].clone().scatter(where.filter(grouped[name].is_not_null()), grouped[name].drop_nulls()).alias(name)
        for name in ("text", "raw_line", "last_time", "lines")
    )
    if len(glued):
        joined = joined.with_columns(
            pl.when(pl.col("row").is_in(glued.implode()))
            .then(pl.col("text"))
            .otherwise(pl.col("message"))
            .alias("message")
        )
    empty = joined["message"].str.strip_chars() == ""
    if empty.any() and len(first):
        joined = joined.with_columns(
            pl.when(empty)
            .then(pl.col("text").str.strip_chars_start(" \t\r\n").str.replace(_BEFORE_STATEMENT, ""))
            .otherwise(pl.col("message"))
            .alias("message")
        )
    return joined


def _times(frame: pl.DataFrame, options: ParseOptions) -> pl.DataFrame:
    """Event time and flags: the header's time where the source leaves it to us; times that cannot be stand under receipt."""
    flags = pl.col("flags")
    if frame["read"].all() and not frame["ambiguous"].any():  # as nearly always
        return _dated(frame, options)
    flags = pl.when(~pl.col("read")).then(flags | int(RowFlag.UNPARSED)).otherwise(flags)
    flags = pl.when(pl.col("ambiguous")).then(flags | int(RowFlag.TIME_AMBIGUOUS)).otherwise(flags)
    return _dated(frame.with_columns(flags.cast(pl.Int32).alias("flags")), options)


def _dated(frame: pl.DataFrame, options: ParseOptions) -> pl.DataFrame:
    """Event times, and the flag of those that cannot be."""
    if options.header_times:
        own = pl.col("source_id").is_in(list(options.header_times)) & pl.col("header_time").is_not_null()
        frame = frame.with_columns(
            pl.when(own).then(pl.col("header_time")).otherwise(pl.col("event_time")).alias("event_time")
        )
    odd = pl.col("event_time").is_null() | (pl.col("event_time") > options.now + timedelta(days=1))
    odd = odd | (pl.col("event_time") < (options.retention_floor or _EARLIEST))
    if not frame.select(odd.any()).item():
        return frame
    return frame.with_columns(
        pl.when(odd).then(pl.col("received_at")).otherwise(pl.col("event_time")).alias("event_time"),
        pl.when(odd)
        .then(pl.col("flags") | int(RowFlag.TIME_OUT_OF_RANGE))
        .otherwise(pl.col("flags"))
        .cast(pl.Int32)
        .alias("flags"),
    )


def _shape(entries: pl.DataFrame, options: ParseOptions) -> pl.DataFrame:
    if not options.shapes:
        return entries.with_columns(
            pl.lit(None, dtype=pl.Utf8).alias("shape_id"),
            pl.lit(None, dtype=pl.Utf8).alias("shape"),
            pl.lit(None, dtype=pl.List(pl.Utf8)).alias("variables"),
        )
    shaped = shapes.shape_messages(entries["message"])
    return entries.with_columns(shaped["shape_id"], shaped["shape"], shaped["variables"])


def _summary(entries: pl.DataFrame) -> pl.DataFrame:
    """One row per shape: what `shapes.summarise_shapes` gives, and when and with which level it was seen."""
    rows = entries.select("message", "shape_id", "shape", "variables", "event_time", "level")
    seen = (
        rows.filter(pl.col("shape_id").is_not_null())
        .group_by("shape_id")
        .agg(
            pl.col("event_time").min().alias("first_seen"),
            pl.col("event_time").max().alias("last_seen"),
            pl.col("level").drop_nulls().mode().sort().first().alias("level"),
        )
    )
    summary = shapes.summarise_shapes(rows).join(seen, on="shape_id", how="left")
    return summary.select(*_SHAPES, "constants").sort("shape_id")


def _exceptions(entries: pl.DataFrame, options: ParseOptions) -> pl.DataFrame:
    if not options.exceptions:
        return schemas.empty("exceptions").drop("batch")
    return extract_exceptions(entries, options.in_app or InAppRules(), error_lines=options.error_lines)


def _open(entries: pl.DataFrame, options: ParseOptions) -> dict[str, tuple[str, ...]]:
    """Entries that may go on: the last of each lane and thread, unless a minute has passed since."""
    last = entries.group_by("stream", "lane", "key", maintain_order=True).agg(
        pl.col("entry_id").last(), pl.col("last_time").last(), pl.col("row").last()
    )
    newest = last.group_by("stream").agg(pl.col("row").max().alias("newest"), pl.col("last_time").max().alias("at"))
    joined = last.join(newest, on="stream", how="left")
    lanes = joined.group_by("stream", "lane").agg(pl.col("row").max().alias("lane_last"))
    joined = joined.join(lanes, on=["stream", "lane"], how="left")
    awake = (pl.col("last_time") > options.now - options.quiet).fill_null(value=True)
    recent = ((pl.col("at") - pl.col("last_time")) <= SILENCE).fill_null(value=True)
    kept = joined.filter(awake & ((pl.col("row") == pl.col("lane_last")) | recent)).sort("row")
    out: dict[str, tuple[str, ...]] = {}
    for stream, entry in kept.select("stream", "entry_id").iter_rows():
        out[stream] = (*out.get(stream, ()), entry)
    return _with_heads(out, entries, kept)


def _with_heads(
    out: dict[str, tuple[str, ...]], entries: pl.DataFrame, kept: pl.DataFrame
) -> dict[str, tuple[str, ...]]:
    """Where a lane ends in lines without header, the entries before them that a trace's next lines would join."""
    loose = entries.filter(~pl.col("headed")).join(kept.select("entry_id"), on="entry_id", how="semi")
    for lane in loose["lane"].unique().to_list():
        part = entries.filter(pl.col("lane") == lane).sort("row").tail(MESSAGE_LINES + 2)
        if part["headed"][-1]:
            continue
        more = part.tail(tail_of(*(part[name].to_list() for name in ("headed", "message", "lines"))))
        stream = part["stream"][-1]
        out[stream] = tuple(dict.fromkeys((*more["entry_id"].to_list(), *out.get(stream, ()))))
    return out


def _confidence(entries: pl.DataFrame, profiles: Mapping[str, StreamProfile]) -> dict[str, float]:
    """Per stream the share of entries that a header or wrapper explains, never above what the profile itself claims to read."""
    read = entries.group_by("stream").agg(pl.col("read").mean().alias("share"))
    return {stream: round(min(float(share), 1.0), 4) for stream, share in read.iter_rows() if stream in profiles}
