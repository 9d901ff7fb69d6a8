"""What a text shows at a glance: small letters, the shape of its signs, and the words without which a rule finds nothing.

All words of all rules are looked for in one pass (Aho-Corasick, `ahocorasick_rs`); most texts hold hardly any, so that most
expressions are never tried. Belongs here: naming the words of a rule, and what must stand around them. The words are the rules' own.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

_LONE = re.compile(r"[\ud800-\udfff]")  # halves of surrogates, which are no text in UTF-8
_KINDS = ((str.isdigit, "0"), (str.isupper, "A"), (str.islower, "a"), (str.isspace, " "))
_SHAPE = {i: next((sign for is_one, sign in _KINDS if is_one(chr(i))), chr(i)) for i in range(128)}


class Before(Enum):
    """ASCII characters that must not stand before a word: letters, digits as well, all parts of a word, all but white space."""

    ANYTHING = ""
    NO_LETTER = string.ascii_lowercase
    NO_DIGIT = string.ascii_lowercase + string.digits
    NO_WORD = NO_DIGIT + "_"
    SPACE = "".join(chr(i) for i in range(128) if not chr(i).isspace())


class Look(NamedTuple):
    """A text, itself in small letters, `seen` (bits of `words`), and its shape: 0, A, a or a blank for all of their kind.

    The shape of a text with other than ASCII characters is empty: where that matters, an expression has to look.
    """

    text: str
    lower: str
    shape: str
    seen: int

    def shows(self, signs: tuple[str, ...], otherwise: re.Pattern[str]) -> bool:
        """Whether one of the signs is in the shape; of a text without one, whether the expression finds anything."""
        if not self.shape:
            return otherwise.search(self.text) is not None
        for sign in signs:  # noqa: SIM110 - a generator costs three times as much here
            if sign in self.shape:
                return True
        return False


# A bit, the characters that must not stand before, and what must match behind.
_Check = tuple[int, frozenset[str], "Callable[[str, int], re.Match[str] | None] | None"]
_named: list[tuple[tuple[str, ...], Before, re.Pattern[str] | None]] = []


def words(*literals: str, before: Before = Before.ANYTHING, then: str = "") -> int:
    """The bit of `seen` that says that one of the literals (small letters) stands in a text, and what is asked around it.

    `then`: an expression, in small letters, that must match behind the word.
    """
    _named.append((literals, before, re.compile(then) if then else None))
    _automaton.cache_clear()
    return 1 << (len(_named) - 1)


@lru_cache(maxsize=1)
def _automaton() -> tuple[AhoCorasick, list[int], list[tuple[_Check, ...]]]:
    """The automaton; of each of its words the bits that it sets, and those that depend on what is around it."""
    sets: dict[str, int] = {}
    checks: dict[str, list[_Check]] = {}
    for number, (literals, before, then) in enumerate(_named):
        for literal in literals:
            sets.setdefault(literal, 0)
            if before is Before.ANYTHING and then is None:
                sets[literal] |= 1 << number
            else:
                checks.setdefault(literal, []).append((1 << number, frozenset(before.value), then and then.match))
    found = AhoCorasick(sets, matchkind=MatchKind.Standard, implementation=Implementation.DFA, store_patterns=False)
    return found, list(sets.values()), [tuple(checks.get(literal, ())) for literal in sets]


def look(text: str) -> Look:
    """What `text` shows."""
    automaton, sets, checks = _automaton()
    lower = text.lower()
    try:
        found = automaton.find_matches_as_indexes(lower, overlapping=True)
    except UnicodeEncodeError:
        found = automaton.find_matches_as_indexes(_LONE.sub("?", lower), overlapping=True)
    seen = 0
    for number, start, end in found:
        seen |= sets[number]
        for bit, unfit, then in checks[number]:
            if not seen & bit and not (start and lower[start - 1] in unfit) and (then is None or then(lower, end)):
                seen |= bit
    return Look(text, lower, text.translate(_SHAPE) if text.isascii() else "", seen)
