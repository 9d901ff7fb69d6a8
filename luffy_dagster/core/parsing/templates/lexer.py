"""Shape text ↔ atoms: words, punctuation and values, with the blanks that stood before them.

Belongs here: how a shape is cut into atoms and how atoms are written again. Does not belong here: comparing shapes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from luffy_dagster.core.parsing import masks
from luffy_dagster.core.parsing.templates.words import (
    LITERAL_VALUES,
    MARKED_VALUES,
    SWITCH_VALUES,
    TIMES,
    VAR,
    WordClass,
    is_literal_word,
    unit_family,
    word_class,
)

HOLE_TEXT = "<*>"
_MARK = "\ue000"  # a hole inside a word while it is cut
_SEPARATORS = r"\s=,;()\[\]{}\"`<>|!?:#@"
_ATOM = re.compile(
    rf"\.{{2,}}|(?:[^{_SEPARATORS}'.]|::(?=[A-Za-z_~])|\.(?=[^{_SEPARATORS}.])|(?<=[A-Za-z])'(?=[A-Za-z]))+|[^\s]"
)
_NUMBERED = re.compile(rf"([A-Za-z]{{2,}})\.{_MARK}")
_PREFIX = re.compile(rf"[A-Za-z][A-Za-z_.-]*(?={_MARK})")
_BYTES = re.compile(r"(?:[0-9a-f]{2}|[0-9A-F]{2}|[0-9a-f]{4}|[0-9A-F]{4}|[0-9a-f]{8}|[0-9A-F]{8}|[0-9a-f]{16})")
# Words that begin a statement of SQL, and of what else it has some word; none: it stands by itself.
_STATEMENTS = {
    "SELECT": {"FROM"}, "INSERT": {"INTO"}, "UPDATE": {"SET"}, "DELETE": {"FROM"}, "REPLACE": {"INTO"}, "WITH": {"SELECT"}, "MERGE": {"USING"},
    "CREATE": {"TABLE", "INDEX", "VIEW"}, "ALTER": {"TABLE"}, "DROP": {"TABLE", "INDEX", "VIEW"}, "TRUNCATE": {"TABLE"}, "COPY": {"FROM", "TO"},
    "BEGIN": set(), "COMMIT": set(), "ROLLBACK": set(),
}  # fmt: skip
MANY_DIGITS = 4  # different digits in one word that make it a value
CODE_DIGITS = 6  # of a number in a name of code at most ("IO80211Interface::post")
Letters = tuple[str, str]  # before and after the digit of a word
_OPENING = frozenset("=([{\"'`,;|")
_MARKS = _OPENING | {":"}
_CLOSER = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'", "`": "`", "<": ">"}


class Atom(NamedTuple):
    """A word, a punctuation mark or VAR; `blank`: whether white space stood before it."""

    text: str
    blank: bool


def numbered_words(shapes: Sequence[str], constants: Sequence[Sequence[str | None] | None]) -> frozenset[Letters]:
    """Words with a digit ("seat B7") of which so many are known that the digit is a value, not part of the word."""
    digits: dict[Letters, set[str]] = {}
    for shape, values in zip(shapes, constants, strict=True):
        if values is None:
            continue
        parts = masks.HOLE.split(shape)
        for index, value in enumerate(values):
            if value is None or len(value) == 1:
                digits.setdefault(_letters(parts[2 * index], parts[2 * index + 2]), set()).add(value or "")
    return frozenset(word for word, seen in digits.items() if "" in seen or len(seen) >= MANY_DIGITS)


def _in_code_name(before: str, after: str) -> bool:
    """Whether a hole stands in the name of a function of a class (`Radio_4360::wake`): part of the name, not a value."""
    head, tail = re.search(r"[A-Za-z_:]*$", before), re.match(r"[A-Za-z_:]*", after)
    word = f"{head[0] if head else ''} {tail[0] if tail else ''}"
    return "::" in word and sum(c.isalpha() for c in word) >= MANY_DIGITS


def _letters(before: str, after: str) -> Letters:
    """Letters of a word around a hole in it."""
    head, tail = re.search(r"[A-Za-z_.-]*$", before), re.match(r"[A-Za-z_]*", after)
    return (head[0] if head else "", tail[0] if tail else "")


def _fill_constants(
    shape: str, constants: Sequence[str | None] | None, numbered: frozenset[Letters] = frozenset()
) -> str:
    """The shape with holes as marks; a digit inside a word that never varied is written back."""
    parts = masks.HOLE.split(shape)
    pieces = [masks.unescape(parts[0])]
    literals = [masks.unescape(p) for p in parts[2::2]]
    for index, literal in enumerate(literals):
        before, value = pieces[-1], constants[index] if constants is not None and index < len(constants) else None
        word = _letters(before, literal)
        letters = sum(c.isalpha() for part in word for c in part)
        small = value is not None and len(value) == 1 and letters >= 1 and word not in numbered
        keyed = value is not None and len(value) <= 2 and literal.startswith("=")
        coded = small and before[-1:] == "-" and before[-2:-1].isupper() and re.match("-[A-Z]", literal) is not None
        code = (
            value is not None and len(value) <= CODE_DIGITS and before[-1:].isalpha() and _in_code_name(before, literal)
        )
        keep = value is not None and value.isdigit() and ((before[-1:].isalpha() and (small or keyed)) or coded or code)
        pieces.append(value if keep and value is not None else _MARK)
        pieces.append(literal)
    return "".join(pieces)


def cut(
    shape: str,
    constants: Sequence[str | None] | None = None,
    *,
    prefixes: bool = False,
    numbered: frozenset[Letters] = frozenset(),
) -> list[Atom]:
    """Atoms of a shape, values already VAR where the shape says so.

    A word with a hole in it is a value as a whole ("blk_<num>"); the exceptions are a word with one digit that never
    varied ("jk2_init", by `constants`) and "word.<num>", whose word stays; with `prefixes` every word's letters stay.
    """
    text = _fill_constants(shape, constants, numbered)
    atoms: list[Atom] = []
    end = 0
    for match in _ATOM.finditer(text):
        blank = match.start() > end or (match.start() == end and end == 0 and text[:1].isspace())
        end = match.end()
        word = match[0]
        dotted = _NUMBERED.fullmatch(word)
        prefix = _PREFIX.match(word) if prefixes else None
        if dotted:
            atoms += [Atom(dotted[1], blank), Atom(".", False), Atom(VAR, False)]
        elif prefix:
            atoms += [Atom(prefix[0], blank), Atom(VAR, False)]
        elif _MARK in word or word in LITERAL_VALUES or (word in MARKED_VALUES and atoms and atoms[-1].text in _MARKS):
            atoms.append(Atom(VAR, blank))
        else:
            atoms.append(Atom(word, blank))
    return _join_colons(_durations(_names_of_parts(_dumps(_glued_lists(_switches(_media(_statements(atoms))))))))


def _statements(atoms: list[Atom]) -> list[Atom]:
    """`…: SELECT … FROM …` to the end: a statement of SQL behind a colon is a value as a whole."""
    for i in range(1, len(atoms) - 1):
        if atoms[i].text != ":" or not atoms[i + 1].blank:
            continue
        word, rest = atoms[i + 1].text, {a.text.upper() for a in atoms[i + 2 :]}
        needed = _STATEMENTS.get(word.upper())
        if needed is None or (word.islower() and not rest & {"=", "*", "("}):  # "please: select one from the list"
            continue
        whole = not needed.isdisjoint(rest) if needed else not rest - {";"}
        if whole and any(is_literal_word(a.text) for a in atoms[:i]):
            return [*atoms[: i + 1], Atom(VAR, blank=True)]
    return atoms


def _media(atoms: list[Atom]) -> list[Atom]:
    """`text/html; charset=utf-8` is one value."""
    out: list[Atom] = []
    i = 0
    while i < len(atoms):
        some = [a.text for a in atoms[i : i + 5]]
        if len(some) == 5 and some[1] == ";" and some[2:4] == ["charset", "="] and "/" in some[0]:
            out.append(Atom(VAR, atoms[i].blank))
            i += 5
        else:
            out.append(atoms[i])
            i += 1
    return out


def _glued_lists(atoms: list[Atom]) -> list[Atom]:
    """`aes128-cbc,ssh-dss`: a value and words with commas and no blanks between them, no key among them, is one value."""
    out: list[Atom] = []
    i = 0
    while i < len(atoms):
        end = i
        while (
            end + 2 < len(atoms)
            and atoms[end + 1].text == ","
            and not atoms[end + 1].blank
            and not atoms[end + 2].blank
            and (atoms[end + 2].text == VAR or is_literal_word(atoms[end + 2].text))
        ):
            end += 2
        starts = atoms[i].text == VAR or is_literal_word(atoms[i].text)
        begins = bool(out) and out[-1].text in _MARKS
        ended = (
            end + 1 == len(atoms)
            or (atoms[end + 1].blank and atoms[end + 1].text != "=")
            or atoms[end + 1].text in (")", "]", "}", ";", '"', "'")
        )
        some = [a.text for a in atoms[i : end + 1 : 2]]
        named = all(a == VAR or (word_class(a) < WordClass.CAPITALS and word_class(a) != WordClass.MIXED) for a in some)
        if end > i and starts and begins and ended and named and set(some) != {VAR}:
            out.append(Atom(VAR, atoms[i].blank))
            i = end + 1
        else:
            out.append(atoms[i])
            i += 1
    return out


def _durations(atoms: list[Atom]) -> list[Atom]:
    """`3 days, 4 hours and 5 minutes`, two parts or more, is one value."""
    out: list[Atom] = []
    i = 0
    while i < len(atoms):
        end, parts = i, 0
        while end + 1 < len(atoms) and atoms[end].text == VAR and unit_family(atoms[end + 1].text) == TIMES:
            parts += 1
            last = end = end + 2
            while end < len(atoms) and atoms[end].text in (",", "and"):
                end += 1
        if parts > 1:
            out.append(Atom(VAR, atoms[i].blank))
            i = last
        else:
            out.append(atoms[i])
            i += 1
    return out


def _dumps(atoms: list[Atom]) -> list[Atom]:
    """Words that are bytes of a dump ("00 be 17 ff"): at least four values and hex words of even length in a row."""
    out = list(atoms)
    start = 0
    for i in range(len(atoms) + 1):
        inside = i < len(atoms) and (atoms[i].text == VAR or _BYTES.fullmatch(atoms[i].text) is not None)
        if inside and (i == start or atoms[i].blank):
            continue
        if i - start >= 4 and any(a.text == VAR for a in atoms[start:i]):
            out[start:i] = [Atom(VAR, a.blank) for a in atoms[start:i]]
        start = i if inside else i + 1
    return out


def _names_of_parts(atoms: list[Atom]) -> list[Atom]:
    """`kind:7:name`, three parts or more with a value among them and no blanks, is one value."""
    out: list[Atom] = []
    i = 0
    while i < len(atoms):
        end = i + 1
        if is_literal_word(atoms[i].text) and (not out or atoms[i].blank or out[-1].text in _OPENING):
            while end + 1 < len(atoms) and atoms[end].text == ":" and not atoms[end].blank and not atoms[end + 1].blank:
                if atoms[end + 1].text == ":":  # an empty part ("arn:aws:iam::7:role")
                    end += 1
                    continue
                if atoms[end + 1].text != VAR and not is_literal_word(atoms[end + 1].text):
                    break
                end += 2
        keyed = end < len(atoms) and atoms[end].text == "=" and not atoms[end].blank
        if end - i >= 5 and not keyed and any(a.text == VAR for a in atoms[i:end]):
            out.append(Atom(VAR, atoms[i].blank))
        else:
            out += atoms[i:end]
        i = end
    return out


def _switches(atoms: list[Atom]) -> list[Atom]:
    """`key=on` and brackets that hold several such words and nothing else (`( on off )`) are values."""
    out = list(atoms)
    opened: int | None = None
    for i, atom in enumerate(atoms):
        if atom.text in ("(", "[", "{"):
            opened = i
        elif atom.text in (")", "]", "}"):
            inner = atoms[opened + 1 : i] if opened is not None else []
            if opened is not None and len(inner) > 1 and all(a.text in SWITCH_VALUES for a in inner):
                out[opened + 1 : i] = [Atom(VAR, a.blank) for a in inner]
            opened = None
        elif i and atom.text in SWITCH_VALUES and atoms[i - 1].text == "=":
            out[i] = Atom(VAR, atom.blank)
    return out


def _join_colons(atoms: list[Atom]) -> list[Atom]:
    """`value:value` and `dotted.name.of:value` without blanks are one value (an address with its port, a place in code)."""
    out: list[Atom] = []
    for index, atom in enumerate(atoms):
        if atom.text == VAR and not atom.blank and out and out[-1].text in ("<", ">", "~") and out[-1].blank:
            closed = out[-1].text == "<" and any(a.text == ">" for a in atoms[index + 1 : index + 8])
            if not closed:  # "<1", "~20": a value with its comparison
                out[-1] = Atom(VAR, blank=True)
                continue
        glued = len(out) >= 2 and atom.text == VAR and not atom.blank
        colon = glued and out[-1].text == ":" and not out[-1].blank
        if colon and out[-2].text == VAR:
            out.pop()
        elif colon and out[-2].text.count(".") >= 2:
            blank = out[-2].blank
            del out[-2:]
            out.append(Atom(VAR, blank))
        elif glued and out[-1].text == VAR:
            continue
        elif atom.text[:1] == "\\" and not atom.blank and [a.text for a in out[-2:]] == [VAR, ":"]:
            out.pop()  # the path behind a drive (`\\\\?\\C:\\dir`)
        else:
            out.append(atom)
    return out


def is_open_quote(text: str) -> bool:
    """Whether an atom opens or closes a quotation."""
    return text in ('"', "`")


def needs_value(atoms: Sequence[Atom], index: int) -> bool:
    """Whether the place after this atom is an empty one for a value: `()`, `[]`, `{}`, `key=` before the next thing."""
    atom = atoms[index]
    following = atoms[index + 1] if index + 1 < len(atoms) else None
    if atom.text in ("(", "[", "{"):
        return following is not None and following.text == _CLOSER[atom.text]
    if atom.text != "=":
        return False
    if following is None or following.text in (",", ";", ")", "]", "}"):
        return True
    return (
        following.blank and index + 2 < len(atoms) and atoms[index + 2].text == "=" and is_literal_word(following.text)
    )
