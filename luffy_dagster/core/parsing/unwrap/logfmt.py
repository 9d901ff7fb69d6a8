"""logfmt: a line that is nothing but key=value pairs, read as the object it stands for. What keys mean is `json_lines`'."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
import polars as pl

_VALUE = r'(?:"(?:[^"\\]|\\.)*"|[^\s"]*)'
_KEY = r"[A-Za-z_@][A-Za-z0-9_.@/-]*"
LINE = rf"^\s*{_KEY}={_VALUE}(?:\s+{_KEY}={_VALUE}){{2,}}\s*$"  # at least three pairs; also for the column engine
_LINE = re.compile(LINE)
_PAIR = re.compile(rf"({_KEY})=({_VALUE})")


def decode(line: str) -> dict[str, object] | None:
    """The pairs of a line as texts; None for a line that is no logfmt."""
    return _pairs(line) if _LINE.match(line) else None


def _pairs(line: str) -> dict[str, object]:
    out: dict[str, object] = {
        key: _unquoted(value) if value[:1] == '"' else value for key, value in _PAIR.findall(line)
    }
    day, clock = out.get("date"), out.get("time")
    if isinstance(day, str) and isinstance(clock, str) and len(day) == 10 and clock[2:3] == ":":
        out["time"] = f"{day} {clock}"  # FortiGate's, each in a pair of its own
    return out


def _unquoted(value: str) -> str:
    if "\\" not in value:
        return value[1:-1]
    try:
        return str(msgspec.json.decode(value))
    except msgspec.DecodeError:
        return value[1:-1]


def sample_objects(lines: Sequence[str], most: int = 400) -> list[dict[str, object]]:
    """The objects among the first lines."""
    found = (decode(line) for line in lines[:most])
    return [item for item in found if item is not None]


def as_json(texts: pl.Series) -> pl.Series:
    """Lines that match LINE as JSON objects."""
    return pl.Series(texts.name, [msgspec.json.encode(_pairs(t)).decode() for t in texts.to_list()], dtype=pl.Utf8)
