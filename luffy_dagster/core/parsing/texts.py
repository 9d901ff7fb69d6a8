"""Columns of texts as a whole: their bytes by a table, the lines of one text, numbers for the distinct ones.

Nothing here knows what the texts say.
"""

from __future__ import annotations

import polars as pl

COLLAPSE = bytes.maketrans(b"123456789", b"000000000")
_FEW = 2_000  # texts up to which an expression is as quick
_SEPARATORS = ("\x1e", "\x1f", "\x1d", "\x1c")  # of which no text holds at least two, as a rule
_ORDER_MARK = "\ufeff"


def collapse_digits(texts: pl.Series) -> pl.Series:
    """`texts` (Utf8) with every ASCII digit turned into 0; lengths and nulls stay."""
    out = translated(texts, COLLAPSE)
    return texts.str.replace_all("[0-9]", "0") if out is None else out


def translated(texts: pl.Series, table: bytes) -> pl.Series | None:
    """`texts` (Utf8) with ASCII characters replaced by others; None where that is not to be had quickly (few texts, odd ones)."""
    if len(texts) < _FEW or _ORDER_MARK in (texts[0] or ""):
        return None
    # all texts as one: a table over its bytes is many times as quick as an expression over each
    plain = texts.fill_null("") if texts.null_count() else texts
    for end in _SEPARATORS:
        whole: bytes = plain.str.join(end).cast(pl.Binary)[0]
        never = next((sign for sign in _SEPARATORS if sign != end and sign.encode() not in whole), None)
        if never is None:
            return None
        out = split_lines(whole.translate(table), end, never).alias(texts.name)
        if len(out) == len(texts):  # no text holds what they were joined by
            return out.set(texts.is_null(), None) if texts.null_count() else out
    return None


def split_lines(text: bytes, end: str, never: str) -> pl.Series:
    """The lines of a text that has no `never`, read as a table of one column: a fifth of splitting it."""
    table = pl.read_csv(
        text,
        has_header=False,
        schema={"line": pl.Utf8},
        eol_char=end,
        separator=never,
        quote_char=None,
        encoding="utf8-lossy",
    )
    return table["line"].fill_null("") if table["line"].null_count() else table["line"]


def encode(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """A number for each text (UInt32, null for null) and the distinct texts that the numbers stand for."""
    coded = texts.alias("text").cast(pl.Categorical(pl.Categories.random()))
    distinct = coded.drop_nulls().unique(maintain_order=True)
    return coded.to_physical(), distinct.cast(pl.Utf8)
