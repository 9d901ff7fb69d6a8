"""What a layout's expression reads is what decoding each object gives; what it cannot say for sure it leaves alone."""

from __future__ import annotations

import json
import random
from typing import Any

import polars as pl
import pytest

from luffy_dagster.core.parsing.unwrap import json_columns, json_layouts


def _record(dice: random.Random, number: int, kind: int) -> str:
    item: dict[str, Any]
    if kind == 0:
        item = {
            "ts": "2026-01-01T00:00:00Z",
            "level": dice.choice(["info", "warn", ""]),
            "msg": dice.choice([f"grüße {number}", "", "x", 'a "quoted" word', "two\nlines", "back\\slash"]),
            "pid": dice.choice([number, 0, -5, 12345678901234567]),
            "none": None,
            "share": 1.5,
            "flag": True,
            "list": [1, "a"],
            "inner": {"k": "v", "q": dice.choice([1, "", None])},
        }
    elif kind == 1:
        item = {
            "msg": f"m{number}",
            "message": dice.choice(["", "yes"]),
            "inner": {"k": "", "q": 7},
            "k8s": {"pod": {"name": f"p-{number}"}},
        }
    else:
        item = {
            "level": dice.choice(["a", 5, None, True, 1.5]),
            "message": dice.choice([None, 5, "", "z", 0]),
            "deep": [{"a": 1}],
        }
    return json.dumps(item, separators=dice.choice([(",", ":"), (", ", ": ")]), ensure_ascii=dice.random() < 0.1)


@pytest.mark.parametrize("seed", range(12))
def test_a_layout_reads_what_decoding_reads(seed: int) -> None:
    dice = random.Random(seed)
    kinds = dice.choice([[0], [1], [0, 1], [0, 1, 2]])
    texts = pl.Series([_record(dice, number, dice.choice(kinds)) for number in range(1000)])
    wanted = [
        [["level"]],
        [["pid"]],
        [["inner", "q"], ["inner", "k"]],
        [["k8s", "pod", "name"]],
        [["none"], ["share"]] if dice.random() < 0.3 else [["none"]],
        [],
    ]
    message = dice.choice([[["msg"], ["message"]], [["message"], ["msg"]], [["msg"]], [["inner", "k"], ["msg"]], []])
    decoded = json_columns.columns(texts, wanted, message)
    rows, columns = json_layouts.columns(texts, wanted, message)
    assert decoded is not None
    for whole, part in zip(decoded, columns, strict=False):
        assert whole.gather(rows).to_list() == part.to_list()


def test_most_texts_of_one_program_are_read_by_one_layout() -> None:
    texts = pl.Series([f'{{"t":"2026-01-01","level":"info","message":"order {i} placed","n":{i}}}' for i in range(500)])
    rows, (message, level) = json_layouts.columns(texts, [[["level"]]], [["message"]])
    assert len(rows) == len(texts)
    assert message[7] == "order 7 placed"
    assert level.unique().to_list() == ["info"]


@pytest.mark.parametrize(
    "text",
    [
        '{"message":"a","message":"b"}',  # said twice
        '{"message":"a\\u00e9"}',  # an escape
        '{"message":1}',
        '{"message":["a"]}',
        '{"message":"a","resourceLogs":[]}',
        '{"message":"a"',
        "plain words",
        '{"message":"a","n":1e400}',
        "[1]",
        "{}",
    ],
)
def test_what_a_layout_cannot_say_for_sure_is_left(text: str) -> None:
    rows, _ = json_layouts.columns(pl.Series([text] * 300), [], [["message"]])
    assert len(rows) == 0
