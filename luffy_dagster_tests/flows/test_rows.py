"""The order of raw rows: the quick ways to it and sorting agree."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from luffy_dagster.flows.rows import ORDER, ordered

ROW = st.tuples(
    st.sampled_from("ab"), st.none() | st.integers(0, 3), st.none() | st.integers(0, 3), st.integers(0, 3)
)
SCHEMA = {"stream": pl.Utf8, "event_time": pl.Int64, "seq": pl.Int64, "doc_id": pl.Utf8}


@given(st.lists(ROW, max_size=8, unique=True), st.booleans())
@settings(max_examples=400, deadline=None)
def test_rows_put_in_order_are_as_sorted(rows: list[tuple[object, ...]], by_time: bool) -> None:
    if by_time:
        rows = sorted(rows, key=lambda row: (row[1] is None, row[1] or 0, row[2] is None, row[2] or 0, row[3]))
    frame = pl.DataFrame([(*row[:3], str(row[3])) for row in rows], schema=SCHEMA, orient="row")
    assert ordered(frame).equals(frame.sort(ORDER, nulls_last=True))
