"""Functions suspected: those that the own frames are in, those that these call, and others of the files suspected most.

Belongs here: the signals of functions and how strong they are. Their weights are in `weights`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from luffy_dagster.core.codeindex import Symbol, innermost
from luffy_dagster.core.codeindex.terms import words
from luffy_dagster.core.rca.alike import FRAMED_ONLY, Answers
from luffy_dagster.core.rca.files import FileScores, softmax
from luffy_dagster.core.rca.links import Links
from luffy_dagster.core.rca.model import ScorePart, Suspect, SuspectKind, Trouble
from luffy_dagster.core.rca.signals import Clues, OwnFrame, of_line
from luffy_dagster.core.wording import many

_CALL = re.compile(r"(\w+)\s*\(")
_CALLERS = 6  # own frames whose calls are looked at
_OTHERS = 12  # functions of a suspected file that are looked at without a frame or a call: the longest, and those that answer best
_FILES = 8  # files of which those are taken

_Found = tuple[str, Symbol, list[tuple[str, float, str]]]  # path, function, what says so


@dataclass(frozen=True, slots=True)
class ScoredFunction:
    """A function with the parts of its score; `own` is the innermost frame in it, `symbol` None where its file could not be read."""

    path: str
    name: str
    parts: tuple[ScorePart, ...]
    first: int | None
    last: int | None
    own: OwnFrame | None = None

    @property
    def score(self) -> float:
        """Sum of the parts."""
        return sum(part.value for part in self.parts)

    @property
    def line(self) -> int | None:
        """The frame's line, else None."""
        return self.own.line if self.own else None


def score_functions(
    trouble: Trouble,
    clues: Clues,
    links: Links,
    files: FileScores,
    answers: Answers,
    changed: Mapping[tuple[str, str], tuple[float, str]],
    weights: Mapping[str, float],
) -> list[ScoredFunction]:
    """All functions that anything points to, best first. `changed`: what of a frame's function was written lately."""
    outlines = answers.outlines
    signals: dict[tuple[str, str], dict[str, tuple[float, str]]] = {}
    where: dict[tuple[str, str], tuple[int | None, int | None, OwnFrame | None]] = {}

    def note(
        path: str,
        name: str,
        found: Iterator[tuple[str, float, str]],
        place: tuple[int | None, int | None, OwnFrame | None],
    ) -> None:
        where.setdefault((path, name), place)
        kept = signals.setdefault((path, name), {})
        for signal, strength, reason in found:
            if strength > kept.get(signal, (0.0, ""))[0]:
                kept[signal] = (strength, reason)

    for own in clues.own:
        note(own.path, own.function, _of_frame(own, clues), (own.first, own.last, own))
    for path, symbol, found in (*_called(clues), *_linked(links, outlines), *_others(files, answers)):
        note(path, symbol.name, iter(found), (symbol.first, symbol.last, None))
    have = _said(trouble, clues)
    gave = _givers(clues)
    known = Counter(name.rpartition(".")[2] for _, name in signals)
    framed = {(own.path, own.function) for own in clues.own}
    near = {path: files.near(path) for path, _ in signals}
    scored = []
    for (path, name), kept in signals.items():
        first, last, inner = where[path, name]
        length = last - first + 1 if first and last else 1
        kept["length"] = (math.log1p(length), f"it has {length} lines")
        kept["file"] = (near[path], f"its file's score is {files.total(path):.2f}")
        answered = answers.functions.get((path, name), {})
        if (path, name) in framed:
            kept |= {f"{signal}_framed": answer for signal, answer in answered.items()}
            if (path, name) in changed:
                kept["changed_lately"] = changed[path, name]
        else:
            short = name.rpartition(".")[2]
            if short in gave:
                heat, frame = gave[short]
                kept["gave"] = (heat / known[short], f"what it returns is used at the frame's line in {frame}")
            kept |= {signal: answer for signal, answer in answered.items() if signal not in FRAMED_ONLY}
            kept["no_frame"] = (1.0, "no frame of the trace is in it")
            if path not in clues.files:
                crowd = sum(symbol.kind == "function" for symbol in outlines.get(path, ()))
                kept["apart"] = (1.0, "no frame is in its file either, which is suspected for itself")
                kept["crowd"] = (math.log(max(crowd, 1)), f"{many(crowd, 'function')} of its file share that suspicion")
        both = set(words(name.rpartition(".")[2])) & have
        if both:
            every = set(words(name.rpartition(".")[2]))
            kept["words"] = (len(both) / (1 + len(every)), f"the trace and its message say {', '.join(sorted(both))}")
        parts = tuple(
            ScorePart(signal, round(weights[signal] * value, 5), reason) for signal, (value, reason) in kept.items()
        )
        scored.append(ScoredFunction(path, name, parts, first, last, inner))
    return sorted(scored, key=lambda one: (-one.score, one.path, one.name))


