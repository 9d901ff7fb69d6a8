"""Where a value is expected whatever the rest says (after "=", in quotes or brackets), and what was a value elsewhere.

Belongs here: finding such places and what is known of them. Does not belong here: stretches that only a comparison of
whole messages shows (`joins`, `pools`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from luffy_dagster.core.parsing.templates.groups import Group
from luffy_dagster.core.parsing.templates.joins import GAP, PAIRS, QUOTES, Content, is_bare
from luffy_dagster.core.parsing.templates.words import (
    FUNCTION_WORDS,
    OPENERS,
    VALUE_LABELS,
    VAR,
    WordClass,
    is_literal_word,
    is_state_like,
    word_class,
)

_TAIL = 8  # atoms of a value of several words behind the last key
SEVERAL = 3  # values seen after a label until it vouches for them elsewhere
MORE = 5  # the same after any other word


def find_place_joins(
    groups: Sequence[Group], *, whole: bool
) -> list[tuple[tuple[int, ...], tuple[tuple[tuple[int, int], ...], ...]]]:
    """Groups that differ only where a value is expected (after "=", in quotes or brackets): (groups, stretches of each).

    Values are pooled per key. Two different ones after one "=" are enough when they look like names, three otherwise;
    four where only round brackets say so. `whole`: `key=Word{…}` is taken as one value, not what is before the bracket.
    """
    buckets: dict[tuple[str, ...], list[tuple[int, list[tuple[int, int]]]]] = {}
    for index, group in enumerate(groups):
        places = _value_places(group, whole=whole)
        if not places:
            continue
        skeleton: list[str] = []
        position = 0
        for start, end in places:
            skeleton += [*group.key[position:start], "\x02"]
            position = end
        buckets.setdefault((*skeleton, *group.key[position:]), []).append((index, places))
    joins: list[tuple[tuple[int, ...], tuple[tuple[tuple[int, int], ...], ...]]] = []
    for skeleton_key in sorted(buckets):
        rows = buckets[skeleton_key]
        if len(rows) < 2 or not any(is_literal_word(a) for a in skeleton_key):
            continue
        chosen: list[int] = []
        for number in range(len(rows[0][1])):
            contents = {groups[i].key[places[number][0] : places[number][1]] for i, places in rows}
            before = groups[rows[0][0]].key[: rows[0][1][number][0]]
            if before[-1] in ("(", "[") and len(contents) > 1:
                front = _common_start(contents)
                for _, places in rows:
                    places[number] = (places[number][0] + front, places[number][1])
            mixed = any(VAR in c and len(c) > 1 and not is_bare(c) for c in contents)
            spoken = mixed and before[-1] in QUOTES and (VAR,) not in contents and before[-2:-1] != ("=",)
            if spoken and not _unlike(contents):
                continue  # a request or the like: its words are the message's
            if len(before) == 1 and before[0] == "[" and sum(is_literal_word(a) for a in skeleton_key) < 3:
                continue  # who speaks is more of the message than the word it says
            if len(contents) >= _different_enough(before, contents):
                chosen.append(number)
        if chosen:
            joins.append((tuple(i for i, _ in rows), tuple(tuple(places[n] for n in chosen) for _, places in rows)))
    return joins


def find_tails(groups: Sequence[Group]) -> list[tuple[int, list[tuple[int, int]]]]:
    """Values of several words behind the last "=" of pairs, where others have one value there: (group, stretches)."""
    buckets: dict[Content, list[tuple[int, tuple[int, int]]]] = {}
    for index, group in enumerate(groups):
        key = group.key
        at = [i for i, atom in enumerate(key) if atom == "="]
        if len(at) > 1 and at[-1] + 1 < len(key) <= at[-1] + 1 + _TAIL and not group.blanks[at[-1] + 1]:
            buckets.setdefault(key[: at[-1] + 1], []).append((index, (at[-1] + 1, len(key))))
    found: list[tuple[int, list[tuple[int, int]]]] = []
    for before, rows in buckets.items():
        named = [(i, stretch) for i, stretch in rows if _is_named(groups[i].key[slice(*stretch)])]
        if named and len(named) < len(rows) and any(groups[i].key == (*before, VAR) for i, _ in rows):
            found += [(i, [stretch]) for i, stretch in named]
    return sorted(found)


def _is_named(content: Content) -> bool:
    """Whether a content of several words begins with a name and says nothing that happened."""
    words = [a for a in content if is_literal_word(a)]
    quiet = not any(is_state_like(w) or w.lower() in FUNCTION_WORDS for w in words)
    return (
        len(content) > 1 and is_literal_word(content[0]) and quiet and not any(a in PAIRS or a == "=" for a in content)
    )


def _common_start(contents: set[Content]) -> int:
    """Atoms with which all contents begin ("DC: north", "device sda"): a name of the value, not part of it."""
    some = min(contents, key=len)
    if len(some) > 1 and is_literal_word(some[0]) and len({c[:1] for c in contents}) == 1:
        return 2 if some[1] == ":" and len(some) > 2 and len({c[:2] for c in contents}) == 1 else 1
    for front in range(len(some) - 1, 1, -1):
        if some[front - 1] == ":" and len({c[:front] for c in contents}) == 1:
            return front
    return 0


def _different_enough(before: Content, contents: set[Content]) -> int:
    """How many different contents make a place one of values."""
    if before[-1] in ("(", "["):
        return 4
    if before[-1] in QUOTES and (VAR,) in contents:
        return 2
    if before[-1] in QUOTES and before[-2:-1] in (("=",), (":",)) and all({*c[1::2]} <= {":"} for c in contents):
        return 2  # key="word", 'key': 'word'
    if before[-1] == '"' and len(before) > 1 and (before[-2] == "=" or before[-2].lower() in VALUE_LABELS):
        return 2  # key="some words", worker "some words"
    keyed = before[-1] == "=" or (len(before) > 1 and before[-2] == "=")
    names = all(len(c) == 1 and _is_name(c[0]) for c in contents)
    return 2 if keyed and (names or (VAR,) in contents) else 3


def _is_name(word: str) -> bool:
    """A value, a name, or a word all small or all in capitals, as values of keys are."""
    if word == VAR or word_class(word) <= WordClass.NAME:
        return True
    return word.replace("-", "").isalpha() and (word.islower() or word.isupper())


def _unlike(contents: set[Content]) -> bool:
    """Whether contents of several words begin in so many ways, none of them a verb, that they are commands or the like."""
    firsts = {c[0] for c in contents if c}
    return len(firsts) >= MORE and not any(word != VAR and is_state_like(word) for word in firsts)


def _value_places(group: Group, *, whole: bool) -> list[tuple[int, int]]:
    """Stretches of the key that stand where a value is expected; none holds a value and words apart."""
    key, blanks = group.key, group.blanks
    places: list[tuple[int, int]] = []
    i = 0
    while i < len(key):
        end = i
        if key[i] == "=" and i + 1 < len(key) and key[i + 1] not in QUOTES:
            end = _end_of_keyed(key, blanks, i + 1, whole=whole)
        elif key[i] in QUOTES or key[i] in ("(", "["):
            closer = PAIRS[key[i]]
            end = next((j for j in range(i + 1, min(len(key), i + 24)) if key[j] == closer), i)
            inner = key[i + 1 : end]
            if (any(a in PAIRS or a == "=" for a in inner) and key[i] != '"') or (key[i] in QUOTES and not inner):
                end = i
        if end > i + 1:
            places.append((i + 1, end))
            i = end + (key[i] in QUOTES)  # behind a mark that closes, it opens nothing
        else:
            i += 1
    return places


def _end_of_keyed(key: tuple[str, ...], blanks: tuple[bool, ...], start: int, *, whole: bool) -> int:
    """End of the value that begins at `start`, right after "=": up to a blank, a mark or a bracket not its own."""
    depth = 0
    for i in range(start, len(key)):
        atom = key[i]
        if blanks[i] and depth == 0 and i > start:
            return i
        if atom in ("(", "[", "{", "<"):
            if not whole:
                return i
            depth += 1
        elif atom in (")", "]", "}", ">"):
            if depth == 0:
                return i
            depth -= 1
        elif atom == "=" and depth:
            return start  # holds keys of its own
        elif depth == 0 and atom in (",", ";", "=", "|", *QUOTES):
            return i
    return len(key)


def find_known_names(
    groups: Sequence[Group], names: frozenset[str], after: Mapping[str, set[Content]]
) -> list[tuple[int, list[tuple[int, int]]]]:
    """What was a value elsewhere: (group, stretches). Never the whole of a group's words.

    Args:
        groups: to look through.
        names: values wherever they stand.
        after: values after a word that at least `SEVERAL` values followed.
    """
    known = {label: words for label, words in after.items() if len(words) >= (SEVERAL if _leads(label) else MORE)}
    out: list[tuple[int, list[tuple[int, int]]]] = []
    for index, group in enumerate(groups):
        key = group.key
        stretches: list[tuple[int, int]] = []
        place = 0
        while place < len(key):
            found = known.get(key[place - 1].lower(), ()) if place else ()
            end = next(
                (
                    place + n
                    for n in range(min(GAP, len(key) - place), 0, -1)
                    if found and key[place : place + n] in found
                ),
                place,
            )
            if end == place and key[place] in names:
                end += 1
            if end > place:
                stretches.append((place, end))
            place = max(end, place + 1)
        if stretches and len(group.literals) > sum(end - start for start, end in stretches):
            out.append((index, stretches))
    return out


def find_known_words(groups: Sequence[Group], words: frozenset[str]) -> list[tuple[int, list[tuple[int, int]]]]:
    """Words that were a value elsewhere and now stand where one is expected: (group, stretches). Never a group's only words.

    A word that also stands where none is expected belongs to a sentence somewhere, and is left alone everywhere.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    spoken: set[str] = set()
    for index, group in enumerate(groups):
        for place, atom in enumerate(group.key):
            if atom not in words:
                continue
            if place and _expects(group.key[place - 1]):
                found.setdefault(atom, []).append((index, place))
            else:
                spoken.add(atom)
    places: dict[int, list[int]] = {}
    for word, at in found.items():
        if word not in spoken:
            for index, place in at:
                places.setdefault(index, []).append(place)
    return [
        (index, [(p, p + 1) for p in sorted(own)])
        for index, own in sorted(places.items())
        if len(groups[index].literals) > len(own)
    ]


def _expects(before: str) -> bool:
    return before in OPENERS or before == ":" or before.lower() in VALUE_LABELS


def _leads(label: str) -> bool:
    return label in VALUE_LABELS or label in ("=", "[", "(", "'", '"')
