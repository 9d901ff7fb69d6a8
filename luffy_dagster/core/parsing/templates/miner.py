"""Mining: distinct shapes in, one template per shape out, whatever their order."""

from __future__ import annotations

import re
from hashlib import blake2b

import polars as pl

from luffy_dagster.core.parsing import masks

TEMPLATE_ALGORITHM = "templates-2026-11"


def template_id(template: str) -> str:
    """16 hex characters: stable hash of the algorithm's id and the template."""
    return blake2b(f"{TEMPLATE_ALGORITHM}\0{template}".encode(), digest_size=8).hexdigest()


def mine_templates(shapes: pl.DataFrame) -> pl.DataFrame:
    """Template of every distinct shape.

    Args:
        shapes: shape_id, shape (further columns count, example are used where present).

    Returns:
        shape_id, template_id, template, one row per distinct shape_id, sorted by shape_id.
    """
    distinct = shapes.select("shape_id", "shape").drop_nulls().unique().sort("shape_id")
    texts = [
        re.sub(r"[^\s,;()\[\]{}=\"']*<\*>[^\s,;()\[\]{}=\"']*", "<*>", masks.HOLE.sub("<*>", s))
        for s in distinct["shape"]
    ]
    return distinct.select(
        "shape_id",
        pl.Series("template_id", [template_id(t) for t in texts], dtype=pl.Utf8),
        pl.Series("template", texts, dtype=pl.Utf8),
    )
