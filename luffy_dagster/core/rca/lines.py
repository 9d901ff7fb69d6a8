"""What the line of a frame does: it asks a condition, passes on what it was given, calls without handing anything over, uses what others gave.

Belongs here: reading one line and what leads to it inside its function, alike for all languages. Does not belong here: scores.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_STRING = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_CONDITION = re.compile(r"^\s*(?:\}?\s*else\s+)?(?:if|elif|elsif|unless|while|until|for|switch|match)\b")
# Wrappers of every kind: arguments as they came, a filter's or a proxy's next, a stored function that is run.
_PASSES_ON = re.compile(
    r"\(\s*\*[A-Za-z_]|\*\*[A-Za-z_]\w*\s*\)|\.\.\.\s?\w+\s*\)|\w\.\.\.\)|\b(?:proceed|invoke|doFilter)\s*\(|\.(?:run|call|apply|accept)\(\w*\)"
)
_CALL = re.compile(r"\b([A-Za-z_]\w+)\s*\(")
_NAME = re.compile(r"[A-Za-z_]\w*")
_ASSIGNED = re.compile(
    r"\s*(?:[A-Za-z_][\w<>,\[\]. ]*\s+)?([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)\s*(?::[^=]+)?:?=(?!=)\s*(.+)"
)
_NO_VALUE = frozenset(
    "self this cls super None null nil True true False false new int str not and or is in if else elif return await throw raise "
    "final const let var val instanceof typeof for while".split()
)
REACH = 60  # lines above a frame's in which a value is followed back
LONGEST = 300  # characters of a line that are read: what is longer was not written by a person


def is_condition(line: str) -> bool:
    """Whether the line asks a condition."""
    return bool(_CONDITION.match(line))


def passes_on(line: str) -> bool:
    """Whether the line runs what it was given or hands on its arguments as they came, as wrappers do."""
    return bool(_PASSES_ON.search(line[:LONGEST]))


def hands_nothing(line: str, callee: str) -> bool:
    """Whether the line calls `callee` without any argument."""
    return bool(callee) and re.search(rf"\b{re.escape(callee)}\s*\(\s*\)", line[:LONGEST]) is not None


def givers(above: Sequence[str], line: str) -> frozenset[str]:
    """Names of the functions whose results the line uses: those that gave its variables their values in the lines `above` it.

    `above` are the lines of the same function, in order. A variable's value is followed back through the variables that made it.
    """
    wanted = _values(_STRING.sub('""', line[:LONGEST]))
    found: set[str] = set()
    for text in reversed(above[-REACH:]):
        assigned = _ASSIGNED.match(text[:LONGEST]) if "=" in text else None
        if assigned and not wanted.isdisjoint(name.strip() for name in assigned[1].split(",")):
            value = _STRING.sub('""', assigned[2])
            found.update(_CALL.findall(value))
            wanted |= _values(value)
    return frozenset(found)


def _values(code: str) -> set[str]:
    return {name for name in _NAME.findall(code) if name not in _NO_VALUE}
