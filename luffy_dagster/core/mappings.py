"""Mappings side by side: the id of a recipe, and what changes between two mappings of the same members.

Belongs here: naming a mapping by what made it, comparing two. Does not belong here: making one (`parsing.templates`,
`clustering`), storing or activating it (`store`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import polars as pl

MAPPING = {"member": pl.Utf8, "group": pl.Utf8, "label": pl.Utf8}


@dataclass(frozen=True, slots=True)
class Part:
    """What one group gave to, or got from, another: how many members, how often they occur, one of them as example."""

    group: str
    label: str
    members: int
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class Change:
    """A group whose members come from, or go to, several others (`parts`, the largest first)."""

    group: str
    label: str
    count: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """From one mapping to another, over members that both look at.

    `merged`: groups of the new mapping with members of several old ones. `split`: groups of the old mapping whose members are in
    several new ones. `renamed`: same members, another label. `new`: groups of members that had none. `moved` counts the members in
    merged or split groups, `moved_count` their occurrences; `members`, `count` those of all.
    """

    members: int
    count: int
    groups_before: int
    groups_after: int
    same: int
    moved: int
    moved_count: int
    merged: tuple[Change, ...]
    split: tuple[Change, ...]
    renamed: tuple[tuple[str, str, int], ...]
    new: tuple[Part, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing changes but names."""
        return not (self.merged or self.split or self.new)


def recipe_id(algorithm: str, rules: Iterable[Sequence[object]]) -> str:
    """Id of the mapping that `algorithm` makes together with a service's own rules: the algorithm's own id without any.

    The id depends on what the rules say, not on when they were made; each rule is a sequence of its parts.
    """
    said = sorted(repr(tuple(rule)) for rule in rules)
    if not said:
        return algorithm
    return f"{algorithm}+{blake2b(chr(0).join(said).encode(), digest_size=6).hexdigest()}"


def algorithm_of(recipe: str) -> str:
    """The algorithm inside a recipe's id."""
    return recipe.partition("+")[0]


def digest(mapping: pl.DataFrame) -> str:
    """Hash of a mapping (member, group, label): what a confirmation is bound to."""
    hashed = blake2b(digest_size=8)
    for row in mapping.select([*MAPPING]).sort("member").iter_rows():
        hashed.update("\0".join(str(value) for value in row).encode())
    return hashed.hexdigest()


def extend(known: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """Rows (member, group, label) for members that `known` lacks: they go where most of their mates in `made` are.

    So a mapping in force goes on without being overturned when the algorithm that made it is no longer the newest. A member
    without mates keeps its group of `made`.
    """
    fresh = made.join(known, on="member", how="anti")
    if fresh.is_empty() or known.is_empty():
        return fresh.select([*MAPPING])
    mates = made.select("member", made="group").join(known, on="member")
    best = (
        mates.group_by("made", "group")
        .agg(pl.len().alias("votes"), pl.col("label").first())
        .sort("votes", "group", descending=[True, False])
        .unique("made", keep="first", maintain_order=True)
    )
    return fresh.join(
        best.rename({"made": "group", "group": "to", "label": "to_label"}),
        on="group",
        how="left",
        maintain_order="left",
    ).select("member", group=pl.coalesce("to", "group"), label=pl.coalesce("to_label", "label"))


def difference(before: pl.DataFrame, after: pl.DataFrame, facts: pl.DataFrame) -> Difference:
    """What changes from one mapping to another.

    Args:
        before: member, group, label; members that are not in it are new.
        after: the same.
        facts: member, count (occurrences), example: only members of it are looked at.
    """
    rows = (
        facts.select("member", "count", "example")
        .join(before.select("member", old="group", old_label="label"), on="member", how="left")
        .join(after.select("member", now="group", now_label="label"), on="member", how="inner")
        .sort("count", "member", descending=[True, False])
    )
    mapped = rows.filter(pl.col("old").is_not_null())
    links = mapped.group_by("old", "now", maintain_order=True).agg(
        pl.col("old_label", "now_label", "example").first(), pl.len().alias("members"), pl.col("count").sum()
    )
    links = links.with_columns(sources=pl.len().over("now"), targets=pl.len().over("old"))
    moved = mapped.join(
        links.filter((pl.col("sources") > 1) | (pl.col("targets") > 1)).select("old", "now"),
        on=["old", "now"],
        how="semi",
    )
    same = links.filter((pl.col("sources") == 1) & (pl.col("targets") == 1))
    renamed = same.filter(pl.col("old_label") != pl.col("now_label")).sort("count", "old", descending=[True, False])
    occupied = links.select("now").unique()
    fresh = rows.filter(pl.col("old").is_null()).join(occupied, on="now", how="anti")
    new = (
        fresh.group_by("now", maintain_order=True)
        .agg(pl.col("now_label", "example").first(), pl.len().alias("members"), pl.col("count").sum())
        .sort("count", "now", descending=[True, False])
    )
    return Difference(
        members=rows.height,
        count=int(rows["count"].sum() or 0),
        groups_before=rows["old"].drop_nulls().n_unique(),
        groups_after=rows["now"].n_unique(),
        same=same.height,
        moved=moved.height,
        moved_count=int(moved["count"].sum() or 0),
        merged=_changes(links.filter(pl.col("sources") > 1), "now", "old"),
        split=_changes(links.filter(pl.col("targets") > 1), "old", "now"),
        renamed=tuple(renamed.select("old_label", "now_label", "count").iter_rows()),
        new=tuple(Part(*row) for row in new.select("now", "now_label", "members", "count", "example").iter_rows()),
    )


def _changes(links: pl.DataFrame, whole: str, part: str) -> tuple[Change, ...]:
    """The links put together by `whole`, the most frequent first."""
    changes = []
    for (name,), own in links.group_by([whole], maintain_order=True):
        ranked = own.sort("count", part, descending=[True, False])
        parts = tuple(
            Part(*row) for row in ranked.select(part, f"{part}_label", "members", "count", "example").iter_rows()
        )
        label = str(own[f"{whole}_label"][0])
        changes.append(Change(str(name), label, int(own["count"].sum() or 0), parts))
    return tuple(sorted(changes, key=lambda change: (-change.count, change.group)))
