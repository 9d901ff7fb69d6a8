"""Where the code at the frames leads: definitions of what it calls, of what the message names, classes above its own.

Belongs here: choosing the names, one search over the files of the commit, and reading its hits. Does not belong here: scores.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from luffy_dagster.core.codeindex import language_of
from luffy_dagster.core.rca.model import Trouble
from luffy_dagster.core.rca.places import Places, is_test_path
from luffy_dagster.core.rca.reading import Repository
from luffy_dagster.core.rca.signals import EXCEPTION_FILE, Clues, OwnFrame

MAX_NAMES = 150  # names that are looked for
MAX_DEFINERS = 8  # a name that more files define says nothing
CALLERS = 8  # own functions whose code is read for names
_ABOVE, _FADING = 12, 4.0  # lines above a frame's that count, and over how many their weight falls to a third
_LINES = 150  # lines of a function that are read
_CALL = re.compile(r"(?:\b([A-Za-z_]\w*)(?:\(\))?\??\.)?\b([A-Za-z_]\w+)\s*\(")
_TYPE = re.compile(r"\b([A-Z]\w*[a-z]\w*)\b")
_DECLARED = re.compile(r"\b([A-Z]\w*)(?:<[^<>;()]*>)?(?:\[\])?\s+([a-z_]\w*)\b")
_MADE = re.compile(r"\b(\w+)\s*(?::\s*\w+\s*)?=\s*(?:new\s+|\w+\.)?([A-Z]\w*)\s*\(")
_SAID = re.compile(r"[A-Za-z_]\w*(?:_\w+|[a-z0-9][A-Z]\w*)|(?<=['\"`\[.#])[A-Za-z_]\w{3,}(?=['\"`\].(])")
_KEYWORDS = frozenset(
    "if for while switch catch return new throw synchronized super this assert elif not and or in print with except lambda yield await "
    "def class function func fn sizeof typeof instanceof len str int isinstance getattr setattr hasattr super range list dict set tuple "
    "get put add remove size length equals hashCode toString String Object Integer List Map Override Exception append format join".split()
)
_KIND = "class|interface|enum|record|object|trait|struct|module|protocol|extension|impl"
_WORD = "def|fun|func|function|fn|sub|type|val"
# Lines that look like a method's head in languages without a keyword for it, and are none.
_NO_HEAD = re.compile(r"^\s*(?:return|throw|new|else|await|yield|if|while|for|case|assert|raise|not|do|goto|delete)\b")
_BRACED = frozenset({"java", "csharp", "c", "cpp", "groovy", "javascript", "typescript", "tsx", "dart", "objc"})


@dataclass(frozen=True, slots=True)
class Definition:
    """Where a name is defined."""

    name: str
    path: str
    line: int
    is_class: bool


@dataclass(frozen=True, slots=True)
class Link:
    """One way to a file or function: `strength` from 0 to 1, halved for every further file that would fit as well."""

    signal: str
    definition: Definition
    strength: float
    reason: str


@dataclass(frozen=True, slots=True)
class Links:
    """All ways from the frames and the message to code without a frame, and to framed code."""

    found: tuple[Link, ...] = ()
    by_path: Mapping[str, tuple[Link, ...]] = field(default_factory=dict)


class _Near:
    """A file that asks: its words, and what its variables are declared or made as."""

    def __init__(self, text: str) -> None:
        self.words = frozenset(re.findall(r"\w+", text))
        self.types: dict[str, set[str]] = defaultdict(set)
        for kind, name in _DECLARED.findall(text):
            self.types[name].add(kind.lower())
        for name, kind in _MADE.findall(text):
            self.types[name].add(kind.lower())

    def types_of(self, receiver: str) -> set[str]:
        """What a variable may be: its own name, the type it is declared with, the class it is made of; in lower case."""
        return {receiver.lower(), receiver.strip("_").lower(), *self.types.get(receiver, ())}


@dataclass(slots=True)
class _Asked:
    """A name that is looked for: by which signal, how strongly, and who asked."""

    signal: str
    heat: float
    why: str
    near: _Near | None = None  # the file that asked
    receiver: str = ""  # what stands before its dot


def follow(trouble: Trouble, clues: Clues, where: Places, repository: Repository) -> Links:
    """The links of a trouble, by one search over the files of its commit that are in the languages of its frames."""
    asked = _asked(trouble, clues)
    above = _above(clues, _classes(clues))
    if not asked and not above:
        return Links()
    endings = endings_of(clues, where)
    names = list(dict.fromkeys([*above, *asked]))[:MAX_NAMES]
    braced = any(language_of(f"x{ending}") in _BRACED for ending in endings)
    hits = repository.grep(trouble.commit, _pattern(names, braced), endings)
    defined = _read(hits, frozenset(names), where)
    found = [link for name, each in asked.items() for one in each for link in _links(one, defined.get(name, ()))]
    for name, (child, own) in above.items():
        one = _Asked("parent", 1 / (1 + own.depth), f"{child}, which a frame is in, extends it")
        extended = _links(one, defined.get(name, ()))
        found += [link for link in extended if link.definition.is_class and link.definition.path != own.path]
    best: dict[tuple[str, str, str], Link] = {}
    for link in found:
        key = (link.signal, link.definition.path, link.definition.name)
        if key not in best or link.strength > best[key].strength:
            best[key] = link
    kept = sorted(best.values(), key=lambda one: (-one.strength, one.definition.path, one.definition.line, one.signal))
    by_path: dict[str, list[Link]] = defaultdict(list)
    for link in kept:
        by_path[link.definition.path].append(link)
    return Links(tuple(kept), {path: tuple(each) for path, each in by_path.items()})


def _asked(trouble: Trouble, clues: Clues) -> dict[str, list[_Asked]]:
    """The names in the message and in the code of the own frames."""
    asked: dict[str, list[_Asked]] = defaultdict(list)
    said = " ".join(filter(None, (trouble.root_message, trouble.message)))[:2_000]
    for name in dict.fromkeys(_SAID.findall(said)):
        if len(name) > 3 and name not in _KEYWORDS:
            asked[name].append(_Asked("said_symbol", 1.0, f"the message names {name}"))
    seen: set[tuple[str, int | None]] = set()
    read: dict[str, _Near] = {}
    for own in clues.own:
        key = (own.path, own.first)
        if key in seen or len(seen) >= CALLERS:
            continue
        seen.add(key)
        heat = 1.0 / (1 + own.depth)
        text = clues.texts.get(own.path, "")
        if own.path not in read:
            read[own.path] = _Near(text)
        near = read[own.path]
        lines = text.split("\n")
        for name, (receiver, near_line) in _near_names(own, lines).items():
            why = f"{own.function or own.path} uses {name} at the frame's line or just above it"
            asked[name].append(_Asked("called", heat * near_line, why, near, receiver))
        if own.symbol is not None:
            body = "\n".join(lines[own.symbol.first - 1 : min(own.symbol.last, own.symbol.first + _LINES)])
            for name, receiver in _names(body):
                asked[name].append(_Asked("in_function", heat, f"{own.function} uses {name}", near, receiver))
    return asked


def _near_names(own: OwnFrame, lines: Sequence[str]) -> dict[str, tuple[str, float]]:
    """Names at the frame's line and above it in its function, each with its receiver and how near it stands, 1 at the line itself."""
    found: dict[str, tuple[str, float]] = {}
    start = max(own.first or 1, (own.line or 1) - _ABOVE)
    shown = [(0, own.frame.source)] if own.frame.source else []
    for away, text in (
        shown + [(own.line - n, lines[n - 1]) for n in range(own.line, start - 1, -1)] if own.line else shown
    ):
        for name, receiver in _names(text):
            found.setdefault(name, (receiver, math.exp(-away / _FADING)))
    return found


