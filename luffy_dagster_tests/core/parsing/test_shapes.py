"""Shapes: exact, reversible, fast, never failing."""

from __future__ import annotations

import random
import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luffy_dagster.core.parsing.masking import kinds_of, mask, mask_each
from luffy_dagster.core.parsing.masks import HOLE, KINDS, PATTERN
from luffy_dagster.core.parsing.shapes import (
    rebuild,
    shape_id,
    shape_ids,
    shape_messages,
    shape_of,
    summarise_shapes,
)
from luffy_dagster.core.parsing.templates import mine_templates
from luffy_dagster.core.parsing.texts import collapse_digits
from luffy_dagster.core.redaction import Policy, redact
from luffy_dagster.core.redaction.policy import Kind, pseudonym
from luffy_dagster_tests.growth import assert_near_linear

# Pieces that masks and escapes are made of, so that Hypothesis meets their borders.
PIECES = st.sampled_from(
    "0x 10 1.5 -7 . : :: / // \\ - _ @ <num> </num> <ip> < > <* \x00 a be ef abcdef f00dface 10.0.0.1 :8080 é µs ms KB "
    "http:// x.com /usr/a C:\\ Jan 2026-01-02 T10:11:12 ,5 \n \t = ( ) \" ' 1e5 E 00:1b:2c:3d:4e:5f fe80::1 漢 😀 ²".split(
        " "
    )
)
MESSAGES = st.one_of(
    st.text(max_size=60), st.lists(PIECES, max_size=14).map("".join), st.lists(PIECES, max_size=9).map(" ".join)
)


@pytest.mark.parametrize(
    ("message", "shape"),
    [
        (
            "Received block blk_-160 of size 67108864 from /10.251.42.84",
            "Received block blk_-<num> of size <num> from /<ip>",
        ),
        ("took 160 ms, 5.2 KB free", "took <duration> ms, <size> KB free"),
        ("user=mia id=6f1e2d3c-0a1b-4c5d-8e9f-001122334455 ok", "user=mia id=<uuid> ok"),
        ("open /var/log/app.log: denied.", "open <path>: denied."),
        ("loaded C:\\Windows\\System32\\a.dll and \\\\srv\\share\\b", "loaded <path> and <path>"),
        ("GET https://a.example.org/x?y=1: 500", "GET <url>: <num>"),
        ("mac 00:1b:2c:3d:4e:5f ip6 fe80::1ff:2 at 12:03:59.123", "mac <mac> ip<num> <ipv6> at <time>"),
        ("on Fri Jun 17 07:07:00 2005 and 2026-11-24T10:00:00Z", "on <time> and <time>"),
        ("mail to mia.berg@example.org via mx1.example.net:25", "mail to <email> via <host>:<num>"),
        ("state 0x1f flags deadbeef01 v=-3", "state <hex> flags <hex> v=<num>"),
        ("jk2_init() eth0 log4j 17% #4", "jk<num>_init() eth<num> log<num>j <num>% #<num>"),
        ("literal <num> and < </ip stay", "literal </num> and < <<path> stay"),
        ("mapred.job.id is deprecated", "mapred.job.id is deprecated"),
    ],
)
def test_shape_of_known_messages(message: str, shape: str) -> None:
    found_id, found, values = shape_of(message)
    assert found == shape
    assert found_id == shape_id(shape)
    assert rebuild(found, values) == message


@given(st.lists(MESSAGES, max_size=8))
@settings(max_examples=150, deadline=None)
def test_messages_are_rebuilt_byte_for_byte(messages: list[str]) -> None:
    shaped = shape_messages(pl.Series(messages, dtype=pl.Utf8))
    assert shaped.height == len(messages)
    for message, (found_id, shape, values) in zip(messages, shaped.iter_rows(), strict=True):
        if message:
            assert len(HOLE.findall(shape)) == len(values)
            assert rebuild(shape, values) == message
            assert found_id == shape_id(shape)
        else:
            assert (found_id, shape, values) == (None, None, None)


