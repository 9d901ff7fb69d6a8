"""The ways of writing a time that are known, and finding one in a line of a sample (Python only)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

MONTH = "(?P<b>[Jj][Aa][Nn]|[Ff][Ee][Bb]|[Mm][Aa][RrYy]|[Aa][Pp][Rr]|[Jj][Uu][NnLl]|[Aa][Uu][Gg]|[Ss][Ee][Pp]|[Oo][Cc][Tt]|[Nn][Oo][Vv]|[Dd][Ee][Cc])[a-z]*"
WEEKDAY = "(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? +)?"
_HMS = "(?P<H>[0-9]{1,2}):(?P<M>[0-9]{1,2}):(?P<S>[0-9]{1,2})"
# In what a settled header may hold, no two ways to go on begin alike: such an expression captures at twice the speed.
_GAP = "(?:[T_:;\\t-]|, ?| (?: *|[-|] |time=)|\\||\\] ?\\[)"
_YEAR = "[0-9]{2}(?:[0-9]{2})?"
ZONES: dict[str, int] = {
    "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "WEST": 60, "CET": 60, "CEST": 120, "EET": 120, "EEST": 180, "MSK": 180,
    "BST": 60, "IST": 330, "JST": 540, "KST": 540, "AEST": 600, "AEDT": 660, "EST": -300, "EDT": -240, "CST": -360,
    "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420,
}  # fmt: skip
ZONE = (
    "(?P<z>(?:Z|[+-][0-9]{2}:?(?:[0-9]{2})?|"
    + "|".join(sorted((z for z in ZONES if len(z) > 1), key=len, reverse=True))
    + "))"
)
ZONE_SHAPE = "(?P<z>(?:[+-][0-9]{2}:?(?:[0-9]{2})?|Z(?:[A-Z]{2,3})??|[A-Y][A-Z]{2,3}))"  # the same, as it is looked for in a settled header
_AMPM = "(?P<p>[AaPp]\\.?[Mm]\\.?)"


@dataclass(frozen=True, slots=True)
class Form:
    """One way of writing a time: `head` up to the seconds, then a fraction, then `tails` (zone, half of day, year)."""

    name: str
    head: str
    fraction: str = "[.,]"
    tails: tuple[str, ...] = ()
    rank: int = 0  # how much it says; of several times in a header the highest is taken


_STD_TAILS = (" ?" + _AMPM, " ?" + ZONE, r" ?\(?" + ZONE + r"\)?")
FORMS: tuple[Form, ...] = (
    Form("iso", "(?P<Y>[0-9]{4})[-/.](?P<m>[0-9]{1,2})[-/.](?P<d>[0-9]{1,2})" + _GAP + "(?P<H>[0-9]{1,2})[:.](?P<M>[0-9]{1,2})[:.](?P<S>[0-9]{1,2})", "[.,:]", (" ?" + _AMPM, " ?" + ZONE), 9),
    Form("basic", "(?P<Y>[12][09][0-9]{2})(?P<m>[01][0-9])(?P<d>[0-3][0-9])" + "(?:[T_ -])" + "(?P<H>[0-9]{1,2}):(?P<M>[0-9]{1,2}):(?P<S>[0-9]{1,2})", "[.,:]", (" ?" + ZONE,), 9),
    Form("basic14", "(?P<Y>[12][09][0-9]{2})(?P<m>[01][0-9])(?P<d>[0-3][0-9])[T_ :-]?(?P<H>[0-2][0-9])(?P<M>[0-5][0-9])(?P<S>[0-6][0-9])", "[.,]", (" ?" + ZONE,), 8),
    Form("ymon", "(?P<Y>[0-9]{4})[-/ ]" + MONTH + "[-/ ](?P<d>[0-9]{1,2})" + _GAP + _HMS, "[.,:]", (" ?" + ZONE,), 9),
    Form("week", "(?P<Y>[0-9]{4})-?W(?P<w>[0-5][0-9])-?(?P<u>[1-7])[T ]" + _HMS, "[.,]", (" ?" + ZONE,), 9),
    Form("ordinal", "(?P<Y>[0-9]{4})-(?P<o>[0-3][0-9]{2})[T ]" + _HMS, "[.,]", (" ?" + ZONE,), 9),
    Form("dmon", WEEKDAY + "(?P<d>[0-9]{1,2})[-/ ]?" + MONTH + "[-/ ,]*(?P<Y>" + _YEAR + ")" + "(?:[T_]| +|, ?|-|::?)" + _HMS, "[.,:]", (" ?" + _AMPM, " ?" + ZONE), 9),
    Form("dmon_", WEEKDAY + "(?P<d>[0-9]{1,2})[-/ ]" + MONTH + " +" + _HMS, "[.,]", (" ?" + ZONE,), 6),
    Form("mdy_text", WEEKDAY + MONTH + r"\.? +(?P<d>[0-9]{1,2}),? (?P<Y>[0-9]{4}),? +(?:at )?" + _HMS, "[.,:]", (" ?" + _AMPM, " ?" + ZONE), 9),
    Form("ctime", WEEKDAY + MONTH + " +(?P<d>[0-9]{1,2}) +" + _HMS, "[.,]", (" (?:" + ZONE + " )?(?P<Y>(?:19|20)[0-9]{2})", " ?" + ZONE), 6),
    Form("numeric", "(?P<i>[0-9]{1,2})[-/.](?P<j>[0-9]{1,2})[-/.](?P<k>" + _YEAR + ")" + _GAP + "(?P<H>[0-9]{1,2})[:.](?P<M>[0-9]{2})[:.](?P<S>[0-9]{2})", "[.,:]", (" ?" + _AMPM, " ?" + ZONE), 8),
    Form("pair", "(?P<i>[0-9]{1,2})[-/.](?P<j>[0-9]{1,2})" + "(?:T|_| +|-|, |\\|)" + _HMS, "[.,:]", (" ?" + _AMPM, " ?" + ZONE), 6),
    Form("short6", "(?P<y>[0-9]{2})(?P<m>[01][0-9])(?P<d>[0-3][0-9])[ T_-] ?(?P<H>[0-9]{1,2}):(?P<M>[0-5][0-9]):(?P<S>[0-6][0-9])", "[.,:]", (" ?" + ZONE,), 8),
    Form("short66", "(?P<y>[0-9]{2})(?P<m>[01][0-9])(?P<d>[0-3][0-9])[ T_-](?P<H>[0-2][0-9])(?P<M>[0-5][0-9])(?P<S>[0-6][0-9])", "[.,]", (" ?" + ZONE,), 7),
    Form("glog", "(?P<m>[01][0-9])(?P<d>[0-3][0-9]) +(?P<H>[0-2][0-9]):(?P<M>[0-5][0-9]):(?P<S>[0-6][0-9])", "[.]", (), 6),
    Form("glued", "(?P<m>[01][0-9])(?P<d>[0-3][0-9])/(?P<H>[0-2][0-9])(?P<M>[0-5][0-9])(?P<S>[0-6][0-9])", "[.]", (), 6),
    Form("tai", "@(?P<n>4[0-9a-f]{15})(?P<x>[0-9a-f]{8})", "", (), 8),
    Form("epoch_ns", "(?P<n>[12][0-9]{9})(?P<u>[0-9]{9})", "", (), 5),
    Form("epoch_us", "(?P<n>[12][0-9]{9})(?P<u>[0-9]{6})", "", (), 5),
    Form("epoch_ms", "(?P<n>[12][0-9]{9})(?P<u>[0-9]{3})", "", (), 5),
    Form("epoch", "(?P<n>[12][0-9]{9})", "[.]", (), 4),
    Form("clock", "(?P<H>[0-2][0-9]?|[3-9]):(?P<M>[0-5][0-9]):(?P<S>[0-6][0-9])", "[.,:]", (" ?" + _AMPM, " ?" + ZONE), 2),
)  # fmt: skip
BY_NAME = {form.name: form for form in FORMS}
_PART = re.compile(r"\(\?P<\w+>")
NAMES = re.compile(r"\(\?P<(\w+)>")


def unnamed(expression: str) -> str:
    """The expression with its named parts made plain groups that capture nothing."""
    return _PART.sub("(?:", expression)


@lru_cache(maxsize=1)
def scanner() -> tuple[tuple[Form, re.Pattern[str]], ...]:
    """Each form's whole expression for Python, tried in order; groups `_h`, `_f`, `_t0`… say which part matched."""
    out = []
    for form in FORMS:
        expression = f"(?P<_h>{unnamed(form.head)})"
        if form.fraction:
            expression += f"(?:(?P<_fs>{form.fraction})(?P<_f>[0-9]{{1,9}})(?![0-9]))?"
        tails = [f"(?P<_t{i}>{unnamed(tail)})" for i, tail in enumerate(form.tails)]
        for tail in tails:
            expression += f"(?:{tail}(?![0-9A-Za-z]))?"
        out.append((form, re.compile(expression + r"(?![0-9A-Za-z])(?:(?<=[A-Za-z])|(?![-:.][0-9]))")))
    return tuple(out)


