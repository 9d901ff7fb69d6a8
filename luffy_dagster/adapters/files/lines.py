"""Bytes of a file → lines with their offsets, in bounded memory. No file names and no state here."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import polars as pl

from luffy_dagster.core.schemas import RowFlag

CHUNK = 4 << 20  # bytes read at a time
COMPRESSED = (".gz", ".zst", ".bz2", ".xz")
SCHEMA = {"offset": pl.Int64, "body": pl.Utf8, "flags": pl.Int32}


def opened(path: Path) -> IO[bytes]:
    """The file's content as bytes, decompressed by its ending."""
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if suffix == ".bz2":
        return bz2.open(path, "rb")
    if suffix == ".xz":
        return lzma.open(path, "rb")
    if suffix == ".zst":
        import zstandard

        raw = path.open("rb")
        reader: Any = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True, closefd=True)
        return io.BufferedReader(reader, CHUNK)
    return path.open("rb")


def skip(file: IO[bytes], offset: int) -> None:
    """Moves to `offset` (by reading where the file cannot seek)."""
    if offset and file.seekable():
        file.seek(offset)
        return
    while offset > 0 and (data := file.read(min(offset, CHUNK))):
        offset -= len(data)


def encoding_of(head: bytes) -> str:
    """Encoding by byte order mark; UTF-8 without one."""
    if head.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return "utf-32"
    if head.startswith(b"\xff\xfe"):
        return "utf-16-le"
    if head.startswith(b"\xfe\xff"):
        return "utf-16-be"
    return "utf-8"


def _frame(data: bytes, start: int, max_line: int, cut: int) -> pl.DataFrame:
    """Lines of `data` (whole lines, the last without its line feed), which begins at byte `start` of the file.

    `cut` bytes were left out of the last line already, because it is too long.
    """
    try:
        text = data.decode("utf-8")
        bad = False
    except UnicodeDecodeError:
        bad = True
    if bad:
        parts = data.split(b"\n")
        lengths = pl.Series("n", [len(p) for p in parts], dtype=pl.Int64)
        body = pl.Series("body", [p.decode("utf-8", "replace") for p in parts], dtype=pl.Utf8)
        flags = pl.Series("flags", [int(RowFlag.INVALID_UTF8) if not _sound(p) else 0 for p in parts], dtype=pl.Int32)
    else:
        body = pl.Series("body", [text]).str.split("\n").explode()
        lengths = body.str.len_bytes().cast(pl.Int64)
        flags = pl.Series("flags", [0], dtype=pl.Int32).new_from_index(0, len(body))
    frame = pl.DataFrame(
        {"offset": start + (lengths + 1).cum_sum() - lengths - 1, "body": body, "flags": flags, "n": lengths}
    )
    if cut:
        frame = frame.with_columns(
            n=pl.when(pl.int_range(pl.len()) == pl.len() - 1).then(pl.col("n") + cut).otherwise(pl.col("n"))
        )
    frame = frame.with_columns(pl.col("body").str.strip_suffix("\r"))
    if start == 0:
        frame = frame.with_columns(pl.col("body").str.strip_prefix("\ufeff"))
    if bool((frame["n"] > max_line).any()):
        long = pl.col("n") > max_line
        note = pl.format("{} … [cut: {} bytes]", pl.col("body").str.head(max_line), pl.col("n"))
        frame = frame.with_columns(
            body=pl.when(long).then(note).otherwise(pl.col("body")),
            flags=pl.when(long).then(pl.col("flags") | int(RowFlag.TRUNCATED)).otherwise(pl.col("flags")),
        )
    return frame.select(SCHEMA.keys())


def _sound(part: bytes) -> bool:
    try:
        part.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def read(file: IO[bytes], offset: int, *, max_line: int, whole: bool) -> Iterator[tuple[pl.DataFrame, int]]:
    """Frames (offset, body, flags) of whole lines from `offset` on, each with the offset behind it.

    With `whole` the end of the file ends a line too; without it a last line that has no line feed is left for later.
    A line longer than `max_line` bytes is cut there, with its length stated; memory does not grow with it.
    """
    skip(file, offset)
    carry, start = b"", offset  # `carry` begins at byte `start`
    dropped = 0  # bytes of an overlong line that were read past
    while True:
        data = file.read(CHUNK)
        if not data:
            break
        end = data.rfind(b"\n")
        if dropped or len(carry) > max_line:
            first = data.find(b"\n")
            if first < 0:
                dropped += len(data)
                continue
            behind = start + len(carry) + dropped + first + 1
            yield (
                _frame(
                    carry + data[: max(0, 0 if dropped else first)][: max(0, max_line + 1 - len(carry))],
                    start,
                    max_line,
                    _cut(carry, dropped, first, max_line),
                ),
                behind,
            )
            carry, start, dropped = b"", behind, 0
            data = data[first + 1 :]
            end = data.rfind(b"\n")
        if end < 0:
            carry += data
            continue
        behind = start + len(carry) + end + 1
        yield _frame(carry + data[:end], start, max_line, 0), behind
        carry, start = data[end + 1 :], behind
    if carry and whole:
        behind = start + len(carry) + dropped
        yield _frame(carry, start, max_line, dropped), behind


def frames(path: Path, offset: int, *, max_line: int, whole: bool) -> Iterator[tuple[pl.DataFrame, int]]:
    """`read` of the file at `path`, which is open as long as the iteration goes on."""
    with opened(path) as file:
        yield from read(file, offset, max_line=max_line, whole=whole)


def _cut(carry: bytes, dropped: int, first: int, max_line: int) -> int:
    """Bytes of the overlong line that are not in what is handed over."""
    total = len(carry) + dropped + first
    taken = len(carry) + (0 if dropped else min(first, max(0, max_line + 1 - len(carry))))
    return total - taken


def read_wide(data: bytes, encoding: str, *, max_line: int, whole: bool) -> tuple[pl.DataFrame, int]:
    """Lines of a file in UTF-16 or UTF-32 (such files are rare and read at once), and the offset behind them.

    Without `whole` a last line that has no line feed is left for later.
    """
    mark = 4 if encoding == "utf-32" else 2
    if encoding == "utf-32":
        encoding = "utf-32-le" if data.startswith(b"\xff\xfe") else "utf-32-be"
    parts = data[mark:].decode(encoding, "replace").split("\n")
    if parts[-1] == "" or not whole:
        parts.pop()
    feed = len("\n".encode(encoding))
    offsets, at = [], mark
    for part in parts:
        offsets.append(at)
        at += len(part.encode(encoding, "replace")) + feed
    texts = [p.removesuffix("\r") for p in parts]
    long = [len(t) > max_line for t in texts]
    bodies = [f"{t[:max_line]} … [cut: {len(t)} characters]" if cut else t for t, cut in zip(texts, long, strict=True)]
    bad = [int(RowFlag.INVALID_UTF8) if "\ufffd" in t else 0 for t in texts]
    flags = [f | (int(RowFlag.TRUNCATED) if cut else 0) for f, cut in zip(bad, long, strict=True)]
    return pl.DataFrame({"offset": offsets, "body": bodies, "flags": flags}, schema=SCHEMA), min(at, len(data))
