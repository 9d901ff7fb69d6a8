"""The typed masks: what inside a message is a value whatever the message says.

Belongs here: the one expression that finds values, and the naming of what it found. Does not belong here: which
*words* of a message are variable (that needs other messages to compare with: `templates`).

Every mask is blind to which digit stands where (`[0-9]`, never `0` or `[1-9]`), so that a message and the same message
with all its digits turned into zeros have their values at the same bytes. `shapes` rests on that.
"""

from __future__ import annotations

import re

from luffy_dagster.core.redaction.policy import PLACEHOLDER, PLACEHOLDER_KIND

_H = "[0-9a-fA-F]"
_TIME = r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
# Last labels that end a host name and hardly ever a dotted word, file or property name of a program.
_TLD = (
    "(?:com|net|org|edu|gov|mil|int|info|biz|local|localdomain|internal|lan|corp|intra|arpa|cloud|"
    "us|uk|de|fr|nl|jp|cn|ru|br|es|ca|au|ch|se|kr|tw|hk|sg|eu|cz|at|dk|fi|ie|il|mx|nz|pt|tr|ua|za)"
)
# At least six hex digits of one case with a decimal digit among them (no look-ahead in Rust: by the place of the first digit).
_HEX_RUN = "|".join(
    [rf"[0-9]{_H}{{5,}}"]
    + [rf"[{letters}]{{{n}}}[0-9]{_H}{{{5 - n},}}" for letters in ("a-f", "A-F") for n in range(1, 5)]
    + [rf"[{letters}]{{5,}}[0-9]{_H}*" for letters in ("a-f", "A-F")]
)
# Characters of addresses and paths; what may end a sentence (":", ".") is only inside them.
_URL_CHAR = r"[^\s\"'<>,;()\[\]{}|:.!?]"
_PATH_CHAR = r"[^\s\"'<>|,;()\[\]{}=:.*?]"
# A folder of several words goes on in a capitalised word that ends before the next separator ("/Library/Web Data/x").
_DOCUMENT = (
    r"(?: [A-Z][A-Za-z0-9]{0,15}){1,3}\.(?:app|bundle|framework|plist|exe|dll|txt|log|docx?|xlsx?|pdf|csv|jpe?g|png)\b"
)
_SPACED = r"(?: [A-Z][A-Za-z0-9]{0,15}[a-z][A-Za-z0-9]{0,15}){1,2}(?: \([a-z0-9]{1,8}\))?"
_FQDN = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9][A-Za-z0-9_-]{0,62}){0,8}"

PSEUDONYM = PLACEHOLDER
KEYED = rf"({PLACEHOLDER_KIND})[0-9a-f]{{8}}\]"  # the same with what does not depend on the key as its group

# Order matters: at one position the first that matches wins.
_ALTERNATIVES: tuple[str, ...] = (
    "\x00",  # the separator used while masking: so that a message that holds one is still rebuilt
    PSEUDONYM,
    # url
    rf"\b[a-zA-Z][a-zA-Z0-9+.-]{{1,15}}://(?:{_URL_CHAR}|[:.!?]+{_URL_CHAR})+/?",
    # uuid, mac (and other runs of byte pairs)
    rf"\b{_H}{{8}}-{_H}{{4}}-{_H}{{4}}-{_H}{{4}}-{_H}{{12}}\b",
    rf"\b{_H}{{2}}(?::{_H}{{2}}){{5,11}}\b",
    rf"\b{_H}{{1,2}}(?::{_H}{{1,2}}){{5}}\b",
    # dates with times, dates, times
    rf"\b{_DAY},? +{_MONTH} +[0-9]{{1,2}} +{_TIME}(?: +[A-Z]{{3,4}})?(?: +[0-9]{{4}})?",
    rf"\b{_DAY},? +[0-9]{{1,2}} +{_MONTH} +[0-9]{{4}} +{_TIME}(?: +(?:[A-Z]{{3,4}}\b|[+-][0-9]{{4}}))?",
    rf"\b[0-9]{{4}}[-/][0-9]{{1,2}}[-/][0-9]{{1,2}}[T ]{_TIME}(?:Z\b|[ ]?[+-][0-9]{{2}}:?[0-9]{{2}}\b)?",
    rf"\b[0-9]{{1,2}}[-/.][0-9]{{1,2}}[-/.][0-9]{{4}}[T, ]{{1,2}}{_TIME}(?: [AP]M\b)?",
    rf"\b[0-9]{{1,2}}/{_MONTH}/[0-9]{{4}}:{_TIME}(?: [+-][0-9]{{4}})?",
    rf"\b{_MONTH} +[0-9]{{1,2}},? +(?:[0-9]{{4}},? +)?{_TIME}(?: [AP]M\b)?",
    r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}\b",
    rf"\b{_TIME}\b",
    # IPv4, IPv6
    r"\b[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\b",
    rf"\b{_H}{{1,4}}(?::{_H}{{1,4}}){{7}}\b",
    rf"\b(?:{_H}{{1,4}}:){{1,6}}(?::{_H}{{1,4}}){{1,6}}\b",
    rf"::(?:{_H}{{1,4}}:){{0,5}}[0-9]{_H}{{0,3}}\b",
    # e-mail, host
    rf"\b[A-Za-z0-9][A-Za-z0-9._%+-]{{0,63}}@{_FQDN}\.[A-Za-z]{{2,24}}\b",
    rf"\b[A-Za-z0-9](?:[A-Za-z0-9_-]{{0,62}})(?:\.[A-Za-z0-9][A-Za-z0-9_-]{{0,62}}){{0,6}}\.{_TLD}\b",
    # paths: from the root, of Windows, of the network
    rf"\b[A-Za-z]:[\\/](?:{_PATH_CHAR}|\.+{_PATH_CHAR})*(?:{_SPACED}\\(?:{_PATH_CHAR}|\.+{_PATH_CHAR})+)*(?:{_DOCUMENT})?",
    rf"\\\\[A-Za-z0-9?.](?:{_PATH_CHAR}|\.+{_PATH_CHAR})*",
    rf"\B/(?:[A-Za-z_.~$%@+-]|[0-9]{{1,20}}[A-Za-z_/-])(?:{_PATH_CHAR}|\.+{_PATH_CHAR})*(?:{_SPACED}/[A-Za-z_.-](?:{_PATH_CHAR}|\.+{_PATH_CHAR})*)*(?:{_DOCUMENT})?(?:\?[^\s\"'<>|()]*)?",
    # hex: with its sign; a run of at least six with a digit in it
    rf"\b[0-9]x{_H}+\b",
    rf"\b(?:{_HEX_RUN})\b",
    # identifiers that change between letters and digits more than a word does
    r"\b[A-Za-z]{0,16}[0-9]{1,16}[A-Za-z]{1,16}[0-9]{1,16}[A-Za-z0-9]*\b",
    # numbers, with sign where it can be one
    r"\B-[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+\b)?",
    r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+\b)?",
)
PATTERN = "|".join(f"(?:{p})" for p in _ALTERNATIVES)
UNREDACTED = "|".join(
    f"(?:{p})" for p in _ALTERNATIVES if p != PSEUDONYM
)  # the same for texts without one, a little quicker

