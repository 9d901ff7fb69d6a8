"""The report as text: what is shown first, what others wrote made harmless."""

from datetime import UTC, datetime, timedelta

from luffy_dagster.core.rca.report import (
    HEAD_CHARACTERS,
    Action,
    BlastRadius,
    Claim,
    CommitRef,
    EvidenceItem,
    Report,
    head_markdown,
    head_of,
    to_markdown,
)
from luffy_dagster.core.rca.safe import prose, sentence

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SHA = "ab" * 20


def report(**changes):
    values = {
        "service": "pay", "cluster_id": "c-1", "title": "KeyError: no fee for JPY", "verdict": "culprit", "confidence": 0.8,
        "headline": f"Commit `{SHA[:12]}` (`fees: from the table`) is the likely cause: it changes the failing function `fee`.",
        "culprit": CommitRef(sha=SHA, subject="fees: from the table", author="Ann Lee", at=NOW - timedelta(hours=1)),
        "summary": [Claim(text="`KeyError` is raised at `pay/fees.py:5`.", cites=["E1"])],
        "evidence": [EvidenceItem(id="E1", kind="commit", title="The commit", text="x", commit=SHA)],
        "blast_radius": BlastRadius(occurrences=1200, last_24h=40, users=3, services=["shop"]),
        "recommendations": [Action(action=f"Revert commit `{SHA[:12]}`", risk="undoes it", roll_back="revert the revert")],
        "generated_at": NOW,
    }  # fmt: skip
    return Report(**{**values, **changes})


def test_the_cause_is_the_first_sentence_with_whom_to_ask_and_a_link():
    lines = to_markdown(report(), repository="https://git.example/a/shop.git").split("\n")
    assert lines[0] == "# KeyError: no fee for JPY"
    assert lines[2].startswith(f"**Commit `{SHA[:12]}` (`fees: from the table`) is the likely cause")
    assert f"[`{SHA[:12]}`](https://git.example/a/shop/-/commit/{SHA}) by Ann Lee" in lines[4]


def test_the_head_is_short_enough_to_be_shown_in_place_whatever_it_says():
    head = head_markdown(report())
    for said in ("likely cause", "1,200 occurrences", "also fails: `shop`", "1. Revert commit", "luffy rca show c-1 -s pay"):
        assert said in head
    long = report(title="x" * 300, headline="y " * 150, recommendations=[Action(action="z " * 140, risk="r", roll_back="b")] * 3)
    assert len(head_markdown(long)) <= HEAD_CHARACTERS
    assert "luffy rca show" in head_markdown(long)


def test_a_message_has_plain_words():
    assert "`" not in head_of(report())
    assert f"Commit {SHA[:12]} (fees: from the table) is the likely cause" in head_of(report())


def test_an_address_is_shown_and_is_no_link():
    for text in ("see https://evil.example/a_b now", "www.evil.example/x", "[x](https://evil.example/)", "javascript:alert(1)", "mailto:a@b.example"):
        for shown in (prose(text), sentence(text)):
            at = min(i for i in (shown.find(w) for w in ("http", "www", "javascript", "mailto")) if i >= 0)
            assert shown[at - 1] == "`", shown
            assert "](http" not in shown
    assert sentence("changes `a|b.py` and <b>") == "changes `a¦b.py` and \\<b\\>"
