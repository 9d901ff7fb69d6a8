"""What kind of word a word is: how much it takes to believe that it is a value and not part of the sentence.

Belongs here: small general lexicons of English and of programs, and the morphology around them. Nothing about any
particular system's messages.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache

VAR = "\x01"  # the atom that stands for a value


class WordClass(IntEnum):
    """Rising: the more a word looks like part of the sentence."""

    DIGITS = 0  # a word with a digit in it
    NAME = 1  # dotted, with slashes, at signs, underscores in lower case, …
    MIXED = 2  # camelCase
    HYPHENATED = 3
    CAPITALS = 4
    PLAIN = 5


_MIXED = re.compile(r"[a-z0-9][A-Z]|[A-Z]{2,}[a-z]")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Always a value, wherever it stands.
LITERAL_VALUES = _words("true false True False TRUE FALSE null NULL None nil NaN nan (null) n/a N/A")
# Words of a sentence, too: a value behind a mark only.
MARKED_VALUES = _words("none undefined")
# A value where a value is expected (after "=").
SWITCH_VALUES = _words("yes no on off enabled disabled Yes No On Off YES NO ON OFF n/a")

FUNCTION_WORDS = _words(
    "a an the is are was were be been being has have had do does did not no nor and or but if then else when while "
    "with without within of to from for in on at by as into onto over under about after before between through during "
    "until till than that this these those it its there here which who whose what where why how can could may might "
    "must shall should will would cannot can't couldn't didn't doesn't isn't won't because due per via so too very "
    "all any each every some such only same other another again already now still yet"
)

# Words that tell one event from its opposite or its neighbour. Morphology (-ed, -ing) covers most verbs.
STATE_WORDS = _words(
    "up down on off open close start stop begin end enter exit leave join success failure fail ok okay error errors "
    "bad good valid invalid online offline active inactive lost found new old idle busy ready high low in out left right "
    "finish full empty normal critical warning read write send receive sent add remove create delete update insert "
    "login logout logon logoff connect disconnect allow deny accept reject pass hit miss clean dirty complete incomplete "
    "unknown known available unavailable present absent primary secondary first last before after more less greater "
    "smaller begun done gone freed agreed begins ends starts stops opens closes enters leaves joins enable disable load unload mount "
    "unmount lock unlock attach detach bind unbind acquire release grant revoke increase decrease rise fall "
    "post head patch request response client server source target input output sender receiver reader writer master slave leader "
    "follower startup shutdown boot reboot restart suspend resume abort commit rollback push pull get put set unset "
    "reset register unregister subscribe unsubscribe publish consume produce encode decode compress decompress upload "
    "download import export install uninstall upgrade downgrade succeed succeeds fails missing wrong correct incorrect "
    "successful unsuccessful successfully healthy unhealthy alive dead safe unsafe visible hidden local remote internal "
    "external soft hard cold hot short long permanent temporary minor major upper lower min max minimum maximum "
    "broken wake sleep woke slept kept held hit missed over under begin begun won won't"
)

# Words after which a value is expected.
VALUE_LABELS = _words(
    "for of to from behind on by in at as via with using into onto named called user username account login host hostname server "
    "client service device node container pod image volume topic group queue database table column index schema role "
    "file directory folder path url key name id task job stage process thread module plugin driver package component "
    "interface port channel session token printer player room zone region cluster namespace partition bucket pool share volume "
    "product item order customer class method function type kind action event reason status state mode command query "
    "domain address realm agent worker branch repository project label tag variable field attribute property "
    "provider parameter option setting scene rule profile policy category map filter handler listener"
)
# Words after which a state is named: there a word of state is a value.
STATE_LABELS = _words("state status mode phase stage")
STATE_CHANGES = _words("moved changed went switched transitioned")
OPENERS = frozenset("=\"'`([{<|@#/")

_VERB_FORM = re.compile(r"(?=.{5}).*[aeiouy][a-z]*(?:(?<!e)ed|ing)")  # not "string", not "speed"
_UNITS = re.compile(
    r"(?:[kKMGTPE]i?[bB]?(?:/s|ps|its?)?|[Bb]ytes?|B|bits?|ns|us|µs|ms|msecs?|s|secs?|seconds?|mins?|minutes?|h|hrs?|hours?|"
    r"days?|[mμk]?Hz|[KMG]Hz|%|percent|pages?|blocks?|packets?|times?|[Cc]elsius|°C|rpm|RPM|m?V|m?A|W|kWh?)"
)
_SCALED = (
    re.compile(r"(?:[kKMGTPE]i?[bB]?(?:/s|ps)?|[Bb]ytes?|B)"),
    re.compile(r"(?:ns|us|µs|ms|msecs?|s|secs?|seconds?|mins?|minutes?|h|hrs?|hours?|days?)"),
    re.compile(r"[kKMG]?Hz"),
    re.compile(r"(?:USD|EUR|GBP|JPY|CHF|CNY|INR|CAD|AUD|SEK|PLN)"),
)
TIMES = 1  # the family of units of time


def is_unit(word: str) -> bool:
    """Whether `word` is a unit that may follow a number."""
    return _UNITS.fullmatch(word) is not None


@lru_cache(maxsize=1 << 17)
def unit_family(word: str) -> int | None:
    """Units that measure the same thing have the same number; None for no unit."""
    for number, pattern in enumerate(_SCALED):
        if pattern.fullmatch(word):
            return number
    return None


@lru_cache(maxsize=1 << 17)
def is_literal_word(atom: str) -> bool:
    """Whether an atom carries meaning of its own: a word of letters, not a value, not punctuation."""
    return atom != VAR and any(c.isalpha() for c in atom)


@lru_cache(maxsize=1 << 17)
def word_class(word: str) -> WordClass:
    """Class of a literal word."""
    if any(c.isdigit() for c in word):
        return WordClass.DIGITS
    core = word.strip(".-*")
    if any(c in "./\\@$~&%" for c in core) or "::" in core or ("_" in core and not core.isupper()):
        return WordClass.NAME
    letters = core.replace("-", "").replace("_", "")
    if len(letters) > 1 and letters.isupper():
        return WordClass.CAPITALS
    if _MIXED.search(core):
        return WordClass.MIXED
    if "-" in core:
        return WordClass.HYPHENATED
    return WordClass.PLAIN


@lru_cache(maxsize=1 << 17)
def is_state_like(word: str) -> bool:
    """Whether a word says what happened (a verb form, one of two opposites) rather than to what."""
    low = word.strip(".*-_").lower()
    if low in STATE_WORDS or low in FUNCTION_WORDS:
        return True
    if "-" in low:  # a name made of words ("db-primary") unless the last is a verb form
        last = low.rsplit("-", 1)[1]
        return _VERB_FORM.fullmatch(last) is not None
    last = low.rsplit("_", 1)[-1]
    return last in STATE_WORDS or _VERB_FORM.fullmatch(last) is not None or last.endswith(("able", "ible"))
