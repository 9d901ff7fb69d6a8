"""The parse engine: the books are balanced, batch borders change nothing, lanes and threads are told apart."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luffy_dagster.core import schemas
from luffy_dagster.core.parsing import ParseOptions, parse_rows, settle_profile
from luffy_dagster.core.redaction import LOGS, redact_text
from luffy_dagster.core.schemas import RowFlag
from luffy_dagster_tests.core.parsing.header_formats import stream
from luffy_dagster_tests.core.parsing.raw import NOW, rows

CLOSED = ParseOptions(now=NOW, close=True)
TRACE = [
    "java.lang.IllegalStateException: no stock",
    "\tat com.acme.Shop.sell(Shop.java:12)",
    "\tat com.acme.Main.main(Main.java:3)",
    "Caused by: java.io.IOException: disk",
    "\t... 2 more",
]


def parse(bodies: list[str | None], options: ParseOptions = CLOSED, **more: object):
    profile = settle_profile([b for b in bodies if b is not None], received_at=NOW)
    return parse_rows(rows(bodies, **more), {"s": profile}, options)  # type: ignore[arg-type]


def test_entries_have_the_columns_of_the_lake() -> None:
    parsed = parse(stream("log4j_classic", 50).lines)
    assert list(parsed.entries.columns) == [name for name in schemas.ENTRIES if name != "batch"]
    assert {name: kind for name, kind in parsed.entries.schema.items()} == {
        name: kind for name, kind in schemas.ENTRIES.items() if name != "batch"
    }
    row = parsed.entries.row(0, named=True)
    assert row["logger"].startswith(("com.acme", "io.acme"))
    assert row["thread"]
    assert row["level"] in ("debug", "info", "warn", "error")


def test_one_exception_is_one_entry_and_keeps_the_line_before_it() -> None:
    good = stream("log4j_short", 20).lines
    parsed = parse(
        [*good[:10], "2026-11-24 08:00:00,000 ERROR com.acme.shop.CartService: unhandled", *TRACE, *good[10:]]
    )
    assert parsed.entries.height == 21
    entry = parsed.entries.filter(pl.col("lines") > 1).row(0, named=True)
    assert entry["message"] == "unhandled"
    assert entry["raw_line"].endswith("\n".join(TRACE))
    exception = parsed.exceptions.row(0, named=True)
    assert (exception["type"], exception["root_type"]) == ("java.lang.IllegalStateException", "java.io.IOException")


def test_interleaved_services_are_told_apart() -> None:
    bodies = []
    for i in range(30):
        bodies += [f"web | request {i}", f"db  | vacuum {i}"]
    for a, b in zip(TRACE, TRACE, strict=True):
        bodies += [f"web | {a}", f"db  | {b}"]
    bodies += ["web | request 31", "db  | vacuum 31"]
    parsed = parse(bodies)
    assert parsed.exceptions.height == 2
    traces = parsed.entries.filter(pl.col("lines") == len(TRACE))
    assert sorted(traces["process"].to_list()) == ["db", "web"]


def test_a_prefix_on_every_line_with_two_threads() -> None:
    at = "2026-11-24 08:00:00,000 {} [{}] com.acme.Shop - {}"
    bodies = [at.format("INFO", f"t{i % 2}", f"order {i}") for i in range(40)]
    for line in TRACE:
        bodies += [at.format("ERROR", "t0", line), at.format("ERROR", "t1", line)]
    parsed = parse(bodies)
    assert parsed.exceptions.height == 2
    assert parsed.stats.entries == 42


def test_pieces_of_a_line_are_glued() -> None:
    t = "2026-11-24T08:00:00.123Z"
    parsed = parse(
        [f"{t} stdout F one", f"{t} stdout P two ", f"{t} stdout P and ", f"{t} stdout F a half", f"{t} stdout F three"]
    )
    assert parsed.entries["message"].to_list() == ["one", "two and a half", "three"]


def test_fields_of_the_source_win() -> None:
    given_fields = json.dumps({"level": "error", "service": "shop", "stack_trace": "\n".join(TRACE), "trace_id": "abc"})
    parsed = parse(["plain words", "more words"], fields=[given_fields, None])
    row = parsed.entries.row(0, named=True)
    assert (row["level"], row["trace_id"], row["flags"] & RowFlag.UNPARSED) == ("error", "abc", 0)
    assert parsed.exceptions["type"].to_list() == ["java.lang.IllegalStateException"]


def test_impossible_times_are_flagged_and_kept() -> None:
    lines = [*stream("go_std", 20).lines, "2400/01/01 00:00:00 odd", "1970/01/02 00:00:00 odd"]
    parsed = parse(lines, ParseOptions(now=NOW, close=True, header_times=frozenset(["src"])))
    odd = parsed.entries.filter(pl.col("message") == "odd")
    assert odd["event_time"].to_list() == [NOW, NOW]
    assert (odd["flags"] & int(RowFlag.TIME_OUT_OF_RANGE) != 0).all()


def test_secrets_are_in_no_column() -> None:
    secret = "hunter2hunter2"
    lines = [*stream("log4j_short", 20).lines, f"2026-11-24 08:00:00,000 INFO a.B: login password={secret} ok"]
    parsed = parse(lines, ParseOptions(now=NOW, close=True, redaction=LOGS, redaction_key=b"k" * 32))
    assert parsed.stats.redacted == 1
    for frame in (parsed.entries, parsed.exceptions, parsed.shapes):
        assert secret not in frame.write_json()


def test_pieces_of_a_line_are_redacted_as_texts_of_their_own() -> None:
    said = ["mail to jo@example.com", 'quoted \\"jo@example.com\\"', "a@b.example.com c@d.example.com", "jo@example.com "]
    said += ["token ok for jo@example.com", "4@example.com", "nothing", "git@example.com:x/y.git", "jo\\u0040example.com"]
    lines = [*stream("log4j_short", 40).lines, *(f"2026-11-24 08:00:00,000 INFO jo@example.com: {text}" for text in said)]
    lines += [f'{{"time":"2026-11-24T08:00:00Z","level":"info","logger":"jo@example.com","msg":"{text}"}}' for text in said]
    for part in (lines[:49], lines[49:] * 4):
        plain = parse(part, ParseOptions(now=NOW, close=True))
        parsed = parse(part, ParseOptions(now=NOW, close=True, redaction=LOGS, redaction_key=b"k" * 32))
        for name in ("raw_line", "message", "logger"):
            texts = plain.entries[name]
            wanted = [None if text is None else redact_text(text, LOGS, b"k" * 32) for text in texts]
            assert parsed.entries[name].to_list() == wanted


def test_a_stream_without_profile_is_named() -> None:
    with pytest.raises(KeyError, match="no profile for stream 's'"):
        parse_rows(rows(["x"]), {}, CLOSED)


def test_nothing_in_nothing_out() -> None:
    parsed = parse_rows(rows([]), {}, CLOSED)
    assert (parsed.entries.height, parsed.open, parsed.stats.rows) == (0, {}, 0)


ODD = st.text(alphabet=st.sampled_from(list('ab {}[]":\t\n|-.#@é\x00<>()=,0123456789ERROR')), max_size=60)
LINES = st.one_of(
    ODD,
    st.sampled_from(
        [
            *TRACE,
            *stream("log4j_short", 30).lines,
            *stream("syslog3164", 10).lines,
            "web | x",
            '{"level":"info","msg":"m"}',
            '{"log":"half","stream":"stdout","time":"2026-11-24T08:00:00Z"}',
            "",
        ]
    ),
)


@given(st.lists(LINES, max_size=40), st.lists(LINES, max_size=40))
@settings(max_examples=80, deadline=None)
def test_rows_in_are_entries_and_folded_rows(sample: list[str], bodies: list[str]) -> None:
    profile = settle_profile(sample, received_at=NOW)
    parsed = parse_rows(rows(bodies), {"s": profile}, ParseOptions(now=NOW))
    assert parsed.stats.rows == parsed.stats.entries + parsed.stats.folded == len(bodies)
    assert int(parsed.entries["lines"].sum()) == len(bodies)
    assert parsed.members.height == len(bodies)
    assert set(parsed.members["entry_id"].to_list()) == set(parsed.entries["entry_id"].to_list())
    assert (
        parsed.entries["raw_line"].str.join("\n").to_list() == (["\n".join(bodies)] if bodies else [""])
        or parsed.entries["lines"].max() > 1
    )


def _kept_back(
    bodies: list[str], cuts: list[int], profile, when: list[datetime]
) -> list[tuple[str, str, str | None, int]]:
    """Entries when the rows come in batches: rows of open entries are kept back and given again."""
    raw = rows(bodies).with_columns(pl.Series("event_time", when, dtype=schemas.UTC_US))
    done: list[pl.DataFrame] = []
    held = raw.clear()
    edges = [0, *sorted(cuts), len(bodies)]
    for start, end in zip(edges, edges[1:], strict=False):
        last = end == len(bodies) and start == edges[-2]
        batch = pl.concat([held, raw.slice(start, end - start)])
        parsed = parse_rows(batch, {"s": profile}, ParseOptions(now=NOW, close=last, shapes=False, exceptions=False))
        waiting = [name for names in parsed.open.values() for name in names]
        done.append(parsed.entries.filter(~pl.col("entry_id").is_in(waiting)))
        keep = parsed.members.filter(pl.col("entry_id").is_in(waiting))["doc_id"].to_list()
        held = batch.filter(pl.col("doc_id").is_in(keep))
    return sorted(pl.concat(done).select("entry_id", "raw_line", "level", "lines").rows())


@pytest.mark.parametrize("kind", ["headed", "compose", "prefixed", "bare"])
@given(st.integers(0, 10_000), st.lists(st.integers(0, 60), max_size=4))
@settings(max_examples=25, deadline=None)
def test_batch_borders_change_nothing(kind: str, seed: int, cuts: list[int]) -> None:
    rng = random.Random(seed)
    bodies: list[str] = []
    ordinary = stream("log4j_short", 60, seed).lines
    while len(bodies) < 60:
        piece = TRACE if rng.random() < 0.2 else [rng.choice(ordinary)]
        if kind == "compose":
            lines = [f"note {rng.randint(1, 9)}"] if len(piece) == 1 else TRACE
            service, other = rng.sample(["web", "db"], 2)
            piece = [part for line in lines for part in (f"{service} | {line}", f"{other} | note {rng.randint(1, 9)}")]
        elif kind == "prefixed":
            thread = rng.choice(["t0", "t1"])
            piece = [
                f"2026-11-24 08:00:00,000 INFO [{thread}] com.acme.Shop - {line.split(': ', 1)[-1] if len(piece) == 1 else line}"
                for line in piece
            ]
        elif kind == "bare":
            piece = [f"note {rng.randint(1, 9)}"] if len(piece) == 1 else TRACE
        bodies += piece
    bodies = bodies[:60]
    when = [NOW - timedelta(seconds=30) + timedelta(milliseconds=100 * i) for i in range(60)]
    profile = settle_profile(bodies, received_at=NOW)
    assert _kept_back(bodies, cuts, profile, when) == _kept_back(bodies, [], profile, when)


def test_an_entry_closes_after_a_minute_of_silence() -> None:
    lines = stream("log4j_short", 10).lines
    recent = parse(lines, ParseOptions(now=NOW))
    assert recent.open == {"s": ("s:9",)}
    assert recent.entries["flags"][-1] & RowFlag.KEPT_OPEN
    later = parse(lines, ParseOptions(now=NOW + timedelta(seconds=61)))
    assert later.open == {}


def test_times_come_from_the_source_unless_asked_otherwise() -> None:
    lines = stream("go_std", 20).lines
    assert parse(lines).entries["event_time"].unique().to_list() == [NOW]
    own = parse(lines, ParseOptions(now=NOW, close=True, header_times=frozenset(["src"])))
    assert own.entries["event_time"][0] < datetime(2026, 11, 24, tzinfo=UTC)


def test_a_message_before_its_context_in_tabbed_lines_stays_the_message():
    lines = [
        f'2026-11-20T10:00:{i:02d}.120+0100\tINFO\tstock/store.go:{i}\tread sku {i} of {word}\t{{"traceId": "{i:016x}"}}'
        for i, word in enumerate(["berlin", "hamburg", "munich", "bonn"] * 10)
    ]
    profile = settle_profile(lines, received_at=NOW)
    read = parse_rows(rows(lines), {"s": profile}, CLOSED).entries
    assert read["message"][1] == 'read sku 1 of hamburg\t{"traceId": "0000000000000001"}'
    assert read["logger"][1] == "stock/store.go:1"


@pytest.mark.parametrize("kind", ["jul", "console"])
def test_a_header_on_a_line_of_its_own(kind: str) -> None:
    bodies, wanted = [], []
    for i in range(30):
        at = NOW - timedelta(seconds=60 - i)
        level = ("INFO", "WARNING", "SEVERE")[i % 3]
        said = ("Silo {} opened", "took {} ms", "ready {}", "cannot reach rye {}")[i % 4].format(i)
        if kind == "jul":
            bodies += [f"{at:%b %d, %Y %I:%M:%S %p} org.quarz.Mill feed", f"{level}: {said}"]
        else:
            word = {"INFO": "info", "WARNING": "warn", "SEVERE": "fail"}[level]
            bodies += [f"{word}: Quarz.Mill.Feeder[{i % 20}]", f"      {said}"]
        wanted.append(({"INFO": "info", "WARNING": "warn", "SEVERE": "error"}[level], said))
    parsed = parse(bodies, ParseOptions(now=NOW, close=True, header_times=frozenset(["src"])))
    assert parsed.entries.select("level", "message").rows() == wanted
    assert parsed.entries["logger"].unique().to_list() == ["org.quarz.Mill" if kind == "jul" else "Quarz.Mill.Feeder"]
    if kind == "jul":
        assert parsed.entries["event_time"][29] == NOW - timedelta(seconds=31)


@given(st.lists(st.binary(max_size=80), max_size=30), st.lists(st.binary(max_size=80), max_size=20))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_entries_folded_or_kept_whole(sample: list[bytes], lines: list[bytes]) -> None:
    bodies = [line.decode("utf-8", "replace") for line in [*lines, *sample]]
    profile = settle_profile([line.decode("utf-8", "replace") for line in sample], received_at=NOW)
    parsed = parse_rows(rows(bodies), {"s": profile}, ParseOptions(now=NOW, close=True, redaction=LOGS, redaction_key=b"k"))
    kept = parsed.entries.filter(pl.col("flags") & int(RowFlag.UNPARSED) != 0).height
    assert (parsed.stats.rows, parsed.stats.unparsed) == (len(bodies), kept)
    read = parsed.entries.height - kept
    assert read + parsed.stats.folded + kept == len(bodies)
    assert parsed.entries["raw_line"].null_count() == 0


_PIECES = st.sampled_from(
    [
        "2026-11-24 08:00:00,000 ", "INFO ", "ERROR: ", "[main] ", '{"level":"info",', '"msg":"m"}', "a.b.C: x", "\tat a.b(C.java:1)", "web | ", "<11>", "<165>1 - - - - - - ",
        "k=v ", 'msg="', "Traceback (most recent call last):", '  File "x.py", line 3', "Caused by: ", "#012", "\\n", "\x1b[31m", "\ufeff", "\x00", "\ud800", "é", "panic: ", "goroutine 1 [running]:",
    ]
)  # fmt: skip


@given(st.lists(st.lists(_PIECES, max_size=5).map("".join), max_size=40), st.integers(0, 40))
@settings(max_examples=80, deadline=None)
def test_pieces_of_every_format_in_any_order(bodies: list[str], sampled: int) -> None:
    bodies = [body.encode("utf-8", "replace").decode() for body in bodies]
    profile = settle_profile(bodies[:sampled], received_at=NOW)
    parsed = parse_rows(rows(bodies), {"s": profile}, ParseOptions(now=NOW, close=True))
    assert parsed.entries.height + parsed.stats.folded == len(bodies)
    assert int(parsed.entries["lines"].sum()) == len(bodies)
