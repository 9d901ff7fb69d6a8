"""The tolerant join: groups that differ in several places at once, the evidence for each place pooled over all of them.

A frame (`joins`) holds everything but one stretch fixed, so a message with two free values is seen in as many frames as
the other value has contents, each with little evidence; where every message is unique, in none. Here every place that
may hold a value is taken out first, groups that agree in the rest are a *pool*, and each place is judged by all
contents it has in its pool. Nothing is joined by similarity: what stays out of the places must be equal, and a place
whose contents are not believed to be values keeps the groups apart.

The idea of voting per place over messages of one frame of constant words is that of Brain (Yu et al., TSC 2023) and of
LogSig's word pairs (Tang et al., CIKM 2011); that two places draw from the same words is IPLoM's search for relations
between positions (Makanju et al., KDD 2009).

Belongs here: which places of a group are open, pools, their judgement. Does not belong here: the weights (`joins`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from luffy_dagster.core.parsing.templates.frames import shared_frames
from luffy_dagster.core.parsing.templates.groups import Group
from luffy_dagster.core.parsing.templates.joins import Content, Place, is_glued, is_title
from luffy_dagster.core.parsing.templates.words import (
    FUNCTION_WORDS,
    OPENERS,
    VALUE_LABELS,
    VAR,
    WordClass,
    is_literal_word,
    is_state_like,
    is_unit,
    unit_family,
    word_class,
)

LONGEST_RUN = 5  # atoms of a value at most
LONGEST_QUOTE = 12
MORE = 1.3  # times the evidence of a frame: the places of a pool are not independent of each other
FEWEST = 6  # groups of which every one differs from every other in several places, to be believed
_OPEN = "\x02"
_QUOTATIONS = {'"': '"', "'": "'", "`": "`", "[": "]"}

Stretch = tuple[int, int]


class PoolJoin(NamedTuple):
    """A place of some groups that holds values: (group, stretch) of each."""

    stretches: tuple[tuple[int, Stretch], ...]


def open_places(group: Group, contested: set[int]) -> list[Stretch]:
    """Stretches of the key that may be a value: values, names, words where a value is expected or that `contested` says."""
    key, blanks = group.key, group.blanks
    places: list[Stretch] = []
    i = 0
    while i < len(key):
        end = i
        quoted = _end_of_quote(key, i)
        if quoted > i + 1:
            places.append((i + 1, quoted))
            i = quoted + 1
            continue
        while end < len(key) and end - i < LONGEST_RUN and _is_open(key, blanks, end, end > i, contested):
            end += 1
        if end == i + 1 and key[i] == VAR and end < len(key) and unit_family(key[end]) is not None:
            end += 1
        with_port = (
            end == i + 1 and key[i] != VAR and key[end : end + 2] == (":", VAR) and not any(blanks[end : end + 2])
        )
        if with_port:
            end += 2
        if i < end < len(key) and key[i] != VAR:
            end = _end_of_list(key, i, end)
        elif end == i and i and key[i - 1] == ":" and is_literal_word(key[i]) and not is_state_like(key[i]):
            end = _end_of_list(key, i, i + 1)
            end = end if end > i + 1 else i  # a list after a colon
        if end > i:
            places.append((i, end))
        i = max(end, i + 1)
    return places


def _end_of_quote(key: Content, start: int) -> int:
    """Place of the mark that closes the quotation that `start` opens, of at most LONGEST_QUOTE atoms; else `start`."""
    closer = _QUOTATIONS.get(key[start])
    if closer is None or start + 1 >= len(key):
        return start
    end = next((i for i in range(start + 1, min(len(key), start + LONGEST_QUOTE + 2)) if key[i] == closer), start)
    inner = key[start + 1 : end]
    return start if any(a in OPENERS and a not in ("<", "#", "/", "@") for a in inner) else end


def _end_of_list(key: Content, start: int, end: int) -> int:
    """End of the list of words that the open place begins, where the message or a bracket ends with it; else `end`."""
    at = end
    while at + 1 < len(key) and key[at] == "," and (key[at + 1] == VAR or is_literal_word(key[at + 1])):
        at += 2
    closed = at == len(key) or key[at] in (")", "]", "}")
    return at if closed and end == start + 1 else end


def _is_open(key: Content, blanks: tuple[bool, ...], i: int, within: bool, contested: set[int]) -> bool:
    atom, previous = key[i], key[i - 1] if i else ""
    if atom == VAR or i in contested:
        return True
    if not is_literal_word(atom):
        return False
    if is_title(atom) and i:
        if within and is_title(previous):
            return True
        if i + 1 < len(key) and is_title(key[i + 1]) and atom.lower() not in FUNCTION_WORDS:
            return True
    kind = word_class(atom)
    if atom.lower() in FUNCTION_WORDS or (is_state_like(atom) and kind > WordClass.NAME):
        return False
    if kind <= WordClass.NAME:
        return True
    if previous == VAR and (within or is_unit(atom)):
        return False
    if i == 0:
        return kind is WordClass.HYPHENATED and key[1:3] == (":", VAR)
    if kind <= WordClass.HYPHENATED:
        return True
    glued = previous == ":" and i > 1 and not blanks[i] and not blanks[i - 1]
    expected = glued or previous in OPENERS or previous.lower() in VALUE_LABELS
    return expected and not within and atom.lower() not in VALUE_LABELS


def contested_places(groups: Sequence[Group]) -> list[set[int]]:
    """Places of each group at which another group has another word, all else being equal but what may be a value."""
    found: list[set[int]] = [set() for _ in groups]
    _contested([g.key for g in groups], [tuple(range(len(g.key))) for g in groups], found)
    skeletons: list[Content] = []
    origins: list[tuple[int, ...]] = []
    for group, own in zip(groups, found, strict=True):
        places = open_places(group, own)
        taken = {i for start, end in places for i in range(start + 1, end)}
        starts = {start for start, _ in places}
        origin = tuple(i for i in range(len(group.key)) if i not in taken)
        origins.append(origin)
        skeletons.append(tuple(_OPEN if i in starts else group.key[i] for i in origin))
    _contested(skeletons, origins, found)
    return found


def _contested(keys: Sequence[Content], origins: Sequence[tuple[int, ...]], found: list[set[int]]) -> None:
    for indices, _, place in shared_frames(keys, (1,)):
        for index in indices:
            if is_literal_word(keys[index][place]) and keys[index][place] != _OPEN:
                found[index].add(origins[index][place])


def find_addresses(groups: Sequence[Group]) -> list[tuple[int, list[Stretch]]]:
    """`name:<value>` in messages that others have a value for at the same places: (group, stretches)."""
    known = {g.key for g in groups}
    out: list[tuple[int, list[Stretch]]] = []
    for index, group in enumerate(groups):
        key, blanks = group.key, group.blanks
        found = [
            (i, i + 3)
            for i in range(len(key) - 2)
            if key[i + 1] == ":" and key[i + 2] == VAR and is_literal_word(key[i]) and not any(blanks[i + 1 : i + 3])
        ]
        if not found:
            continue
        other = tuple(VAR if a == _OPEN else a for a in _skeleton(key, found))
        if other in known and any(is_literal_word(a) and a.lower() not in FUNCTION_WORDS for a in other):
            out.append((index, found))
    return out


def find_units(groups: Sequence[Group]) -> list[tuple[int, list[Stretch]]]:
    """Units of which two or more of a message vary between the same neighbours ("4 KB of 2 GB"): (group, stretches)."""
    seen: dict[tuple[int, Content, Content], dict[str, list[tuple[int, Stretch]]]] = {}
    for index, group in enumerate(groups):
        key = group.key
        for i in range(1, len(key)):
            family = unit_family(key[i]) if key[i - 1] == VAR else None
            if family is not None and len(key) > 4:
                around = (family, key[max(0, i - 4) : i - 1], _without_unit(key[i + 1 : i + 4]))
                seen.setdefault(around, {}).setdefault(key[i], []).append((index, (i, i + 1)))
    found: dict[int, list[Stretch]] = defaultdict(list)
    for units in seen.values():
        if len(units) > 1:
            for index, stretch in (one for rows in units.values() for one in rows):
                found[index].append(stretch)
    return sorted((index, stretches) for index, stretches in found.items() if len(stretches) > 1)


def _without_unit(after: Content) -> Content:
    """Up to two atoms, a scaled unit left out."""
    return tuple(a for i, a in enumerate(after) if not (i and after[i - 1] == VAR and unit_family(a) is not None))[:2]


def find_pool_joins(groups: Sequence[Group], values: frozenset[str], *, least: float) -> list[PoolJoin]:
    """Places that are values by the evidence of their pool."""
    contested = contested_places(groups)
    pools: dict[Content, list[tuple[int, list[Stretch]]]] = defaultdict(list)
    for index, group in enumerate(groups):
        places = open_places(group, contested[index])
        if places and len(places) < len(group.key):
            pools[_skeleton(group.key, places)].append((index, places))
    slots = [slot for skeleton in sorted(pools) for slot in _slots(groups, skeleton, pools[skeleton])]
    joins: list[PoolJoin] = []
    for slot in slots:
        accepted, evidence = slot.place.judge(list(slot.contents), values, 0.5 * slot.twin)
        if len(accepted) >= 2 and evidence >= slot.place.needed * least * MORE:
            chosen = [one for content in accepted for one in slot.contents[content]]
            joins.append(PoolJoin(tuple(sorted(chosen))))
    return joins


def _skeleton(key: Content, places: list[Stretch]) -> Content:
    out: list[str] = []
    position = 0
    for start, end in places:
        out += [*key[position:start], _OPEN]
        position = end
    return (*out, *key[position:])


class _Slot(NamedTuple):
    place: Place
    contents: dict[Content, list[tuple[int, Stretch]]]
    twin: bool  # whether another place of the same messages draws from the same words


def _slots(groups: Sequence[Group], skeleton: Content, rows: list[tuple[int, list[Stretch]]]) -> Iterator[_Slot]:
    if len(rows) < 2:
        return
    positions = [i for i, atom in enumerate(skeleton) if atom == _OPEN]
    found: list[dict[Content, list[tuple[int, Stretch]]]] = []
    for number in range(len(positions)):
        contents: dict[Content, list[tuple[int, Stretch]]] = defaultdict(list)
        for index, places in rows:
            start, end = places[number]
            contents[groups[index].key[start:end]].append((index, (start, end)))
        found.append(contents)
    varying = [c for c in found if len(c) > 1]
    if len(varying) > 1 and len(rows) < FEWEST and all(len(c) == len(rows) and (VAR,) not in c for c in varying):
        return  # nothing says that they vary apart: perhaps as many messages
    for number, whole in enumerate(found):
        if len(whole) < 2:
            continue
        front, back = _shared_ends(list(whole))
        contents = {
            c[front : len(c) - back]: [(i, (a + front, b - back)) for i, (a, b) in rows_of]
            for c, rows_of in whole.items()
        }
        some = next(iter(whole))
        before = (*skeleton[: positions[number]], *some[:front])
        index, places = rows[0]
        glued = is_glued(groups[index], places[number][0] + front)
        place = Place(before, (*some[len(some) - back :], *skeleton[positions[number] + 1 :]), glued=glued)
        if not place.possible:
            continue
        own = {c for c in contents if VAR not in c}
        twin = any(len(own & set(other)) >= 2 for n, other in enumerate(found) if n != number)
        yield _Slot(place, contents, twin)


def _shared_ends(contents: list[Content]) -> tuple[int, int]:
    """How many first and last words all contents share (at least one is left of each): no part of the value."""
    least = min(len(c) for c in contents) - 1
    front = 0
    while front < least and len({c[front] for c in contents}) == 1:
        front += 1
    back = 0
    while back < least - front and len({c[-1 - back] for c in contents}) == 1:
        back += 1
    return front, back
