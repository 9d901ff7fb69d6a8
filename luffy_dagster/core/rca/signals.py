"""What the frames say before anything is ranked: the service's own frames in order, each with its file, function and line.

Belongs here: reading the code at the frames (drift of lines mended by the printed source and the function's name) and judging
what kind of place each is. Does not belong here: scores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from luffy_dagster.core.codeindex import Symbol, innermost, outline
from luffy_dagster.core.model import Frame
from luffy_dagster.core.rca.lines import givers, hands_nothing, is_condition, passes_on
from luffy_dagster.core.rca.model import PlacedFrame, Trouble
from luffy_dagster.core.rca.places import is_test_path
from luffy_dagster.core.rca.reading import Repository

MAX_FILES = 12  # files that are read
MAX_FRAMES = 60  # own frames that are looked at
_RAISE = re.compile(r"^\s*(?:raise\b|throw\b|panic[!(])|\bthrow new\b|\braise \w")
_THROWER = re.compile(
    r"^_?(?:throw|raise|report|fail|error|wrap|construct|weird|unexpected|abort|die|panic|assert|verify|require|from$|invalid|bad[A-Z_])"
)
EXCEPTION_FILE = re.compile(r"(?:Exceptions?|Errors?|(?:^|/)(?:exceptions?|errors?|exc))\.\w+$")
_HIDDEN = re.compile(
    r"^(?:lambda\$|access\$|<lambda>|<listcomp>|<genexpr>|<dictcomp>|<setcomp>|\$anonfun\$|<anonymous>|__lambda)"
)
NEAR = 10  # lines around a frame that stand for its function where none is found


@dataclass(frozen=True, slots=True)
class OwnFrame:
    """A frame in the service's own code, tests left out. `place` counts from 0, nearest to the cause first."""

    place: int
    frame: Frame
    path: str
    weight: float  # how surely the frame means this file
    line: int | None  # in the file at the commit, where it is known
    symbol: Symbol | None
    raises: bool  # its line raises on purpose
    thrower: bool  # its function or file only makes exceptions
    depth: int = 0  # own frames nearer to the cause that do more than make exceptions
    asks: bool = False  # its line is a condition
    passes_on: bool = False  # its line only hands on what the function was given
    hands_nothing: bool = False  # its line calls the next own frame without any argument
    givers: frozenset[str] = frozenset()  # functions whose results its line uses

    @property
    def first(self) -> int | None:
        """First line of what the frame stands in."""
        return self.symbol.first if self.symbol else (max(1, self.line - NEAR) if self.line else None)

    @property
    def last(self) -> int | None:
        """Last line of what the frame stands in."""
        return self.symbol.last if self.symbol else (self.line + NEAR if self.line else None)

    @property
    def length(self) -> int:
        """Lines of its function."""
        return self.symbol.last - self.symbol.first + 1 if self.symbol else NEAR

    @property
    def function(self) -> str:
        """Qualified name of its function as the file has it, else as the trace has it; "" for the top level."""
        if self.symbol is not None:
            return self.symbol.name
        name = self.frame.function or ""
        return "" if name.startswith("<") or _HIDDEN.match(name) else name


@dataclass(frozen=True, slots=True)
class Clues:
    """All that is read before ranking. `deliberate`: the innermost own frame raised on purpose, so that the fault may lie above it."""

    own: tuple[OwnFrame, ...]
    tests: tuple[Frame, ...]
    texts: dict[str, str]
    outlines: dict[str, tuple[Symbol, ...]]
    deliberate: bool

    @property
    def files(self) -> tuple[str, ...]:
        """Files of the own frames in their order."""
        return tuple(dict.fromkeys(own.path for own in self.own))


