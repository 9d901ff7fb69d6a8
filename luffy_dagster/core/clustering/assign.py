"""Which cluster a fingerprint belongs to: rules against the stored exemplars, the earliest first; a person's word above all.

Belongs here: the mapping fingerprint → cluster and the reason of every join. Does not belong here: what is in a
fingerprint (`fingerprints`), proposals by similarity that somebody has to accept (`propose`).

Precision before recall: an error that the platform raises ("site") is named by its place, so its type and its top frames are
enough; one that own code throws ("own") is often a helper's complaint on behalf of many callers, so it takes three common
frames and the same message, or the same message from the same entry point.

Numbers of frames: on the tuning data three and more lose no pair of traces that belong together, two joins more of those that do not,
and a fourth of the platform's errors tells one more apart; leaving one project out at a time and taking the more
careful of numbers that do equally well gives the same figures.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import polars as pl

from luffy_dagster.core.clustering.own import Key

FRAMES = 3  # common in-app frames that a join of exceptions thrown by own code takes
SITE_FRAMES = 4  # the same for exceptions that the platform raised; a shorter path has to agree wholly
_OWN = "\0own rule"  # no type of exception is called that
ROWS = {"fingerprint": pl.Utf8, "cluster_id": pl.Utf8, "reason": pl.Utf8, "exemplar": pl.Utf8}


class Decision(Protocol):
    """What a person decided about two fingerprints; `kind` is "join" or "split", the latest wins."""

    @property
    def kind(self) -> str:
        """Either "join" or "split"."""

    @property
    def fingerprint_a(self) -> str:
        """One of the two."""

    @property
    def fingerprint_b(self) -> str:
        """The other one."""

    @property
    def at(self) -> datetime:
        """When it was decided."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """`rows`: fingerprint, cluster_id, reason, exemplar (the fingerprint it joined, null when it founds a cluster).

    `aliases`: cluster that was merged by a decision → the older one, which stays.
    """

    rows: pl.DataFrame
    aliases: dict[str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """What the rules look at."""

    fingerprint: str
    type: str
    exact: str
    path: tuple[str, ...]
    template: str
    said: str
    entry: str
    raised: str
    kind: str = ""


def cluster_id(fingerprint: str) -> str:
    """Id of the cluster that `fingerprint` founds."""
    return "c-" + fingerprint.removeprefix("fp-")[:12]


def reason_to_join(new: Known, old: Known) -> str | None:
    """Why `new` is the same as `old`, in words for a person; None when it is not."""
    if new.exact == old.exact:
        return "same frames, same types"
    if new.kind != old.kind:
        return None  # another status, another reason: another failure at the same place
    if new.type != old.type or not new.path or not old.path or new.path[0] != old.path[0]:
        return None
    common = _common(new.path, old.path)
    if new.raised == "site" and old.raised == "site":
        if common < min(SITE_FRAMES, len(new.path), len(old.path)):
            return None  # a helper that fails on behalf of different callers
        return f"same top {common} frames, same type" if common > 1 else "same top frame, same type"
    if new.raised != old.raised:
        return None
    if new.raised == "check" and new.template == old.template:
        return "same check failed at the same place, same message template"
    if common >= min(FRAMES, len(new.path), len(old.path)):
        if new.entry == old.entry and new.template == old.template:
            return f"same top {common} frames, same entry point, same message template"
        if new.said and new.said == old.said:
            return f"same top {common} frames, same message"
    if new.said and new.said == old.said and new.entry == old.entry:
        return "same top frame, same message, same entry point"
    return None


def _common(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    for i, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return i
    return min(len(a), len(b))


def _known(frame: pl.DataFrame, *, kinds: bool) -> Iterable[Known]:
    types = (
        frame.get_column("root_type") if "root_type" in frame.columns else pl.Series([None] * len(frame), dtype=pl.Utf8)
    )
    outer = frame.get_column("type") if "type" in frame.columns else types
    for name, root, first, levels in zip(
        frame.get_column("fingerprint"), types, outer, frame.get_column("levels"), strict=True
    ):
        level = json.loads(levels) if levels else {}
        yield Known(
            name,
            root or first or "",
            level.get("exact", name) if kinds else level.get("frames") or level.get("exact", name),
            tuple(level.get("path", "").split()),
            level.get("template", ""),
            level.get("said", ""),
            level.get("entry", ""),
            level.get("raised", ""),
            level.get("kind", "") if kinds else "",
        )


class _Decisions:
    """The latest decision of each pair."""

    def __init__(self, decisions: Sequence[Decision]) -> None:
        latest: dict[frozenset[str], str] = {}
        for decision in sorted(decisions, key=lambda d: d.at):
            if getattr(decision, "revoked_at", None) is None:
                latest[frozenset((decision.fingerprint_a, decision.fingerprint_b))] = decision.kind
        self.joined: dict[str, list[str]] = {}
        self.split: dict[str, set[str]] = {}
        for pair, kind in latest.items():
            if len(pair) != 2:
                continue
            a, b = sorted(pair)
            for one, other in ((a, b), (b, a)):
                if kind == "join":
                    self.joined.setdefault(one, []).append(other)
                else:
                    self.split.setdefault(one, set()).add(other)


def assign(
    new: pl.DataFrame,
    exemplars: pl.DataFrame,
    decisions: Sequence[Decision] = (),
    keys: Mapping[str, Key] | None = None,
    *,
    kinds: bool = True,
) -> Assignment:
    """Cluster of each new fingerprint.

    Args:
        new: fingerprint, type, root_type, levels (JSON), first_seen; taken in the order (first_seen, fingerprint), so
            that all at once and one by one give the same.
        exemplars: The same with cluster_id, earliest first: what is mapped already and stays as it is.
        decisions: What persons decided; revoked ones are left out.
        keys: Fingerprints that the service's own grouping rules have (`own.keys_of`): joined by equal keys only.
        kinds: Whether failures of different kinds stay apart; false to carry a mapping on that was made before kinds were known.

    Returns:
        Rows for the fingerprints of `new` that `exemplars` does not hold, and aliases of clusters that decisions merge.
    """
    rule = _Decisions(decisions)
    keys = keys or {}
    place: dict[str, str] = {}
    members: dict[str, set[str]] = {}
    order: list[str] = []
    index: dict[tuple[str, str], list[Known]] = {}
    aliases: dict[str, str] = {}

    def resolve(name: str) -> str:
        while name in aliases:
            name = aliases[name]
        return name

    def put(known: Known, cluster: str) -> None:
        place[known.fingerprint] = cluster
        if cluster not in members:
            members[cluster] = set()
            order.append(cluster)
        members[cluster].add(known.fingerprint)
        own = keys.get(known.fingerprint)
        for key in _keys(known) if own is None else [(_OWN, own.key)]:
            index.setdefault(key, []).append(known)

    def obey(fingerprint: str) -> None:
        """Merges the clusters of fingerprints that a person joined; the older id stays."""
        for other in sorted(rule.joined.get(fingerprint, ())):
            if other not in place:
                continue
            a, b = resolve(place[fingerprint]), resolve(place[other])
            if a == b:
                continue
            kept, gone = (a, b) if order.index(a) < order.index(b) else (b, a)
            aliases[gone] = kept
            members[kept] |= members[gone]

    if len(exemplars):
        for known, cluster in zip(_known(exemplars, kinds=kinds), exemplars.get_column("cluster_id"), strict=True):
            if cluster is not None:
                put(known, cluster)
        for fingerprint in list(place):
            obey(fingerprint)
    rows: list[tuple[str, str, str, str | None]] = []
    if len(new):
        if "first_seen" in new.columns:
            new = new.sort("first_seen", "fingerprint", nulls_last=True, maintain_order=True)
        for known in _known(new.unique("fingerprint", keep="first", maintain_order=True), kinds=kinds):
            if known.fingerprint in place:
                continue
            apart = rule.split.get(known.fingerprint, set())
            told = next(
                (
                    o
                    for o in sorted(
                        rule.joined.get(known.fingerprint, ()),
                        key=lambda o: (order.index(resolve(place[o])) if o in place else len(order), o),
                    )
                    if o in place
                ),
                None,
            )
            if told is not None:
                put(known, resolve(place[told]))
                rows.append((known.fingerprint, place[known.fingerprint], "joined by a person", told))
                obey(known.fingerprint)
                continue
            found: tuple[str, Known] | None = None
            own = keys.get(known.fingerprint)
            candidates = _candidates(known, index) if own is None else index.get((_OWN, own.key), ())
            for old in candidates:
                reason = reason_to_join(known, old) if own is None else own.reason
                if reason and not (apart and apart & members[resolve(place[old.fingerprint])]):
                    found = (reason, old)
                    break
            if found is None:
                put(known, cluster_id(known.fingerprint))
                rows.append(
                    (
                        known.fingerprint,
                        place[known.fingerprint],
                        "first of its kind" if not apart else "kept apart by a person",
                        None,
                    )
                )
            else:
                put(known, resolve(place[found[1].fingerprint]))
                rows.append((known.fingerprint, place[known.fingerprint], found[0], found[1].fingerprint))
            obey(known.fingerprint)
    resolved = [(name, resolve(cluster), reason, exemplar) for name, cluster, reason, exemplar in rows]
    return Assignment(pl.DataFrame(resolved, schema=ROWS, orient="row"), {gone: resolve(gone) for gone in aliases})


def keep_names(assignment: pl.DataFrame, before: pl.DataFrame, founders: Mapping[str, str]) -> Assignment:
    """A whole assignment made anew, its clusters called as those that they continue.

    A cluster goes on where its founder went; of several that meet, the one first seen stays and the others become its aliases.

    Args:
        assignment: fingerprint, cluster_id, reason, exemplar of every fingerprint (`assign` against nothing).
        before: fingerprint, cluster_id in force, earliest first.
        founders: cluster_id in force → its founding fingerprint.
    """
    where = dict(assignment.select("fingerprint", "cluster_id").iter_rows())
    names: dict[str, str] = {}
    aliases: dict[str, str] = {}
    for old in before.get_column("cluster_id").unique(maintain_order=True).drop_nulls().to_list():
        group = where.get(founders.get(old, ""))
        if group is None:
            continue
        if group in names:
            aliases[old] = names[group]
        else:
            names[group] = old
    taken = {name: group for group, name in names.items()}
    for group in assignment.get_column("cluster_id").unique(maintain_order=True).to_list():
        if group in names:
            continue
        name = group
        while name in taken or name in aliases:  # the id that its first member would found is in use elsewhere
            name += "s"
        names[group] = name
        taken[name] = group
    renamed = assignment.with_columns(pl.col("cluster_id").replace_strict(names, return_dtype=pl.Utf8))
    return Assignment(renamed, aliases)


def _keys(known: Known) -> list[tuple[str, str]]:
    keys = [("exact", known.exact)]
    if known.path:
        keys.append((known.type, known.path[0]))
    return keys


def _candidates(known: Known, index: dict[tuple[str, str], list[Known]]) -> Iterable[Known]:
    """Fingerprints that a rule could join, earliest first."""
    if known.path:
        yield from index.get((known.type, known.path[0]), ())
    yield from index.get(("exact", known.exact), ())
