"""A service's own masks: matches count as one value in the mapping; shapes stay what they are."""

from dataclasses import dataclass

import polars as pl

from luffy_dagster.core.parsing.shapes import shape_messages, summarise_shapes
from luffy_dagster.core.parsing.templates import mine_templates
from luffy_dagster.core.parsing.templates.own import map_shapes, masked


@dataclass(frozen=True)
class Mask:
    name: str
    pattern: str
    replacement: str


COLOUR = Mask("colour", r"\b(?:red|green|blue)\b", "<colour>")
MESSAGES = [
    "paint is red today",
    "paint is green today",
    "brush is red today",
    "lamp 7 switched on",
    "lamp 9 switched on",
    "lamp 7 switched off",
]


def summary(messages):
    texts = pl.Series(messages)
    return summarise_shapes(shape_messages(texts).with_columns(message=texts))


def by_message(messages, masks):
    shapes = summary(messages)
    mapping = dict(map_shapes(shapes, masks).select("shape_id", "template").iter_rows())
    shaped = shape_messages(pl.Series(messages))
    return {message: mapping[shape] for message, shape in zip(messages, shaped["shape_id"], strict=True)}


def test_what_a_mask_matches_is_one_value():
    found = by_message(MESSAGES, [COLOUR])
    assert found["paint is red today"] == found["paint is green today"] == "paint is <colour> today"
    assert found["brush is red today"] == "brush is <colour> today"
    assert found["lamp 7 switched on"] != found["lamp 7 switched off"]


def test_without_masks_or_matches_it_is_the_plain_mining():
    shapes = summary(MESSAGES)
    plain = mine_templates(shapes)
    assert map_shapes(shapes).equals(plain)
    assert map_shapes(shapes, [Mask("none", "no such word", "<none>")]).equals(plain)


def test_masks_apply_in_order_and_their_replacement_is_literal():
    texts = pl.Series(["order ORD-ABC of box"])
    first, second = Mask("order", "ORD-[A-Z]+", "$0 costs"), Mask("costs", "costs", "$$")
    assert masked(texts, [first, second]).to_list() == ["order $0 $$ of box"]


def test_every_shape_has_a_template_even_when_a_mask_eats_the_message():
    mapping = map_shapes(summary(["abc", "def ghi"]), [Mask("all", "[a-z ]+", "x")])
    assert mapping.height == 2
    assert mapping["template"].null_count() == 0
    assert mapping["template_id"].n_unique() == 1
