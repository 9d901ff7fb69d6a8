"""Mining: distinct shapes in, one template per shape out, whatever their order.

The passes, each over the groups the one before left: equality of what remains when typed values are out; labels; places
where a value is expected; names; addresses; frames with one stretch free (`joins`); pools with several places free (`pools`);
what was a value elsewhere; equal literal words in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b

import polars as pl

from luffy_dagster.core.parsing.templates.groups import Group, from_atoms, replaced, unite, united_as
from luffy_dagster.core.parsing.templates.joins import find_joins, find_name_joins
from luffy_dagster.core.parsing.templates.labels import label_values
from luffy_dagster.core.parsing.templates.lexer import Letters, cut, numbered_words
from luffy_dagster.core.parsing.templates.places import find_known_names, find_known_words, find_place_joins, find_tails
from luffy_dagster.core.parsing.templates.pools import find_addresses, find_pool_joins, find_units
from luffy_dagster.core.parsing.templates.words import (
    VAR,
    WordClass,
    is_literal_word,
    is_state_like,
    word_class,
)

TEMPLATE_ALGORITHM = "templates-2026-11-28-7"
ROUNDS = 6  # a round joins at least one pair of groups or is the last


def template_id(template: str) -> str:
    """16 hex characters: stable hash of the algorithm's id and the template."""
    return blake2b(f"{TEMPLATE_ALGORITHM}\0{template}".encode(), digest_size=8).hexdigest()


class Values:
    """Words that were taken for values, and after which word each of them was."""

    def __init__(self) -> None:
        self.words: set[str] = set()
        self.after: dict[str, set[tuple[str, ...]]] = {}

    def add(self, key: Sequence[str], start: int, end: int) -> None:
        """The words of `key` from `start` to `end` are a value."""
        content = tuple(key[start:end])
        if not content or (len(content) > 1 and (is_state_like(content[0]) or is_state_like(content[-1]))):
            return
        if len(content) == 1:
            self.words.add(content[0])
        if start and key[start - 1] != VAR and all(is_literal_word(word) for word in content):
            self.after.setdefault(key[start - 1].lower(), set()).add(content)


def mine_templates(shapes: pl.DataFrame) -> pl.DataFrame:
    """Template of every distinct shape; independent of the order of rows.

    Args:
        shapes: shape_id, shape; count and constants (of `shapes.summarise_shapes`) are used where present.

    Returns:
        shape_id, template_id, template (values as `<*>`), one row per distinct shape_id, sorted by shape_id.
    """
    distinct = shapes.filter(pl.col("shape").is_not_null()).unique("shape_id", keep="any").sort("shape_id")
    size = len(distinct)
    counts = distinct["count"].to_list() if "count" in distinct.columns else [1] * size
    constants: list[Sequence[str | None] | None]
    constants = distinct["constants"].to_list() if "constants" in distinct.columns else [None] * size
    texts = [""] * size
    for group in mine(distinct["shape"].to_list(), counts, constants):
        for member in group.members:
            texts[member] = group.text
    return distinct.select(
        "shape_id",
        pl.Series("template_id", [template_id(t) for t in texts], dtype=pl.Utf8),
        pl.Series("template", texts, dtype=pl.Utf8),
    )


def mine(shapes: Sequence[str], counts: Sequence[int], constants: Sequence[Sequence[str | None] | None]) -> list[Group]:
    """Groups of shapes (members are indices into `shapes`, which must be sorted and distinct)."""
    rows = zip(shapes, counts, constants, strict=True)
    numbered = numbered_words(shapes, constants)
    groups = unite(_first_group(*row, index, numbered) for index, row in enumerate(rows))
    values = Values()
    groups = _until_stable(groups, lambda g: _join_places(g, values, whole=False))
    groups = _replace(groups, find_units(groups))
    groups = _until_stable(groups, lambda g: _join_names(g, values))
    groups = _known_names(groups, values)
    groups = _until_stable(groups, lambda g: _join_places(g, values, whole=True))
    groups = _replace(groups, find_addresses(groups))
    groups = _until_stable(groups, lambda g: _join_frames(g, values, 2.0))
    groups = _until_stable(groups, lambda g: _join_pools(g, values, 2.0))
    groups = _until_stable(groups, lambda g: _join_frames(g, values, 1.0))
    groups = _until_stable(groups, lambda g: _join_pools(g, values, 1.0))
    known = _known_words(_known_names(groups, values), values)
    if known != groups:
        known = _until_stable(known, lambda g: _join_frames(g, values, 1.0))
        known = _until_stable(known, lambda g: _join_pools(g, values, 1.0))
    groups = _until_stable(known, lambda g: _join_places(g, values, whole=True))
    groups = _replace(groups, find_addresses(groups))
    groups = _replace(groups, find_tails(groups))
    return _join_same_words(groups)


