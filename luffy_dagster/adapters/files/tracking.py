"""Which file is which: identity by content, so that a renamed, rotated or compressed file is known again.

A file's identity is the hash of its first KiB (of what there was of it when it was first seen); what was read of it is
known by an offset and the hash of the bytes before that. Values and small reads only; lines are read in `lines`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from luffy_dagster.adapters.files.lines import COMPRESSED, opened, skip

HEAD = 1024
TAIL = 256
_ROTATED = re.compile(
    r"(?:\.gz|\.zst|\.bz2|\.xz|\.old|\.bak|\.\d{1,5}|[._-]\d{4}-?\d{2}-?\d{2}(?:[T_.-]?\d{2}(?:[:_-]?\d{2}){0,2})?|-\d{8,10})$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Tracked:
    """One file as far as it is known."""

    ident: str
    head: int  # bytes that the identity was made of
    head_hash: str
    path: str
    stream: str
    base: int  # added to offsets, so that rotated files of one stream keep their order
    offset: int = 0
    tail_hash: str = ""
    seen: str | None = None  # size and time of change when it was last read to its end

    def as_json(self) -> dict[str, Any]:
        """For the state."""
        return asdict(self)


def digest(data: bytes) -> str:
    """16 hex characters."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def stream_of(path: str) -> str:
    """The path without what rotation adds to it."""
    folder, _, name = path.rpartition("/")
    while (m := _ROTATED.search(name)) and m.start() > 0:
        name = name[: m.start()]
    # app-2026-11-24.log, app.1.log: the number stands before the ending
    name = re.sub(
        r"[._-](?:\d{4}-?\d{2}-?\d{2}(?:[T_.-]?\d{2}(?:[:_-]?\d{2}){0,2})?|\d{1,3})(?=\.(?:log|txt|json|out|err)$)",
        "",
        name,
    )
    return f"{folder}/{name}" if folder else name


def fingerprint(path: Path) -> str:
    """Size and time of change: what tells that nothing happened to a file."""
    stat = path.stat()
    return f"{stat.st_size}:{stat.st_mtime_ns}"


def _window(path: Path, start: int, length: int) -> bytes:
    with opened(path) as file:
        skip(file, start)
        return _exactly(file, length)


def _exactly(file: IO[bytes], length: int) -> bytes:
    parts = []
    while length > 0 and (data := file.read(length)):
        parts.append(data)
        length -= len(data)
    return b"".join(parts)


def head_of(path: Path) -> bytes:
    """The first KiB (decompressed)."""
    return _window(path, 0, HEAD)


def tail_before(path: Path, offset: int) -> str:
    """Hash of the bytes before `offset`."""
    start = max(0, offset - TAIL)
    return digest(_window(path, start, offset - start))


def matches(entry: Tracked, head: bytes, path: Path) -> bool:
    """Whether the file at `path` is the one that `entry` knows, grown or not."""
    if len(head) < entry.head or digest(head[: entry.head]) != entry.head_hash:
        return False
    if entry.offset == 0 or not entry.tail_hash:
        return True
    if path.suffix.lower() not in COMPRESSED and path.stat().st_size < entry.offset:
        return False
    start = max(0, entry.offset - TAIL)
    before = _window(path, start, entry.offset - start)
    return len(before) == entry.offset - start and digest(before) == entry.tail_hash


def identify(known: dict[str, Tracked], path: Path) -> tuple[Tracked, bool]:
    """The entry of the file at `path` and whether it is new. A copy of a file that another path holds gives that entry."""
    head = head_of(path)
    name = str(path)
    candidates = [e for e in known.values() if matches(e, head, path)]
    candidates.sort(key=lambda e: (e.path != name, -e.offset, -e.head))
    if candidates:
        return candidates[0], False
    ident = head_hash = digest(head)
    if ident in known:  # the same beginning, another file
        generation = sum(1 for e in known.values() if e.head_hash == head_hash)
        ident = digest(f"{head_hash}:{name}:{generation}".encode())
    stream = stream_of(name)
    base = max((e.base + e.offset + 1 for e in known.values() if e.stream == stream), default=0)
    return Tracked(ident, len(head), head_hash, name, stream, base), True
