"""Finding the values in distinct digit-collapsed texts by the typed masks, in the column engine.

Belongs here: where the values of many texts stand, of which kind they are, and the shape that is left. Does not belong here: the
expressions (`masks`), messages as they came (`shapes`).

Texts that differ in hexadecimal ids alone are many: one of them is masked, and the others have their values at the same places. It
holds for an id in lower case that stands by itself between blanks, quotes or brackets, in a text without times: no mask but that of
hex runs and UUIDs begins there, and of the masks that may begin before it and go on over a blank only a time's year and words with
a capital do. A text that differs in anything else is masked by itself (tests compare both ways).
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from luffy_dagster.core.parsing import masks
from luffy_dagster.core.parsing.texts import encode, translated

_NUL = "\x00"
_LETTERS = string.ascii_letters[: len(masks.KINDS)]  # a kind as one letter
_NUMBER_OF = {name: number for number, (name, _) in enumerate(masks.KINDS)}
_RUN = "^[0-9a-fA-F]{6,}$"  # a value of hex digits alone is a number or hex, whatever else the masks may find
_ALIKE = bytes.maketrans(b"0bcdef", b"aaaaaa")
_MANY = 5_000  # distinct texts from which looking for like ones pays
_HEX = r"^[0-9a-f]*0[0-9a-f]*$"
_NUMBER = r"^[0-9]+(?:e[0-9]+)?$"
_UUID = r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_BEFORE = [sign.encode() for sign in " =\"'([{<|"]  # what an id may stand behind; and a letter's colon
_BEHIND = [b"", *(sign.encode() for sign in " \"')]}>|,;")]
_WORDS = [letter.encode() for letter in string.ascii_letters]


@dataclass(frozen=True, slots=True)
class Masked:
    """Distinct collapsed texts: the shape of each (null of an empty one), and where in its bytes its values stand.

    The values of all texts one after the other: text `i` has `counts[i]` of them from `firsts[i]` on. `kinds` are indices into
    `masks.KINDS`.
    """

    shapes: pl.Series
    firsts: pl.Series
    counts: pl.Series
    starts: pl.Series
    sizes: pl.Series
    kinds: pl.Series


def mask(texts: pl.Series) -> Masked:
    """Masks collapsed texts (distinct, not null)."""
    named = texts.str.contains(masks.PSEUDONYM)
    if not named.any():
        return _mask(texts)
    # texts that differ in the keyed part of pseudonyms alone are one, with their values at the same places
    codes, alike = encode(texts.str.replace_all(masks.KEYED, "${1}00000000]"))
    few = _mask(alike)
    return Masked(
        few.shapes.gather(codes), few.firsts.gather(codes), few.counts.gather(codes), few.starts, few.sizes, few.kinds
    )


def _mask(texts: pl.Series) -> Masked:
    alike = translated(texts, _ALIKE) if len(texts) >= _MANY else None
    if alike is None:
        return mask_each(texts)
    codes, kinds = encode(alike)
    if len(kinds) * 2 > len(texts):
        return mask_each(texts)
    leaders = texts.gather(codes.arg_unique())
    led = mask_each(leaders)
    others = _others(texts, codes, leaders, led)
    if not len(others):
        return Masked(
            led.shapes.gather(codes),
            led.firsts.gather(codes),
            led.counts.gather(codes),
            led.starts,
            led.sizes,
            led.kinds,
        )
    own = mask_each(texts.gather(others))
    return Masked(
        led.shapes.gather(codes).scatter(others, own.shapes),
        led.firsts.gather(codes).scatter(others, own.firsts + len(led.starts)),
        led.counts.gather(codes).scatter(others, own.counts),
        pl.concat([led.starts, own.starts]),
        pl.concat([led.sizes, own.sizes]),
        pl.concat([led.kinds, own.kinds]),
    )


def _others(texts: pl.Series, codes: pl.Series, leaders: pl.Series, led: Masked) -> pl.Series:
    """Rows of the texts that differ from their leader in more than the ids in it."""
    ids, fixed = _ids_and_rest(leaders, led)
    rows, places = _places(codes, ids["text"], len(leaders))
    cut = _cut(texts.gather(rows), ids["at"].gather(places), ids["size"].gather(places))
    value = pl.DataFrame({"v": cut.cast(pl.Utf8)})
    hexes = pl.col("v").str.contains(_HEX) & ~pl.col("v").str.contains(_NUMBER)
    wrong = [rows.filter(~value.select(hexes | pl.col("v").str.contains(_UUID)).to_series())]
    rows, places = _places(codes, fixed["text"], len(leaders))
    at, size = fixed["at"], fixed["size"]
    own = _cut(texts.gather(rows), at.gather(places), size.gather(places))
    wrong.append(rows.filter(own != _cut(leaders.gather(fixed["text"]), at, size).gather(places)))
    return pl.concat(wrong).unique().sort()


def _places(codes: pl.Series, owners: pl.Series, groups: int) -> tuple[pl.Series, pl.Series]:
    """For texts of these groups, each row as often as its group owns places (sorted by owner), and the places."""
    every = pl.int_range(groups, dtype=pl.UInt32, eager=True)
    first, last = owners.search_sorted(every, side="left"), owners.search_sorted(every, side="right")
    frame = pl.DataFrame({"first": first.gather(codes), "last": last.gather(codes)}).with_row_index("row")
    cuts = frame.filter(pl.col("first") < pl.col("last")).select(
        "row", place=pl.int_ranges("first", "last", dtype=pl.UInt32)
    )
    cuts = cuts.explode("place")
    return cuts["row"], cuts["place"]


def _cut(texts: pl.Series, at: pl.Series, size: pl.Series) -> pl.Series:
    """Some bytes of each text."""
    whole = pl.DataFrame({"text": texts.cast(pl.Binary), "at": at, "size": size})
    return whole.select(pl.col("text").bin.slice("at", "size")).to_series()


def _ids_and_rest(texts: pl.Series, masked: Masked) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Where in the texts the ids stand that say nothing of what is around them, and where the rest: both text, at, size."""
    owner = pl.int_range(len(texts), dtype=pl.UInt32, eager=True).alias("text")
    owner = pl.DataFrame({"text": owner}).select(pl.col("text").repeat_by(masked.counts).explode()).to_series()
    every = pl.DataFrame(
        {"text": owner.drop_nulls(), "at": masked.starts, "size": masked.sizes, "kind": masked.kinds}
    ).with_columns(end=pl.col("at") + pl.col("size"))
    timed = every.filter(pl.col("kind") == _NUMBER_OF["time"])["text"].unique()
    ids = every.filter(
        pl.col("kind").is_in([_NUMBER_OF["hex"], _NUMBER_OF["uuid"]]), ~pl.col("text").is_in(timed.implode())
    )
    ids = ids.with_columns(whole=texts.gather(ids["text"]).cast(pl.Binary))
    before, behind = (pl.col("whole").bin.slice(at, 1) for at in (pl.col("at").cast(pl.Int64) - 1, pl.col("end")))
    second = pl.col("whole").bin.slice(pl.col("at").cast(pl.Int64) - 2, 1)
    value = pl.col("whole").bin.slice("at", "size").cast(pl.Utf8)
    alone = (pl.col("at") == 0) | before.is_in(_BEFORE) | ((pl.col("at") > 1) & (before == b":") & second.is_in(_WORDS))
    ids = ids.filter(alone, behind.is_in(_BEHIND), value.str.contains(_HEX) | value.str.contains(_UUID))
    between = ids.select("text", at=pl.col("end").shift(1).over("text").fill_null(0), to="at")
    ends = pl.DataFrame({"text": pl.int_range(len(texts), dtype=pl.UInt32, eager=True), "to": texts.str.len_bytes()})
    ends = ends.join(ids.group_by("text").agg(at=pl.col("end").max()), on="text", how="left")
    rest = pl.concat([between, ends.select("text", pl.col("at").fill_null(0), "to")]).sort("text")
    return ids.select("text", "at", "size"), rest.select("text", "at", size=pl.col("to") - pl.col("at"))


