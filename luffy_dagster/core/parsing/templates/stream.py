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
from luffy_dagster.core.parsing.shapes import shape_ids, summarise_shapes
from luffy_dagster.core.parsing.templates.miner import mine_templates
from luffy_dagster.core.parsing.texts import COLLAPSE, collapse_digits, encode, split_lines

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TemplateStream:
    """Feed chunks of raw lines, get a number per line; at the end, the template of each number.

    What it keeps grows with the number of distinct shapes, not with the number of lines.
    """

    def __init__(self, profile: StreamProfile) -> None:
        self._formats = reading(profile).formats
        self._known: dict[str, int] = {"": 0}
        self._summary: list[pl.DataFrame] = []

    def feed(self, lines: pl.Series) -> pl.Series:
        """Number of the shape of each raw line, in order (UInt32; 0 for a line without message)."""
        kinds, _ = encode(collapse_digits(lines))
        return self._numbers(kinds, lines.gather(kinds.arg_unique()))

    def feed_block(self, block: bytes) -> pl.Series:
        """The same for a block of whole lines of UTF-8 bytes that end in a line feed (what is no UTF-8 is replaced)."""
        collapsed = None if b"\x01" in block else split_lines(block.translate(COLLAPSE), "\n", "\x01")
        ends = None if collapsed is None else (collapsed.str.len_bytes().cast(pl.Int64) + 1).cum_sum()
        if collapsed is None or ends is None or not len(ends) or ends[-1] != len(block):
            text = block.decode("utf-8", "replace").removesuffix("\n")
            return self.feed(pl.Series(text.split("\n"), dtype=pl.Utf8))
        # of lines that differ in digits only one is taken as it is, by its place in the block
        kinds, texts = encode(collapsed)
        places = zip(texts.str.len_bytes(), ends.gather(kinds.arg_unique()), strict=True)
        real = [block[end - 1 - size : end - 1].decode("utf-8", "replace") for size, end in places]
        return self._numbers(kinds, pl.Series(real, dtype=pl.Utf8))

    def _numbers(self, kinds: pl.Series, real: pl.Series) -> pl.Series:
        """Numbers of lines, given the kind of each (numbered as they appear, from 0) and a real line of each kind."""
        counts = pl.DataFrame({"kind": kinds}).group_by("kind").len().sort("kind")["len"]
        message = read_headers(real, self._formats, received_at=_EPOCH, wants_time=False)["message"]
        shaped = pl.DataFrame({"message": message, "count": counts})
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
        return numbered["code"].gather(kinds)

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
