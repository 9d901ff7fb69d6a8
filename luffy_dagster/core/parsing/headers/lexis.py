"""What the leading words of a header look like: separators, level words, tokens, and where a line's first time stands.

Python's `re` over a sample only; nothing here decides about a stream.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from luffy_dagster.core.parsing import times
from luffy_dagster.core.parsing.levels import LETTERS, SURE, WORDS

DIGITS = str.maketrans("123456789", "000000000")
CLOSER = {"[": "]", "(": ")", "<": ">", "{": "}", '"': '"', "'": "'"}

# Between two parts: the closing of a bracket, blanks, one mark, blanks.
SEPARATOR = re.compile(
    r"(?:[ \t]*[\])}>\"'])?[,;:]?[ \t]*(?:(?:[-–—|»~⋮]{1,3}|={2,4}|:|=>|->|>>|\*{2,3}|::)(?=[ \t]|$)|\|-(?=[A-Z])|[|;,]|/(?=[A-Za-z]))?[ \t]*(?:--?[ \t]+:(?=[ \t]|$)|:(?=[ \t]|$))?[ \t]*"
)
BLANKS = re.compile(r"[ \t]+")
TOKEN = re.compile(r"[^ \t|]+")
LEVEL = re.compile(
    r"(?P<o>[\[(<{\"'*]{0,2})(?P<pad> ?)(?P<mod>(?:[a-z_][\w-]*[:.]|(?:level|lvl|severity)=)?)(?P<w>[A-Za-z]+[0-9]?)(?P<pad2>[ ]*)(?P<c>[\])>}\"'*]{0,2})(?=[ \t:|,;/\-\]\[(]|$)"
)
LETTER = re.compile(r"(?P<o>[\[(<]?)(?P<pad> ?)(?P<w>[A-Z])(?P<c>[\])>]?)(?=[ \t/:|,;\]]|![ \t]|$|(?<=[\])>])[0-9])")
GLOG = re.compile(r"[IWEFDV](?=(?:[0-9]{2})?[01][0-9][0-3][0-9] +[0-9]{2}:[0-9]{2}:)")
BRACKET = {
    "[": re.compile(r"\[[^\[\]]{0,200}(?:\[[^\[\]]{0,100}\][^\[\]]{0,100}){0,6}\]"),
    "(": re.compile(r"\([^()]{0,120}\)"),
    "<": re.compile(r"<[^<>]{0,120}>"),
    "{": re.compile(r"\{[^{}]{0,120}\}"),
}
# Headers with neither time nor level word: seconds since start, a request's id, Android's "I/tag".
MARKED = re.compile(
    r"\[ *(?P<uptime>[0-9]{1,7}\.[0-9]{3,6})\] |\[(?P<id>[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})\] |(?P<since>[VDIWE]) \([0-9]+\) [A-Za-z][\w.-]*: |(?P<slash>[VDIWEF])/[A-Za-z][\w.]*(?:\([ 0-9]+\))?:? "
)
NUMBER = re.compile(r"#?[0-9]+(?=[ \t|,;:\])]|$)")
IDENT = re.compile(
    r"(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-f]{16}|[0-9a-f]{32}|-)(?=[ \t|,;\])]|$)"
)
_SOURCE = (
    "go|py|pyx|[cm]?[jt]sx?|rb|java|kt|kts|scala|groovy|clj|c|cc|cpp|cxx|h|hh|hpp|hxx|inl|rs|cs|fs|vb|php|exs?|erl|swift|mm?|pl|lua|dart|proto|"
    "sh|pm|t|f90|pas|cr|nim|zig|d|jl"
)
CALLER = re.compile(r"(?:[0-9]+@)?[\w$./\\-]+\.(?:" + _SOURCE + r"):[0-9]+(?=[ \t|,\])>:]|$)")
# A caller in other writings: `file.c(12):`, `file.c 12:`.
OTHER_CALLER = re.compile(r"[\w$./\\-]+\.(?:" + _SOURCE + r")(?:\([0-9]{1,6}\)| [0-9]{1,6})(?= ?:)")
DOTTED = re.compile(r"[A-Za-z_$][\w$-]*(?:(?:\.|::|/)[\w$<>-]+)+(?=[ \t]|$)")
FIXED = re.compile(r"[^ \t|]{1,40}(?:[ ]{2,}|\t)(?=\S)")
MARKS = "(?:[-–—~»]|::|>>|=>)"  # what stands between a name and the message, with blanks around it
DASH = re.compile(r"[^\s-][^|\"'=:;,!?\[\]]{0,48}? " + MARKS + " ")


@dataclass(frozen=True, slots=True)
class Sight:
    """Where and how the first time, else the first level, of a line stands; lines of one key are one heap."""

    key: tuple[str, ...]
    found: times.Found | None = None

    @property
    def style(self) -> tuple[str, ...]:
        """How the time is written: its marks, fraction and what follows it."""
        if self.found is None:
            return ()
        marks = re.sub(r"[A-Za-z]{2,}", "a", re.sub(r"[0-9 ]+", "0", self.found.head))
        return (marks, self.found.fraction_sign, *("z" if tail else "" for tail in self.found.tails))


_NUMBERED = re.compile("[ ]{1,8}[0-9]{1,9}(?:[ \t]+|:)")  # a running number, flush right
_SECONDS = re.compile("[ ]{1,8}[0-9]{1,7}\\.[0-9]{3,6} +[A-Za-z]{3,8} ")  # since the start, flush right
_BRACKETS = re.compile(r"\[[^\[\]]*\]|\{[^{}]*\}|\([^()]*\)")
_STARTS = re.compile(r"(?:(?<=^)|(?<=[ \t\[(<{|\"',;=:/>]))(?=[0-9@]|(?:[A-Z][a-z]{2}|[A-Z]{3})[a-z]*[ .,])")


def sight(text: str) -> Sight | None:
    """The key of a line, or None for one that shows no header (empty, indented, plain words)."""
    if not text or text[0] == "}":
        return None
    if text[0] in " \t":
        number = _NUMBERED.match(text)
        if number is not None and (found := times.match_at(text, number.end())) is not None:
            return Sight(("time", found.form, "1", " "), found)
        if _SECONDS.match(text) is not None:
            return _level_sight(text.lstrip(" \t"))
        at = len(text) - len(text.lstrip(" \t"))
        found = times.match_at(text, at) if at <= 8 else None
        return (
            Sight(("time", found.form, "0", " "), found)
            if found is not None and times.BY_NAME[found.form].rank >= 6
            else None
        )
    glog = GLOG.match(text)
    if glog is not None:
        return Sight(("time", "glog", "0", ""), times.match_at(text, 1))
    mark = MARKED.match(text)
    if mark is not None:
        return Sight(("bracket" if text[0] == "[" else "level", mark.lastgroup or "", ""))
    for place in _STARTS.finditer(text, 0, 160):
        at = place.start()
        before = text[:at]
        tokens = before.split()
        if len(tokens) > 7 and len(_BRACKETS.sub("()", before).split()) > 7:
            break
        if at and before[-1] in ":/,;=" and not _may_follow(before) and not _LEAD.fullmatch(before):
            continue
        found = times.match_at(text, at)
        if found is None:
            continue
        if found.form.startswith("epoch") and at and tokens and not alone(text, found):
            continue
        if found.form == "clock" and len(tokens) > 3:
            continue
        opener = before[-1] if before and before[-1] in "[(<{\"'" else ""
        count = len(tokens) - (1 if opener and tokens and tokens[-1] in ("[", "(", "<", "{", '"', "'") else 0)
        return Sight(("time", found.form, str(count), opener), found)
    return _level_sight(text)


AFTER_LEVEL = re.compile(
    r"[ \t]*(?:(?P<slash>/)[A-Z]|(?P<pipe>\|)|(?P<dashes>[0-9]+[ \t]+---)|(?P<colon>:)[ \t]|(?P<dash>-)[ \t])"
)


def follows(text: str, found: times.Found) -> str:
    """What stands behind a line's time: "level", an opening bracket, or "" for anything else."""
    at = found.end
    if text[at : at + 1] in ("]", ")", ">", "}"):
        at += 1
    gap = SEPARATOR.match(text, at)
    at = gap.end() if gap else at
    level = LEVEL.match(text, at)
    if level is not None and is_level(level, text, sure=not level.group("w").isupper(), strict=True):
        rest = AFTER_LEVEL.match(text, level.end())
        return "level" + level.group("o") + (rest.lastgroup or "" if rest else "")
    return text[at] if text[at : at + 1] in ("[", "<") else ""


