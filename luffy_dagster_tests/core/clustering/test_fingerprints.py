"""Fingerprints: what takes no part in them takes no part; a snapshot keeps them from drifting."""

import re

import pytest

from luffy_dagster.core.clustering.fingerprints import collapse, fingerprint, normal_name, templates_of
from luffy_dagster.core.parsing.traces.extract import frames_of, parse_trace
from luffy_dagster_tests.core.parsing.trace_samples import SAMPLES

SNAPSHOT = {
    "python_context": "fp-98359743ba4739ca",
    "swift_placed": "fp-5b15ee004ee31006",
    "python_group": "fp-00f53b1fcab66f88",
    "java_cause": "fp-c8bf5f5a90f8f900",
    "kotlin": "fp-6697aa6e6458b795",
    "node": "fp-fdf36189c7bcaad9",
    "firefox": "fp-93fcb87d1d1f4348",
    "go": "fp-fdd97ebb2629842b",
    "csharp": "fp-1aedeb0745f921ce",
    "ruby": "fp-d51b4197ff515278",
    "php": "fp-8a2b62432701330e",
    "rust": "fp-8060e1ec68347179",
    "dart": "fp-798d86477631e300",
    "elixir": "fp-f88dca5e50cf93fc",
}


def named(text):
    trace = parse_trace(text)
    return fingerprint(trace, frames_of(trace))


@pytest.mark.parametrize("name", SAMPLES)
def test_snapshot(name):
    """A change of outcome is a new algorithm id, never a silent regrouping."""
    assert named(SAMPLES[name][4]).id == SNAPSHOT[name]


@pytest.mark.parametrize("name", [n for n in SAMPLES if n not in ("rust", "node")])
def test_line_numbers_take_no_part(name):
    text = SAMPLES[name][4]
    moved = re.sub(r"(?<=[:(])\d+(?=[:)\n ]|$)|(?<=line )\d+", "777", text)
    assert moved != text
    assert named(moved).levels["exact"] == named(text).levels["exact"]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("lambda$post$3", "lambda$post$11"),
        ("Web$$Lambda$14/0x0000000800c8", "Web$$Lambda$99/0x00000008ffff"),
        ("Orders$$EnhancerBySpringCGLIB$$1a2b", "Orders$$EnhancerBySpringCGLIB$$ffee"),
        ("GeneratedMethodAccessor4", "GeneratedMethodAccessor17"),
        ("run.<locals>.<lambda>", "run.<lambda>"),
        ("main.func1", "main.func2.1"),
        ("<Get>d__2.MoveNext", "<Get>d__7.MoveNext"),
        ("shop::total::h0123456789abcdef", "shop::total::hfedcba9876543210"),
    ],
)
def test_generated_names_take_no_part(a, b):
    assert normal_name(a) == normal_name(b)


def test_recursion_is_kept_once():
    assert collapse(["a", *["b"] * 50, "c"]) == ["a", "b", "c"]
    assert collapse(["x", *["a", "b"] * 20, "c"]) == ["x", "a", "b", "c"]


def test_templates_take_values_out():
    same = templates_of(["no item 'tea' in shelf 7", "no item 'milk' in shelf 12", ""])
    assert same[0] == same[1]
    assert same[2] == ""


SAME_PLACE = """Traceback (most recent call last):
  File "/srv/till/pay.py", line 42, in pay
    return bank.ask(order)
  File "/srv/till/bank.py", line 7, in ask
    raise Upstream(status, said)
till.bank.Upstream: {}"""


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("bank answered 500: KeyError('SEK')", "bank answered 504: the issuer timed out", False),
        ("bank answered 500: KeyError('SEK')", "bank answered 500: KeyError('NOK')", True),
        ("order 404 of 512 lost", "order 17 of 500 lost", True),
        ("connect ECONNREFUSED 10.0.0.1:80", "connect ETIMEDOUT 10.0.0.1:80", False),
        ("[Errno 111] Connection refused", "[Errno 104] Connection reset by peer", False),
        ("no grain for 'timeout'", "no grain for 'refused'", True),
        ("HTTP 503 Service Unavailable", "HTTP 429 Too Many Requests", False),
        ("order 512 is heavy", "order 9 is heavy", True),
    ],
)
def test_kinds_of_failure_at_one_place(a, b, same):
    one, other = named(SAME_PLACE.format(a)), named(SAME_PLACE.format(b))
    assert (one.id == other.id) == same
    assert one.levels.get("frames", one.levels["exact"]) == other.levels.get("frames", other.levels["exact"])


def test_a_message_that_names_no_kind_keeps_its_earlier_name():
    assert named(SAME_PLACE.format("the belt is stuck")).id == "fp-481727319de1f9dd"


def test_a_message_that_repeats_the_types_of_its_chain_says_nothing_new():
    text = "java.io.IOException: java.net.BindException\n\tat a.B.c(B.java:1)\nCaused by: java.net.BindException: x\n\tat a.B.d(B.java:2)"
    assert named(text).levels["kind"] == ""
