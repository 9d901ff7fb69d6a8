"""Message → shape: the message with its typed values taken out. A fact: the same message has the same shape for ever.

Belongs here: finding the values of many messages at once, the id of a shape, the message rebuilt from both. Does not
belong here: which shapes mean the same (`templates`), what a value is worth as a number (`variables`).

How it is fast: digits are collapsed over the raw bytes first (`bytes.translate`), the distinct texts are few, and only
those are masked, in polars' Rust engine. Exact by construction: the masks do not look at which digit stands where
(`masks`), so a text and its collapsed form have their values at the same places, and the shape is *defined* on the
collapsed form. The values themselves are found by the same expression in the messages as they are.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from hashlib import blake2b

import polars as pl

from luffy_dagster.core.parsing import masks

SHAPE_ALGORITHM = "shapes-2026-11-25"
# Stands for all messages whose shapes a day has no room for (`flows.facts`); no message has it, for a value is a hole.
BUCKET_SHAPE = "(more shapes than a day may have)"
LONGEST = 4_000  # characters of a message that are looked at; what follows is one value of kind "more"

COLLAPSE = bytes.maketrans(b"123456789", b"000000000")
_FEW = 2_000  # texts up to which an expression is as quick
_SEPARATORS = ("\x1e", "\x1f", "\x1d")  # one that no text holds stands between them
_NUL = "\x00"
_LETTERS = string.ascii_letters[: len(masks.KINDS)]  # a kind as one letter
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "shape_id": pl.Utf8,
    "shape": pl.Utf8,
    "variables": pl.List(pl.Utf8),
}


def shape_id(shape: str) -> str:
    """16 hex characters: stable hash of the algorithm's id and the shape."""
    return blake2b(f"{SHAPE_ALGORITHM}\0{shape}".encode(), digest_size=8).hexdigest()


def collapse_digits(texts: pl.Series) -> pl.Series:
    """`texts` (Utf8) with every ASCII digit turned into 0; lengths and nulls stay."""
    separator = None if len(texts) < _FEW else next((s for s in _SEPARATORS if not _occurs(texts, s)), None)
    if separator is None:
        return texts.str.replace_all("[0-9]", "0")
    # all texts as one: a table over its bytes is many times as quick as an expression over each
    whole: str = (texts.fill_null("") if texts.null_count() else texts).str.join(separator)[0]
    zeros = whole.encode().translate(COLLAPSE).decode()
    out = pl.Series(texts.name, [zeros], dtype=pl.Utf8).str.split(separator).explode()
    return out.set(texts.is_null(), None) if texts.null_count() else out


def _occurs(texts: pl.Series, character: str) -> bool:
    return bool(texts.str.contains(character, literal=True).any())


def _kind_expression(value: pl.Expr) -> pl.Expr:
    """Number of the kind of each collapsed value (index into `masks.KIND_NAMES`)."""
    expression = pl.lit(len(masks.KINDS) - 1, dtype=pl.UInt8)
    for index in range(len(masks.KINDS) - 2, -1, -1):
        matches = value.str.contains(f"^(?:{masks.KINDS[index][1]})$")
        expression = pl.when(matches).then(pl.lit(index, dtype=pl.UInt8)).otherwise(expression)
    return expression


def _shapes_of_distinct(texts: pl.Series) -> pl.Series:
    """Shape of every collapsed text (distinct, not null, not empty, none longer than LONGEST)."""
    frame = pl.DataFrame(
        {"literal": texts.str.replace_all(masks.PATTERN, _NUL), "values": texts.str.extract_all(masks.PATTERN)}
    )
    distinct = frame.get_column("values").explode().unique().drop_nulls()
    kinds = pl.DataFrame({"values": distinct}).select(kind=_kind_expression(pl.col("values")))["kind"]
    letters = kinds.replace_strict([*range(len(_LETTERS))], [*_LETTERS], return_dtype=pl.Utf8)
    named = pl.element().replace_strict(distinct, letters, return_dtype=pl.Utf8) if len(distinct) else pl.element()
    keyed = frame.select("literal", kinds=pl.col("values").list.eval(named).list.join(""))
    distinct_keys = keyed.unique(maintain_order=True)
    built = [_assemble(literal, kinds) for literal, kinds in distinct_keys.iter_rows()]
    distinct_keys = distinct_keys.with_columns(shape=pl.Series(built, dtype=pl.Utf8))
    return keyed.join(distinct_keys, on=["literal", "kinds"], how="left", maintain_order="left")["shape"]


def _assemble(literal: str, kinds: str) -> str:
    parts = literal.split(_NUL)
    names = [masks.KIND_NAMES[_LETTERS.index(letter)] for letter in kinds]
    pieces = [masks.escape(parts[0])]
    for name, part in zip(names, parts[1:], strict=True):
        unit = masks.UNIT.match(part) if name == "num" else None
        kind = name if unit is None else "duration" if unit[1] else "size"
        pieces.append(f"<{kind}>{masks.escape(part)}")
    return "".join(pieces)


def _split_long(messages: pl.Series) -> tuple[pl.Series, pl.Series | None]:
    """The part of each message that is looked at, and the rest (None when no message is that long)."""
    if (messages.str.len_bytes().max() or 0) <= LONGEST:  # type: ignore[operator]
        return messages, None
    rest = messages.str.slice(LONGEST)
    return messages.str.slice(0, LONGEST), rest.set(rest == "", None)


