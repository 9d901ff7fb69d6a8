"""Template ids of many raw lines in little memory: header and shape are found once per distinct digit-collapsed line.

For whole files where only templates are wanted (a comparison of two files, a benchmark). Entries with times, levels and
folding come from `core.parsing.parse_rows`. Two lines that differ in digits only have their header at the same place,
because header expressions do not look at which digit stands where either; a header is read from a real line of each
kind, never from the collapsed text.
"""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from luffy_dagster.core.model import StreamProfile
from luffy_dagster.core.parsing.headers import read_headers
from luffy_dagster.core.parsing.profiles import reading
from luffy_dagster.core.parsing.shapes import collapse_digits, shape_ids, summarise_shapes
from luffy_dagster.core.parsing.templates.miner import mine_templates

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TemplateStream:
    """Feed chunks of raw lines, get a number per line; at the end, the template of each number.

    What it keeps grows with the number of distinct shapes, not with the number of lines.
    """

    def __init__(self, profile: StreamProfile) -> None:
        self._formats = reading(profile).formats
        self._known: dict[str, int] = {"": 0}
        self._summary: list[pl.DataFrame] = []

    def feed(self, lines: pl.Series, collapsed: pl.Series | None = None) -> pl.Series:
        """Number of the shape of each line (UInt32; 0 for a line without message).

        Args:
            lines: raw lines in order.
            collapsed: the same with digits collapsed (`shapes.COLLAPSE`) where the caller has them already.
        """
        frame = pl.DataFrame({"collapsed": collapse_digits(lines) if collapsed is None else collapsed})
        kinds = frame.with_row_index("first").group_by("collapsed").agg(pl.col("first").min(), count=pl.len())
        real = lines.gather(kinds["first"])
        message = read_headers(real, self._formats, received_at=_EPOCH, wants_time=False)["message"]
        shaped = pl.DataFrame({"message": message, "count": kinds["count"]})
        shaped = pl.concat([shaped, shape_ids(shaped["message"])], how="horizontal")
        summary = summarise_shapes(shaped)
        for shape_id in summary["shape_id"].sort():
            self._known.setdefault(shape_id, len(self._known))
        self._summary.append(summary)
        if len(self._summary) > 32:
            self._summary = [self._merged()]
        codes = pl.DataFrame(
            {"shape_id": list(self._known), "code": pl.Series(range(len(self._known)), dtype=pl.UInt32)}
        )
        numbered = shaped.select(pl.col("shape_id").fill_null("")).join(
            codes, on="shape_id", how="left", maintain_order="left"
        )
        kinds = kinds.select("collapsed", numbered["code"])
        return frame.join(kinds, on="collapsed", how="left", maintain_order="left", nulls_equal=True)["code"]

    def templates(self) -> pl.DataFrame:
        """code, shape_id, count, template_id, template of every shape fed so far."""
        summary = self._merged()
        table = summary.join(mine_templates(summary), on="shape_id", how="left")
        codes = [self._known[shape_id] for shape_id in table["shape_id"]]
        table = table.with_columns(pl.Series("code", codes, dtype=pl.UInt32))
        return table.select("code", "shape_id", "count", "template_id", "template").sort("code")

    def _merged(self) -> pl.DataFrame:
        return merge_summaries(self._summary)


def merge_summaries(summaries: list[pl.DataFrame]) -> pl.DataFrame:
    """Summaries of several batches (`shapes.summarise_shapes`) as one, whatever their order."""
    table = pl.concat(summaries) if summaries else pl.DataFrame()
    if table.is_empty():
        columns = {"shape_id": pl.Utf8, "shape": pl.Utf8, "count": pl.Int64, "example": pl.Utf8}
        return pl.DataFrame(schema={**columns, "constants": pl.List(pl.Utf8)})
    merged = table.group_by("shape_id").agg(
        pl.col("shape").first(), pl.col("count").sum(), pl.col("example").min(), pl.col("constants")
    )
    constants = [_common(lists) for lists in merged["constants"].to_list()]
    return merged.with_columns(pl.Series("constants", constants, dtype=pl.List(pl.Utf8)))


def _common(lists: list[list[str | None] | None]) -> list[str | None] | None:
    known = [one for one in lists if one is not None]
    if not known:
        return None
    return [first if all(one[i] == first for one in known) else None for i, first in enumerate(known[0])]
