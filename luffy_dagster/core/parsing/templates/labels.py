"""Values that a label before them gives away, even when only one was ever seen: the name of a user.

Belongs here: labels after which a single plain word is a value without further evidence. Does not belong here: labels
that only make evidence count more (`words.VALUE_LABELS`).
"""

from __future__ import annotations

from collections.abc import Sequence

from luffy_dagster.core.parsing.templates.lexer import Atom
from luffy_dagster.core.parsing.templates.words import FUNCTION_WORDS, STATE_WORDS, VAR, is_literal_word, is_state_like

_USER = frozenset(("user", "User", "username", "ruser", "login", "account"))
_BEFORE_USER = frozenset(
    ("for", "invalid", "illegal", "unknown", "by", "from", "of", "to", "as", "the", "system", "remote", "local")
)
_AFTER_NAME = frozenset(
    ("from", "by", "at", "on", "(", ",", ";", "[", "/", "@", ".", "logged", "to", "has", "with", "via", "in")
)
_NOT_NAMES = frozenset(
    (
        "name",
        "names",
        "id",
        "ids",
        "agent",
        "account",
        "accounts",
        "data",
        "session",
        "group",
        "level",
        "space",
        "mode",
        "not",
    )
)


def label_values(atoms: Sequence[Atom]) -> list[Atom]:
    """The atoms with names of users ("for user root from", "user=root") and dotted names after "=" turned into values."""
    out = list(atoms)
    for i, atom in enumerate(atoms):
        if i and atoms[i - 1].text == "=" and _is_long_name(atom.text):
            out[i] = Atom(VAR, atom.blank)
        if atom.text not in _USER or i + 1 >= len(atoms):
            continue
        at = i + 1
        keyed = atoms[at].text == "="
        if keyed:
            at += 1
        if at >= len(atoms) or not _is_name(atoms[at].text):
            continue
        if keyed and atoms[at].blank:
            continue
        following = atoms[at + 1].text if at + 1 < len(atoms) else None
        before = atoms[i - 1].text.lower() if i else ""
        certain = (
            keyed or before in _BEFORE_USER or (atom.text in ("user", "User") and following in (*_AFTER_NAME, VAR))
        )
        ended = (
            following is None or following in _AFTER_NAME or not is_literal_word(following) or is_state_like(following)
        )
        if certain and (keyed or ended):
            out[at] = Atom(VAR, atoms[at].blank)
    return out


def _is_long_name(text: str) -> bool:
    """A name of at least three parts: never the word of a sentence."""
    return text.count(".") + text.count("/") >= 2 and is_literal_word(text)


def _is_name(text: str) -> bool:
    low = text.lower()
    return is_literal_word(text) and low not in FUNCTION_WORDS | STATE_WORDS | _NOT_NAMES and not is_state_like(text)
