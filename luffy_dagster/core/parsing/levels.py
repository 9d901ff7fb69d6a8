"""Level words: which words say how serious a line is, and the one scale they are brought to.

Words, single letters, numbers of syslog, bunyan and OpenTelemetry. Where a level stands in a line is the business
of `headers`.
"""

from __future__ import annotations

import polars as pl

# Words that stand for a level in some product's header, in lower case.
WORDS: dict[str, str] = {
    "trace": "trace",
    "trc": "trace",
    "finest": "trace",
    "finer": "trace",
    "verbose": "trace",
    "vrb": "trace",
    "debug": "debug",
    "debg": "debug",
    "dbg": "debug",
    "dbug": "debug",
    "trce": "trace",
    "fine": "debug",
    "debug1": "debug",
    "debug2": "debug",
    "debug3": "debug",
    "debug4": "debug",
    "debug5": "debug",
    "info": "info",
    "inf": "info",
    "information": "info",
    "informational": "info",
    "informative": "info",
    "config": "info",
    "log": "info",
    "normal": "info",
    "notice": "info",
    "notification": "info",
    "note": "info",
    "ntc": "info",
    "audit": "info",
    "ok": "info",
    "success": "info",
    "statement": "info",
    "detail": "info",
    "hint": "info",
    "system": "info",
    "warn": "warn",
    "warning": "warn",
    "wrn": "warn",
    "wrng": "warn",
    "error": "error",
    "err": "error",
    "eror": "error",
    "severe": "error",
    "failure": "error",
    "fail": "error",
    "failed": "error",
    "exception": "error",
    "fatal": "fatal",
    "ftl": "fatal",
    "critical": "fatal",
    "crit": "fatal",
    "crt": "fatal",
    "alert": "fatal",
    "emerg": "fatal",
    "emergency": "fatal",
    "panic": "fatal",
    "off": "fatal",
}

# Words that are a level wherever they stand at a header's place; the others need the company of these.
SURE = frozenset(
    [
        "trace",
        "debug",
        "info",
        "information",
        "informational",
        "warn",
        "warning",
        "error",
        "err",
        "fatal",
        "critical",
        "crit",
        "notice",
        "severe",
        "verbose",
        "dbg",
        "inf",
        "wrn",
        "ftl",
        "vrb",
        "emerg",
        "alert",
        "panic",
        "finest",
        "finer",
        "fine",
        "dbug",
        "trce",
        "debug1",
        "debug2",
        "debug3",
        "debug4",
        "debug5",
    ]
)

# One letter, as Android, glog, Serilog and the BSDs write it.
LETTERS: dict[str, str] = {
    "t": "trace",
    "v": "trace",
    "d": "debug",
    "i": "info",
    "n": "info",
    "w": "warn",
    "e": "error",
    "c": "fatal",
    "f": "fatal",
    "a": "fatal",
    "s": "error",
}

# Redis says it with a sign.
SIGNS: dict[str, str] = {".": "debug", "-": "info", "*": "info", "#": "warn"}

# RFC 5424 severities 0 to 7, also GELF's `level` and journald's PRIORITY.
SYSLOG = ("fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug")

_OTHER: dict[str, str] = {**LETTERS, **SIGNS}
_TABLE: dict[str, str] = {**_OTHER, **WORDS}


def normalise(levels: pl.Series) -> pl.Series:
    """The level words on our scale: trace debug info warn error fatal, or null where the word is none.

    Numbers are read as bunyan and pino write them (10 to 60); syslog severities by `from_syslog`.
    """
    if levels.dtype != pl.Utf8:
        levels = levels.cast(pl.Utf8)
    distinct = levels.unique().drop_nulls()
    mapped = [normal(word) for word in distinct.to_list()]
    if not mapped:
        return pl.Series(levels.name, [None] * len(levels), dtype=pl.Utf8)
    return levels.replace_strict(distinct, pl.Series(mapped, dtype=pl.Utf8), default=None, return_dtype=pl.Utf8)


def normal(word: str | None) -> str | None:
    """One level word on our scale, or None."""
    if not word:
        return None
    if len(word) == 3 and word[0] == word[2] == "-":  # the severity inside a mnemonic (`%LINK-3-UPDOWN`)
        return SYSLOG[int(word[1])] if word[1] in "01234567" else None
    text = word.strip().strip("[]()<>:,;|*\"' ").lower() or word.strip().lower()
    found = _TABLE.get(text)
    if found is not None:
        return found
    if text.isdigit():
        number = int(text)
        if number >= 10 and number % 10 == 0 and number <= 60:  # bunyan, pino
            return ("trace", "debug", "info", "warn", "error", "fatal")[number // 10 - 1]
        return None
    for size in (8, 7, 6, 5, 4):  # "WARNING2", "error:"
        if text[:size] in SURE and not text[size : size + 1].isalpha():
            return _TABLE.get(text[:size])
    return None


def from_syslog(severity: int) -> str | None:
    """Level of a syslog severity (a PRI is taken modulo 8), or None for a negative number."""
    return SYSLOG[severity % 8] if severity >= 0 else None


def from_otlp(number: int) -> str | None:
    """Level of an OpenTelemetry severityNumber (1 to 24), or None outside."""
    if not 1 <= number <= 24:
        return None
    return ("trace", "debug", "info", "warn", "error", "fatal")[(number - 1) // 4]
