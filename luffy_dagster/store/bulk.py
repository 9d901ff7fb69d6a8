"""Many rows in one statement: a polars frame goes over as arrays and comes back as a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, text

if TYPE_CHECKING:
    import polars as pl


def run(conn: Connection, statement: str, frame: pl.DataFrame, types: Mapping[str, str], **params: Any) -> int:
    """Runs `statement` with `{rows}` standing for the frame's rows, whose columns have the PostgreSQL `types`.

    Returns how many rows the statement touched.
    """
    if frame.is_empty():
        return 0
    arrays = ", ".join(f"CAST(:_{c} AS {t}[])" for c, t in types.items())
    rows = f"unnest({arrays}) AS r({', '.join(types)})"
    values = {f"_{c}": frame[c].to_list() for c in types}
    return conn.execute(text(statement.replace("{rows}", rows)), {**values, **params}).rowcount


def frame(conn: Connection, query: Select[Any], schema: Mapping[str, Any]) -> pl.DataFrame:
    """The rows of a query as a frame of this schema (columns in its order)."""
    import polars as pl

    rows: Sequence[Any] = conn.execute(query).all()
    columns = dict(zip(schema, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(schema, ())
    # sums come as decimals, for which polars would load numpy
    whole = [name for name, kind in schema.items() if kind == pl.Int64]
    columns |= {name: tuple(None if v is None else int(v) for v in columns[name]) for name in whole}
    return pl.DataFrame(columns, schema=dict(schema))
