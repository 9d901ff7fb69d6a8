"""What stands in a message whatever a log line holds: no calls, no links, no headers, nothing unseen, and never too long."""

import json
from datetime import UTC, datetime

import pytest

from luffy_dagster.core.alerting.alertmanager import incoming
from luffy_dagster.core.alerting.message import Message, as_html, as_slack, as_text, clean, subject_of
from luffy_dagster.core.model import Severity

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
HOSTILE = (
    "<!channel> <!here> <@U024BE7LH> @everyone @here [reset](http://evil.example/x) ![p](https://evil.example/p.png)"
    " *bold* _it_ ~no~ `code` <b onload=x> www.evil.example\r\nBcc: all@example.org\x00\x1b[31m \u202egnp.exe\u202c \ud83d \U000e0041"
)


def message(headline="web: it fails", *, severity=Severity.HIGH, kind="first", **more):
    fields = {"facts": (("What", headline),), "lines": (headline,), "links": (("Incident", "luffy incidents show 1"),)} | more
    return Message(kind, severity, headline, incident_id="i1", **fields)


def shown(payload):
    return json.dumps(payload, ensure_ascii=False)


def test_slack_is_given_no_call_no_link_no_picture():
    text = shown(as_slack([message(HOSTILE)]))
    for bad in ("<!", "<@", "@everyone", "@here", "http://", "https://", "](", "www.evil", "<b", "\u202e", "\ud83d", "\U000e0041", "\x1b"):
        assert bad not in text, bad
    text.encode()  # a half of a surrogate pair could not be sent at all
    payload = as_slack([message(HOSTILE)])
    assert (payload["parse"], payload["link_names"], payload["unfurl_links"], payload["unfurl_media"]) == ("none", False, False, False)
    assert all(block["text"]["verbatim"] for block in payload["blocks"] if "text" in block)


def test_our_own_links_work_and_those_that_could_break_out_do_not():
    good = ("Incident", "https://luffy.example/incidents/1")
    bad = ("Source", "https://x.example/|<!channel>")
    text = shown(as_slack([message(links=(good, bad))]))
    assert "<https://luffy.example/incidents/1>" in text
    assert "|<!channel>" not in text.replace("`https://x.example/|<!channel>`", "")
    page = as_html([message(links=(good, ("Source", "javascript:alert(1)"), ("Source", 'https://x"onmouseover="y')))])
    assert '<a href="https://luffy.example/incidents/1">' in page
    assert 'href="javascript' not in page
    assert '"onmouseover="' not in page


def test_a_subject_is_one_line_whatever_the_headline_is():
    for messages in ([message(HOSTILE)], [message(HOSTILE), message("b")]):
        subject = subject_of(messages)
        assert "\n" not in subject
        assert "\r" not in subject
        assert len(subject) <= 160
        subject.encode()


def test_html_and_text_hold_no_markup_of_the_log():
    page, text = as_html([message(HOSTILE)]), as_text([message(HOSTILE)])
    assert "<b " not in page
    assert "<!channel" not in page
    for unseen in ("\x00", "\x1b", "\u202e", "\ud83d"):
        assert unseen not in page + text
    assert "Bcc: all@example.org" not in text.splitlines()


def test_many_incidents_in_one_message_are_counted_and_none_is_left_out_in_silence():
    many = [message(f"web{n}: it fails", severity=Severity.CRITICAL if n == 150 else Severity.MEDIUM) for n in range(200)]
    payload = as_slack(many)
    assert len(payload["blocks"]) <= 50
    assert all(len(block["text"]["text"]) <= 3000 for block in payload["blocks"] if "text" in block)
    assert payload["text"].startswith("[CRITICAL] 200 incidents: web150")
    for text in (shown(payload), as_text(many), as_html(many)):
        assert "192 more incidents" in text
        assert text.index("web150: it fails") < text.index("web0: it fails"), "the worst stands first"
        assert "web40: it fails" in text
    assert "more incident" not in as_text(many[:8])
    assert "1 more incident " in as_text(many[:9])
    assert len(as_text([message("x" * 100_000)] * 5_000)) < 2_000_000


def test_a_long_line_is_cut_and_says_so():
    text = as_text([message(lines=("y" * 5_000,))])
    assert "y" * 299 + "…" in text
    assert "y" * 300 not in text


@pytest.mark.parametrize(
    "labels",
    [
        {"alertname": "a\x00b", "service": "we\x00b"},
        {"alertname": "a\ud800", "bad\udfff": "x"},
        {"alertname": "x" * 100_000, **{f"k{n}" * 500: "v" * 5_000 for n in range(200)}},
    ],
)
def test_another_systems_alert_is_text_that_can_be_stored_and_is_bounded(labels):
    payload = {"alerts": [{"labels": labels, "fingerprint": "\x00" + "f" * 500, "annotations": {"summary": HOSTILE}, "generatorURL": "http://g/\ud800"}]}
    ((one,), over, own) = incoming(payload, NOW)
    assert (over, own) == ([], [])
    stored = json.dumps([one.key, one.title, one.kind, one.service, one.detail], ensure_ascii=False)
    stored.encode()
    assert "\\u0000" not in stored
    assert len(stored) < 20_000
    assert one.key == incoming(payload, NOW)[0][0].key, "the same alert has the same key"


def test_unseen_characters_do_not_survive_and_people_s_letters_do():
    assert clean("a\u200bb\u00adc\ufe0fd") == "abc\ufe0fd"  # the last one only says that a sign is drawn in colour
    assert clean("Zoë naïve 日本語 🟠 🇩🇪") == "Zoë naïve 日本語 🟠 🇩🇪"
