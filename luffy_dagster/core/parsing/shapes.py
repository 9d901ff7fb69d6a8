"""Message → shape: the message with its typed values taken out. A fact: the same message has the same shape for ever.

Belongs here: finding the values of many messages at once, the id of a shape, the message rebuilt from both. Does not
belong here: which shapes mean the same (`templates`), what a value is worth as a number (`variables`).

How it is fast: digits are collapsed over the raw bytes first (`bytes.translate`), the distinct texts are few, and only
those are masked, in polars' Rust engine. Exact by construction: the masks do not look at which digit stands where
(`masks`), so a text and its collapsed form have their values at the same places, and the shape is *defined* on the
collapsed form. The values themselves are cut out of the messages at the bytes where the collapsed form has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import polars as pl

from luffy_dagster.core.parsing import masks
from luffy_dagster.core.parsing.masking import Masked, mask
from luffy_dagster.core.parsing.texts import collapse_digits, encode

SHAPE_ALGORITHM = "shapes-2026-11-28"
# Stands for all messages whose shapes a day has no room for (`flows.facts`); no message has it, for a value is a hole.
BUCKET_SHAPE = "(more shapes than a day may have)"
LONGEST = 4_000  # characters of a message that are looked at; what follows is one value of kind "more"

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "shape_id": pl.Utf8,
    "shape": pl.Utf8,
    "variables": pl.List(pl.Utf8),
}


def shape_id(shape: str) -> str:
    """16 hex characters: stable hash of the algorithm's id and the shape."""
    return blake2b(f"{SHAPE_ALGORITHM}\0{shape}".encode(), digest_size=8).hexdigest()


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
    return _named(mask(texts), codes, rest)


def _named(masked: Masked, codes: pl.Series, rest: pl.Series | None) -> pl.DataFrame:
    """shape_id and shape of messages, given the code of each and the rest of those that are too long."""
    if rest is None:
        return _with_ids(masked.shapes).select(pl.all().gather(codes))
    longer = pl.when(rest.is_not_null()).then(pl.lit("<more>")).otherwise(pl.lit(""))
    shape = pl.DataFrame({"shape": masked.shapes.gather(codes)}).select(pl.col("shape") + longer).to_series()
    codes, texts = encode(shape)
    return _with_ids(texts).select(pl.all().gather(codes))


def _with_ids(shapes: pl.Series) -> pl.DataFrame:
    """shape_id and shape of shapes, of which many are equal or null."""
    codes, distinct = encode(shapes)
    ids = pl.Series("shape_id", [shape_id(shape) for shape in distinct], dtype=pl.Utf8)
    return pl.DataFrame({"shape_id": ids.gather(codes), "shape": shapes})


def variables_of(messages: pl.Series) -> pl.Series:
    """Values of each message's holes, left to right (List[Utf8]); null where the message is null or empty."""
    return shape_messages(messages)["variables"]


def _values(head: pl.Series, masked: Masked, codes: pl.Series) -> pl.Series:
    """Values of each text (List[Utf8]), cut out of its bytes where its collapsed form has them; null where that is empty."""
    rows = pl.DataFrame({"count": masked.counts.gather(codes).fill_null(0), "first": masked.firsts.gather(codes)})
    cuts = (
        rows.with_row_index("row")
        .filter(pl.col("count") > 0)
        .with_columns(value=pl.int_ranges(pl.col("first"), pl.col("first") + pl.col("count"), dtype=pl.UInt32))
        .explode("value")
    )
    value = pl.DataFrame({"text": head.gather(cuts["row"]).cast(pl.Binary)}).select(
        pl.col("text").bin.slice(masked.starts.gather(cuts["value"]), masked.sizes.gather(cuts["value"])).cast(pl.Utf8)
    )
    lists = (
        value.with_columns(cuts["row"].set_sorted()).group_by("row", maintain_order=True).agg(pl.col("text"))["text"]
    )
    if len(lists) == len(head):
        return lists.alias("variables")
    # texts without values have the empty list behind the others, and there are none of nothing
    some = rows["count"] > 0
    bare = (head.str.len_bytes() > 0).fill_null(value=False)
    place = pl.select(pl.when(some).then(some.cum_sum() - 1).when(bare).then(len(lists))).to_series()
    lists = pl.concat([lists, pl.Series([[]], dtype=pl.List(pl.Utf8))], rechunk=True)
    return lists.gather(place).alias("variables")


def shape_messages(messages: pl.Series) -> pl.DataFrame:
    """Shape and values of each message.

    Args:
        messages: Utf8, one per entry, without header.

    Returns:
        shape_id, shape, variables (as many as the shape has holes, left to right), one row per message in order;
        nulls where the message is null or empty. `rebuild(shape, variables)` gives the message back.
    """
    head, rest = _split_long(messages.cast(pl.Utf8))
    codes, texts = encode(collapse_digits(head))
    masked = mask(texts)
    values = _values(head, masked, codes)
    if rest is not None:
        frame = pl.DataFrame({"values": values, "rest": rest})
        values = frame.select(
            pl.when(pl.col("rest").is_not_null())
            .then(pl.concat_list("values", pl.col("rest").fill_null("")))
            .otherwise("values")
        ).to_series()
    return _named(masked, codes, rest).with_columns(variables=values)


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
    in_word = summary.filter(pl.col("shape").str.contains("[A-Za-z]<num>|[A-Z]-<num>-[A-Z]")).select("shape_id")
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
