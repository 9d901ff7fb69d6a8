"""Where a commit changed the code that failed: the file, the function, the line; or that it lies elsewhere in that file.

Belongs here: comparing the places of a failure with those of a change. Does not belong here: what either says (`words`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from luffy_dagster.core.rca.verdict.changes import Change, is_docs, is_test
from luffy_dagster.core.rca.verdict.reading import Reading
from luffy_dagster.core.rca.verdict.values import Place, Reason

_PLACE = (3.0, 2.4, 1.8, 1.3)  # a changed file that the failure names, by rank of the frame
# Reasons begin with a verb, the commit is their subject: "changes …".
IN_PLACE = "changes the failing "


def of_place(change: Change, reading: Reading) -> tuple[list[Reason], str | None]:
    """Reasons of place; and why the change lies elsewhere in the file, where every hunk says so."""
    best: tuple[float, Place, str] | None = None
    for place in reading.places:
        for file in change.files:
            share = same_file(place.file, file)
            weight = share * _PLACE[min(place.rank, len(_PLACE) - 1)]
            if share > 0 and (best is None or weight > best[0]):
                best = (weight, place, file)
    if best is None:
        return [], None
    weight, place, file = best
    if is_test(file) or is_docs(file):
        return [], None
    log = _quote_place(reading, place)
    there = f" (line {place.line})" if place.line else ""
    reasons = [Reason(f"changes `{file}`, the file that failed{there}", weight, log, change.first_line())]
    here = [p for p in reading.places if same_file(p.file, file) > 0]
    functions = {_bare(p.function) for p in here if p.function} - {""}
    lines = [p.line for p in here if p.line]
    own = [h for h in change.hunks if not h.file or same_file(h.file, file) == 1.0 or h.file == file]
    inside = [h for h in own if functions & {_bare(f) for f in h.functions}]
    near = [h for h in own if h.new and any(h.new[0] - 3 <= n <= h.new[1] + 3 for n in lines)]
    said = [] if functions else [(h, f) for h in own for f in sorted(h.functions) if _calls(reading, f)]
    if inside or near or said:
        hunk = (inside or near or [h for h, _ in said])[0]
        code = _first_changed(hunk.removed, hunk.added)
        named = min(functions & {_bare(f) for f in hunk.functions}) if inside else said[0][1] if not near else None
        reasons.append(
            Reason(f"{IN_PLACE}{f'function `{named}`' if named else 'line'}", 2.0 if inside else 1.6, log, code)
        )
        return reasons, None
    other = (
        own
        and not any(_sets_up(f) for h in own for f in h.functions)
        and all(h.heading or (h.functions and not h.new) or (h.new and lines) for h in own)
        and (functions or all(h.new for h in own))
    )
    if other and (functions or lines):
        where = sorted({f for h in own for f in h.functions})
        failed = f"`{min(functions)}`" if functions else f"line {lines[0]}"
        lies = f"in `{where[0]}`" if where else "elsewhere in the file"
        return reasons, f"changes `{file}` {lies}, while {failed} failed"
    return reasons, None


def _calls(reading: Reading, function: str) -> bool:
    """Whether the lines name a function as one: behind a dot, colons or an arrow, in quotes, or with a parenthesis."""
    name = re.escape(_bare(function))
    if len(name) < 3:
        return False
    return bool(
        re.search(rf"(?:(?:\w[.#]|::|->)|['\"`]){name}\b(?!\.\w)|(?<![\w/.-]){name}\(", reading.text, re.IGNORECASE)
    )


_SETS_UP = (
    "new",
    "init",
    "setup",
    "set_up",
    "configure",
    "build",
    "create",
    "make",
    "constructor",
    "__init__",
    "initialize",
    "register",
    "main",
    "load",
    "default",
    "bootstrap",
    "connect",
)


def _sets_up(function: str) -> bool:
    """Whether a function prepares what others use: a fault in it shows elsewhere."""
    return _bare(function).startswith(_SETS_UP)


def _bare(function: str | None) -> str:
    """`(*Shelf).Next(…)`, `Shelf.next`, `<module>` → next."""
    if not function:
        return ""
    name = function.split("(0x")[0].rstrip("().…*").replace("::", ".").rsplit(".", 1)[-1]
    return name.strip("<>()*").lower()


def _quote_place(reading: Reading, place: Place) -> str | None:
    base = place.file.rsplit("/", 1)[-1]
    return (reading.quote_with(f"{base}:{place.line}") if place.line else None) or reading.quote_with(base)


def _first_changed(removed: Sequence[str], added: Sequence[str]) -> str | None:
    for sign, lines in (("-", removed), ("+", added)):
        for line in lines:
            if line.strip():
                return f"{sign}{line}"
    return None


_COMPILED = {
    "cc": {"h", "hh", "hpp"},
    "cpp": {"h", "hpp"},
    "c": {"h"},
    "js": {"ts", "tsx", "jsx", "js", "mjs", "cjs", "vue"},
    "mjs": {"ts", "mts", "js"},
    "cjs": {"ts", "js"},
    "class": {"java", "kt", "scala"},
    "pyc": {"py"},
}


_BUILT = frozenset(
    {
        "dist",
        "build",
        "out",
        "lib",
        "target",
        "src",
        "app",
        "srv",
        "opt",
        "usr",
        "home",
        "main",
        "java",
        "kotlin",
        "python",
        "code",
        "workspace",
        "bin",
        ".",
    }
)


def same_file(failed: str, changed: str) -> float:
    """How sure it is that two paths mean one file: 0 to 1. Roots of containers and builds do not count."""
    a, b = (p.replace("\\", "/").removeprefix("webpack://").lstrip("./") for p in (failed, changed))
    name_a, name_b = a.rsplit("/", 1)[-1], b.rsplit("/", 1)[-1]
    stem_a, _, ext_a = name_a.rpartition(".")
    stem_b, _, ext_b = name_b.rpartition(".")
    if stem_a.lower() != stem_b.lower() or not stem_a:
        return 0.0
    if ext_a != ext_b and ext_b not in _COMPILED.get(ext_a, ()):
        return 0.0
    up_a = [p for p in a.split("/")[:-1] if p.lower() not in _BUILT]
    up_b = [p for p in b.split("/")[:-1] if p.lower() not in _BUILT]
    if not up_a or not up_b:
        return 0.6 if stem_a.lower() in {"index", "main", "app", "utils", "__init__", "mod"} else 1.0
    if up_a[-1] == up_b[-1]:
        return 1.0
    return 0.3 if set(up_a) & set(up_b) else 0.0