def mask_each(texts: pl.Series) -> Masked:
    """Masks collapsed texts (distinct, not null), each by itself."""
    sign = _sign(texts)
    # one pass finds the values and what is between them: every other part is a value
    pattern = masks.PATTERN if texts.str.contains(masks.PSEUDONYM).any() else masks.UNREDACTED
    parts = texts.str.replace_all(pattern, f"{sign}${{0}}{sign}").str.split(sign)
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
    kinds = kinds_of(distinct).gather(codes)
    letters = kinds.replace_strict([*range(len(_LETTERS))], [*_LETTERS], return_dtype=pl.Utf8)
    flat = flat.select(pl.col("text").set_sorted(), flat["part"].scatter(flat["odd"].arg_true(), letters))
    keys = flat.group_by("text", maintain_order=True).agg("part")["part"].list.join(sign)
    codes, few = encode(keys)
    shapes = pl.Series([_assemble(key.split(sign)) or None for key in few], dtype=pl.Utf8).gather(codes)
    counts = (lengths - 1) // 2
    return Masked(shapes, counts.cum_sum() - counts, counts, values["start"], values["size"], kinds)


def kinds_of(values: pl.Series) -> pl.Series:
    """Number of the kind of each collapsed value (index into `masks.KINDS`)."""
    run = values.str.contains(_RUN)
    number = pl.lit(_NUMBER_OF["num"], dtype=pl.UInt8)
    of_run = pl.when(_is("num")).then(number).otherwise(pl.lit(_NUMBER_OF["hex"], dtype=pl.UInt8))
    expression = pl.lit(len(masks.KINDS) - 1, dtype=pl.UInt8)
    for name, _ in reversed(masks.KINDS[:-1]):
        expression = pl.when(_is(name)).then(pl.lit(_NUMBER_OF[name], dtype=pl.UInt8)).otherwise(expression)
    out = pl.Series("kind", [0], dtype=pl.UInt8).new_from_index(0, len(values))
    for some, judged in ((run, of_run), (~run, expression)):
        rows = some.arg_true()
        out = out.scatter(rows, pl.DataFrame({"value": values.gather(rows)}).select(kind=judged).to_series())
    return out


def _is(kind: str) -> pl.Expr:
    return pl.col("value").str.contains(f"^(?:{masks.KINDS[_NUMBER_OF[kind]][1]})$")


def _sign(texts: pl.Series) -> str:
    """A text that none of `texts` holds, not even where it is put beside them."""
    sign, number = _NUL, 0
    while texts.str.contains(sign, literal=True).any():
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