def gather(trouble: Trouble, placed: Sequence[PlacedFrame], repository: Repository) -> Clues:
    """Reads the code at the frames of `trouble`, those of the innermost cause first."""
    segments = sorted(
        {p.frame.segment for p in placed}, key=lambda s: (s != trouble.root_segment, abs(s - trouble.root_segment))
    )
    ordered = [p for s in segments for p in placed if p.frame.segment == s]
    tests = tuple(
        p.frame
        for p in ordered
        if (p.candidates and is_test_path(p.candidates[0].path)) or (not p.candidates and p.frame.in_app)
    )
    mine = [p for p in ordered if p.candidates and not is_test_path(p.candidates[0].path)][:MAX_FRAMES]
    texts: dict[str, str] = {}
    outlines: dict[str, tuple[Symbol, ...]] = {}
    for one in mine:
        path = one.candidates[0].path
        if path not in texts and len(texts) < MAX_FILES:
            texts[path] = repository.read(trouble.commit, path) or ""
            outlines[path] = outline(path, texts[path])
    own: list[OwnFrame] = []
    for at, one in enumerate(mine):
        read = _own(at, one, own[-1] if own else None, texts, outlines)
        own.append(replace(read, depth=sum(not inner.thrower for inner in own)))
    deliberate = bool(own) and (own[0].raises or own[0].thrower)
    return Clues(tuple(own), tests, texts, outlines, deliberate)


def of_line(own: OwnFrame) -> Iterator[tuple[str, float, str]]:
    """What the line of a frame says of its file and of its function alike: signal, strength, reason."""
    if own.raises:
        yield "raises", 1.0, "its line raises the error on purpose: it found the fault"
    if own.passes_on:
        yield "passes_on", 1.0, "its line only hands on what it was given"
    if own.hands_nothing:
        yield "hands_nothing", 1.0, "it calls the next frame without handing anything over"


def _own(
    at: int,
    placed: PlacedFrame,
    inner: OwnFrame | None,
    texts: dict[str, str],
    outlines: dict[str, tuple[Symbol, ...]],
) -> OwnFrame:
    """The frame as the code at the commit has it; `inner` is the own frame that it called."""
    frame, best = placed.frame, placed.candidates[0]
    symbols = outlines.get(best.path, ())
    lines = texts.get(best.path, "").split("\n")
    line = frame.line if frame.line and 0 < frame.line <= len(lines) else None
    symbol, line = _settle(frame, best.path, symbols, lines, line)
    source = frame.source or (lines[line - 1] if line else "")
    short = symbol.short if symbol else (frame.function or "").rpartition(".")[2]
    return OwnFrame(
        place=at,
        frame=frame,
        path=best.path,
        weight=best.weight,
        line=line,
        symbol=symbol,
        raises=bool(_RAISE.search(source)),
        thrower=bool(EXCEPTION_FILE.search(best.path) or _THROWER.match(short)),
        asks=is_condition(source),
        passes_on=passes_on(source),
        hands_nothing=hands_nothing(source, inner.function.rpartition(".")[2] if inner else ""),
        givers=givers(lines[symbol.first - 1 : line - 1] if symbol and line else (), source),
    )


def _settle(
    frame: Frame, path: str, symbols: tuple[Symbol, ...], lines: list[str], line: int | None
) -> tuple[Symbol | None, int | None]:
    """Function and line of a frame in the file as it is at the commit, which may not be the one that ran."""
    found = innermost(symbols, line) if line else None
    named = (frame.function or "").rpartition(".")[2].rpartition("::")[2].split("(")[0]
    if named.startswith("lambda$"):
        named = named.split("$")[1]
    class_name = path.rpartition("/")[2].partition(".")[0]
    wanted = (
        {class_name, (frame.module or "").rpartition(".")[2].rpartition("$")[2]}
        if named in ("<init>", "<clinit>")
        else {named}
    )
    if named and not _HIDDEN.match(named) and (found is None or found.short not in wanted):
        same = [s for s in symbols if s.kind == "function" and s.short in wanted]
        if same:
            near = line or 0
            found = min(
                same,
                key=lambda s: (
                    0 if s.first <= near <= s.last else min(abs(s.first - near), abs(s.last - near)),
                    s.first,
                ),
            )
    printed = (frame.source or "").strip()
    if printed and (line is None or lines[line - 1].strip() != printed):
        start, end = (found.first, found.last) if found else (1, len(lines))
        same_text = [n for n in range(start, min(end, len(lines)) + 1) if lines[n - 1].strip() == printed]
        if same_text:
            line = min(same_text, key=lambda n: abs(n - (line or n)))
            found = found or innermost(symbols, line)
    if found is not None and line is not None and not found.first <= line <= found.last:
        line = None  # the line is of another version, and nothing says where it is now
    return found, line
