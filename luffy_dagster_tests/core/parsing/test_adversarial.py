"""A megabyte in one line costs no stage of the parser a second of CPU (the whole table: `python -m …parsing.adversarial`)."""

from __future__ import annotations

import pytest

from luffy_dagster_tests.core.parsing.adversarial import lines, seconds, stages

# Those that were once quadratic, or are the worst of their kind in the table.
_WORST = ("blanks", "tabs", "\\n", "open brackets", "a.b", 'a="', "nested JSON", "open quote of logfmt", "escaped trace")


@pytest.mark.parametrize("name", _WORST)
def test_no_stage_takes_a_second(name: str) -> None:
    line = lines()[name]
    work = stages()
    for each in work.values():
        each("2026-11-20 08:59:30,123 INFO java.lang.X: y\n\tat a.b(C.java:1)")
    spent = {stage: min(seconds(each, line) for _ in range(2)) for stage, each in work.items()}
    assert max(spent.values()) < 1, spent