def _names(code: str) -> list[tuple[str, str]]:
    """The names that code calls or mentions as types, each with what stands before its dot."""
    found: dict[str, str] = {}
    for receiver, name in [*_CALL.findall(code), *(("", name) for name in _TYPE.findall(code))]:
        if len(name) > 2 and name not in _KEYWORDS and not found.get(name):
            found[name] = "" if receiver in ("self", "this", "cls", "super") else receiver
    return list(found.items())


def _classes(clues: Clues) -> dict[str, OwnFrame]:
    """The classes that the innermost own frames are in, by their short name."""
    found: dict[str, OwnFrame] = {}
    for own in clues.own[:CALLERS]:
        name = own.symbol.name.rpartition(".")[0].rpartition(".")[2] if own.symbol else ""
        name = name or own.path.rpartition("/")[2].partition(".")[0]
        if name[:1].isupper():
            found.setdefault(name, own)
    return found


def endings_of(clues: Clues, where: Places) -> tuple[str, ...]:
    """Endings of the files that are searched: those of the frames' languages, else the commonest of the repository."""
    seen = dict.fromkeys(f".{path.rpartition('.')[2]}" for path in clues.files if language_of(path))
    if not seen:
        counts: dict[str, int] = defaultdict(int)
        for name, paths in where.by_name.items():
            if language_of(name):
                counts[f".{name.rpartition('.')[2]}"] += len(paths)
        seen = dict.fromkeys(sorted(counts, key=lambda end: (-counts[end], end))[:2])
    return tuple(seen)


