"""A block of bytes gives what its lines give, whatever is in it."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from luffy_dagster.core.parsing import settle_profile
from luffy_dagster.core.parsing.templates.stream import TemplateStream

_LINES = [f"2026-11-01 10:00:{i % 60:02} INFO [w-{i % 4}] app.Store - order {i * 7} placed in {i % 9} ms" for i in range(400)]
_NOW = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "more",
    [
        [],
        ["", "", "2026-11-01 10:01:00 INFO [w-1] app.Store - grüße 5", ""],
        ["\ufeff2026-11-01 10:01:00 INFO [w-1] app.Store - mark 5"],
        ["a\x01b 7", "with a carriage return 8\r"],
        ["\x1e 1 \x1f 2"],
    ],
)
@pytest.mark.parametrize("first", [False, True])
def test_a_block_is_read_as_its_lines_are(more: list[str], *, first: bool) -> None:
    lines = [*more, *_LINES] if first else [*_LINES, *more]
    profile = settle_profile(_LINES, received_at=_NOW)
    by_line, by_block = TemplateStream(profile), TemplateStream(profile)
    numbers = by_line.feed(pl.Series(lines, dtype=pl.Utf8))
    block = by_block.feed_block("".join(line + "\n" for line in lines).encode())
    assert block.to_list() == numbers.to_list()
    assert by_block.templates().equals(by_line.templates())


def test_bytes_that_are_no_text_are_replaced() -> None:
    stream = TemplateStream(settle_profile(_LINES, received_at=_NOW))
    numbers = stream.feed_block("".join(line + "\n" for line in _LINES).encode() + b"broken \xff\xfe 12\nbroken \xff\xfe 99\n")
    assert len(numbers) == len(_LINES) + 2
    assert numbers[-1] == numbers[-2] != numbers[0]
