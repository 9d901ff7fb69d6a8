"""Chunks of a source file: each function, each class without its functions, and what is left at the top level."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from luffy_dagster.core.codeindex.outline import Symbol, outline

CHUNK_ALGORITHM = "chunks-2026-11"
MAX_LINES = 80  # a longer function is cut into parts
MAX_CHARS = 6_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a file. `hash` is of what is embedded, so that an unchanged piece is known again wherever it moves."""

    path: str
    symbol: str  # qualified name, "" at the top level
    kind: str  # function, class, top
    first: int
    last: int
    text: str
    hash: str

    @property
    def said(self) -> str:
        """What is embedded and searched: the name in words, then the text."""
        return heading(self.path, self.symbol) + "\n" + self.text


def heading(path: str, symbol: str) -> str:
    """How a chunk is announced: its file's name without folders (a moved file is not embedded anew) and its symbol."""
    return f"{path.rpartition('/')[2]} {symbol}".strip()


def chunk(path: str, text: str) -> tuple[Chunk, ...]:
    """The chunks of a file, in order of lines; () when there is nothing but white space."""
    lines = text.split("\n")
    symbols = outline(path, text)
    owner: list[Symbol | None] = [None] * (len(lines) + 2)
    for symbol in symbols:  # outer ones come first, inner ones take their lines
        if symbol.kind == "class" or not _inside_function(symbol, symbols):
            for line in range(symbol.first, min(symbol.last, len(lines)) + 1):
                owner[line] = symbol
    runs: dict[tuple[str, int], list[int]] = {}
    for line in range(1, len(lines) + 1):
        holder = owner[line]
        key = (holder.name, holder.first) if holder else ("", 0)
        runs.setdefault(key, []).append(line)
    kinds = {(s.name, s.first): s.kind for s in symbols}
    found = []
    for (name, first), numbers in runs.items():
        for part in _parts(numbers, lines):
            body = "\n".join(lines[n - 1][:2_000] for n in part).strip("\n")
            if body.strip():
                found.append(_chunk(path, name, kinds.get((name, first), "top"), part[0], part[-1], body[:MAX_CHARS]))
    return tuple(sorted(found, key=lambda c: (c.first, c.last, c.symbol)))


def _inside_function(symbol: Symbol, symbols: tuple[Symbol, ...]) -> bool:
    """Whether a function is defined inside of another one, whose chunk it then belongs to."""
    return "." in symbol.name and any(
        s.kind == "function" and s is not symbol and s.first <= symbol.first and symbol.last <= s.last
        and symbol.name.startswith(s.name + ".")
        for s in symbols
    )  # fmt: skip


def _parts(numbers: list[int], lines: list[str]) -> list[list[int]]:
    """Line numbers cut where a gap is wide or the part grows too long."""
    parts: list[list[int]] = []
    now: list[int] = []
    size = 0
    for number in numbers:
        wide = bool(now) and number - now[-1] > MAX_LINES
        if now and (wide or len(now) >= MAX_LINES or size > MAX_CHARS):
            parts.append(now)
            now, size = [], 0
        now.append(number)
        size += len(lines[number - 1]) + 1
    return [*parts, now] if now else parts


def _chunk(path: str, symbol: str, kind: str, first: int, last: int, body: str) -> Chunk:
    said = f"{CHUNK_ALGORITHM}\n{heading(path, symbol)}\n{body}"
    return Chunk(path, symbol, kind, first, last, body, hashlib.sha256(said.encode()).hexdigest()[:32])
