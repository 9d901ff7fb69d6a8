"""What goes, what stays, and that the column engine and the single text agree. Secrets are put together from pieces."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luffy_dagster.core.parsing.texts import collapse_digits
from luffy_dagster.core.redaction import DOCUMENTS, LOGS, Policy, key_block_rows, redact, redact_text
from luffy_dagster.core.redaction import engine
from luffy_dagster.core.redaction.policy import Kind, pseudonyms
from luffy_dagster_tests.growth import assert_near_linear

KEY = b"of the tests"
HEX = "0f3a9c7e51b24d68" * 4
MIX = "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zA" * 6

GOES = [  # (text, what must not be in it afterwards)
    ("login with password=Wint3r!Harbour", "Wint3r!Harbour"),
    ('{"user":"bo","passwd":"a \\"quoted\\" one"}', "quoted"),
    ('payload "{\\"secret\\":\\"s3cr3tvalue99\\"}"', "s3cr3tvalue99"),
    ("login with password=" + "banana99", "=b"),  # not as what stands before a quoted value: b"…", u"…", SecretStr("…")
    ("login with password=" + "Secret123", "Secret123"),
    ("login with password=Secret" + "123", "=Secret"),
    ("login with password=b'" + "banana99'", "banana99"),
    ("login with password=SecretStr(" + "banana99)", "banana99"),
    ("login with password=token=b'" + "banana99'", "banana99"),
    ("login with token=" + "x9" * 4_000 + "Harbour", "Harbour"),  # a long one whole
    ("login with password=token=" + "x9" * 4_000 + "Harbour", "Harbour"),
    ("DB_PASS=Gr1nite REDIS_AUTH=pep-991", "Gr1nite"),
    ("DB_PASS=Gr1nite REDIS_AUTH=pep-991", "pep-991"),
    ("postgres://app:" + "horse77@db.example.com:5432/x", "horse77"),
    ("amqp://app:" + "p%40ss@10.1.2.3/v", "p%40ss"),
    ("GET /x?page=2&access_token=" + MIX[:32], MIX[:32]),
    ("Authorization: Basic " + "dXNlcjpwYXNzd29yZDEyMw==", "dXNlcjpwYXNzd29yZDEyMw"),
    ("authorization: bearer " + MIX[:40], MIX[:40]),
    ("Cookie: a=1; JSESSIONID=" + HEX[:32].upper() + "; lang=en", HEX[:32].upper()),
    ("key " + "AK" + "IA" + "Q2W3E4R5T6Y7U2I3" + " used", "Q2W3E4R5T6Y7U2I3"),
    ("push with gh" + "p_" + MIX[:36], MIX[:36]),
    ("clone https://oauth2:gl" + "pat-" + MIX[:20] + "@git.example.com/x", MIX[:20]),
    ("jwt ey" + "J" + MIX[:20] + ".ey" + "J" + MIX[:40] + "." + MIX[:43], MIX[:40]),
    ("mysql -uroot -phunter22 -P 3306 app", "hunter22"),
    ("curl -u 'bo:hunter22' https://x.example.com", "hunter22"),
    ("docker login -u ci -p hunter22 registry", "hunter22"),
    ("<password>hunter22</password>", "hunter22"),
    ("ALTER ROLE x WITH PASSWORD 'hunter22'", "hunter22"),
    ("- name: API_TOKEN\n  value: hunter22xyz", "hunter22xyz"),
    ("mail to jo.doe+x@mail.example.org bounced", "jo.doe"),
    ("card 4111 1111 1111 1111 declined", "1111 1111"),
    ('{"card":4111111111111111,"n":1}', "4111111111111111"),
    ("IBAN DE89 3704 0044 0532 0130 00 ok", "3704 0044"),
    ("ssn 219-09-9999 given", "219-09-9999"),
    ("call +44 20 7946 0958 now", "7946 0958"),
    ("phone: (212) 555-0147", "555-0147"),
    ("https://hooks." + "slack.com/services/T0001/B0001/" + MIX[:24], MIX[:24]),
]
STAYS = [
    "version 6699220bcc19 runs since 2026-11-24 11:19 UTC",
    "commit 9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c by ci",
    "trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7",
    "request 123e4567-e89b-42d3-a456-426614174000 took 12ms",
    "2026-11-21T10:15:30.123456Z 08 2017-05-16 00:00:04.500",
    "max_tokens=4096 token_count=12 password_reset_required=false secret_version=3 key_id=orders:1:v2",
    "git@git.example.com:team/app.git user@1000.service @scope/pkg@1.2.3 com.acme.Foo@1b2c3d4e",
    "password=**** token=${TOKEN} secret=[REDACTED] pwd={{ vault }}",
    "Password reset requested; token expires in 15 minutes",
    "order 4111111111111112 blk_-1608999687919862906 seq 1700000000123456789",
    "sha256:" + HEX + " etag W/\"0f3a9c7e-51b24d68\"",
    "version 1.2.3.4 build 10.0.19041.1 on 10.0.0.7:8080",
    "foreign_key=orders_user_id sort_key=created_at primary key 'users.PRIMARY'",
    "sessionid: 0x34f1724a35e token=Token{a64f992",
]


@pytest.mark.parametrize(("text", "gone"), GOES)
def test_goes(text, gone):
    out = redact_text(text, LOGS, KEY)
    assert gone not in out
    assert "[" in out
    assert redact(pl.Series([text]), LOGS, key=KEY).texts[0] == out


@pytest.mark.parametrize("text", STAYS)
def test_stays(text):
    assert redact_text(text, DOCUMENTS, KEY) == text


def test_names_go_from_documents_only():
    text = "Ticket by Rachel Goldberg <rg@example.com>, seen by Kwame Mensah"
    assert "Goldberg" in redact_text(text, LOGS, KEY)
    out = redact_text(text, DOCUMENTS, KEY)
    assert "Goldberg" not in out
    assert "Mensah" not in out


def test_same_value_same_pseudonym_other_key_another():
    a, b = redact(pl.Series(["from jo@example.com", "to JO@example.com"]), LOGS, key=KEY).texts
    assert a.split()[1] == b.split()[1]
    assert redact_text("from jo@example.com", LOGS, b"other") != a


def test_policy_keeps_what_it_does_not_name():
    only_cards = Policy(frozenset({Kind.CARD}))
    text = "jo@example.com paid with 4111111111111111 password=hunter22"
    out = redact_text(text, only_cards, KEY)
    assert "jo@example.com" in out
    assert "4111111111111111" not in out
    assert "hunter22" not in out


def test_a_bare_number_of_json_stays_json():
    import json

    out = redact_text('{"card": 4111111111111111, "n": [5500005555555559]}', LOGS, KEY)
    assert json.loads(out)["card"].startswith("[CARD:")


def test_fails_closed(monkeypatch):
    def broken(*_):
        raise ValueError

    monkeypatch.setattr(engine, "spans", broken)
    counts = {}
    from collections import Counter

    counts = Counter()
    assert "hunter22" not in redact_text("password=hunter22", LOGS, KEY, counts)
    assert counts["FAILED"] == 1


def test_key_written_line_by_line():
    lines = ["loading", "-----BEGIN RSA " + "PRIVATE KEY-----", "MIIabc", "other", "def+/=", "-----END RSA " + "PRIVATE KEY-----", "done"]
    streams = ["a", "a", "a", "b", "a", "a", "a"]
    assert key_block_rows(pl.Series(lines), pl.Series(streams)).to_list() == [False, False, True, False, True, False, False]


def test_column_and_text_agree_and_nulls_stay():
    texts = [t for t, _ in GOES] + STAYS + [None, ""]
    out = redact(pl.Series("x", texts * 3), LOGS, key=KEY)
    assert out.texts.name == "x"
    assert out.texts.to_list() == [None if t is None else redact_text(t, LOGS, KEY) for t in texts * 3]
    assert out.counts["SECRET"] % 3 == 0


@given(st.lists(st.sampled_from([t for t, _ in GOES] + STAYS), min_size=1, max_size=3), st.text(alphabet="ab =:,\"'0Z@", max_size=8))
@settings(max_examples=150, deadline=None)
def test_column_and_text_agree_on_mixtures(parts, glue):
    text = glue.join(parts)
    assert redact(pl.Series([text]), LOGS, key=KEY).texts[0] == redact_text(text, LOGS, KEY)


@given(st.lists(st.sampled_from([t for t, _ in GOES] + STAYS), min_size=1, max_size=2), st.sampled_from([" ", "\n", ", "]), st.binary(min_size=16, max_size=16))
@settings(max_examples=400, deadline=None)
def test_a_second_pass_changes_nothing(parts, glue, key):
    once = redact_text(glue.join(parts), DOCUMENTS, key)
    assert redact_text(once, DOCUMENTS, key) == once


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_anything_is_read(text):
    redact_text(text, DOCUMENTS, KEY)
    redact(pl.Series([text]), DOCUMENTS, key=KEY)


@pytest.mark.parametrize("unit", ["a", "=", "password=", "password=[SECRET:", "password=(", "password='", "password=token=b'x,", "://", "a:", "1 ", "0 ", "Aa ", "<", "\\", "eyJ.", "@a.", '"', "-p ", "{[(", "Anna Berg ", "at x.y(Z.java:1) ", "\x1b[", "said the user Anna of Hill Street 12. "])
def test_malice_costs_no_more_than_its_length(unit):
    assert_near_linear(lambda text: redact_text(text, DOCUMENTS, KEY), lambda size: (unit * size)[:size], 400_000)


def test_collapsing_digits_changes_no_context_span():
    from luffy_dagster.core.redaction import context
    from luffy_dagster.core.redaction.looks import look

    for text in [t for t, _ in GOES] + STAYS:
        key = collapse_digits(pl.Series([text]))[0]
        assert bool(list(context.find(look(key)))) == bool(list(context.find(look(text)))), text


ADDRESSES = ["jo@example.com", "JO.Doe+x@mail.example.org", "git@example.com", "run@1000.service", "a/b@example.com", "x%40example.com"]
ADDRESSES += ["a" * 65 + "@example.com", "jo@example.abcdefghijklmnopqrstuvwxyz", "jo@-x.com", "jo'o@example.com", "jo@example.com:22", "4@example.com"]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("form", ["to {}", "mailto:{}, sent", '{{"to":"{}","n":1}}', '{{"n":{}}}', "{} and {}", "token ok for <{}>", "à {}"])
def test_an_address_alone_is_found_as_among_others(form, address):
    text = form.replace("{}", address).replace("{{", "{").replace("}}", "}")
    assert redact(pl.Series([text]), LOGS, key=KEY).texts[0] == redact_text(text, LOGS, KEY)


@given(st.text(alphabet="aZ9@.%40+'/:-_ {", max_size=40))
@settings(max_examples=300, deadline=None)
def test_anything_like_an_address_is_found_as_among_others(text):
    assert redact(pl.Series([text]), LOGS, key=KEY).texts[0] == redact_text(text, LOGS, KEY)


@pytest.mark.parametrize("key", [b"", b"k", b"of the tests", b"k" * 64, b"k" * 100])
def test_pseudonyms_are_hmac_sha256(key):
    import hmac

    digest = hmac.digest(key, b"EMAIL\0jo@example.com", "sha256").hex()
    assert pseudonyms(Kind.EMAIL, ["jo@example.com"], key) == [f"[EMAIL:{digest[:8]}]"]


PEOPLE = ["Ann van Berg", "J Smith", "A-B Foo", "ANNA BERG", "Berg, Anna", "al-Masri, Omar", "customer: Anna Berg", "name is Anna Berg", "Dear Ms. Berg", "user Anna Berg"]
NUMBERS = ["tel: 030 1234567", "0049 30 1234567", "020 7946 0123", "ssn is 219099999", "passport number: X1234567", "4111-1111-1111-1111", "756.1234.5678.97", "nin AB 12 34 56 C"]
WHERE = ["lives in Berlin Mitte", "12 Main Street, Springfield, IL 62704", "Hauptstrasse 12a", "city: Berlin", "London SW1A 1AA", "D-10115 Berlin", "lat=52.12345", "PO Box 12"]


@given(st.lists(st.sampled_from([t for t, _ in GOES] + STAYS + PEOPLE + NUMBERS + WHERE), min_size=1, max_size=3), st.sampled_from([" ", "\n", " é ", " ; "]))
@settings(max_examples=300, deadline=None)
def test_what_a_look_leaves_out_would_find_nothing(parts, glue):
    from unittest import mock

    from luffy_dagster.core.redaction.looks import Look

    text = glue.join(parts)
    with mock.patch.object(engine.looks, "look", lambda text: Look(text, text.lower(), "", -1)):
        every = engine.spans(text, DOCUMENTS)
    assert engine.spans(text, DOCUMENTS) == every


def test_a_look_sees_words_where_they_may_stand():
    from luffy_dagster.core.redaction.looks import Before, look, words

    anywhere, alone, named = words("sin"), words("sin", before=Before.NO_WORD, then=r"\b"), words("sin", then=r"\s*[:=]")
    seen = {text: look(text).seen & (anywhere | alone | named) for text in ("business", "a SIN", "_sin: 4", "since", "sun", "\ud800 sin")}
    assert seen == {"business": anywhere, "a SIN": anywhere | alone, "_sin: 4": anywhere | named, "since": anywhere, "sun": 0, "\ud800 sin": anywhere | alone}


def test_the_shape_of_a_text():
    from luffy_dagster.core.redaction.looks import look

    assert look("Ab 12\tC-9").shape == "Aa 00 A-0"
    assert look("é 12").shape == ""


def test_a_token_is_not_cut_by_the_border_of_a_piece():
    token = "ghp_" + "Ab3" * 12
    for before in (999_960, 999_990, 999_999, 1_000_000):
        text = "x " * (before // 2) + " " * (before % 2) + token + " y" * 10
        assert token[8:] not in redact_text(text, LOGS, KEY)
        assert token[:20] not in redact_text(text, LOGS, KEY)


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE " + "KEY-----MIIabc+/=\n-----END PRIVATE " + "KEY----- then _ -----BEGIN PRIVATE " + "KEY-----MIIdef-----END",
        "-----BEGIN PRIVATE " + "KEY-----MIIabc_-----BEGIN PRIVATE " + "KEY-----MIIdef_",
        "-----BEGIN PRIVATE " + "KEY----------BEGIN PRIVATE " + "KEY-----MIIabc MIIdef",
    ],
)
def test_every_private_key_of_a_text_goes(text):
    found = redact_text(text, LOGS, KEY)
    assert "MII" not in found


@pytest.mark.parametrize("head", ["", "2026-11-20 08:59:30,123 INFO ", "2026-11-20 08:59:30,123 INFO [mia@example.com] "])
@pytest.mark.parametrize("behind", ["", " \t"])
def test_the_end_of_a_long_line_comes_out_as_the_line_does(head, behind):
    from luffy_dagster.core.parsing.redacting import redact_entries

    text = "x " * 40_000 + "mail bo@example.com, password=Wint3r!Harbour"
    short = pl.DataFrame({"raw_line": [head + text + behind, "a bo@example.com"], "message": [text, "bo@example.com"], "lines": [1, 1]})
    frame = short.with_columns(text=pl.col("message"), **{name: pl.lit(None, dtype=pl.Utf8) for name in ("logger", "thread", "process", "host", "trace_id", "version")})
    out, changed = redact_entries(frame, LOGS, KEY)
    assert changed == 2
    assert out["raw_line"].to_list() == [redact_text(line, LOGS, KEY) for line in frame["raw_line"]]
    assert out["message"].to_list() == out["text"].to_list() == [redact_text(line, LOGS, KEY) for line in frame["message"]]
