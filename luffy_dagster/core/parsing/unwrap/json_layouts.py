"""JSON objects that one program writes look alike: the same keys in the same order. One expression per such layout reads them all.

Belongs here: the expression of a layout, and the wanted values of the texts that have it. What a layout cannot say for sure (an
escape inside a string, a fraction, a list where a text is wanted) is left to `json_columns`, which decodes; both give the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import polars as pl

Paths = Sequence[Sequence[str]]
Path = tuple[str, ...]

_MOST = 6  # layouts tried on one column
_LONGEST = 1000  # signs of a text: bounds the size of an expression
_FEW = 200  # texts that are not worth an expression
_NEVER = "resourceLogs"  # an OTLP export: read by records, not by keys
_TEXT = r'"[^"\\\x00-\x1f]*"'
# At most fifteen digits and no exponent: what every reader of JSON takes, and writes as it stands here.
_NUMBER = r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?"
_SCALAR = rf"(?:{_TEXT}|{_NUMBER}|true|false|null)"
_TOKEN = re.compile(
    rf"(?P<blank>[ \t\r\n]*)(?P<token>{_TEXT}|{_NUMBER}(?![0-9.eE+-])|true|false|null|[{{}}\[\],:])", re.ASCII
)
_INTEGER = re.compile(r"(?:-?[1-9][0-9]{0,14}|0)\Z")


@dataclass
class _Layout:
    """An expression under way: what it reads, and which of its groups is the value of which wanted path."""

    wanted: frozenset[Path]
    texts: frozenset[Path]  # those of them whose values must be strings
    tokens: list[tuple[str, str]]  # blank before it, token
    at: int = 0
    expression: list[str] = field(default_factory=lambda: ["^"])
    groups: list[Path] = field(default_factory=list)

    def next(self) -> str:
        blank, token = self.tokens[self.at]
        self.at += 1
        self.expression.append(re.escape(blank))
        return token


class _UnfitError(Exception):
    """A text of which no layout can be made."""


@lru_cache(maxsize=256)
def _layout(text: str, wanted: frozenset[Path], said: frozenset[Path]) -> tuple[str, tuple[Path, ...]] | None:
    """Expression of texts like this one, and the paths of its groups; None when there is none."""
    tokens: list[tuple[str, str]] = []
    at = 0
    while len(tokens) < _LONGEST and (found := _TOKEN.match(text, at)):
        tokens.append((found["blank"], found["token"]))
        at = found.end()
    if text[at:].strip(" \t\r\n") or not tokens or tokens[0][1] != "{":
        return None
    layout = _Layout(wanted, said, tokens)
    try:
        _object(layout, ())
    except (_UnfitError, IndexError):
        return None
    if layout.at != len(tokens) or not layout.groups:
        return None
    return "".join(layout.expression) + re.escape(text[at:]) + "$", tuple(layout.groups)


def _object(layout: _Layout, path: Path) -> None:
    if path in layout.wanted or layout.next() != "{":
        raise _UnfitError
    layout.expression.append(r"\{")
    seen: set[str] = set()
    while True:
        sign = layout.next()
        if sign == "}" and not seen:
            layout.expression.append(r"\}")
            return
        if sign[:1] != '"' or layout.next() != ":":
            raise _UnfitError
        colon_blank = layout.expression.pop()
        key = sign[1:-1]
        if key in seen or (not path and key == _NEVER):
            raise _UnfitError
        seen.add(key)
        layout.expression += [re.escape(sign), colon_blank, ":"]
        _value(layout, (*path, key))
        closing = layout.next()
        if closing not in (",", "}"):
            raise _UnfitError
        layout.expression.append(closing if closing == "," else r"\}")
        if closing == "}":
            return


def _value(layout: _Layout, path: Path) -> None:
    blank, sign = layout.tokens[layout.at]
    if sign == "{":
        _object(layout, path)
        return
    layout.at += 1
    layout.expression.append(re.escape(blank))
    if sign == "[":
        _list(layout, path)
    elif path not in layout.wanted:
        if sign in (",", ":", "]", "}"):
            raise _UnfitError
        layout.expression.append(_SCALAR)
    elif sign[0] == '"':
        layout.expression.append(rf'"({_TEXT[1:-1]})"')
        layout.groups.append(path)
    elif _INTEGER.match(sign) and path not in layout.texts:
        layout.expression.append("(-?[1-9][0-9]{0,14}|0)")
        layout.groups.append(path)
    elif sign == "null":
        layout.expression.append("null")
    else:
        raise _UnfitError


def _list(layout: _Layout, path: Path) -> None:
    """A list of scalars that nobody wants; one of lists or objects is left to others."""
    if any(one[: len(path)] == path for one in layout.wanted):
        raise _UnfitError
    while (sign := layout.tokens[layout.at][1]) != "]":
        if sign in ("{", "[", "}"):
            raise _UnfitError
        layout.at += 1
    layout.at += 1
    layout.expression.append(rf"\[(?:[ \t]*{_SCALAR}[ \t]*(?:,[ \t]*{_SCALAR}[ \t]*)*|[ \t]*)\]")


def columns(texts: pl.Series, wanted: Sequence[Paths], message: Paths) -> tuple[pl.Series, list[pl.Series]]:
    """Which texts have one of the layouts tried (row numbers, UInt32), and their message and wanted columns (Utf8), row by row.

    Of several paths the first counts that leads to something; of a message's also the last, whatever it leads to.
    """
    every = frozenset(tuple(path) for paths in (*wanted, message) for path in paths)
    said = frozenset(tuple(path) for path in message)
    rows = pl.int_range(len(texts), dtype=pl.UInt32, eager=True)
    pieces: list[list[pl.Series]] = []
    tried = 0
    while len(texts) > _FEW and tried < _MOST:
        tried += 1
        made = _layout(texts[0] or "", every, said)
        found = None if made is None else texts.str.extract_groups(made[0]).struct.unnest()
        hit = None if found is None else found.to_series(0).is_not_null()
        if made is None or found is None or hit is None or not hit.any():
            rows, texts = rows.slice(1), texts.slice(1)
            continue
        if not hit.all():
            found, own = found.filter(hit), rows.filter(hit)
            rows, texts = rows.filter(~hit), texts.filter(~hit)
        else:
            own, rows, texts = rows, rows.clear(), texts.clear()
        values = {path: found.to_series(i) for i, path in enumerate(made[1])}
        simple = all(len(path) == 1 for path in message)
        spoken = _first(message, values, len(own), or_last=simple)
        pieces.append([own, spoken, *(_first(paths, values, len(own)) for paths in wanted)])
    if not pieces:
        return rows.clear(), []
    joined = [pl.concat([piece[i] for piece in pieces]) for i in range(len(pieces[0]))]
    return joined[0], joined[1:]


def _first(paths: Paths, values: dict[Path, pl.Series], n: int, *, or_last: bool = False) -> pl.Series:
    """The first of the paths' values that is not empty, else null, or with `or_last` what the last path has."""
    out: pl.Series | None = None
    for number, path in enumerate(paths):
        value = values.get(tuple(path))
        if value is None:
            continue
        keep = or_last and number == len(paths) - 1
        value = value.alias("")
        full = value if keep or not (value == "").any() else value.set(value == "", None)
        out = full if out is None else out.fill_null(full)
        if out.null_count() == 0:
            break
    return pl.Series("", [None], dtype=pl.Utf8).new_from_index(0, n) if out is None else out