def _pattern(names: Sequence[str], braced: bool) -> str:
    """A POSIX extended expression of the lines that define one of `names`."""
    some = "|".join(names)
    parts = [
        rf"\b({_KIND}|{_WORD})[[:space:]]+(\([^)]*\)[[:space:]]*)?((self|[A-Z]\w*)\.)?({some})\b",
    ]
    if braced:
        parts.append(rf"^[[:space:]]+[A-Za-z<][^=;()]*[[:space:]]({some})[[:space:]]*\(")
    return "|".join(f"({part})" for part in parts)


def _read(hits: Sequence[tuple[str, int, str]], names: frozenset[str], where: Places) -> dict[str, list[Definition]]:
    """Definitions by name, tests left out."""
    keyword = re.compile(rf"\b({_KIND}|{_WORD})\s+(?:\([^)]*\)\s*)?(?:(?:self|[A-Z]\w*)\.)?(\w+)")
    method = re.compile(r"^\s+[A-Za-z<][^=;()]*?\s(\w+)\s*\(")
    kinds = frozenset(_KIND.split("|"))
    defined: dict[str, list[Definition]] = defaultdict(list)
    for path, line, text in hits:
        if is_test_path(path) or (where.subpath and not path.startswith(f"{where.subpath}/")):
            continue
        head = keyword.search(text)
        if head and head[2] in names:
            defined[head[2]].append(Definition(head[2], path, line, head[1] in kinds))
        elif language_of(path) in _BRACED and not _NO_HEAD.match(text):
            found = method.match(text)
            if found and found[1] in names:
                defined[found[1]].append(Definition(found[1], path, line, False))
    return defined


def _links(one: _Asked, definitions: Sequence[Definition]) -> list[Link]:
    """The links of one asked name; where several files define it, those of the receiver's type, else those that the asking file names."""
    paths = [path for path in dict.fromkeys(each.path for each in definitions) if not EXCEPTION_FILE.search(path)]
    if len(paths) > 1 and one.near and one.receiver:
        types = one.near.types_of(one.receiver)
        paths = [path for path in paths if _stem(path).lower() in types] or paths
    if len(paths) > 1 and one.near:
        paths = [path for path in paths if _stem(path) in one.near.words] or paths
    if not paths or len(paths) > MAX_DEFINERS:
        return []
    chosen = set(paths)
    strength = one.heat / len(paths)
    return [Link(one.signal, each, strength, one.why) for each in definitions if each.path in chosen]


def _stem(path: str) -> str:
    parts = path.split("/")
    stem = parts[-1].partition(".")[0]
    return parts[-2] if stem in ("__init__", "index", "mod") and len(parts) > 1 else stem


def _above(clues: Clues, classes: Mapping[str, OwnFrame]) -> dict[str, tuple[str, OwnFrame]]:
    """The classes that those of the frames extend, each with the class that does."""
    found: dict[str, tuple[str, OwnFrame]] = {}
    for name, own in classes.items():
        head = next((s for s in clues.outlines.get(own.path, ()) if s.kind == "class" and s.short == name), None)
        if head is not None:
            text = "\n".join(clues.texts[own.path].split("\n")[head.first - 1 : head.first + 3])
            for above in _TYPE.findall(text.partition(name)[2].partition("{")[0].partition("):")[0][:200]):
                found.setdefault(above, (name, own))
    return found
