"""What the values of a shape are worth: their types, and numbers in one unit per type.

Belongs here: reading a value as a number, values as rows that can be queried. Does not belong here: finding values
(`shapes`).
"""

from __future__ import annotations

import polars as pl

from luffy_dagster.core.parsing import masks

NUMERIC = ("num", "duration", "size")
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "entry_id": pl.Utf8,
    "shape_id": pl.Utf8,
    "position": pl.Int32,
    "kind": pl.Utf8,
    "unit": pl.Utf8,
    "value": pl.Utf8,
    "number": pl.Float64,
}

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15}


def holes(shape: str) -> list[tuple[str, str]]:
    """(kind, unit) of each hole, left to right; unit "" where none stands behind it."""
    parts = masks.HOLE.split(shape)
    out: list[tuple[str, str]] = []
    for kind, literal in zip(parts[1::2], parts[2::2], strict=True):
        unit = masks.UNIT.match(literal) if kind in ("duration", "size") else None
        out.append((kind, unit[0].strip() if unit else ""))
    return out


def factor(kind: str, unit: str) -> float | None:
    """What a number of this kind and unit is multiplied with: seconds for durations, bytes for sizes; None if neither.

    KB is 1,000 and KiB 1,024 bytes.
    """
    if kind == "num":
        return 1.0
    low = unit.lower()
    if kind == "duration":
        for name in (low, low[:2], low[:1]):
            if name in _SECONDS and not (name == "m" and low.startswith(("ms", "milli", "micro"))):
                return _SECONDS[name]
        return 1e-3 if low.startswith("milli") else 1e-6 if low.startswith("micro") else None
    if kind == "size":
        if low.startswith("b"):
            return 1.0
        return 1024.0 ** ("kmgtp".index(low[0]) + 1) if low[1:2] == "i" else _BYTES.get(low[:1])
    return None


def expand_variables(entries: pl.DataFrame, shapes: pl.DataFrame) -> pl.DataFrame:
    """One row per value.

    Args:
        entries: entry_id, shape_id, variables.
        shapes: shape_id, shape of at least the shapes that occur (others are left out).

    Returns:
        The columns of `SCHEMA`, in order of entries and positions (from 0). `number`: the value as it is for "num",
        seconds for "duration", bytes for "size", null otherwise.
    """
    kinds = [
        (shape_id, position, kind, unit, factor(kind, unit))
        for shape_id, shape in shapes.select("shape_id", "shape").drop_nulls().unique().iter_rows()
        for position, (kind, unit) in enumerate(holes(shape))
    ]
    columns: dict[str, pl.DataType | type[pl.DataType]]
    columns = {"shape_id": pl.Utf8, "position": pl.Int32, "kind": pl.Utf8, "unit": pl.Utf8, "factor": pl.Float64}
    table = pl.DataFrame(kinds, schema=columns, orient="row")
    rows = entries.select("entry_id", "shape_id", pl.col("variables").alias("value"))
    rows = rows.filter(pl.col("value").list.len() > 0)
    rows = rows.with_columns(position=pl.int_ranges(0, pl.col("value").list.len(), dtype=pl.Int32))
    rows = rows.explode("value", "position").join(
        table, on=["shape_id", "position"], how="inner", maintain_order="left"
    )
    return rows.select(
        "entry_id",
        "shape_id",
        "position",
        "kind",
        "unit",
        "value",
        number=pl.when(pl.col("factor").is_not_null())
        .then(pl.col("value").cast(pl.Float64, strict=False) * pl.col("factor"))
        .otherwise(None),
    )
