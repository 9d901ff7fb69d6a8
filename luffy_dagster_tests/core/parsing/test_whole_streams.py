"""Whole streams of servers, several kinds of lines each, read with no setting."""

from __future__ import annotations

from luffy_dagster.core.parsing import settle_profile
from luffy_dagster.core.parsing.headers import Format
from luffy_dagster.core.parsing.profiles import reading
from luffy_dagster_tests.core.parsing.raw import NOW
from luffy_dagster_tests.core.parsing.whole_streams import STREAMS, make, score

# Lines without header between one-line entries are taken for their continuation.
_NOT_READ = {"uwsgi", "klog_mixed"}


def test_streams_of_several_kinds_are_read() -> None:
    short = []
    for name in sorted(set(STREAMS) - _NOT_READ):
        message, level, timed, wrong = score(name, 120, 3)
        if min(message, level, timed) < 0.98:
            short.append((name, message, level, timed, wrong))
    assert not short


def test_a_sentence_that_names_its_time_is_the_message_and_nobody_s_header() -> None:
    lines = [text for text, *_ in make("rails_dev", 60, 1)]
    forms = reading(settle_profile(lines, received_at=NOW)).formats
    assert [form.whole for form in forms] == [True]
    assert set(forms[0].compiled.groups) == {"time"}
    assert Format.from_json(forms[0].to_json()) == forms[0]
