"""Which groups are one: the evidence that a stretch of two or more groups is a value.

Belongs here: finding groups that agree before and after a stretch (in bounded time), and judging the stretch's
contents. Does not belong here: lexicons (`words`), the order of the passes (`miner`).

Two groups are compared only through a *frame* (`frames`): what stands before a stretch of at most `GAP` atoms and what
stands after it.

Evidence adds up over the different contents of a frame: a dotted name counts half, a plain word after a label or an
opening mark a third, elsewhere an eighth, words that say *what happened* next to nothing. At 1 the stretch is a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from luffy_dagster.core.parsing.templates.frames import shared_frames
from luffy_dagster.core.parsing.templates.groups import Group
from luffy_dagster.core.parsing.templates.words import (
    FUNCTION_WORDS,
    OPENERS,
    STATE_CHANGES,
    STATE_LABELS,
    SWITCH_VALUES,
    VALUE_LABELS,
    VAR,
    WordClass,
    is_literal_word,
    is_state_like,
    is_unit,
    unit_family,
    word_class,
)

GAP = 4  # atoms of a value at most
MANY = 60  # contents that are judged at most

_IN_PLACE = {
    WordClass.DIGITS: 0.5,
    WordClass.NAME: 0.5,
    WordClass.MIXED: 0.5,
    WordClass.HYPHENATED: 0.34,
    WordClass.CAPITALS: 0.25,
    WordClass.PLAIN: 0.34,
}
_ELSEWHERE = {
    WordClass.DIGITS: 0.5,
    WordClass.NAME: 0.5,
    WordClass.MIXED: 0.34,
    WordClass.HYPHENATED: 0.2,
    WordClass.CAPITALS: 0.1,
    WordClass.PLAIN: 0.125,
}
_NAMED = 0.5  # a word right behind what names it
_NAMELIKE = (WordClass.PLAIN, WordClass.MIXED, WordClass.HYPHENATED)
_LOOSE_LABELS = frozenset(
    "of to behind on by in at as with using into onto over".split()
)  # a verb or a kind may follow, too
_IN_STATE = frozenset("in into to from".split())  # before a state that is followed by the word for it
_STATE = 0.04
PAIRS = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'", "`": "`", "<": ">"}
QUOTES = ('"', "'", "`")
_BREAKS = frozenset((";", ":", "=", ",", "|", "!", "?"))

Content = tuple[str, ...]


class Join(NamedTuple):
    """Groups (by index) whose atoms from `start` on are a value; `lengths`: how many atoms, parallel to `groups`.

    `units`: the atoms are units of the value before.
    """

    evidence: float
    start: int
    groups: tuple[int, ...]
    lengths: tuple[int, ...]
    units: bool


def find_joins(groups: Sequence[Group], values: frozenset[str], least: float) -> list[Join]:
    """Joins worth making, the surest first. `values`: words that were values elsewhere; `least` evidence, in needs."""
    joins: list[Join] = []
    for indices, lengths, start in shared_frames([g.key for g in groups], range(GAP + 1)):
        join = _judge(groups, indices, lengths, start, values=values, least=least)
        if join is not None:
            joins.append(join)
    joins.sort(key=lambda j: (-min(j.evidence, 4.0), max(j.lengths), j.start, j.groups))
    return joins


def _judge(
    groups: Sequence[Group],
    indices: Sequence[int],
    lengths: Sequence[int],
    start: int,
    *,
    values: frozenset[str],
    least: float,
) -> Join | None:
    key = groups[indices[0]].key
    place = Place(key[:start], key[start + lengths[0] :], glued=is_glued(groups[indices[0]], start))
    if not place.possible:
        return None
    contents: dict[Content, list[tuple[int, int]]] = {}
    for index, length in zip(indices, lengths, strict=True):
        contents.setdefault(groups[index].key[start : start + length], []).append((index, length))
    if len(contents) < 2 or not _minimal(contents):
        return None
    accepted, evidence = place.judge(list(contents), values)
    if len(accepted) < 2 or evidence < place.needed * least:
        return None
    chosen = sorted(pair for content in accepted for pair in contents[content])
    return Join(round(evidence, 6), start, tuple(i for i, _ in chosen), tuple(n for _, n in chosen), place.units)


def _minimal(contents: dict[Content, list[tuple[int, int]]]) -> bool:
    """Whether no smaller stretches would do.

    Many contents of few beginnings (or endings) are two values side by side, or a state and a value: each has a
    smaller frame of its own.
    """
    several = [c for c in contents if len(c) > 1]
    if len(several) >= 4:
        need = max(2, len(several) / 8)
        if len({c[0] for c in several}) < need or len({c[-1] for c in several}) < need:
            return False
        long = [c for c in several if len(c) > 2]
        if 2 * len(long) >= len(several) and len({c[1:-1] for c in long}) < need:
            return False  # "amber granted role falcon": a value, a sentence and a value
    return True


class Place:
    """Where a stretch stands: what is before it and after it decides how easily its contents are values."""

    def __init__(self, before: Content, after: Content, *, glued: bool = False) -> None:
        words = [a for a in (*before, *after) if is_literal_word(a)]
        self.literals = sum(a.lower() not in FUNCTION_WORDS for a in words)
        identified = after[:2] == ("@", VAR)  # "Session@1f3a"
        self.first = not identified and not any(is_literal_word(a) or a == VAR for a in before)
        self.previous = before[-1] if before else ""
        closer = PAIRS.get(self.previous)
        self.enclosed = closer is not None and bool(after) and after[0] == closer
        self.labelled = self.previous in OPENERS or self.previous.lower() in VALUE_LABELS
        self.labelled = self.labelled or (self.previous in ("-", ">") and VAR in before[-3:])
        self.labelled = self.labelled or (self.previous == ":" and glued) or identified
        label = self.previous.lower()
        self.named = self.enclosed or self.previous in OPENERS or (label in VALUE_LABELS and label not in _LOOSE_LABELS)
        self.stateful = _is_stateful(before, after) or _is_transition(before, after)
        self.closing = self.previous == ":" and not after
        self.units = False
        self.switched = False
        self.after_value = self.previous == VAR
        self.possible = self.literals >= 1 or len(words) >= 2
        self.needed = 1.0
        if self.literals < 2:
            self.needed = 1.2 if self.labelled or self.enclosed else 2.0
        if not self.literals:
            self.needed = 4.0

    def judge(self, contents: list[Content], values: frozenset[str], more: float = 0.0) -> tuple[list[Content], float]:
        """The contents that may be values here, and the evidence that they are (`more`: from elsewhere)."""
        contents = sorted(contents)
        self.switched = (self.labelled or self.enclosed) and (VAR,) in contents
        if self.after_value:
            families = {unit_family(c[0]) if len(c) == 1 else None for c in contents if c and c != (VAR,)}
            counted = len(contents) > 1 and are_one_and_many([c for c in contents if c != (VAR,)])
            if (len(families) == 1 and None not in families) or counted:
                self.units = True
                return contents, 2.0
        usable = [c for c in contents if c and self._usable(c, (VAR,) in contents)]
        plain = [c for c in usable if not any(a in FUNCTION_WORDS for a in c)]
        if not self.enclosed and 2 * len(plain) <= len(usable):
            usable = plain  # "idle to full", "full to idle": two values and a word between them
        sample = usable[:: max(1, len(usable) // MANY)]
        titled = any(_is_titled(c) for c in usable)
        weights = {c: self._weight(c, values, titled=titled) for c in usable}
        weak = {c for c, w in weights.items() if w <= _STATE}
        evidence = more + sum(weights[c] for c in sample if c not in weak) + min(0.3, _STATE * len(weak))
        if () in contents and usable and all(is_bare(c) for c in usable):
            usable.append(())
            evidence += 0.5
        if evidence < 1.5 or 3 * len(weak) > len(usable):
            usable = [c for c in usable if c not in weak]
        return usable, evidence

    def _usable(self, content: Content, with_value: bool) -> bool:
        if content == (VAR,):
            return True
        if with_value and len(content) == 3 and content[1] in (":", ".") and content[2] == VAR:
            return is_literal_word(content[0])  # a name with its port or number where others have a value
        if len(content) == 1:
            if self.switched and content[0] in SWITCH_VALUES:
                return True
            return is_literal_word(content[0]) and content[0].lower() not in FUNCTION_WORDS
        if _is_list(content):
            return True
        if VAR in content:
            numbered = with_value and len(content) == 4 and content[1:] == ("[", VAR, "]")  # "node[1-7]"
            return (
                is_bare(content)
                or (numbered and is_literal_word(content[0]))
                or all(a == VAR or (is_title(a) and not (a.isupper() and is_state_like(a))) for a in content)
            )
        if with_value and _is_nothing(content):
            return True
        if any(a in PAIRS or a in PAIRS.values() for a in content) and not self.enclosed:
            return False
        if self.enclosed:
            return True
        return not any(a in _BREAKS for a in content)

    def _weight(self, content: Content, values: frozenset[str], *, titled: bool) -> float:
        if content == (VAR,):
            return 1.0 if self.literals >= 3 else 0.8 if self.literals == 2 else 0.5
        if _is_list(content):
            return 0.5
        if not self.enclosed and _is_nothing(content):
            return 0.34
        if VAR in content:
            return 0.7 if is_bare(content) else 0.34
        table = _IN_PLACE if self.labelled or self.enclosed else _ELSEWHERE
        words = [a for a in content if is_literal_word(a)]
        if not words:
            return 0.0
        classes = [word_class(w) for w in words]
        lowest = min(classes)
        if titled and not self.first and all(is_title(a) for a in content):
            return 0.5 if self.labelled or self.enclosed else 0.34
        if self.stateful and len(content) == 1 and lowest > WordClass.NAME:
            return 0.34
        constant = len(content) == 1 and lowest is WordClass.CAPITALS and "_" in content[0]
        if constant and (self.enclosed or self.labelled):
            return 0.5
        if self.switched and content[0] in SWITCH_VALUES and len(content) == 1:
            return 0.25
        if lowest > WordClass.NAME and (is_state_like(words[0]) or is_state_like(words[-1])):
            return _STATE
        if constant:
            return 0.2
        if self.named and len(content) == 1 and lowest in _NAMELIKE:
            weight = 0.45 if self.enclosed and lowest is WordClass.MIXED else _NAMED
            return max(weight, 0.5 if content[0] in values else 0.0)
        weight = table[lowest] if len(content) == 1 else min(0.25, table[max(classes)])
        if self.closing and len(content) == 1:
            weight = max(weight, 0.25)
        if self.first:
            weight *= 0.5 if lowest <= WordClass.NAME else 0.1 if lowest is WordClass.MIXED else 0.4
        if len(content) == 1 and content[0] in values:
            weight = max(weight, 0.5)
        return weight


def are_one_and_many(contents: Sequence[Content]) -> bool:
    """Whether the contents are one word for one and for several ("1 packet", "3 packets"; an empty list is not)."""
    words = {c[0] for c in contents if len(c) == 1}
    return len(words) == len(contents) == 2 and max(words, key=len) in {
        f"{min(words, key=len)}{end}" for end in ("s", "es")
    }


def is_glued(group: Group, place: int) -> bool:
    """Whether no blank stands on either side of the mark before `place` ("cart:7", not "failed: no route")."""
    return 1 < place < len(group.key) and not group.blanks[place] and not group.blanks[place - 1]


def is_title(word: str) -> bool:
    """Whether a word begins like a name: with a capital, and not all of it capitals unless it is short."""
    return word[:1].isupper() and (len(word) <= 4 or not word.isupper())


def _is_titled(content: Content) -> bool:
    """Whether a content is a name of several capitalised words."""
    return len(content) > 1 and all(is_title(a) and is_literal_word(a) for a in content)


def _is_stateful(before: Content, after: Content) -> bool:
    """Whether the words around say that a state stands here: words of state are values there."""
    words = [a.lower() for a in before[-6:]]
    if not words:
        return False
    if words[-1] in _IN_STATE and after and after[0].lower() in STATE_LABELS:
        return True  # "joins in Stable state"
    if words[-1] in ("is", "now") and any(w in STATE_LABELS for w in words[-3:]):
        return True  # "state is now connected"
    arrow = words[-1] in ("from", "to", "into", ">") and any(w in STATE_LABELS or w in STATE_CHANGES for w in words)
    return words[-1] in STATE_LABELS or arrow


def _is_transition(before: Content, after: Content) -> bool:
    """Whether what stands here changes into something ("from X to Y", "X -> Y") or is what came of it."""
    left = before[:-1] if before and before[-1] in PAIRS else before
    right = after[1:] if left is not before else after
    if left and left[-1] == "from" and right[:1] == ("to",):
        return True
    if right[:2] == ("-", ">") and right[2:3] != (VAR,):
        return True
    if left[-2:] == ("-", ">") and left[-3:-2] != (VAR,):
        return True
    return left[-1:] == ("to",) and "from" in left[-6:-2]


def _is_nothing(content: Content) -> bool:
    """A word in brackets that says that there is no value: "<unnamed>", "[unknown]", "(none)"."""
    return len(content) == 3 and content[0] in "<[(" and content[2] == PAIRS[content[0]] and is_literal_word(content[1])


def _is_list(content: Content) -> bool:
    """Words and values with commas between them."""
    if len(content) < 3 or len(content) % 2 == 0 or any(a != "," for a in content[1::2]):
        return False
    return all(a == VAR or (is_literal_word(a) and not is_state_like(a)) for a in content[::2])


def is_bare(content: Content) -> bool:
    """Only values, punctuation and units."""
    balance = sum((a in PAIRS) - (a in PAIRS.values()) for a in content if a not in ('"', "'", "`"))
    if balance or VAR not in content or any(a in _BREAKS for a in content):
        return False
    return all(a == VAR or not is_literal_word(a) or is_unit(a) for a in content)


def find_name_joins(groups: Sequence[Group]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Groups that differ in names only, at several places at once: (groups, places)."""
    buckets: dict[tuple[str, ...], list[int]] = {}
    for index, group in enumerate(groups):
        skeleton = tuple("\x02" if is_literal_word(a) and word_class(a) <= WordClass.NAME else a for a in group.key)
        if "\x02" in skeleton:
            buckets.setdefault(skeleton, []).append(index)
    joins: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    for skeleton in sorted(buckets):
        indices = buckets[skeleton]
        words = sum(is_literal_word(a) and a != "\x02" for a in skeleton)
        if len(indices) < 2 or not words:
            continue
        names = [p for p, a in enumerate(skeleton) if a == "\x02"]
        places = tuple(p for p in names if len({groups[i].key[p] for i in indices}) > 1)
        if (len(places) == 1 and places[0] > 0) or len(indices) >= 6:
            joins.append((tuple(indices), places))
    return joins
