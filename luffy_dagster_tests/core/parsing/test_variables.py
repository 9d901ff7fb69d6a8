"""Variables: types, units, numbers, rows."""

from __future__ import annotations

import polars as pl
import pytest

from luffy_dagster.core.parsing.shapes import shape_messages
from luffy_dagster.core.parsing.variables import SCHEMA, expand_variables, factor, holes


def test_holes_carry_their_unit() -> None:
    assert holes("took <duration> ms, <size> KB of <num> from <ip>") == [
        ("duration", "ms"),
        ("size", "KB"),
        ("num", ""),
        ("ip", ""),
    ]
    assert holes("plain </num>") == []


@pytest.mark.parametrize(
    ("kind", "unit", "expected"),
    [
        ("num", "", 1.0),
        ("duration", "ms", 1e-3),
        ("duration", "milliseconds", 1e-3),
        ("duration", "microseconds", 1e-6),
        ("duration", "us", 1e-6),
        ("duration", "s", 1.0),
        ("duration", "secs", 1.0),
        ("duration", "minutes", 60.0),
        ("duration", "hours", 3600.0),
        ("duration", "days", 86400.0),
        ("size", "bytes", 1.0),
        ("size", "B", 1.0),
        ("size", "KB", 1e3),
        ("size", "MiB", 1024.0**2),
        ("size", "G", 1e9),
        ("ip", "", None),
    ],
)
def test_factor(kind: str, unit: str, expected: float | None) -> None:
    assert factor(kind, unit) == expected


def test_values_become_rows_with_numbers_in_one_unit() -> None:
    messages = ["took 160 ms for 10.0.0.1", "took 2 s for 10.0.0.2", "nothing here", None]
    shaped = shape_messages(pl.Series(messages, dtype=pl.Utf8))
    entries = shaped.with_columns(entry_id=pl.Series(["a", "b", "c", "d"]))
    rows = expand_variables(entries, shaped)
    assert dict(rows.schema) == SCHEMA
    assert rows.select("entry_id", "position", "kind", "value", "number").rows() == [
        ("a", 0, "duration", "160", 0.16),
        ("a", 1, "ip", "10.0.0.1", None),
        ("b", 0, "duration", "2", 2.0),
        ("b", 1, "ip", "10.0.0.2", None),
    ]
