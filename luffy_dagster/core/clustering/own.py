"""A service's own grouping rules: which exceptions they match, and which of those belong together.

A rule acts on the mapping fingerprint → cluster, never on the fact. The first rule that matches a fingerprint has it; those it has
are together when the rule says so, or when the parts it groups by agree; with all others they are never joined. What a person
decided about two fingerprints stands above.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl

FIELDS = ("type", "message", "culprit", "language", "trace")
PARTS = ("type", "message", "culprit", "exact")


class RuleError(ValueError):
    """A rule that says nothing that can be done: what is wrong with it."""


class GroupingRule(Protocol):
    """What a rule says, as the store keeps it."""

    @property
    def id(self) -> int:
        """Its number; rules are tried in the order of their numbers."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def matcher(self) -> Mapping[str, Any]:
        """Field → {"is": value} or {"like": expression}; all must match."""

    @property
    def action(self) -> Mapping[str, Any]:
        """{"by": [parts]}; no part at all puts everything that matches together."""


@dataclass(frozen=True, slots=True)
class Key:
    """Fingerprints with equal `key` belong together; `reason` says by which rule."""

    key: str
    reason: str


def check_rule(matcher: Mapping[str, Any], action: Mapping[str, Any]) -> None:
    """Raises RuleError when a rule names an unknown field, matches nothing in particular or groups by an unknown part."""
    if not matcher:
        raise RuleError(f"the rule matches everything: name at least one of {', '.join(FIELDS)}")
    for name, test in matcher.items():
        if name not in FIELDS:
            raise RuleError(f"there is no field {name!r} to match: take one of {', '.join(FIELDS)}")
        if set(test) not in ({"is"}, {"like"}) or not str(next(iter(test.values()))):
            raise RuleError(f"{name} must be tested with a value (is) or an expression (like)")
        if "like" in test:
            try:
                pl.Series([""]).str.contains(str(test["like"]))
            except pl.exceptions.ComputeError as error:
                raise RuleError(f"{name}: {' '.join(str(error).split())[:200]}") from None
    parts = action.get("by")
    if set(action) != {"by"} or not isinstance(parts, list) or any(part not in PARTS for part in parts):
        raise RuleError(f"the rule must group by nothing or by some of {', '.join(PARTS)}")


def keys_of(exemplars: pl.DataFrame, rules: Sequence[GroupingRule]) -> dict[str, Key]:
    """The key of every fingerprint that a rule has.

    Args:
        exemplars: fingerprint, type, root_type, message, culprit, language, trace, levels (JSON).
        rules: in the order in which they are tried.
    """
    if not rules or exemplars.is_empty():
        return {}
    table = exemplars.with_columns(type=pl.coalesce("root_type", "type"))
    keys: dict[str, Key] = {}
    for rule in rules:
        check_rule(rule.matcher, rule.action)
        tests = [
            (pl.col(name).fill_null("") == str(test["is"]))
            if "is" in test
            else pl.col(name).fill_null("").str.contains(str(test["like"]))
            for name, test in rule.matcher.items()
        ]
        reason = f"grouping rule {rule.name!r}"
        for row in table.filter(*tests).iter_rows(named=True):
            values = [str(rule.id), *(_part(row, part) for part in rule.action["by"])]
            keys.setdefault(row["fingerprint"], Key("\0".join(values), reason))
    return keys


def _part(row: Mapping[str, Any], part: str) -> str:
    levels = json.loads(row["levels"]) if row.get("levels") else {}
    if part == "message":
        return str(levels.get("template") or row["message"] or "")
    if part == "exact":
        return str(levels.get("exact") or row["fingerprint"])
    return str(row[part] or "")
