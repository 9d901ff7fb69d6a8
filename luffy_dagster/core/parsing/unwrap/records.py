"""Lines that are records of a fixed form: each column has its place, and the message is one of them.

Known are PostgreSQL's csvlog, CMTrace (Configuration Manager, Intune), W3C's extended format (IIS, CloudFront), whose directive says the columns,
and systemd's export, a record of several lines. Belongs here: telling them by a sample, and taking time, level and message out of a column of lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import polars as pl

from luffy_dagster.core.parsing import times
from luffy_dagster.core.schemas import UTC_US

_FIELD = r'(?:"(?:[^"]|"")*"|[^,"\n]*)'
_STAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)? [A-Z]{3,4}"
_CSVLOG = (
    rf"^({_STAMP}),{_FIELD},{_FIELD},([0-9]+),{_FIELD},{_FIELD},[0-9]+,{_FIELD},{_FIELD},{_FIELD},[0-9]*,([A-Z]+[0-9]?),[0-9A-Z]{{5}},"
    r'"((?:[^"]|"")*)"'
)
_CMTRACE = (
    r'^<!\[LOG\[(.*?)\]LOG\]!><time="([0-9:.]+)(?:[+-][0-9]+)?" date="([0-9]+-[0-9]+-[0-9]+)" component="([^"]*)" context="[^"]*" type="([0-3])" '
    r'thread="([0-9]+)"'
)
_EXPORT = r"^(?:__CURSOR=s=|__REALTIME_TIMESTAMP=[0-9]{16}$|MESSAGE=)"
_ISO = times.TimeSpec("iso", ".", fraction_always=False, tails=(1,), tails_always=False)
_US = times.TimeSpec("numeric", ".", fraction_always=False, order="mdy")
_KINDS = {"csvlog": re.compile(_CSVLOG), "cmtrace": re.compile(_CMTRACE)}
_WANTED = {"date": "date", "time": "time", "sc-status": "status", "s-computername": "host", "s-ip": "host"}
_SPACE = re.compile(r"[ \t]")

RECORDS = ("csvlog", "cmtrace", "w3c", "export")


def detect(lines: Sequence[str]) -> tuple[str, tuple[str, ...], list[str]] | None:
    """Kind, names of the columns (w3c) and the lines that are no such records; None when the sample holds none."""
    for kind, pattern in _KINDS.items():
        rest = [line for line in lines if not pattern.match(line)]
        if len(rest) <= 0.2 * len(lines):
            return kind, (), rest
    directive = next((line for line in lines[:200] if line[:8].lower() == "#fields:"), None)
    if directive is not None:
        columns = tuple(directive[8:].split())
        rest = [line for line in lines if line[:1] != "#" and len(_SPACE.split(line)) != len(columns)]
        if {"date", "time"} <= set(columns) and len(rest) <= 0.2 * len(lines):
            return "w3c", columns, rest
    marks = sum(line.startswith("__CURSOR=") for line in lines)
    if marks and sum(line.startswith("__REALTIME_TIMESTAMP=") for line in lines) >= 0.8 * marks:
        return "export", (), []
    return None


def apply(
    frame: pl.DataFrame, kind: str, columns: Sequence[str], assume_tz: str, received_at: pl.Series | datetime
) -> pl.DataFrame:
    """The rows with what their records say; those that are none stay."""
    if kind == "export":
        return _export(frame)
    read = _w3c(frame["text"], columns) if kind == "w3c" else _fixed(frame["text"], kind)
    hit = read["stamp"].is_not_null()
    new = [read["text"].zip_with(hit, frame["text"]).alias("text"), (frame["whole"] | hit).alias("whole")]
    parts = read["stamp"].str.extract_groups("^" + read_spec(kind).expression()[0]).struct.unnest()
    tails = parts.to_series(2) if parts.width > 2 else None
    stamps = times.parse(
        parts.to_series(0), parts.to_series(1), tails, read_spec(kind), assume_tz=assume_tz, received_at=received_at
    )
    new.append(stamps.fill_null(frame["time"]).alias("time"))
    new.extend(read[name].fill_null(frame[name]).alias(name) for name in read.columns if name not in ("text", "stamp"))
    return frame.with_columns(new)


def read_spec(kind: str) -> times.TimeSpec:
    """How a kind writes its time."""
    return _US if kind == "cmtrace" else _ISO


def _fixed(texts: pl.Series, kind: str) -> pl.DataFrame:
    found = texts.str.extract_groups(_CSVLOG if kind == "csvlog" else _CMTRACE).struct.unnest()
    if kind == "csvlog":
        found.columns = ["stamp", "process", "level", "text"]
        return found.with_columns(pl.col("text").str.replace_all('""', '"', literal=True).fill_null(""))
    found.columns = ["text", "clock", "date", "logger", "level", "thread"]
    level = pl.col("level").replace_strict(["1", "2", "3"], ["info", "warn", "error"], default=None)
    stamp = pl.concat_str("date", "clock", separator=" ")
    return found.select(pl.col("text").fill_null(""), stamp.alias("stamp"), "logger", level, "thread")


def _w3c(texts: pl.Series, columns: Sequence[str]) -> pl.DataFrame:
    """Columns between blanks or tabs; the message is what stands behind date and time where these come first, else the line."""
    taken: list[str] = []
    expression = "^"
    behind = list(columns[:2]) == ["date", "time"]
    for number, column in enumerate(columns):
        role = _WANTED.get(column.lower())
        wanted = role is not None and role not in taken
        expression += ("[ \\t]" if number else "") + ("(" if behind and number == 2 else "")
        expression += "([^ \\t]+)" if wanted else "[^ \\t]+"
        if behind and number == 2:
            taken.append("text")
        if wanted and role is not None:
            taken.append(role)
    found = texts.str.extract_groups(expression + (")$" if behind else "$")).struct.unnest()
    found.columns = taken
    status = found["status"].str.slice(0, 1) if "status" in taken else pl.Series([None] * len(texts), dtype=pl.Utf8)
    level = status.replace_strict(["5", "4", "3", "2", "1"], ["error", "warn", "info", "info", "info"], default=None)
    host = found["host"] if "host" in taken else pl.Series([None] * len(texts), dtype=pl.Utf8)
    text = found["text"].fill_null("") if behind else texts
    stamp = found.select(pl.concat_str("date", "time", separator=" ")).to_series()
    return pl.DataFrame({"text": text, "stamp": stamp, "level": level, "host": host.set(host == "-", None)})


def _export(frame: pl.DataFrame) -> pl.DataFrame:
    """Each record's first line has what its lines say; the others are empty and belong to it."""
    text = pl.col("text")
    block = text.str.starts_with("__CURSOR=").cum_sum()

    def said(key: str) -> pl.Expr:
        return text.str.extract(f"^{key}=(.*)$", 1).drop_nulls().first().over(block)

    first = text.str.starts_with("__CURSOR=")
    priority = said("PRIORITY").replace_strict(
        [str(n) for n in range(8)], ["fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug"], default=None
    )
    stamp = (
        said("__REALTIME_TIMESTAMP").cast(pl.Int64, strict=False).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    )
    return frame.with_columns(
        pl.when(first).then(said("MESSAGE").fill_null("")).otherwise(pl.lit("")).alias("text"),
        pl.when(first).then(stamp.cast(UTC_US)).otherwise(pl.col("time")).alias("time"),
        pl.when(first).then(priority).otherwise(pl.col("level")).alias("level"),
        pl.when(first).then(said("_HOSTNAME")).otherwise(pl.col("host")).alias("host"),
        pl.when(first).then(said("SYSLOG_IDENTIFIER")).otherwise(pl.col("logger")).alias("logger"),
        pl.when(first).then(said("_PID")).otherwise(pl.col("process")).alias("process"),
        (pl.col("whole") | first).alias("whole"),
    )
