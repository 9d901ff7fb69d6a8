"""Which cluster a fingerprint belongs to: deterministic rules against exemplars, earliest first; people's decisions win.

A new fingerprint joins the cluster of the earliest exemplar that a rule matches, else it founds one, whose id comes from
its own. New ones are taken in order of time, so a backfill and the schedule end with the same clusters. Precision goes
before recall: what no rule joins stays apart (`propose` may suggest it to a person).
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from luffy_dagster.core.clustering.fingerprints import own_keys, template_of
from luffy_dagster.core.model import Decision, Frame

CLUSTER_ALGORITHM = "clusters-2026-11"
_INFORMATIVE = 4  # words of a message from which it tells something by itself
_ALIKE = 0.9  # share of common own frames from which two stacks are one
_SOME = 0.1  # the same with an informative message that is equal
_DEEP = 3
_COLUMNS = ("fingerprint", "type", "root_type", "message", "levels", "frames", "first_seen", "language")


@dataclass(frozen=True, slots=True)
class Assignment:
    """`rows`: fingerprint, cluster_id, reason, exemplar (the fingerprint it joined, null for a founder)."""

    rows: pl.DataFrame
    aliases: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Item:
    fingerprint: str
    type: str
    template: str
    words: int
    own: tuple[str, ...]
    eff: tuple[str, ...]
    levels: dict[str, str]


# Frames whose work is to raise: the frame below them is the one that tells two causes apart.
_RAISES = re.compile(
    r"(?:^|[.:])(?:Validate|Preconditions|Assert\w*|Objects|Checks?|Verify|Guard|Args?)\.|(?:Exception|Error)(?:\$\w*)?\."
    r"|[.:]_?(?:construct|report|throw|raise|fail|require|check|ensure|assert|validate|verify|handle|wrap|new|create|make|build)\w*(?:Error|Exception|Overflow|Failure|Problem|Fail)\w*$"
    r"|[.:]_?(?:fail|throw|raise|report|require|check|ensure|assert|verify)(?:[A-Z_]\w*)?$|[.:](?:notNull|notEmpty|isTrue|\w+Exception)$"
)


def effective(keys: Sequence[str]) -> list[str]:
    """Keys without the leading ones that only raise (one stays)."""
    start = 0
    while start < len(keys) - 1 and _RAISES.search(keys[start]):
        start += 1
    return list(keys[start:])


def _item(row: dict[str, Any]) -> _Item:
    frames = [Frame(**{k: v for k, v in f.items() if k in Frame.__slots__}) for f in json.loads(row["frames"] or "[]")]
    # Python and PHP print the cause first, the others last.
    outermost = min if row.get("language") in ("python", "php") else max
    root = outermost((f.segment for f in frames), default=0)
    own = tuple(own_keys(frames, root) or own_keys(frames))
    template = template_of(row["message"] or "")
    levels = {k: v for k, v in json.loads(row["levels"] or "{}").items() if v}
    words = sum(1 for w in template.split() if sum(c.isalpha() for c in w) >= 3)
    kind = row["root_type"] or row["type"] or ""
    return _Item(row["fingerprint"], kind, template, words, own, tuple(effective(own)), levels)


def _common(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    n = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        n += 1
    return n


def rule(a: _Item, b: _Item) -> str | None:
    """Why two fingerprints are one cluster, in words; None when they are not."""
    if a.type != b.type:
        return None
    if a.eff and b.eff:
        if a.levels.get("in_app") and a.levels.get("in_app") == b.levels.get("in_app"):
            return "same type, same frames of the service's code"
        if a.eff[0] != b.eff[0]:
            return None
        sa, sb = set(a.eff), set(b.eff)
        share = len(sa & sb) / len(sa | sb)
        if a.template == b.template and a.words >= _INFORMATIVE and (share >= _SOME or _common(a.eff, b.eff) >= _DEEP):
            return f"same type, same message, same top frame {a.eff[0]}"
        if share >= _ALIKE:
            return f"same type, {round(100 * share)} % of the frames in common"
        return None
    if not a.eff and not b.eff:
        if a.levels.get("template") and a.levels.get("template") == b.levels.get("template"):
            return "same type, same message"
        if a.template == b.template and a.words >= 2:
            return "same type, same message"
    return None


class _Index:
    """Exemplars by what a rule needs to be equal, so that a new one is compared with few."""

    def __init__(self) -> None:
        self._by: dict[tuple[str, str], list[tuple[int, _Item, str]]] = defaultdict(list)
        self._n = 0

    @staticmethod
    def _keys(item: _Item) -> list[tuple[str, str]]:
        keys = [(item.type, item.eff[0] if item.eff else "")]
        if item.levels.get("in_app"):
            keys.append((item.type, item.levels["in_app"]))
        return keys

    def add(self, item: _Item, cluster_id: str) -> None:
        for key in self._keys(item):
            self._by[key].append((self._n, item, cluster_id))
        self._n += 1

    def candidates(self, item: _Item) -> list[tuple[int, _Item, str]]:
        found = {n: (n, other, c) for key in self._keys(item) for n, other, c in self._by.get(key, ())}
        return [found[n] for n in sorted(found)]


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    missing = [pl.lit(None, dtype=pl.Utf8).alias(c) for c in _COLUMNS if c not in frame.columns]
    return frame.with_columns(missing).sort("first_seen", "fingerprint").to_dicts()


def mint(fingerprint: str) -> str:
    """The id of a cluster that this fingerprint founds."""
    return "c-" + fingerprint.removeprefix("fp-")[:12]


def assign(new: pl.DataFrame, exemplars: pl.DataFrame, decisions: Sequence[Decision] = ()) -> Assignment:
    """Clusters of `new` fingerprints (fingerprint, type, root_type, message, levels, frames, first_seen).

    `exemplars` have a cluster already (the same columns and cluster_id). Decisions: the latest about a pair wins; a
    join puts both into the cluster of the earlier, a split keeps them apart.
    """
    latest: dict[frozenset[str], str] = {}
    for decision in sorted(decisions, key=lambda d: (d.at, d.id)):
        if decision.revoked_at is None:
            latest[frozenset((decision.fingerprint_a, decision.fingerprint_b))] = decision.kind
    joins: dict[str, set[str]] = defaultdict(set)
    splits: dict[str, set[str]] = defaultdict(set)
    for pair, kind in latest.items():
        if len(pair) == 2:
            a, b = pair
            target = joins if kind == "join" else splits
            target[a].add(b)
            target[b].add(a)
    index = _Index()
    where: dict[str, str] = {}
    members: dict[str, set[str]] = defaultdict(set)
    for row in _rows(exemplars) if exemplars.height else ():
        if row.get("cluster_id"):
            index.add(_item(row), row["cluster_id"])
            where[row["fingerprint"]] = row["cluster_id"]
            members[row["cluster_id"]].add(row["fingerprint"])
    out: list[dict[str, str | None]] = []
    for row in _rows(new) if new.height else ():
        item = _item(row)
        cluster_id, reason, exemplar = None, "first of its kind", None
        forced = [o for o in sorted(joins[item.fingerprint]) if o in where]
        if forced:
            cluster_id, reason, exemplar = where[forced[0]], "joined by a person", forced[0]
        else:
            for _, other, candidate in index.candidates(item):
                if splits[item.fingerprint] & members[candidate]:
                    continue
                why = rule(item, other)
                if why is not None:
                    cluster_id, reason, exemplar = candidate, why, other.fingerprint
                    break
        cluster_id = cluster_id or mint(item.fingerprint)
        index.add(item, cluster_id)
        where[item.fingerprint] = cluster_id
        members[cluster_id].add(item.fingerprint)
        out.append({"fingerprint": item.fingerprint, "cluster_id": cluster_id, "reason": reason, "exemplar": exemplar})
    schema = {"fingerprint": pl.Utf8, "cluster_id": pl.Utf8, "reason": pl.Utf8, "exemplar": pl.Utf8}
    return Assignment(pl.DataFrame(out, schema=schema), {})