_LEAD = re.compile(r"\[(?:[0-9A-Za-z_.-]{1,40}:){1,4}")


def _may_follow(before: str) -> bool:
    return (
        before[-1] in ",;"
        or re.fullmatch(r" *[0-9]+:", before) is not None
        or before.endswith(("ts=", "time=", "t=", "timestamp=", "date="))
    )


def alone(text: str, found: times.Found) -> bool:
    """Whether a number that may be an epoch stands by itself."""
    return found.start == 0 or (
        text[found.start - 1] in " \t|[(,"
        and text[found.end : found.end + 1] in ("", " ", "\t", "|", "]", ")", ",", ":")
    )


def _level_sight(text: str) -> Sight | None:
    """A level at the first, second or third place (`INFO: …`, `[main] WARN …`, `app ERROR …`)."""
    at = 0
    for place in range(3):
        found = LEVEL.match(text, at)
        if found is not None and is_level(found, text, sure=True, strict=place > 0):
            return Sight(("level", str(place), found.group("o")))
        if text[at : at + 1] == "[":
            bracket = BRACKET["["].match(text, at)
            if bracket is None:
                return None
            at = bracket.end()
        else:
            token = TOKEN.match(text, at)
            if token is None or (token.group().isalpha() and token.group().islower() and place > 0):
                return None
            at = token.end()
        blank = SEPARATOR.match(text, at)
        at = blank.end() if blank else at
    return None


def is_level(found: re.Match[str], text: str, *, sure: bool, strict: bool = False) -> bool:
    """Whether a match of LEVEL is a level: a known word, and in a shape that running text has not."""
    word = found.group("w")
    if word.lower() not in (SURE if sure else WORDS):
        return False
    opener, closer = found.group("o"), found.group("c")
    if opener and closer[:1] == CLOSER.get(opener[-1], opener[-1]):
        return True
    follows = text[found.end() : found.end() + 1]
    if word.isupper():
        return True
    return not strict and (
        follows in (":", "|", ",", "") or (word[0].isupper() and text[found.end() : found.end() + 2] == "  ")
    )


def leads_to_level(found: re.Match[str], text: str) -> bool:
    """Whether a match of LEVEL, some words on, is a level for certain: a sure word, or any in capitals before a colon (`LOG:`)."""
    word = found.group("w")
    if is_level(found, text, sure=True, strict=True):
        return True
    known = WORDS if word.isupper() else SURE
    return word.lower() in known and text[found.end() : found.end() + 1] == ":"


def is_letter(word: str) -> bool:
    """Whether one capital stands for a level."""
    return word.lower() in LETTERS
