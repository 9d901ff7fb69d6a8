"""Functions suspected: those that the own frames are in, and those that these call in the same file."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from luffy_dagster.core.codeindex import Symbol
from luffy_dagster.core.rca import weights as w
from luffy_dagster.core.rca.files import FileScores, softmax
from luffy_dagster.core.rca.model import ScorePart, Suspect, SuspectKind
from luffy_dagster.core.rca.signals import Clues, OwnFrame

_CALL = re.compile(r"(\w+)\s*\(")
_CALLERS = 6  # own frames whose calls are looked at


@dataclass(frozen=True, slots=True)
class ScoredFrame:
    """An own frame with the parts of its function's score."""

    own: OwnFrame
    parts: tuple[ScorePart, ...]

    @property
    def score(self) -> float:
        """Sum of the parts."""
        return sum(part.value for part in self.parts)


def score_frames(clues: Clues, files: FileScores) -> list[ScoredFrame]:
    """The own frames as places of a fault, in their order."""
    return [ScoredFrame(own, _parts(own, clues, files)) for own in clues.own]


def _parts(own: OwnFrame, clues: Clues, files: FileScores) -> tuple[ScorePart, ...]:
    parts = [
        ScorePart(
            "depth",
            w.FUNCTION_DEPTH / (1 + own.place),
            f"frame {own.place + 1} of the service's own, from the error outwards",
        ),
        ScorePart("file", w.FUNCTION_FILE * files.total(own.path), f"its file's score is {files.total(own.path):.2f}"),
        ScorePart("length", w.FUNCTION_LENGTH * math.log1p(own.length), f"it has {own.length} lines"),
    ]
    if own.place == 0:
        parts.append(ScorePart("first", w.FIRST, "the innermost frame of the service's own is in it"))
    if own.raises:
        parts.append(ScorePart("raises", w.RAISES, "its line raises the error on purpose: it found the fault"))
    if own.thrower:
        parts.append(ScorePart("thrower", w.EXCEPTION_FILE, "it only makes exceptions"))
    if clues.deliberate and own.place < 2:
        value = w.DELIBERATE_FIRST if own.place == 0 else w.DELIBERATE_SECOND
        parts.append(
            ScorePart("deliberate", value, "the error was raised on purpose, so that its cause may lie further out")
        )
    return tuple(parts)


def rank_functions(frames: list[ScoredFrame], clues: Clues, limit: int) -> tuple[Suspect, ...]:
    """The functions as suspects, best first."""
    best: dict[str, tuple[float, tuple[ScorePart, ...], str, int | None]] = {}
    for one in frames:
        own = one.own
        if own.function:
            _keep(best, f"{own.path}::{own.function}", one.parts, own.path, own.line or own.first)
    inside = set(best)
    for one in frames[:_CALLERS]:
        for symbol, parts in _called(one, clues):
            name = f"{one.own.path}::{symbol.name}"
            if name not in inside:
                _keep(best, name, parts, one.own.path, symbol.first)
    order = sorted(best, key=lambda name: (-best[name][0], name))
    shares = softmax([best[name][0] for name in order])
    return tuple(
        Suspect(SuspectKind.FUNCTION, name, round(best[name][0], 4), best[name][1], share, best[name][2], best[name][3])
        for name, share in zip(order[:limit], shares, strict=False)
    )


def _keep(
    best: dict[str, tuple[float, tuple[ScorePart, ...], str, int | None]],
    name: str,
    parts: tuple[ScorePart, ...],
    path: str,
    line: int | None,
) -> None:
    score = sum(part.value for part in parts)
    if name not in best or score > best[name][0]:
        best[name] = (score, parts, path, line)


def _called(one: ScoredFrame, clues: Clues) -> list[tuple[Symbol, tuple[ScorePart, ...]]]:
    """Functions of the same file that a frame's function calls, without a frame of their own."""
    own = one.own
    if own.symbol is None:
        return []
    lines = clues.texts.get(own.path, "").split("\n")
    called = set(_CALL.findall("\n".join(lines[own.symbol.first - 1 : own.symbol.last])))
    return [
        (
            symbol,
            (
                ScorePart("caller", one.score + w.CALLED, f"{own.function}, which the trace passes through, calls it"),
                ScorePart(
                    "length",
                    w.CALLED_LENGTH * math.log1p(symbol.last - symbol.first),
                    f"it has {symbol.last - symbol.first + 1} lines",
                ),
            ),
        )
        for symbol in clues.outlines.get(own.path, ())
        if symbol.kind == "function" and symbol.short in called
    ]
