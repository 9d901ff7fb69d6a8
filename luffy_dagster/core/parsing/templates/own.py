"""A service's own masks: expressions whose matches count as one value when its shapes are mapped to templates.

A mask acts on the mapping, never on the fact: a shape stays what it is, and is mined as if the match had been a constant word
(the mask's replacement). It is tried on the example of each shape. Expressions are those of the column engine (Rust's, in
linear time whatever the text).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import polars as pl

from luffy_dagster.core.parsing.shapes import shape_ids
from luffy_dagster.core.parsing.templates.miner import mine_templates


class Mask(Protocol):
    """A named expression and what stands in the template for its matches."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def pattern(self) -> str:
        """The expression."""

    @property
    def replacement(self) -> str:
        """What stands for a match, taken literally."""


def masked(examples: pl.Series, masks: Sequence[Mask]) -> pl.Series:
    """The examples with the matches of every mask replaced, mask after mask."""
    for mask in masks:
        examples = examples.str.replace_all(mask.pattern, mask.replacement.replace("$", "$$"))
    return examples


def map_shapes(shapes: pl.DataFrame, masks: Sequence[Mask] = ()) -> pl.DataFrame:
    """Template of every shape under a service's own masks.

    Args:
        shapes: shape_id, shape, example; count and constants where known.
        masks: applied in their order; none: the same as `mine_templates`.

    Returns:
        shape_id, template_id, template, sorted by shape_id.
    """
    if not masks or shapes.is_empty():
        return mine_templates(shapes)
    texts = masked(shapes["example"], masks)
    changed = (texts != shapes["example"]).fill_null(value=False)
    if not changed.any():
        return mine_templates(shapes)
    seen = shape_ids(texts.filter(changed))
    rows = changed.arg_true()
    given = shapes.with_columns(
        as_id=shapes["shape_id"].scatter(rows, seen["shape_id"].fill_null("empty")),
        as_shape=shapes["shape"].scatter(rows, seen["shape"].fill_null("")),
    )
    count = pl.col("count").sum() if "count" in given.columns else pl.len()
    summary = given.group_by("as_id").agg(
        pl.col("as_shape").first().alias("shape"),
        count.cast(pl.Int64).alias("count"),
        *([pl.col("constants").first()] if "constants" in given.columns else []),
    )
    mined = mine_templates(summary.rename({"as_id": "shape_id"}))
    return (
        given.select("shape_id", "as_id")
        .join(mined.rename({"shape_id": "as_id"}), on="as_id", how="left")
        .select("shape_id", "template_id", "template")
        .sort("shape_id")
    )
