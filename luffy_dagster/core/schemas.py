"""Column names and types of the lake's tables, and the flag bits of their rows.

Facts only: what a row of raw_logs, entries and exceptions holds. How they are stored is `lake/`'s business,
how they are made `core/parsing`'s. A column is never removed or given another meaning; new ones are added at the end.
"""

from __future__ import annotations

from enum import IntFlag

import polars as pl

UTC_US = pl.Datetime("us", "UTC")


class RowFlag(IntFlag):
    """What a reader must know of a row; stored as an Int32 bit set."""

    TIME_FROM_RECEIPT = 1  # the row carried no readable time: it has that of its receipt
    TIME_OUT_OF_RANGE = 2  # its time cannot be (before retention, a day ahead): kept under the day of receipt
    ORDER_UNCERTAIN = 4  # equal times and no offset field: folding may have joined the wrong lines
    INVALID_UTF8 = 8  # bytes that are no UTF-8 were replaced
    TRUNCATED = 16  # longer than the limit; cut, with the length stated at the end
    DUPLICATE_KEY = 32  # pushed without a key of its own: kept twice if it came twice
    UNPARSED = 64  # no header was found: the line is kept whole
    TIME_AMBIGUOUS = 128  # day and month, or the zone, could be read in two ways
    KEPT_OPEN = 256  # end of the stream when this entry was written: it may have gone on
    LATE = 512  # arrived after later rows of its stream had been parsed


# One row per document or line, as it came. `body` is the text that is parsed, `fields` the source's other fields
# as a JSON object (with the canonical names of FIELD_NAMES where the source's mapping knows them).
RAW_LOGS: dict[str, pl.DataType | type[pl.DataType]] = {
    "doc_id": pl.Utf8,  # unique in the service: "<source id>/<_id>", "<source id>/<file hash>:<offset>"
    "source_id": pl.Utf8,
    "stream": pl.Utf8,  # what keeps lines in order: host, container or file of the source
    "seq": pl.Int64,  # offset inside the stream where the source has one, else null
    "event_time": UTC_US,
    "received_at": UTC_US,
    "body": pl.Utf8,
    "fields": pl.Utf8,
    "flags": pl.Int32,
    "batch": pl.Int64,  # number of the fetch that brought it, rising per service
    "day": pl.Date,  # partition: UTC day of event_time
}

# Canonical names inside `fields`: what a document's mapped fields are called whatever the source calls them.
FIELD_NAMES = (
    "level",
    "logger",
    "thread",
    "process",
    "service",
    "environment",
    "host",
    "trace_id",
    "span_id",
    "version",
    "error_type",
    "error_message",
    "stack_trace",
)

# One row per log entry: a header line with all its continuation lines. Redacted.
ENTRIES: dict[str, pl.DataType | type[pl.DataType]] = {
    "entry_id": pl.Utf8,  # doc_id of its first row
    "source_id": pl.Utf8,
    "stream": pl.Utf8,
    "seq": pl.Int64,
    "event_time": UTC_US,
    "received_at": UTC_US,
    "level": pl.Utf8,  # trace debug info warn error fatal, or null
    "logger": pl.Utf8,
    "thread": pl.Utf8,
    "process": pl.Utf8,
    "host": pl.Utf8,
    "environment": pl.Utf8,
    "version": pl.Utf8,  # release, where the source says it
    "trace_id": pl.Utf8,
    "span_id": pl.Utf8,
    "message": pl.Utf8,  # without header; of a folded entry the first line's
    "raw_line": pl.Utf8,  # the whole entry as it came, all its lines, redacted
    "lines": pl.Int32,  # raw rows folded into it
    "shape_id": pl.Utf8,  # core.parsing.shapes; null only when the message is empty
    "variables": pl.List(pl.Utf8),  # values of the shape's typed holes, left to right
    "profile_id": pl.Utf8,  # the stream profile that read it
    "flags": pl.Int32,
    "batch": pl.Int64,  # number of the parse that wrote it, rising per service
    "day": pl.Date,
}

# One row per exception found in an entry (one entry may hold none or one; chained causes are inside it).
EXCEPTIONS: dict[str, pl.DataType | type[pl.DataType]] = {
    "entry_id": pl.Utf8,
    "source_id": pl.Utf8,
    "stream": pl.Utf8,
    "event_time": UTC_US,
    "level": pl.Utf8,
    "logger": pl.Utf8,
    "environment": pl.Utf8,
    "version": pl.Utf8,
    "trace_id": pl.Utf8,
    "language": pl.Utf8,  # python java javascript go csharp ruby php rust dart elixir swift, or "message": an error without a trace
    "type": pl.Utf8,  # outermost exception type
    "message": pl.Utf8,
    "root_type": pl.Utf8,  # innermost cause
    "root_message": pl.Utf8,
    "culprit": pl.Utf8,  # "file:function" of the innermost in-app frame
    "frames": pl.Utf8,  # JSON list of frames as core.model.Frame, innermost first, causes one after the other
    "trace": pl.Utf8,  # the text of the trace, redacted
    "fingerprint": pl.Utf8,  # id of the fingerprint fact (algorithm inside)
    "levels": pl.Utf8,  # JSON object: level name -> hash (exact, in_app, top, template)
    "batch": pl.Int64,
    "day": pl.Date,
}

# One row per window, environment and feature that occurred in it; recomputable from entries and exceptions at any time.
WINDOWS: dict[str, pl.DataType | type[pl.DataType]] = {
    "event_time": UTC_US,  # start of the window
    "seconds": pl.Int32,  # its length
    "environment": pl.Utf8,
    "feature": pl.Utf8,  # level, shape, route, fingerprint: counts; number: values of a shape's typed hole
    "key": pl.Utf8,  # level name, shape id, "GET /path/* 200", fingerprint, "shape id or route/position"
    "level": pl.Utf8,  # of shapes, routes and fingerprints: the level of most of them
    "count": pl.Int64,
    "ticks": pl.List(pl.Int32),  # counts of its ticks of 30 seconds, in order
    "gap": pl.Float64,  # mean seconds between occurrences inside the window; null below two
    "unit": pl.Utf8,  # of numbers: "s", "bytes"
    "low": pl.Float64,  # of numbers: tenth, fiftieth, ninetieth percentile
    "middle": pl.Float64,
    "high": pl.Float64,
    "values": pl.List(pl.Float32),  # of numbers: in order of time, at most 16 evenly drawn per tick
    "value_ticks": pl.List(pl.Int32),  # how many of `values` belong to each tick
    "batch": pl.Int64,
    "day": pl.Date,
}

TABLES = {"raw_logs": RAW_LOGS, "entries": ENTRIES, "exceptions": EXCEPTIONS, "windows": WINDOWS}


def empty(table: str) -> pl.DataFrame:
    """An empty frame with the columns of `table` (raises KeyError for an unknown table)."""
    return pl.DataFrame(schema=TABLES[table])
