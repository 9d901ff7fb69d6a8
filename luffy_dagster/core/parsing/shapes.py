"""Message → shape: the message with its typed values taken out. A fact: the same message has the same shape for ever.

Belongs here: finding the values of many messages at once, the id of a shape, the message rebuilt from both. Does not
belong here: which shapes mean the same (`templates`), what a value is worth as a number (`variables`).

How it is fast: digits are collapsed over the raw bytes first (`bytes.translate`), the distinct texts are few, and only
those are masked, in polars' Rust engine. Exact by construction: the masks do not look at which digit stands where
(`masks`), so a text and its collapsed form have their values at the same places, and the shape is *defined* on the
collapsed form. The values themselves are cut out of the messages at the bytes where the collapsed form has them.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice

import polars as pl

from luffy_dagster.core.parsing import masks

SHAPE_ALGORITHM = "shapes-2026-11-25"
# Stands for all messages whose shapes a day has no room for (`flows.facts`); no message has it, for a value is a hole.
BUCKET_SHAPE = "(more shapes than a day may have)"
LONGEST = 4_000  # characters of a message that are looked at; what follows is one value of kind "more"

COLLAPSE = bytes.maketrans(b"123456789", b"000000000")
_FEW = 2_000  # texts up to which an expression is as quick
_SEPARATORS = ("\x1e", "\x1f", "\x1d", "\x1c")  # of which no text holds at least two, as a rule
_NUL, _ORDER_MARK = "\x00", "\ufeff"
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
    free = [] if len(texts) < _FEW else list(islice((s for s in _SEPARATORS if not _occurs(texts, s)), 2))
    if len(free) < 2 or _occurs(texts.head(1), _ORDER_MARK):
        return texts.str.replace_all("[0-9]", "0")
    # all texts as one: a table over its bytes is many times as quick as an expression over each
    whole: bytes = (texts.fill_null("") if texts.null_count() else texts).str.join(free[0]).cast(pl.Binary)[0]
    out = split_lines(whole.translate(COLLAPSE), *free).alias(texts.name)
    if len(out) != len(texts):
        return texts.str.replace_all("[0-9]", "0")
    return out.set(texts.is_null(), None) if texts.null_count() else out


def _occurs(texts: pl.Series, character: str) -> bool:
    return bool(texts.str.contains(character, literal=True).any())


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


def _kind_expression(value: pl.Expr) -> pl.Expr:
    """Number of the kind of each collapsed value (index into `masks.KIND_NAMES`)."""
    expression = pl.lit(len(masks.KINDS) - 1, dtype=pl.UInt8)
    for index in range(len(masks.KINDS) - 2, -1, -1):
        matches = value.str.contains(f"^(?:{masks.KINDS[index][1]})$")
        expression = pl.when(matches).then(pl.lit(index, dtype=pl.UInt8)).otherwise(expression)
    return expression


@dataclass(frozen=True, slots=True)
class _Masked:
    """Distinct collapsed texts: the shape of each (null of an empty one), and where in its bytes its values stand.

    The values of all texts one after the other: text `i` has `counts[i]` of them from `firsts[i]` on.
    """

    shapes: pl.Series
    firsts: pl.Series
    counts: pl.Series
    starts: pl.Series
    sizes: pl.Series


def _mask(texts: pl.Series) -> _Masked:
    """Masks collapsed texts (distinct, not null, none longer than LONGEST)."""
    sign = _sign(texts)
    # one pass finds the values and what is between them: every other part is a value
    parts = texts.str.replace_all(masks.PATTERN, f"{sign}${{0}}{sign}").str.split(sign)
    lengths = parts.list.len().cast(pl.UInt32)
    begins = lengths.cum_sum() - lengths
    flat = pl.DataFrame({"part": parts, "begin": begins}).with_row_index("text").explode("part", empty_as_null=False)
    flat = flat.with_columns(
        size=pl.col("part").str.len_bytes(), odd=(pl.int_range(pl.len()) - pl.col("begin")) % 2 == 1
    )
    before = flat["size"].cum_sum() - flat["size"]
    flat = flat.with_columns(start=before - before.gather(flat["begin"]))
    values = flat.filter("odd")
    codes, distinct = encode(values["part"])
    kinds = pl.DataFrame({"value": distinct}).select(kind=_kind_expression(pl.col("value")))["kind"]
    letters = kinds.replace_strict([*range(len(_LETTERS))], [*_LETTERS], return_dtype=pl.Utf8)
    flat = flat.select(pl.col("text").set_sorted(), flat["part"].scatter(flat["odd"].arg_true(), letters.gather(codes)))
    keys = flat.group_by("text", maintain_order=True).agg("part")["part"].list.join(sign)
    codes, few = encode(keys)
    shapes = pl.Series([_assemble(key.split(sign)) or None for key in few], dtype=pl.Utf8).gather(codes)
    counts = (lengths - 1) // 2
    return _Masked(shapes, counts.cum_sum() - counts, counts, values["start"], values["size"])


def _sign(texts: pl.Series) -> str:
    """A text that none of `texts` holds, not even where it is put beside them."""
    sign, number = _NUL, 0
    while _occurs(texts, sign):
        number += 1
        sign = "\x1e" * number + "\x1f"
    return sign


def _assemble(parts: Sequence[str]) -> str:
    """The shape of a text's parts: literal, letter of a kind, literal and so on."""
    pieces = [masks.escape(parts[0])]
    for letter, literal in zip(parts[1::2], parts[2::2], strict=True):
        name = masks.KIND_NAMES[_LETTERS.index(letter)]
        unit = masks.UNIT.match(literal) if name == "num" else None
        kind = name if unit is None else "duration" if unit[1] else "size"
        pieces.append(f"<{kind}>{masks.escape(literal)}")
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
    return _named(_mask(texts), codes, rest)


def _named(masked: _Masked, codes: pl.Series, rest: pl.Series | None) -> pl.DataFrame:
    """shape_id and shape of messages, given the code of each and the rest of those that are too long."""
    if rest is None:
        return _with_ids(masked.shapes).select(pl.all().gather(codes))
    longer = pl.when(rest.is_not_null()).then(pl.lit("<more>")).otherwise(pl.lit(""))
    shape = pl.DataFrame({"shape": masked.shapes.gather(codes)}).select(pl.col("shape") + longer).to_series()
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
    return shape_messages(messages)["variables"]


def _values(head: pl.Series, masked: _Masked, codes: pl.Series) -> pl.Series:
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
    some = rows["count"] > 0
    place = pl.select(pl.when(some).then(some.cum_sum() - 1)).to_series()
    lists = (
        lists.gather(place) if len(lists) else pl.Series([None], dtype=pl.List(pl.Utf8)).new_from_index(0, len(head))
    )
    bare = ~some & (head.str.len_bytes() > 0).fill_null(value=False)
    empty = pl.lit([], dtype=pl.List(pl.Utf8))
    return (
        pl.DataFrame({"variables": lists})
        .select(pl.when(bare).then(empty).otherwise("variables").alias("variables"))
        .to_series()
    )


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
    masked = _mask(texts)
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
