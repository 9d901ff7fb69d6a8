"""Whole streams of servers, several kinds of lines each, read with no setting."""

from __future__ import annotations

import random
from collections.abc import Callable

from luffy_dagster.core.parsing import settle_profile
from luffy_dagster.core.parsing.headers import Format
from luffy_dagster.core.parsing.profiles import reading
from luffy_dagster_tests.core.parsing.raw import NOW
from luffy_dagster_tests.core.parsing.whole_streams import STREAMS, make, score


def test_streams_of_several_kinds_are_read() -> None:
    short = []
    for name in sorted(STREAMS):
        message, level, timed, wrong = score(name, 250, 3)
        if min(message, level, timed) < 0.98:
            short.append((name, message, level, timed, wrong))
    assert not short


def test_a_sentence_that_names_its_time_is_the_message_and_nobody_s_header() -> None:
    lines = [text for text, *_ in make("rails_dev", 60, 1)]
    forms = reading(settle_profile(lines, received_at=NOW)).formats
    assert [form.whole for form in forms] == [True]
    assert set(forms[0].compiled.groups) == {"time"}
    assert Format.from_json(forms[0].to_json()) == forms[0]


def test_lines_without_header_belong_to_what_they_follow_regularly() -> None:
    dice = random.Random(5)
    said = ["order {} placed", "shelf {} emptied", "user {} came", "statement {} failed:"]

    def stream(goes_on: Callable[[str], bool]) -> list[str]:
        lines = []
        for n in range(300):
            text = dice.choice(said).format(n)
            lines.append(f"2026-11-20 07:{n // 60:02}:{n % 60:02} INFO app - {text}")
            if goes_on(text):
                lines.append("select name from shelves" if n % 2 else "spawned worker of the pool")
        return lines

    of_one_kind = stream(lambda text: text.endswith(":") and dice.random() < 0.6)
    of_any = stream(lambda _: dice.random() < 0.15)
    assert reading(settle_profile(of_one_kind, received_at=NOW)).fold_all
    assert not reading(settle_profile(of_any, received_at=NOW)).fold_all
