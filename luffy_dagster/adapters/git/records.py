"""Reading what Git prints: trees, logs, blame. Values in, values out; no process is run here.

Paths that are no UTF-8 are left out: nothing downstream could hold them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from luffy_dagster.core.rca.model import BlameLine, CommitInfo, FileChange, TreeFile

# The record begins with an empty field, which no path can be; a message holds no NUL.
LOG_FORMAT = "--format=tformat:%x00%H%x00%P%x00%an%x00%ae%x00%at%x00%ct%x00%B"
_FIELDS = 8
_COUNT = re.compile(rb"(\d+|-)\t(\d+|-)\t(.*)\Z", re.DOTALL)
MAX_MESSAGE = 16_384
_LATEST = 253_402_300_799  # the last second of year 9999


def path_of(raw: bytes) -> str | None:
    """The path, None when it is no UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _time(raw: bytes) -> datetime:
    """A time as Git prints it; a nonsensical one is the epoch."""
    try:
        seconds = int(raw)
    except ValueError:
        seconds = 0
    return datetime.fromtimestamp(min(max(seconds, 0), _LATEST), UTC)


def read_log(output: bytes) -> Iterator[CommitInfo]:
    """Commits of `git log -z --raw [--numstat] LOG_FORMAT`."""
    tokens = output.split(b"\0")
    at, end = 0, len(tokens)
    while at + _FIELDS <= end:
        sha, parents, author, email, authored, committed, message = tokens[at + 1 : at + _FIELDS]
        at += _FIELDS
        changes: dict[str, FileChange] = {}
        while at < end and tokens[at]:
            head = tokens[at].lstrip(b"\n")
            if head.startswith(b":"):
                status = head.rpartition(b" ")[2][:1].decode("ascii", "replace")
                moved = status in "RC"
                old = path_of(tokens[at + 1]) if moved else None
                path = path_of(tokens[at + 2 if moved else at + 1])
                at += 3 if moved else 2
                if path is not None and not head.startswith(b":160000") and b" 160000 " not in head[:15]:
                    changes[path] = FileChange(path, "M" if status == "T" else status, old)
                continue
            count = _COUNT.match(head)
            at += 1
            if count is None:
                continue
            name = count[3]
            if not name:  # a rename: old and new follow
                name, at = tokens[at + 1], at + 2
            path = path_of(name)
            known = changes.get(path) if path is not None else None
            if known is not None and count[1] != b"-":
                changes[known.path] = FileChange(known.path, known.status, known.old_path, int(count[1]), int(count[2]))
        subject, _, body = message[:MAX_MESSAGE].decode("utf-8", "replace").partition("\n")
        yield CommitInfo(
            sha.decode(),
            tuple(parents.decode().split()),
            author.decode("utf-8", "replace"),
            email.decode("utf-8", "replace"),
            _time(authored),
            _time(committed),
            subject.strip(),
            body.strip(),
            tuple(changes.values()),
        )


def read_tree(output: bytes) -> list[TreeFile]:
    """Files of `git ls-tree -r -z --long`; links and submodules are left out."""
    found = []
    for record in output.split(b"\0"):
        meta, _, raw = record.partition(b"\t")
        parts = meta.split()
        if len(parts) != 4 or parts[0] not in (b"100644", b"100755", b"100664"):
            continue
        path = path_of(raw)
        if path is not None:
            size = int(parts[3]) if parts[3].isdigit() else 0
            found.append(TreeFile(path, parts[2].decode(), size, parts[0].decode()))
    return found


_BLAME = re.compile(rb"^([0-9a-f]{40,64}) (\d+) (\d+)(?: \d+)?$")


def read_blame(output: bytes) -> list[BlameLine]:
    """Lines of `git blame --porcelain`."""
    lines: list[BlameLine] = []
    paths: dict[str, str] = {}
    now: tuple[str, int, int] | None = None
    for raw in output.split(b"\n"):
        if raw.startswith(b"\t"):
            if now is not None:
                sha, original, line = now
                lines.append(BlameLine(line, sha, paths.get(sha, ""), original))
            now = None
            continue
        match = _BLAME.match(raw)
        if match:
            now = (match[1].decode(), int(match[2]), int(match[3]))
        elif now is not None and raw.startswith(b"filename "):
            paths[now[0]] = path_of(raw[9:]) or ""
    return lines


_HIT = re.compile(rb"([^\0\n]+)\0(\d+)\0([^\n]*)\n")
MAX_HIT = 400  # bytes of a line that are kept


def read_grep(output: bytes, commit: str, limit: int) -> Iterator[tuple[str, int, str]]:
    """`(path, line, text)` of `git grep -n -z`, whose paths begin with the commit that was searched."""
    for count, hit in enumerate(_HIT.finditer(output)):
        path = path_of(hit[1].removeprefix(f"{commit}:".encode()))
        if count >= limit:
            return
        if path is not None:
            yield path, int(hit[2]), hit[3][:MAX_HIT].decode("utf-8", "replace")
