"""What kind of failure a message speaks of: status codes, error numbers, names of exceptions inside it, and words of reason.

Belongs here: telling two failures apart that the same line of code reports (an upstream that answered 500 for a bad value, and one that did not
answer in time). Only codes and a short fixed vocabulary count, never free words, so that values in a message split nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache

_QUOTED = re.compile(r"'[^']{0,200}'|\"[^\"]{0,200}\"|`[^`]{0,200}`")
_LONGEST = 500
_DIGITS = re.compile("[0-9]+")

# A status of HTTP where something says that it is one.
_STATUS = re.compile(
    r"(?:\b(?:status(?:[ _-]?code)?|code|http(?:/[0-9.]+)?|answered|answer|returned|replied|responded(?: with)?|response|got|failed with|error)\b[ :=(]{1,3}"
    r"(?:status |code |http )?)([45][0-9]{2})\b(?![.:]?[0-9])",
    re.IGNORECASE,
)
_PHRASED = re.compile(
    r"\b([45][0-9]{2}) (?=(?:Bad|Unauthorized|Forbidden|Not|Method|Request|Conflict|Gone|Payload|Too|Internal|Service|Gateway|Server|Client)\b)"
)
_CODES = re.compile(
    r"\b(?:E(?:CONN[A-Z]+|TIMEDOUT|PIPE|NOENT|ACCES|PERM|EXIST|ADDRINUSE|ADDRNOTAVAIL|HOSTUNREACH|NETUNREACH|NOTFOUND|AI_AGAIN|MFILE|NOSPC|NOMEM|BUSY|ISDIR|NOTDIR|"
    r"NOTEMPTY|ROFS|INVAL|PROTO|AGAIN)|SIG(?:KILL|TERM|SEGV|ABRT|BUS|PIPE|INT)|ORA-[0-9]{5}|SQLSTATE\[[0-9A-Z]{5}\]|Errno -?[0-9]{1,3}|errno[ =:]-?[0-9]{1,3}|"
    r"DEADLINE_EXCEEDED|UNAVAILABLE|RESOURCE_EXHAUSTED|PERMISSION_DENIED|UNAUTHENTICATED|FAILED_PRECONDITION|ALREADY_EXISTS|NOT_FOUND|INVALID_ARGUMENT|"
    r"(?:exit|exited with)(?: code| status)? [0-9]{1,3})(?![\w])"
)
_NAMED = re.compile(r"\b(?:[a-z_][\w]*\.)*([A-Z][A-Za-z0-9]*(?:Error|Exception|Timeout|Fault))\b")
_REASONS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(rf"\b(?:{words})\b", re.IGNORECASE))
    for name, words in (
        ("timed out", r"time[sd]?[ -]?out|timeouts?|deadline exceeded|took too long|did not (?:answer|respond|reply) (?:in time|within)|no (?:answer|response|reply) (?:in|within|after)"),
        ("refused", r"connection refused|refused"),
        ("reset", r"connection reset|reset by peer|broken pipe|closed by (?:peer|remote|the server)|connection (?:was )?closed|unexpected(?:ly)? (?:eof|closed)|hung up"),
        ("unreachable", r"unreachable|no route|name resolution|unknown host|getaddrinfo|could not resolve"),
        ("denied", r"permission denied|access denied|forbidden|unauthori[sz]ed|not authori[sz]ed|not permitted|authentication failed"),
        ("not found", r"not found|no such|does not exist|unknown"),
        ("exists", r"already exists|duplicate"),
        ("full", r"no space|disk full|out of memory|cannot allocate|quota exceeded|pool exhausted|exhausted"),
        ("limited", r"rate limit(?:ed)?|too many requests|throttled"),
        ("unavailable", r"unavailable|overloaded|maintenance"),
        ("untrusted", r"certificate|handshake|self[- ]signed"),
        ("locked", r"deadlock|lock wait|could not obtain lock"),
        ("cancelled", r"cancell?ed|aborted|interrupted"),
    )
)  # fmt: skip


def kinds_of(message: str) -> tuple[str, ...]:
    """The codes, names and reasons of a message's first line, sorted; what stands in quotes is a value and says nothing."""
    line = message.strip().split("\n", 1)[0][:_LONGEST]
    found = set(_NAMED.findall(line))
    line = _QUOTED.sub("'", line)
    found |= {*_STATUS.findall(line), *_PHRASED.findall(line)}
    found |= {re.sub(r"[ =:]+", " ", code) for code in _CODES.findall(line)}
    found |= _reasons(_DIGITS.sub("0", line))
    return tuple(sorted(found))


@lru_cache(maxsize=4096)  # no reason has a digit in it, and what one line of code reports differs in little else
def _reasons(line: str) -> frozenset[str]:
    return frozenset(name for name, words in _REASONS if words.search(line))
