"""Groups of shapes that say the same thing so far: their common key, how it is written, their weight and members.

Belongs here: the group, making it from atoms, replacing a stretch of it by a value, uniting groups of one key. Does
not belong here: deciding what is replaced (`joins`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from luffy_dagster.core.parsing.templates.lexer import HOLE_TEXT, Atom, is_open_quote, needs_value
from luffy_dagster.core.parsing.templates.words import VAR, WordClass, is_literal_word, word_class

_ENCLOSING = frozenset("([{\"'`")
_LIST_MARKS = frozenset((",", "-", "/"))


@dataclass(frozen=True, slots=True)
class Group:
    """Shapes with one key. `shown` and `blanks` run parallel to `key`: text of each atom and whether a blank precedes."""

    key: tuple[str, ...]
    shown: tuple[str, ...]
    blanks: tuple[bool, ...]
    count: int
    members: tuple[int, ...]

    @property
    def text(self) -> str:
        """The template's text."""
        pieces: list[str] = []
        for shown, blank in zip(self.shown, self.blanks, strict=True):
            if blank and pieces:
                pieces.append(" ")
            pieces.append(shown)
        return "".join(pieces).strip()

    @property
    def literals(self) -> tuple[str, ...]:
        """Its literal words in order."""
        return tuple(a for a in self.key if is_literal_word(a))


def from_atoms(atoms: Sequence[Atom], count: int, member: int) -> Group:
    """A group of one shape: lists and runs of values become one value, empty places hold one (`needs_value`)."""
    key: list[str] = []
    shown: list[str] = []
    blanks: list[bool] = []
    quoted = False
    for index, atom in enumerate(atoms):
        if is_open_quote(atom.text):
            quoted = not quoted
        if atom.text == VAR and key:
            if key[-1] == VAR:
                shown[-1] = HOLE_TEXT if quoted else shown[-1] + (" " if atom.blank else "") + HOLE_TEXT
                continue
            if len(key) >= 2 and key[-2] == VAR and key[-1] in _LIST_MARKS:
                mark, spaced = key.pop(), blanks.pop()
                shown.pop()
                shown[-1] += (" " if spaced else "") + mark + (" " if atom.blank else "") + HOLE_TEXT
                continue
        key.append(atom.text)
        shown.append(HOLE_TEXT if atom.text == VAR else atom.text)
        blanks.append(atom.blank)
        if needs_value(atoms, index):
            key.append(VAR)
            shown.append("")
            blanks.append(False)
    return Group(tuple(key), tuple(shown), tuple(blanks), count, (member,))


def replaced(group: Group, stretches: Iterable[tuple[int, int]]) -> Group:
    """The group with each stretch (start, end; not overlapping; empty ones insert) turned into one value."""
    key: list[str] = []
    shown: list[str] = []
    blanks: list[bool] = []
    position = 0
    last_own = False  # whether the value before is a name of its own, not a part of what stands beside it

    def put(text: str, show: str, blank: bool, own: bool = False) -> None:
        if text == VAR and key and key[-1] == VAR:
            shown[-1] = f"{shown[-1]} {show}" if own and blank and shown[-1] else HOLE_TEXT
            return
        if text == VAR and not blank and key[-2:] == [VAR, ":"] and not blanks[-1]:  # an address and its port
            del key[-1], shown[-1], blanks[-1]
            shown[-1] = HOLE_TEXT
            return
        if text == VAR and key[-2:] == [VAR, ","]:  # a list
            del key[-1], blanks[-1]
            shown[-2:] = [f"{shown[-2]},{' ' if blank else ''}{show}"]
            return
        key.append(text)
        shown.append(show)
        blanks.append(blank)

    for start, end in sorted(stretches):
        for i in range(position, start):
            put(group.key[i], group.shown[i], group.blanks[i], own=last_own)
            last_own = False
        blank = group.blanks[start] if start < end else bool(group.blanks[start]) if start < len(group.key) else True
        last_own = (
            end == start + 1 and is_literal_word(group.key[start]) and word_class(group.key[start]) <= WordClass.NAME
        )
        put(VAR, _shown(group, start, end), blank, own=last_own)
        position = end
    for i in range(position, len(group.key)):
        put(group.key[i], group.shown[i], group.blanks[i], own=last_own)
        last_own = False
    return Group(tuple(key), tuple(shown), tuple(blanks), group.count, group.members)


def _shown(group: Group, start: int, end: int) -> str:
    """How a stretch is written once it is a value: "kind 7" behind a blank is two, within quotes or brackets one."""
    if start == end:
        return ""
    words, last = group.key[start : end - 1], end - 1
    apart = group.key[last] == VAR and group.blanks[last] and bool(words) and all(is_literal_word(a) for a in words)
    enclosed = start > 0 and group.key[start - 1] in _ENCLOSING
    return f"{HOLE_TEXT} {HOLE_TEXT}" if apart and not enclosed else HOLE_TEXT


def unite(groups: Iterable[Group]) -> list[Group]:
    """One group per key, sorted by key; where the writings differ, a value is `<*>` and blanks follow the heavier."""
    by_key: dict[tuple[str, ...], list[Group]] = {}
    for group in groups:
        by_key.setdefault(group.key, []).append(group)
    return [_united(by_key[key]) for key in sorted(by_key)]


def _united(groups: list[Group]) -> Group:
    if len(groups) == 1:
        return groups[0]
    heaviest = min(groups, key=lambda g: (-g.count, g.shown, g.blanks))
    shown = tuple(own[0] if len(set(own)) == 1 else HOLE_TEXT for own in zip(*(g.shown for g in groups), strict=True))
    members = tuple(sorted(m for g in groups for m in g.members))
    return Group(heaviest.key, shown, heaviest.blanks, sum(g.count for g in groups), members)


def united_as(groups: Sequence[Group]) -> Group:
    """Groups of different keys as one, written as the heaviest of them."""
    heaviest = min(groups, key=lambda g: (-g.count, g.key, g.shown))
    members = tuple(sorted(m for g in groups for m in g.members))
    return Group(heaviest.key, heaviest.shown, heaviest.blanks, sum(g.count for g in groups), members)