def rank_functions(functions: Sequence[ScoredFunction], limit: int) -> tuple[Suspect, ...]:
    """The functions as suspects, best first; code outside of functions is none."""
    named = [one for one in functions if one.name]
    shares = softmax([one.score for one in named])
    return tuple(
        Suspect(
            SuspectKind.FUNCTION, f"{one.path}::{one.name}", round(one.score, 4), one.parts, round(share, 4), one.path, one.line or one.first
        )
        for one, share in zip(named[:limit], shares, strict=False)
    )  # fmt: skip


def _of_frame(own: OwnFrame, clues: Clues) -> Iterator[tuple[str, float, str]]:
    how = "on_purpose" if clues.deliberate else "by_accident"
    yield "depth", 1 / (1 + own.place), f"frame {own.place + 1} of the service's own, from the error outwards"
    if not own.thrower:
        yield f"reach_{how}", 1 / (1 + own.depth), f"frame {own.depth + 1} of those that do more than make exceptions"
        if own.depth == 0:
            yield f"first_{how}", 1.0, "the innermost frame that does more than make exceptions is in it"
    else:
        yield "thrower", 1.0, "it only makes exceptions"
    yield from of_line(own)
    if own.asks:
        yield "asks", 1.0, "its line is a condition"


def _givers(clues: Clues) -> dict[str, tuple[float, str]]:
    """The functions whose results the lines of the inner frames use, by their short names: how near, and for which frame."""
    found: dict[str, tuple[float, str]] = {}
    for own in clues.own[:_CALLERS]:
        for name in own.givers:
            found.setdefault(name, (1 / (1 + own.depth), own.function or own.path))
    return found


def _called(clues: Clues) -> Iterator[_Found]:
    """Functions that the own frames' functions call in their own file."""
    for own in clues.own[:_CALLERS]:
        if own.symbol is not None:
            lines = clues.texts.get(own.path, "").split("\n")
            body = set(_CALL.findall("\n".join(lines[own.symbol.first - 1 : own.symbol.last])))
            for symbol in clues.outlines.get(own.path, ()):
                if symbol.kind == "function" and symbol.short in body and symbol != own.symbol:
                    yield own.path, symbol, []


def _linked(links: Links, outlines: Mapping[str, Sequence[Symbol]]) -> Iterator[_Found]:
    """Functions that the frames' code and the message lead to."""
    for link in links.found:
        at = link.definition
        for symbol in _symbols_of(at.line, at.is_class, outlines.get(at.path, ())):
            said = link.signal in ("said_symbol", "in_function")
            yield at.path, symbol, [(link.signal, link.strength, link.reason)] if said else []


def _others(files: FileScores, answers: Answers) -> Iterator[_Found]:
    """Of the files suspected most the longest functions, and those that answer best."""
    for path in files.best()[:_FILES]:
        functions = [s for s in answers.outlines.get(path, ()) if s.kind == "function"]
        longest = sorted(functions, key=lambda s: (s.first - s.last, s.first))[:_OTHERS]
        total = {
            symbol: sum(strength for strength, _ in answers.functions.get((path, symbol.name), {}).values())
            for symbol in functions
        }
        answering = sorted(functions, key=lambda s: (-total[s], s.first))[:_OTHERS]
        yield from ((path, symbol, []) for symbol in dict.fromkeys([*longest, *answering]))


def _symbols_of(line: int, is_class: bool, symbols: Sequence[Symbol]) -> list[Symbol]:
    """The function that is defined at a line; of a class its constructors."""
    if not is_class:
        found = innermost(tuple(symbols), line)
        return [found] if found else []
    around = innermost(tuple(symbols), line, kind="class")
    if around is None:
        return []
    makers = (f"{around.name}.__init__", f"{around.name}.{around.short}", f"{around.name}.constructor")
    return [s for s in symbols if s.kind == "function" and s.name in makers]


def _said(trouble: Trouble, clues: Clues) -> set[str]:
    said = [trouble.root_type or "", trouble.type or "", trouble.root_message or trouble.message]
    said += [frame.function or "" for frame in clues.tests]
    return set(words(" ".join(said)[:3_000]))