def _first_group(
    shape: str, count: int, constants: Sequence[str | None] | None, member: int, numbered: frozenset[Letters]
) -> Group:
    atoms = label_values(cut(shape, constants, numbered=numbered))
    if not any(is_literal_word(a.text) for a in atoms):
        atoms = cut(shape, constants, prefixes=True, numbered=numbered)
    return from_atoms(atoms, int(count), member)


def _until_stable(groups: list[Group], step: Callable[[list[Group]], list[Group]]) -> list[Group]:
    for _ in range(ROUNDS):
        before = len(groups)
        groups = step(groups)
        if len(groups) == before:
            break
    return groups


def _join_names(groups: list[Group], values: Values) -> list[Group]:
    joins = find_name_joins(groups)
    if not joins:
        return groups
    out = list(groups)
    for indices, places in joins:
        for index in indices:
            for place in places:
                values.add(groups[index].key, place, place + 1)
            out[index] = replaced(groups[index], [(p, p + 1) for p in places])
    return unite(out)


def _join_places(groups: list[Group], values: Values, *, whole: bool) -> list[Group]:
    joins = find_place_joins(groups, whole=whole)
    if not joins:
        return groups
    out = list(groups)
    for indices, stretches in joins:
        for index, own in zip(indices, stretches, strict=True):
            for start, end in own:
                values.add(groups[index].key, start, end)
            out[index] = replaced(groups[index], own)
    return unite(out)


def _join_pools(groups: list[Group], values: Values, least: float) -> list[Group]:
    stretches: dict[int, list[tuple[int, int]]] = {}
    for join in find_pool_joins(groups, frozenset(values.words), least=least):
        for index, stretch in join.stretches:
            stretches.setdefault(index, []).append(stretch)
            key = groups[index].key
            if stretch[1] > stretch[0] + 1 or not is_state_like(key[stretch[0]]):
                values.add(key, *stretch)
    if not stretches:
        return groups
    return unite(replaced(group, stretches[i]) if i in stretches else group for i, group in enumerate(groups))


def _replace(groups: list[Group], found: Sequence[tuple[int, list[tuple[int, int]]]]) -> list[Group]:
    """The groups with the stretches that were found turned into values."""
    if not found:
        return groups
    out = list(groups)
    for index, stretches in found:
        out[index] = replaced(groups[index], stretches)
    return unite(out)


def _known_names(groups: list[Group], values: Values) -> list[Group]:
    """Names that were a value somewhere are one everywhere."""
    names = frozenset(v for v in values.words if is_literal_word(v) and word_class(v) <= WordClass.MIXED)
    places_of = find_known_names(groups, names, values.after)
    if not places_of:
        return groups
    out = list(groups)
    for index, stretches in places_of:
        out[index] = replaced(groups[index], stretches)
    return unite(out)


def _known_words(groups: list[Group], values: Values) -> list[Group]:
    """Plain words that were a value somewhere are one where a value is expected, if they are never part of a sentence."""
    words = frozenset(v for v in values.words if is_literal_word(v) and not is_state_like(v))
    return _replace(groups, find_known_words(groups, words))


def _join_frames(groups: list[Group], values: Values, least: float) -> list[Group]:
    stretches: dict[int, list[tuple[int, int]]] = {}
    for join in find_joins(groups, frozenset(values.words), least):
        units = {groups[i].key[join.start] for i, n in zip(join.groups, join.lengths, strict=True) if n and join.units}
        for index, length in zip(join.groups, join.lengths, strict=True):
            own, key = stretches.setdefault(index, []), groups[index].key
            stretch = (join.start, join.start + length)
            wanted = [stretch]
            # what scales itself does so everywhere in the message
            wanted += [(p, p + 1) for p in range(1, len(key)) if key[p - 1] == VAR and key[p] in units]
            for one in wanted:
                if all(one[1] < start or end < one[0] for start, end in own):
                    own.append(one)
            if stretch in own and not (length == 1 and is_state_like(key[join.start])):
                values.add(key, *stretch)
    if not stretches:
        return groups
    return unite(replaced(group, stretches[i]) if i in stretches else group for i, group in enumerate(groups))


def _join_same_words(groups: list[Group]) -> list[Group]:
    """Groups with the same literal words in order are one (punctuation and the number of values aside)."""
    buckets: dict[tuple[str, ...], list[Group]] = {}
    alone: list[Group] = []
    for group in groups:
        words = group.literals
        if len(words) >= 2:
            buckets.setdefault(words, []).append(group)
        else:
            alone.append(group)
    return alone + [united_as(buckets[words]) for words in sorted(buckets)]
