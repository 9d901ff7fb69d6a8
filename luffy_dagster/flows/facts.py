"""Facts of a parse into the store: shapes and fingerprints, each once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from luffy_dagster import store


def store_facts(conn: Any, service: Any, shapes: pl.DataFrame, exceptions: pl.DataFrame, *, now: datetime) -> int:
    """Writes shapes and fingerprints that a parse found; returns the number of new shapes."""
    new = 0
    if not shapes.is_empty():
        from luffy_dagster.core.parsing.shapes import SHAPE_ALGORITHM

        rows = shapes.group_by("shape_id", maintain_order=True).agg(
            pl.col("shape", "example", "level").first(),
            pl.col("first_seen").min(),
            pl.col("last_seen").max(),
            pl.col("count").sum(),
        )
        new = store.shapes.upsert(conn, service.id, rows, algorithm=SHAPE_ALGORITHM, now=now)
    if not exceptions.is_empty():
        from luffy_dagster.core.clustering.fingerprints import FINGERPRINT_ALGORITHM

        rows = (
            exceptions.sort("event_time", "entry_id")
            .group_by("fingerprint", maintain_order=True)
            .agg(pl.all().first(), pl.col("event_time").max().alias("last_seen"))
        )
        store.fingerprints.upsert(conn, service.id, rows, algorithm=FINGERPRINT_ALGORITHM, now=now)
    return new
