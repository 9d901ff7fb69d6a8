"""Mappings side by side: what merged, split, moved and is new; ids of recipes; a mapping carried on."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luffy_dagster.core.mappings import algorithm_of, difference, digest, extend, recipe_id


def mapping(groups):
    rows = [(member, group, f"label {group}") for group, members in groups.items() for member in members]
    return pl.DataFrame(rows, schema={"member": pl.Utf8, "group": pl.Utf8, "label": pl.Utf8}, orient="row")


def facts(**counts):
    rows = [(member, count, f"example of {member}") for member, count in counts.items()]
    return pl.DataFrame(rows, schema={"member": pl.Utf8, "count": pl.Int64, "example": pl.Utf8}, orient="row")


def test_same_groups_under_other_ids_are_no_change():
    found = difference(mapping({"A": "ab", "B": "c"}), mapping({"X": "ab", "Y": "c"}), facts(a=1, b=2, c=3))
    assert found.empty
    assert (found.same, found.moved, found.members, found.count) == (2, 0, 3, 6)
    assert len(found.renamed) == 2


def test_merge_split_and_new_are_told_apart_with_their_counts():
    before = mapping({"A": "ab", "B": "c", "C": "de"})
    after = mapping({"X": "abc", "Y": "d", "Z": "e", "N": "f"})
    found = difference(before, after, facts(a=1, b=2, c=30, d=4, e=5, f=6))
    (merged,) = found.merged
    assert (merged.group, merged.count, [(p.group, p.members, p.count) for p in merged.parts]) == (
        "X", 33, [("B", 1, 30), ("A", 2, 3)],
    )  # fmt: skip
    (split,) = found.split
    assert (split.group, [p.group for p in split.parts]) == ("C", ["Z", "Y"])
    assert [(p.group, p.count) for p in found.new] == [("N", 6)]
    assert (found.moved, found.moved_count, found.groups_before, found.groups_after) == (5, 42, 3, 4)
    assert not found.empty


def test_a_new_member_of_a_known_group_is_no_new_group():
    found = difference(mapping({"A": "a"}), mapping({"A": "ab"}), facts(a=1, b=1))
    assert found.new == ()


def test_only_members_with_facts_are_looked_at():
    found = difference(mapping({"A": "a", "B": "b"}), mapping({"X": "ab"}), facts(a=1))
    assert found.empty
    assert found.members == 1


def test_recipe_depends_on_what_the_rules_say_not_on_their_order():
    one = recipe_id("templates-2026-11", [("a", "x"), ("b", "y")])
    assert one == recipe_id("templates-2026-11", [("b", "y"), ("a", "x")])
    assert one != recipe_id("templates-2026-11", [("a", "x")])
    assert recipe_id("templates-2026-11", []) == "templates-2026-11"
    assert algorithm_of(one) == algorithm_of("templates-2026-11") == "templates-2026-11"


def test_digest_sees_every_change_and_no_order():
    rows = mapping({"A": "ab", "B": "c"})
    assert digest(rows) == digest(rows.reverse())
    assert digest(rows) != digest(mapping({"A": "a", "B": "bc"}))


def test_a_mapping_is_carried_on_by_the_company_a_member_keeps():
    known = mapping({"A": "ab", "B": "c"})
    made = mapping({"X": "abd", "Y": "ce", "Z": "f"})
    fresh = {row["member"]: (row["group"], row["label"]) for row in extend(known, made).to_dicts()}
    assert fresh == {"d": ("A", "label A"), "e": ("B", "label B"), "f": ("Z", "label Z")}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=30))
def test_the_books_balance(places):
    members = [f"m{i}" for i in range(len(places))]
    before = pl.DataFrame({"member": members, "group": [f"o{a}" for a, _ in places]}, schema={"member": pl.Utf8, "group": pl.Utf8})
    after = pl.DataFrame({"member": members, "group": [f"n{b}" for _, b in places]}, schema={"member": pl.Utf8, "group": pl.Utf8})
    before, after = (one.with_columns(label=pl.col("group")) for one in (before, after))
    found = difference(before, after, facts(**dict.fromkeys(members, 1)))
    assert found.members == len(members)
    together = len({a for a, _ in places}), len({b for _, b in places})
    assert (found.groups_before, found.groups_after) == together
    partition = lambda index: {frozenset(m for m, p in zip(members, places) if p[index] == g) for g in range(4)} - {frozenset()}  # noqa: E731
    assert found.empty == (partition(0) == partition(1))
    assert found.same == len(partition(0) & partition(1))


def test_empty_mappings():
    assert difference(mapping({}), mapping({}), facts()).empty
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        difference(pl.DataFrame(), mapping({}), facts())