def shape_ids(messages: pl.Series) -> pl.DataFrame:
    """shape_id and shape of each message, in order; nulls for null or empty messages.

    The cheap half of `shape_messages`: no values are taken out.
    """
    head, rest = _split_long(messages.cast(pl.Utf8))
    codes, texts = encode(collapse_digits(head))
    filled = texts.str.len_bytes() > 0
    shapes = _shapes_of_distinct(texts.filter(filled))
    of_code = shapes.gather(pl.select(pl.when(filled).then(filled.cum_sum() - 1)).to_series())
    if rest is None:
        return _with_ids(of_code).select(pl.all().gather(codes))
    longer = pl.when(rest.is_not_null()).then(pl.lit("<more>")).otherwise(pl.lit(""))
    shape = pl.DataFrame({"shape": of_code.gather(codes)}).select(pl.col("shape") + longer).to_series()
    codes, texts = encode(shape)
    return _with_ids(texts).select(pl.all().gather(codes))


def encode(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """A number for each text (UInt32, null for null) and the distinct texts that the numbers stand for."""
    coded = texts.alias("text").cast(pl.Categorical(pl.Categories.random()))
    distinct = coded.drop_nulls().unique(maintain_order=True)
    return coded.to_physical(), distinct.cast(pl.Utf8)


def _with_ids(shapes: pl.Series) -> pl.DataFrame:
    """shape_id and shape of shapes, of which many are equal or null."""
    codes, distinct = encode(shapes)
    ids = pl.Series("shape_id", [shape_id(shape) for shape in distinct], dtype=pl.Utf8)
    return pl.DataFrame({"shape_id": ids.gather(codes), "shape": shapes})


def variables_of(messages: pl.Series) -> pl.Series:
    """Values of each message's holes, left to right (List[Utf8]); null where the message is null or empty."""
    texts = messages.cast(pl.Utf8)
    head, rest = _split_long(texts)
    values = head.str.extract_all(masks.PATTERN)
    if rest is not None:
        frame = pl.DataFrame({"values": values, "rest": rest})
        values = frame.select(
            pl.when(pl.col("rest").is_not_null())
            .then(pl.concat_list("values", pl.col("rest").fill_null("")))
            .otherwise("values")
        ).to_series()
    return values.set(texts.str.len_bytes() == 0, None)


def shape_messages(messages: pl.Series) -> pl.DataFrame:
    """Shape and values of each message.

    Args:
        messages: Utf8, one per entry, without header.

    Returns:
        shape_id, shape, variables (as many as the shape has holes, left to right), one row per message in order;
        nulls where the message is null or empty. `rebuild(shape, variables)` gives the message back.
    """
    return shape_ids(messages).with_columns(variables=variables_of(messages))


def summarise_shapes(shaped: pl.DataFrame) -> pl.DataFrame:
    """One row per shape, in no particular order: what `mine_templates` takes.

    Args:
        shaped: message, shape_id, shape (one row per entry; rows without shape are left out); variables where they
            are known already; count where a row stands for several.

    Returns:
        shape_id, shape, count (Int64), example (the least of its messages, so that order does not matter) and
        constants: for shapes with a digit inside a word ("eth0"), the value of each hole where it is the same in all
        messages, else null; null for other shapes.
    """
    rows = shaped.filter(pl.col("shape_id").is_not_null())
    count = pl.col("count").sum().cast(pl.Int64) if "count" in shaped.columns else pl.len().cast(pl.Int64)
    summary = rows.group_by("shape_id").agg(
        pl.col("shape").first(), count.alias("count"), example=pl.col("message").min()
    )
    in_word = summary.filter(pl.col("shape").str.contains("[A-Za-z]<num>")).select("shape_id")
    values = rows.join(in_word, on="shape_id", how="semi")
    if "variables" not in values.columns:
        values = values.with_columns(variables=variables_of(values["message"]))
    values = values.select("shape_id", "variables").unique()
    holes = values.with_columns(hole=pl.int_ranges(pl.col("variables").list.len())).explode("variables", "hole")
    constant = pl.when(pl.col("variables").n_unique() == 1).then(pl.col("variables").first())
    per_hole = holes.group_by("shape_id", "hole").agg(constant=constant).sort("shape_id", "hole")
    constants = per_hole.group_by("shape_id", maintain_order=True).agg(constants=pl.col("constant"))
    return summary.join(constants, on="shape_id", how="left")


def shape_of(message: str) -> tuple[str, str, list[str]]:
    """shape_id, shape and values of one message (for many use `shape_messages`); raises ValueError when it is empty."""
    if not message:
        raise ValueError("an empty message has no shape: leave it out")
    row = shape_messages(pl.Series([message], dtype=pl.Utf8)).row(0)
    return row[0], row[1], row[2]


def rebuild(shape: str, variables: Sequence[str]) -> str:
    """The message again, byte for byte; raises ValueError when the number of values is not that of the holes."""
    parts = masks.HOLE.split(shape)
    if len(parts) // 2 != len(variables):
        raise ValueError(
            f"shape has {len(parts) // 2} holes but {len(variables)} values were given: they belong to another"
        )
    pieces = [masks.unescape(parts[0])]
    for value, literal in zip(variables, parts[2::2], strict=True):
        pieces.extend((value, masks.unescape(literal)))
    return "".join(pieces)
