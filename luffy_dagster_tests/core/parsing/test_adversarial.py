"""What a long line costs a stage of the parser grows with its length, no faster (the table in seconds: `python -m …parsing.adversarial`)."""

from __future__ import annotations

import pytest

from luffy_dagster_tests.core.parsing.adversarial import lines, stages
from luffy_dagster_tests.growth import assert_near_linear

# Those that were once quadratic, or are the worst of their kind in the table.
_WORST = ("blanks", "tabs", "\\n", "open brackets", "a.b", 'a="', "nested JSON", "open quote of logfmt", "escaped trace", "private keys", "random")


@pytest.mark.parametrize("name", _WORST)
def test_no_stage_grows_faster_than_the_line(name: str) -> None:
    line = lines()[name]
    for stage in stages().values():
        stage("2026-11-20 08:59:30,123 INFO java.lang.X: y\n\tat a.b(C.java:1)")
        assert_near_linear(stage, lambda size: line[:size], 200_000)