# Full-match expressions over digit-collapsed values, first wins; what matches none is an `id`.
KINDS: tuple[tuple[str, str], ...] = (
    ("nul", "\x00"),
    ("num", r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"),
    ("url", r"[a-zA-Z][a-zA-Z0-9+.-]*://.*"),
    ("uuid", rf"{_H}{{8}}-{_H}{{4}}-{_H}{{4}}-{_H}{{4}}-{_H}{{12}}"),
    ("mac", rf"{_H}{{2}}(?::{_H}{{2}}){{5,11}}|{_H}{{1,2}}(?::{_H}{{1,2}}){{5}}"),
    ("ip", r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[IP:.*"),
    ("time", rf"{_DAY}.*|{_MONTH} .*|[0-9]{{1,4}}[-/.](?:[0-9]{{1,2}}|{_MONTH})[-/.].*|{_TIME}"),
    ("ipv6", r"[0-9a-fA-F]*:[0-9a-fA-F:]*"),
    ("email", r"[^/\\]+@.*|\[EMAIL:.*"),
    ("path", r"(?:[A-Za-z]:)?[\\/].*"),
    ("hex", rf"[0-9]x{_H}+|{_H}{{6,}}"),
    ("host", rf".*\.{_TLD}"),
    ("id", r"[\s\S]*"),
)
# A number is a duration or a size when its unit follows; "more" is the end of a very long message.
KIND_NAMES: tuple[str, ...] = (*(name for name, _ in KINDS), "duration", "size", "more")
DURATION_UNITS = "ns|us|µs|ms|msecs?|millis|milliseconds?|microseconds?|nanoseconds?|s|secs?|seconds?|mins?|minutes?|h|hrs?|hours?|days?"
SIZE_UNITS = "[Bb]ytes?|[kKMGTP]i?[Bb]|B|[KMG]"
UNIT = re.compile(rf" ?(?:({DURATION_UNITS})|({SIZE_UNITS}))(?![A-Za-z0-9_])")

HOLE = re.compile(rf"<({'|'.join(KIND_NAMES)})>")
# Literal text that looks like a hole gets one slash more, and loses it when the message is rebuilt.
_ESCAPE = re.compile(rf"<(/*)({'|'.join(KIND_NAMES)})>")
_UNESCAPE = re.compile(rf"<(/+)({'|'.join(KIND_NAMES)})>")


def escape(literal: str) -> str:
    """Literal text of a message in the form a shape holds it, told apart from holes."""
    return _ESCAPE.sub(r"<\1/\2>", literal) if "<" in literal else literal


def unescape(literal: str) -> str:
    """The inverse of `escape`."""
    return _UNESCAPE.sub(lambda m: f"<{m[1][1:]}{m[2]}>", literal) if "</" in literal else literal
