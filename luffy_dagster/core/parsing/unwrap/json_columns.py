"""JSON objects taken apart many at once, where only some of their keys are wanted.

Each text is decoded into a structure that has just these keys, which costs a fifth of a dictionary of all; what the
keys mean is `json_lines`' business, which also reads what is refused here.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
import polars as pl

Paths = Sequence[Sequence[str]]
_NEVER = "resourceLogs"  # an OTLP export: read by records, not by keys


def text_of(value: object) -> str | None:
    """A value as the text that a column holds: strings as they are, the others as JSON says them."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return str(value)
    return msgspec.json.encode(value).decode()


def columns(texts: pl.Series, wanted: Sequence[Paths], message: Paths) -> list[pl.Series] | None:
    """The message and one column (Utf8) per paths of `wanted`; None when a text is no object that can be read so.

    Of several paths the first counts that leads to something; of a message's also the last, whatever it leads to.
    """
    names = sorted({path[0] for paths in (*wanted, message) for path in paths} | {_NEVER})
    decode, fields = _decoder(tuple(names))
    try:
        items = [decode(text) for text in texts.to_list()]
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError, TypeError):
        return None
    records = operator.attrgetter(fields[_NEVER])
    if any(record is not None for record in map(records, items)):
        return None
    simple = all(len(path) == 1 for path in message)
    said = _message(items, [fields[path[0]] for path in message]) if simple else _first(items, message, fields)
    return [
        pl.Series(said, dtype=pl.Utf8),
        *(pl.Series(_first(items, paths, fields), dtype=pl.Utf8) for paths in wanted),
    ]


def refused(texts: pl.Series, wanted: Sequence[Paths], message: Paths) -> pl.Series:
    """The texts (Boolean) that `columns` cannot read."""
    names = sorted({path[0] for paths in (*wanted, message) for path in paths} | {_NEVER})
    decode, fields = _decoder(tuple(names))
    records = operator.attrgetter(fields[_NEVER])
    out = []
    for text in texts.to_list():
        try:
            out.append(records(decode(text)) is not None)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError, TypeError):
            out.append(True)
    return pl.Series(out, dtype=pl.Boolean)


@lru_cache(maxsize=256)
def _decoder(names: tuple[str, ...]) -> tuple[Any, dict[str, str]]:
    fields = {name: f"k{number}" for number, name in enumerate(names)}
    kind = msgspec.defstruct(
        "Wanted",
        [(field, Any, None) for field in fields.values()],
        rename={field: name for name, field in fields.items()},
        gc=False,  # what JSON gives holds no cycles
    )
    return msgspec.json.Decoder(kind).decode, fields


def _first(items: Sequence[Any], paths: Paths, fields: dict[str, str]) -> list[str | None]:
    """The text of the first path that leads to a value that is neither null nor empty."""
    if not paths:
        return [None] * len(items)
    if len(paths[0]) == 1:
        name = fields[paths[0][0]]
        values = list(map(operator.attrgetter(name), items))
        if set(map(type, values)) == {str} and "" not in values:
            return values
    return [text_of(_get(item, paths, fields)) for item in items]


def _get(item: Any, paths: Paths, fields: dict[str, str]) -> object | None:
    for path in paths:
        value: Any = getattr(item, fields[path[0]])
        for key in path[1:]:
            value = value.get(key) if isinstance(value, dict) else None
            if value is None:
                break
        if value is not None and value != "":
            return value
    return None


def _message(items: Sequence[Any], names: Sequence[str]) -> list[str | None]:
    if not names:
        return [None] * len(items)
    values = list(map(operator.attrgetter(names[0]), items))
    if set(map(type, values)) == {str} and (len(names) == 1 or "" not in values):
        return values
    out = []
    for item in items:
        value: Any = None
        for name in names:
            value = getattr(item, name)
            if value:
                break
        out.append(value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode())
    return out