@given(MESSAGES.filter(bool))
@settings(max_examples=150, deadline=None)
def test_masks_do_not_look_at_which_digit_it_is(message: str) -> None:
    texts = pl.Series([message])
    collapsed = collapse_digits(texts)
    spans = [[len(p.encode()) for p in s.str.replace_all(PATTERN, "\x00")[0].split("\x00")] for s in (texts, collapsed)]
    assert spans[0] == spans[1]
    assert shape_ids(texts)["shape"][0] == shape_ids(collapsed)["shape"][0]


@given(st.lists(MESSAGES, min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_shape_does_not_depend_on_its_neighbours(messages: list[str]) -> None:
    together = shape_messages(pl.Series(messages, dtype=pl.Utf8)).rows()
    alone = [shape_messages(pl.Series([m], dtype=pl.Utf8)).row(0) for m in messages]
    assert together == alone


def test_many_messages_are_shaped_as_few_are() -> None:
    few = [
        "",
        "order 17 took 5 ms",
        "\ufeff1 mark",
        "a\x00b 2",
        "\x1e1\x1f2\x1d3",
        "grün 4",
        "two\nlines 5",
        "plain",
        "x" * 5000 + " 6",
    ]
    alone = [shape_messages(pl.Series([message], dtype=pl.Utf8)).row(0) for message in few]
    for column in (few, few[1:3] + few[5:8], ["", *few[5:8], ""]):
        many = shape_messages(pl.Series([*column * 1000, None], dtype=pl.Utf8))
        assert many.rows() == [*[alone[few.index(message)] for message in column] * 1000, (None, None, None)]


# Around an id: where one of like texts tells of the others, and where it must not.
AROUND = ["job {}", "job {} done", "id={}, x", "[EMAIL:{}]", "({}) {}", "a {} b {} c 0", "é {} µ", "u {u} v {u}", "{u}", "cafe {} dead"]
AROUND += ["-{}", " -{}", "0.{}", "1e+{}", "{}-0", "x.{}", "{}.com", "{}@x.de", "http://x/{}", "/a/{}", "{}://x", "00:00:{}", "0x{}", "a_{}"]
AROUND += ["Mon Jan 00 00:00:00 {}", "Mon Jan 00 00:00:00 GMT {}", "0000-00-00 00:00:00,{}", "00/00/0000 00:00:{}", "/Library/Web {} Data", "µ{}", "{}é"]
AROUND += ["/a/b {} Foo.log", "C:\\x ({})\\y", "de:ad:{}", "::{}", "{}:0", "{},0", "00 {} 00", "0e0 {}", "+{}", "{u}-{}", "a:{u}", "A:{}"]


def test_texts_that_differ_in_ids_are_masked_as_each_is() -> None:
    dice = random.Random(5)
    kinds = ["0123456789abcdef", "0123456789abcdef", "0123456789abcdef", "abcdef", "0123456789ABCDEF", "0e", "0"]

    def run(size: int) -> str:
        return "".join(dice.choices(dice.choice(kinds), k=size))

    texts = set()
    for around in AROUND:
        for size in (6, 8, 16):
            for _ in range(200):
                uuid = "-".join(run(n) for n in (8, 4, 4, 4, 12))
                texts.add(around.replace("{u}", uuid).replace("{}", run(size), 1).replace("{}", run(size)))
    column = collapse_digits(pl.Series(dice.sample(sorted(texts), len(texts)))).unique(maintain_order=True)
    assert len(column) > 10_000
    one, each = mask(column), mask_each(column)
    assert one.shapes.to_list() == each.shapes.to_list()
    assert len(one.starts) < len(each.starts) * 0.9  # many are told by others, and most contexts forbid it
    at, at_each = (
        pl.DataFrame({"first": m.firsts, "count": m.counts})
        .filter(pl.col("count") > 0)
        .select(pl.int_ranges("first", pl.col("first") + pl.col("count")).explode())
        .to_series()
        for m in (one, each)
    )
    for name in ("starts", "sizes", "kinds"):
        assert getattr(one, name).gather(at).to_list() == getattr(each, name).gather(at_each).to_list()


def test_a_pseudonym_is_one_value_whatever_the_key() -> None:
    lines = [f"mail to mia{n}@example.org and {n}@example.org queued, card 4111 1111 1111 1111" for n in range(300)]
    lines += [f"login of user{n} with password=hunter{n}x from 10.0.0.{n % 250}" for n in range(300)]
    seen = []
    for key in range(3):
        redacted = redact(pl.Series(lines), Policy(frozenset(Kind)), key=bytes([key])).texts
        assert (redacted != pl.Series(lines)).all()
        shaped = shape_messages(redacted)
        assert [rebuild(*row) for row in shaped.select("shape", "variables").iter_rows()] == redacted.to_list()
        seen.append(shaped["shape"].unique().sort().to_list())
    assert seen[0] == seen[1] == seen[2]
    assert seen[0] == ["login of user<num> with password=<id> from <ip>", "mail to <email> and <email> queued, card <id>"]
    assert mine_templates(summarise_shapes(shaped.with_columns(message=redacted)))["template"].sort().to_list() == [
        "login of <*> with password=<*> from <*>",
        "mail to <*> and <*> queued, card <*>",
    ]


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_pseudonym_is_known(kind: Kind) -> None:
    for key in range(40):  # also where the keyed part is digits alone, or letters alone
        text = f"a {pseudonym(kind, 'x', bytes([key]))} b"
        assert shape_of(text)[1] in ("a <email> b", "a <ip> b", "a <id> b")


@given(st.text(alphabet="0ea.:-/xA@ ", min_size=1, max_size=20))
@settings(max_examples=200, deadline=None)
def test_a_value_of_hex_digits_is_a_number_or_hex(value: str) -> None:
    wanted = next(i for i, (_, expression) in enumerate(KINDS) if re.fullmatch(expression, value))
    assert kinds_of(pl.Series([value])).to_list() == [wanted]


def test_nulls_and_nothing() -> None:
    shaped = shape_messages(pl.Series([None, "", "a 1"], dtype=pl.Utf8))
    assert shaped["shape"].to_list() == [None, None, "a <num>"]
    assert shaped["variables"].to_list() == [None, None, ["1"]]
    assert shape_messages(pl.Series([], dtype=pl.Utf8)).height == 0
    with pytest.raises(ValueError, match="empty message"):
        shape_of("")
    with pytest.raises(ValueError, match="1 holes but 2 values"):
        rebuild("a <num>", ["1", "2"])


@pytest.mark.parametrize(
    "unit",
    ["a", "1.2.", " ", "....----", "/a", "ab1c", "1:", "é1"],
    ids=["letters", "dotted", "blanks", "dots", "slashes", "ids", "colons", "accents"],
)
def test_a_long_line_costs_no_more_than_its_length(unit: str) -> None:
    assert_near_linear(shape_of, lambda size: unit * (size // len(unit)), 1_000_000)
    line = unit * (1_000_000 // len(unit))
    _, shape, values = shape_of(line)
    assert shape.endswith("<more>")
    assert rebuild(shape, values) == line


def test_summary_keeps_what_never_varied_and_not_the_order() -> None:
    messages = ["eth0 up after 5 s", "eth0 up after 7 s", "plain"]
    tables = []
    for order in (messages, messages[::-1]):
        frame = pl.DataFrame({"message": order})
        frame = pl.concat([frame, shape_messages(frame["message"])], how="horizontal")
        tables.append(summarise_shapes(frame).sort("shape_id").to_dicts())
    assert tables[0] == tables[1]
    by_shape = {row["shape"]: row for row in tables[0]}
    assert by_shape["eth<num> up after <duration> s"]["constants"] == ["0", None]
    assert by_shape["eth<num> up after <duration> s"]["count"] == 2
    assert by_shape["plain"]["constants"] is None
