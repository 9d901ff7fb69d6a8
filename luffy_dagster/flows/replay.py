"""Replay: a second mapping over history, the difference to the one in force, and putting it in force on confirmation.

A preview reads and writes nothing. `activate_replay` computes it again under the service's lock and refuses when the result is
another than the one that was confirmed. Entries are never rewritten: their shapes and fingerprints are facts, so every count of the
past follows the new mapping at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.mappings import Difference, difference, digest
from luffy_dagster.flows.cluster_states import settle
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.mapping import MOST_SHAPES, cluster_recipe, grouping_keys, template_recipe
from luffy_dagster.flows.results import Result

if TYPE_CHECKING:
    from sqlalchemy import Connection

KINDS = ("templates", "clusters")
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_EMPTY = pl.DataFrame(schema={"member": pl.Utf8, "group": pl.Utf8, "label": pl.Utf8})


class ReplayError(ValueError):
    """A replay that cannot be made or put in force: what is in the way."""


@dataclass(frozen=True)
class Wanted:
    """What to try beside the newest algorithm: rules to add to those in force, and rules to leave away, by their numbers."""

    add: tuple[int, ...] = ()
    drop: tuple[int, ...] = ()


@dataclass(frozen=True)
class Replay(Result):
    """The difference that `recipe` makes to what is in force (`before`), over what occurred in the range."""

    service: str
    kind: str
    before: str | None
    recipe: str
    rules: tuple[str, ...]
    start: datetime | None
    difference: Difference
    digest: str
    active: bool = False
    moved: int = 0


@dataclass(frozen=True)
class _Made:
    before: str | None
    recipe: str
    rules: tuple[Any, ...]
    old: pl.DataFrame
    new: pl.DataFrame  # member, group, label, reason
    facts: pl.DataFrame
    aliases: dict[str, str] = field(default_factory=dict)


def preview_replay(
    ctx: FlowContext, service: str, kind: str, wanted: Wanted | None = None, *, start: datetime | None = None
) -> Replay:
    """What the newest algorithm with the wanted rules would change in the mapping of `kind` (templates, clusters).

    `start`: only what occurred since then is compared (None: all that is counted). Raises ReplayError, store.errors.NotFoundError.
    """
    with store.begin(ctx.engine) as conn:
        store.services.get(conn, service)
        made = _make(ctx, conn, service, kind, wanted or Wanted(), start)
    return _replay(service, kind, made, start)


def activate_replay(
    ctx: FlowContext,
    service: str,
    kind: str,
    wanted: Wanted | None = None,
    *,
    start: datetime | None = None,
    confirmed: str,
    actor: str,
) -> Replay:
    """Puts the mapping in force whose preview had the digest `confirmed`, and with it the rules it was made with.

    Raises ReplayError when something changed since the preview.
    """
    wanted = wanted or Wanted()
    with store.service_lock(ctx.engine, service), store.begin(ctx.engine) as conn:
        now = ctx.now()
        made = _make(ctx, conn, service, kind, wanted, start)
        result = _replay(service, kind, made, start)
        if result.digest != confirmed:
            raise ReplayError(
                "the logs or the rules have changed since the preview: look at it again, then confirm that one"
            )
        table = "mask" if kind == "templates" else "grouping_rule"
        for number in wanted.add:
            store.rules.activate(conn, table, number, actor=actor, now=now)
        for number in wanted.drop:
            store.rules.revoke(conn, table, number, actor=actor, now=now)
        note = {"confirmed": confirmed, "rules": [rule.name for rule in made.rules]}
        moved = store.replay.activate(
            conn, service, kind, made.recipe, made.new, aliases=made.aliases, actor=actor, note=note, now=now
        )
        if kind == "clusters":
            settle(ctx, conn, service, now)
    return Replay(**{**result.__dict__, "active": True, "moved": moved})


def _replay(service: str, kind: str, made: _Made, start: datetime | None) -> Replay:
    names = tuple(rule.name for rule in made.rules)
    changed = difference(made.old, made.new, made.facts)
    return Replay(service, kind, made.before, made.recipe, names, start, changed, digest(made.new))


def _make(ctx: FlowContext, conn: Connection, service: str, kind: str, wanted: Wanted, start: datetime | None) -> _Made:
    if kind not in KINDS:
        raise ReplayError(f"there is no mapping of {kind!r}: take {' or '.join(KINDS)}")
    make = _templates if kind == "templates" else _clusters
    return make(conn, service, wanted, start, ctx.now() + timedelta(days=2))


def _chosen(rules: Sequence[Any], wanted: Wanted, what: str) -> tuple[Any, ...]:
    """The rules in force, with those to add and without those to drop, in the order of their numbers."""
    known = {rule.id: rule for rule in rules}
    for number in (*wanted.add, *wanted.drop):
        if number not in known:
            raise ReplayError(f"the service has no {what} {number}: luffy {what} list shows them")
    return tuple(rule for rule in rules if (rule.active or rule.id in wanted.add) and rule.id not in wanted.drop)


def _templates(conn: Connection, service: str, wanted: Wanted, start: datetime | None, end: datetime) -> _Made:
    from luffy_dagster.core.parsing.templates.own import map_shapes

    masks = _chosen(store.rules.list_masks(conn, service), wanted, "mask")
    shapes = store.shapes.list_shapes(conn, service, limit=MOST_SHAPES)
    before = store.shapes.active_algorithm(conn, service, "templates")
    naming = {"shape_id": "member", "template_id": "group", "template": "label"}
    old = store.shapes.templates(conn, service, before).rename(naming).drop("manual") if before else _EMPTY
    new = map_shapes(shapes, masks).rename(naming) if shapes.height else _EMPTY
    by_hand = store.replay.manual_rows(conn, service, "templates", before)
    kept = old.filter(pl.col("member").is_in([*by_hand]))
    new = pl.concat([new.join(kept, on="member", how="anti"), kept]).with_columns(reason=pl.lit(None, dtype=pl.Utf8))
    seen = store.shapes.list_shapes(conn, service, since=start, until=end) if start else shapes
    facts = seen.select(pl.col("shape_id").alias("member"), "count", "example")
    return _Made(before, template_recipe(masks), masks, old, new, facts)


def _clusters(conn: Connection, service: str, wanted: Wanted, start: datetime | None, end: datetime) -> _Made:
    from luffy_dagster.core.clustering.assign import assign, keep_names

    rules = _chosen(store.rules.list_grouping_rules(conn, service), wanted, "grouping")
    exemplars = store.fingerprints.exemplars(conn, service)
    before = store.shapes.active_algorithm(conn, service, "clusters")
    known = store.replay.clusters(conn, service)
    mapped = exemplars.select("fingerprint", "cluster_id").drop_nulls()
    fresh = exemplars.drop("cluster_id")
    keys = grouping_keys(conn, service, fresh, rules)
    outcome = assign(fresh, exemplars.clear(), store.clusters.decisions(conn, service), keys)
    whole = keep_names(outcome.rows, mapped, {name: founder for name, (founder, _) in known.items()})
    by_hand = store.replay.manual_rows(conn, service, "clusters", before)
    rows = whole.rows.with_columns(
        pl.col("fingerprint")
        .replace_strict(by_hand, default=pl.col("cluster_id"), return_dtype=pl.Utf8)
        .alias("cluster_id")
        if by_hand
        else pl.col("cluster_id")
    )
    title = pl.concat_str(
        pl.coalesce("root_type", "type"), pl.lit(" at "), pl.coalesce("culprit", pl.lit("no frame of its own"))
    )
    facts = exemplars.select(
        member="fingerprint",
        example=pl.concat_str(
            pl.coalesce("type", "root_type", pl.lit("exception")), pl.lit(": "), pl.col("message").fill_null("")
        ),
        title=title.fill_null("exception"),
    )
    first = (
        rows.join(facts, left_on="fingerprint", right_on="member").group_by("cluster_id", maintain_order=True).first()
    )
    labels = {
        **dict(first.select("cluster_id", "title").iter_rows()),
        **{name: title for name, (_, title) in known.items()},
    }
    label = pl.col("group").replace_strict(labels, default="exception", return_dtype=pl.Utf8)
    old = mapped.select(member="fingerprint", group="cluster_id").with_columns(label=label)
    new = rows.select(member="fingerprint", group="cluster_id", reason="reason").with_columns(label=label)
    counts = store.counts.fingerprint_counts(conn, service, start or _EVER, end)
    total = counts.group_by("fingerprint").agg(pl.col("count").sum())
    how: Literal["inner", "left"] = "inner" if start else "left"
    facts = facts.join(total, left_on="member", right_on="fingerprint", how=how).with_columns(
        pl.col("count").fill_null(0)
    )
    return _Made(
        before,
        cluster_recipe(rules),
        rules,
        old,
        new.select("member", "group", "label", "reason"),
        facts,
        whole.aliases,
    )
