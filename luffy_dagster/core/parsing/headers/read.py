"""Reading a column of lines by settled formats, in the column engine: one expression per format, no loop over rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from luffy_dagster.core.parsing import times
from luffy_dagster.core.parsing.headers.formats import Format
from luffy_dagster.core.schemas import UTC_US

# What reading yields, besides `message` and `format` (number of the format, null where none fits).
FIELDS: dict[str, pl.DataType | type[pl.DataType]] = {
    "time": UTC_US,
    "level": pl.Utf8,  # the word as it stands there
    "logger": pl.Utf8,
    "thread": pl.Utf8,
    "process": pl.Utf8,
    "host": pl.Utf8,
    "trace_id": pl.Utf8,
    "span_id": pl.Utf8,
}
_STATUS = r'^"?[A-Z]{3,8} [^"]*"? ([1-5])[0-9]{2}(?: |$)'


def read_headers(
    lines: pl.Series,
    formats: Sequence[Format],
    *,
    assume_tz: str = "UTC",
    received_at: pl.Series | datetime,
    wants_time: bool = True,
) -> pl.DataFrame:
    """One row per line: FIELDS, `message` (the text behind the header; the whole line where no format fits), `format` (Int8).

    The first format that fits reads a line. Lines of one format cost one pass. Times are left null unless `wants_time`.
    """
    n = len(lines)
    rest = (
        pl.Series("row", range(0), dtype=pl.UInt32)
        if n == 0
        else pl.int_range(n, dtype=pl.UInt32, eager=True).alias("row")
    )
    text = lines
    pieces: list[pl.DataFrame] = []
    for number, form in enumerate(formats):
        if len(rest) == 0:
            break
        received = received_at if isinstance(received_at, datetime) or len(rest) == n else received_at.gather(rest)
        piece, left = _read_one(text, rest, form, number, assume_tz, received if wants_time else None)
        if piece is not None:
            pieces.append(piece)
        if left is None:
            rest, text = rest.clear(), text.clear()
            break
        rest, text = left
    if len(rest):
        pieces.append(_unread(text, rest))
    if not pieces:
        return _unread(lines, rest).drop("row")
    if len(pieces) == 1:
        return pieces[0].drop("row")
    return pl.concat(pieces).sort("row").drop("row")


def _unread(text: pl.Series, rows: pl.Series) -> pl.DataFrame:
    columns = [rows.alias("row")] + [
        pl.Series(name, [None], dtype=kind).new_from_index(0, len(rows)) for name, kind in FIELDS.items()
    ]
    columns.append(text.alias("message"))
    columns.append(pl.Series("format", [None], dtype=pl.Int8).new_from_index(0, len(rows)))
    return pl.DataFrame(columns)


def _read_one(
    text: pl.Series, rows: pl.Series, form: Format, number: int, assume_tz: str, received: pl.Series | datetime | None
) -> tuple[pl.DataFrame | None, tuple[pl.Series, pl.Series] | None]:
    """What this format reads, and what it leaves (rows, texts), or None when it leaves nothing."""
    compiled = form.compiled
    found = text.str.extract_groups(compiled.expression).struct.unnest()
    header = found.to_series(0)
    missed = header.null_count()
    left = None
    if missed == len(text):
        return None, (rows, text)
    if missed:
        hit = header.is_not_null()
        left = (rows.filter(~hit), text.filter(~hit))
        found, text, rows = found.filter(hit), text.filter(hit), rows.filter(hit)
        if isinstance(received, pl.Series):
            received = received.filter(hit)
        header = found.to_series(0)
    n = len(rows)
    columns: dict[str, pl.Series] = {}
    if compiled.time is not None and received is not None:
        if compiled.near is not None:
            near = found.to_series(compiled.groups["near"] - 1)
            received = times.parse(near, None, None, compiled.near, assume_tz=assume_tz, received_at=received)
        at = compiled.groups["time"] - 1
        spec = compiled.time
        fractions = found.to_series(at + 1) if spec.fraction else None
        tails = found.to_series(at + 1 + bool(spec.fraction)) if spec.tails else None
        columns["time"] = times.parse(
            found.to_series(at), fractions, tails, spec, assume_tz=assume_tz, received_at=received
        )
    for role, group in compiled.groups.items():
        if role not in ("time", "near"):
            columns[role] = found.to_series(group - 1)
    frame = pl.DataFrame({"text": text, "header": header})
    behind = pl.col("text") if form.whole else pl.col("text").str.slice(pl.col("header").str.len_chars())
    message = frame.select(behind).to_series()
    if form.level_from == "status" and "level" not in columns:
        columns["level"] = message.str.extract(_STATUS, 1).replace_strict(
            ["5", "4", "3", "2", "1"], ["error", "warn", "info", "info", "info"], default=None
        )
    out = [rows.alias("row")]
    for name, kind in FIELDS.items():
        column = columns.get(name)
        out.append(
            pl.Series(name, [None], dtype=kind).new_from_index(0, n)
            if column is None
            else column.cast(kind).alias(name)
        )
    out.append(message.alias("message"))
    out.append(pl.Series("format", [number], dtype=pl.Int8).new_from_index(0, n))
    return pl.DataFrame(out), left