@lru_cache(maxsize=1)
def _heads() -> re.Pattern[str]:
    """The heads of all forms as one expression: where it finds nothing, none of them begins."""
    return re.compile("|".join(f"(?:{unnamed(form.head)})" for form in FORMS))


@dataclass(frozen=True, slots=True)
class Found:
    """A time found in a line of the sample."""

    form: str
    start: int
    end: int
    head: str
    fraction_sign: str  # "" without fraction
    fraction: str
    tails: tuple[str, ...]  # text of each of the form's tails, "" where absent


def match_at(line: str, start: int) -> Found | None:
    """The time that begins exactly at `start`, by the first form that fits, or None."""
    if _heads().match(line, start) is None:
        return None
    for form, pattern in scanner():
        found = pattern.match(line, start)
        if found is None:
            continue
        groups = found.groupdict()
        if form.name.startswith("epoch") and not 946_684_800 <= int(found.group("_h")[:10]) <= 2_524_608_000:
            continue
        if not _plausible(form, found.group("_h")):
            continue
        tails = tuple(groups.get(f"_t{i}") or "" for i in range(len(form.tails)))
        return Found(
            form.name, start, found.end(), found.group("_h"), groups.get("_fs") or "", groups.get("_f") or "", tails
        )
    return None


@lru_cache(maxsize=64)
def head_pattern(name: str) -> re.Pattern[str]:
    """The expression of a form's head, compiled, with its parts named."""
    return re.compile(BY_NAME[name].head)


def _plausible(form: Form, text: str) -> bool:
    found = head_pattern(form.name).fullmatch(text)
    if found is None:
        return False
    part = found.groupdict()
    limits = {"m": (1, 12), "d": (1, 31), "H": (0, 24), "M": (0, 59), "S": (0, 61), "i": (0, 99), "j": (1, 31)}
    for key, (low, high) in limits.items():
        if part.get(key) is not None and not low <= int(part[key]) <= high:
            return False
    return not (form.name == "pair" and not 1 <= int(part["i"]) <= 31)
