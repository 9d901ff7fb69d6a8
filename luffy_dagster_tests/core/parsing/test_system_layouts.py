"""The header layouts of well-known systems: message, level and time of nearly every line, with no setting."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from luffy_dagster.core.parsing import settle_profile
from luffy_dagster.core.parsing.profiles import reading
from luffy_dagster.core.parsing.rows import read_lines
from luffy_dagster_tests.core.parsing.system_layouts import LAYOUTS, lines_of

NOW = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("part", range(4))
def test_well_known_layouts_are_read(part: int) -> None:
    short = []
    for name in sorted(LAYOUTS)[part::4]:
        lines, messages, levels, times = lines_of(name, 120)
        found = reading(settle_profile(lines, received_at=NOW))
        read = read_lines(pl.Series("body", lines, dtype=pl.Utf8), found, assume_tz="UTC", received_at=NOW)
        texts = [(text or "").strip() for text in read["text"]]
        right = [a == b for a, b in zip(texts, messages, strict=True)]
        graded = [b is None or a == b for a, b in zip(read["level"], levels, strict=True)]
        timed = [a is not None and abs((a - b).total_seconds()) < 1.01 for a, b in zip(read["time"], times or [], strict=False)]
        shares = [sum(hits) / max(1, len(hits)) for hits in (right, graded, timed or [True])]
        if min(shares) < 0.98:
            wrong = [line for line, good in zip(lines, right, strict=True) if not good]
            short.append((name, shares, wrong[:1]))
    assert not short
