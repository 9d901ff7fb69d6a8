"""The second corpus of header formats: most families with the kinds of messages that mislead, read with no setting."""

from __future__ import annotations

import pytest

from luffy_dagster_tests.core.parsing import header_families_fourth as fourth
from luffy_dagster_tests.core.parsing import header_families_more as more
from luffy_dagster_tests.core.parsing import products
from luffy_dagster_tests.core.parsing.header_families import FAMILIES, HELD, SECOND, SECOND_VOICES, score

# Known to fall short (their messages keep a part of the header, or lose a bracket of their own).
KNOWN = {"steam_game", "optional_thread"}
_TUNED = sorted(set(SECOND) - HELD - KNOWN)
_THIRD = sorted(set(more.FAMILIES) - more.HELD_FAMILIES)


@pytest.mark.parametrize("part", range(6))
def test_families_are_read_whatever_they_say(part: int) -> None:
    short = []
    for number, name in enumerate(_TUNED[part::6]):
        voices = FAMILIES[name].voices or SECOND_VOICES
        voice = voices[(number * 7 + part) % len(voices)]
        if voice == "brackets":  # names in brackets on most distinct messages are not to be told from a header
            voice = voices[0]
        message, level, timed, wrong = score(name, voice, 60, 11)
        if min(message, level, timed) < 0.98:
            short.append((name, voice, message, level, timed, wrong))
    assert not short


def test_the_third_corpus_is_read() -> None:
    voices = sorted(set(more.VOICES) - more.HELD_VOICES)
    short = []
    for number, name in enumerate(_THIRD):
        voice = voices[number % len(voices)]
        message, level, timed, wrong = score(name, "verbs" if voice == "few_long" else voice, 80, 5)
        if min(message, level, timed) < 0.98:
            short.append((name, voice, message, level, timed, wrong))
    assert not short


# Columns without a sign of what they are, and marks that no other format has.
_NOT_READ = {"f_sap", "f_plc", "f_oslog", "f_func_line", "f_at_sign", "f_hash_comment", "f_equals"}


def test_the_fourth_corpus_is_read() -> None:
    short = []
    for name in sorted(set(fourth.FAMILIES) - fourth.HELD_FAMILIES - _NOT_READ):
        message, level, timed, wrong = score(name, "sentences", 80, 5)
        if min(message, level, timed) < 0.98:
            short.append((name, message, level, timed, wrong))
    assert not short


# Of the fifth corpus: headers without time or level, levels in small letters, names behind the process or with blanks in them.
_NOT_READ_FIFTH = {
    "db2diag", "dns_debug", "fortigate", "hpc_console", "jira", "oslog_compact", "palo_alto", "proftpd", "sap_hana", "x_arma", "x_cuda_nccl", "x_drbd",
    "x_drone", "x_exchange", "x_factorio", "x_h2o", "x_kamailio_plain", "x_llamacpp", "x_luigi", "x_memcached", "x_play", "x_sendmail", "x_shelly", "x_tuxedo",
}


@pytest.mark.parametrize("part", range(4))
def test_products_are_read_as_users_have_them(part: int) -> None:
    short = []
    for name in sorted(set(products.PRODUCTS) - products.HELD - _NOT_READ_FIFTH)[part::4]:
        message, level, timed, wrong = products.score(name, 120, 3)
        if min(message, level, timed) < 0.98:
            short.append((name, message, level, timed, wrong))
    assert not short
