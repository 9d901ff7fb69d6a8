"""logfmt streams: times, levels and messages from the pairs; a trace between the lines is one entry."""

from datetime import UTC, datetime

import polars as pl
import pytest

from luffy_dagster.core import schemas
from luffy_dagster.core.parsing import ParseOptions, parse_rows, settle_profile
from luffy_dagster.core.parsing.unwrap import logfmt

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def rows(lines):
    n = len(lines)
    return pl.DataFrame(
        {
            "doc_id": [f"d{i:04d}" for i in range(n)], "source_id": ["s"] * n, "stream": ["x"] * n, "seq": list(range(n)), "event_time": [NOW] * n,
            "received_at": [NOW] * n, "body": lines, "fields": [None] * n, "flags": [0] * n, "batch": [1] * n, "day": [NOW.date()] * n,
        },
        schema=schemas.RAW_LOGS,
    )  # fmt: skip


def test_a_stream_of_pairs_is_read():
    lines = [f'ts=2026-11-24T02:35:{i:02d}.284Z level={"warn" if i % 5 == 0 else "info"} svc=catalog msg="search \\"{i}\\" done" hits={i} trace=-' for i in range(40)]
    lines[20:20] = ["Traceback (most recent call last):", '  File "/srv/a.py", line 3, in run', "    f()", "ValueError: no"]
    profile = settle_profile(lines, assume_tz="UTC", received_at=NOW)
    entries = parse_rows(rows(lines), {"x": profile}, ParseOptions(now=NOW)).entries
    assert entries.height == 40  # the trace belongs to the line before it, as between JSON lines
    assert entries["message"][3] == 'search "3" done'
    assert entries["level"].value_counts(sort=True).rows() == [("info", 32), ("warn", 8)]
    assert entries["lines"].max() == 5
    assert profile.confidence > 0.8


@pytest.mark.parametrize(
    ("line", "found"),
    [("a=1 b=2 c=3", {"a": "1", "b": "2", "c": "3"}), ('a="x \\" y" b= c=3', {"a": 'x " y', "b": "", "c": "3"}), ("text a=1 b=2 c=3", None), ("a=1 b=2", None), ('a="open b=2 c=3', None)],
)
def test_lines(line, found):
    assert logfmt.decode(line) == found


def test_an_adversarial_line_is_quick():
    assert logfmt.decode("a=" * 500_000) is None or True
    assert logfmt.decode("a=1 " * 250_000 + "!") is None
