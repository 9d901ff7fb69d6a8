"""Which recipe a service's mappings follow: the algorithm and the service's own masks or grouping rules that are in force.

A mapping in force is named by its recipe. A newer algorithm, a mask or a rule comes into force by replay only (`flows.replay`);
until then the mapping goes on as it is, and what is new finds its place in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.mappings import algorithm_of, extend, recipe_id

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from luffy_dagster.core.clustering.own import Key
    from luffy_dagster.store.rules import GroupingRule, Mask

MOST_SHAPES = 50_000  # mined together, the most frequent ones: bounds the cost whatever a service logs
_AS_MAPPING = {"shape_id": "member", "template_id": "group", "template": "label"}
_AS_TEMPLATES = {new: old for old, new in _AS_MAPPING.items()}


def template_recipe(masks: Sequence[Mask]) -> str:
    """Id of the template mapping that this version makes with these masks."""
    from luffy_dagster.core.parsing.templates import TEMPLATE_ALGORITHM

    return recipe_id(TEMPLATE_ALGORITHM, ((mask.name, mask.pattern, mask.replacement) for mask in masks))


def cluster_recipe(rules: Sequence[GroupingRule]) -> str:
    """Id of the cluster mapping that this version makes with these rules."""
    from luffy_dagster.core.clustering import CLUSTER_ALGORITHM

    said = ((rule.name, sorted(rule.matcher.items()), sorted(rule.action.items())) for rule in rules)
    return recipe_id(CLUSTER_ALGORITHM, said)


def grouping_keys(
    conn: Connection, service: str, exemplars: pl.DataFrame, rules: Sequence[GroupingRule]
) -> dict[str, Key]:
    """The keys by which fingerprints are joined: the service's own rules; then, of errors without a trace, the template.

    A template moves when templates are mined anew: clusters that exist keep their members, what is new joins by what holds now.
    """
    from luffy_dagster.core.clustering.fingerprints import MESSAGE
    from luffy_dagster.core.clustering.own import Key, keys_of

    keys = keys_of(exemplars, rules)
    plain = exemplars.filter(pl.col("language") == MESSAGE)
    if plain.is_empty():
        return keys
    template = dict(store.shapes.templates(conn, service).select("shape_id", "template_id").iter_rows())
    shapes = plain.select("fingerprint", pl.col("levels").str.json_path_match("$.shape"))
    for fingerprint, shape in shapes.iter_rows():
        if shape in template:
            keys.setdefault(fingerprint, Key(f"template\0{template[shape]}", "same message template"))
    return keys


def in_force(conn: Connection, service: str, kind: str, recipe: str) -> str:
    """The recipe that the service's mapping of this kind goes by; `recipe` where it has none yet."""
    return store.shapes.active_algorithm(conn, service, kind) or recipe


def made_by(recipe: str, newest: str) -> bool:
    """Whether this version can make the mapping of `recipe` itself (else it can only be carried on)."""
    return algorithm_of(recipe) == algorithm_of(newest)


def templates_in_force(conn: Connection, service: str, shapes: pl.DataFrame) -> tuple[str, pl.DataFrame]:
    """Recipe in force and the template of every shape by it: mined with the masks in force, or the mapping carried on."""
    from luffy_dagster.core.parsing.templates.own import map_shapes

    masks = store.rules.list_masks(conn, service, only_active=True)
    newest = template_recipe(masks)
    recipe = in_force(conn, service, "templates", newest)
    made = map_shapes(shapes, masks)
    if made_by(recipe, newest):
        return recipe, made
    known = store.shapes.templates(conn, service, recipe).rename(_AS_MAPPING)
    return recipe, extend(known, made.rename(_AS_MAPPING)).rename(_AS_TEMPLATES)
