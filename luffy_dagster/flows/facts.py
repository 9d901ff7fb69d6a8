"""Facts of a parse into the store: shapes and fingerprints, each once; shapes past the day's cap to a counted bucket."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.parsing.shapes import BUCKET_SHAPE, SHAPE_ALGORITHM, shape_id

BUCKET = shape_id(BUCKET_SHAPE)
_SHOWN = 3  # examples in the alarm


@dataclass(frozen=True)
class Passed:
    """Shapes that a day has no room for any more."""

    shape_ids: frozenset[str] = frozenset()
    day: date | None = None
    examples: tuple[str, ...] = ()

    def bucketed(self, entries: pl.DataFrame) -> pl.DataFrame:
        """`entries` with these shapes counted as the bucket."""
        if not self.shape_ids:
            return entries
        gone = pl.col("shape_id").is_in([*self.shape_ids])
        return entries.with_columns(pl.when(gone).then(pl.lit(BUCKET)).otherwise(pl.col("shape_id")).alias("shape_id"))

    def kept(self, shapes: pl.DataFrame) -> pl.DataFrame:
        """`shapes` with one row for the bucket in the place of all these."""
        if not self.shape_ids:
            return shapes
        gone = pl.col("shape_id").is_in([*self.shape_ids])
        bucket = shapes.filter(gone).with_columns(
            pl.lit(BUCKET).alias("shape_id"), pl.lit(BUCKET_SHAPE).alias("shape"), pl.lit(None, pl.Utf8).alias("level")
        )
        return pl.concat([shapes.filter(~gone), bucket.select(shapes.columns)], how="vertical_relaxed")


def past_the_cap(conn: Any, service: str, shapes: pl.DataFrame, cap: int) -> Passed:
    """Which of the shapes that a parse found pass the cap of new shapes per day of their first occurrence.

    The earliest stay. A shape that is known stays known, so that a day parsed again keeps what it kept.
    """
    if shapes.is_empty():
        return Passed()
    rows = shapes.group_by("shape_id").agg(pl.col("first_seen").min(), pl.col("example").first())
    known = store.shapes.known(conn, service, rows.get_column("shape_id").to_list())
    new = rows.filter(~pl.col("shape_id").is_in([*known, BUCKET])).with_columns(
        pl.col("first_seen").dt.date().alias("day")
    )
    if new.is_empty():
        return Passed()
    kept = store.shapes.count_by_day(conn, service, new.get_column("day").unique().to_list())
    room = pl.col("day").replace_strict(kept, default=0, return_dtype=pl.Int64)
    passed = new.sort("first_seen", "shape_id").filter(room + pl.int_range(pl.len()).over("day") >= cap)
    if passed.is_empty():
        return Passed()
    return Passed(
        frozenset(passed.get_column("shape_id").to_list()),
        passed.get_column("day").max(),  # type: ignore[arg-type]
        tuple(passed.get_column("example").head(_SHOWN).to_list()),
    )


def tell_of_cap(conn: Any, service: str, passed: Passed, entries: pl.DataFrame, cap: int, now: datetime) -> None:
    """The alarm of a day that has more shapes than it may have, when entries were written that lost theirs."""
    count = entries.filter(pl.col("shape_id") == BUCKET).height if passed.shape_ids else 0
    if not count:
        return
    detail = (
        f"{passed.day}: more than {cap:,} new shapes; {count:,} entries of {len(passed.shape_ids):,} more went to one bucket, "
        f"such as {passed.examples[0][:120]!r}; mask what varies in them, or raise LUFFY_SHAPES_PER_DAY"
    )
    store.alarms.raise_alarm(conn, service, "shapes_capped", detail, now)


def store_facts(conn: Any, service: Any, shapes: pl.DataFrame, exceptions: pl.DataFrame, *, now: datetime) -> int:
    """Writes shapes and fingerprints that a parse found; returns the number of new shapes."""
    new = 0
    if not shapes.is_empty():
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
