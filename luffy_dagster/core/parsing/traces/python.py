"""Python: tracebacks with causes and contexts, exception groups, notes, carets, IPython.

The last traceback of a chain is the outermost exception, the first the innermost cause; frames are printed outermost first.
"""

from __future__ import annotations

import re

from luffy_dagster.core.parsing.traces.model import RawFrame, Trace, TracedException, bounded

FRAME = re.compile(r'^\s*File "(.{1,500}?)"(?:, line (\d+))?(?:, in (.{1,300}))?')
_NOTEBOOK_FRAME = re.compile(
    r"^(?:File )?(~?[\w./\\<>: -]{1,300}?\.pyx?|<ipython-input-[^>]{1,60}>|Cell In ?\[\d+\])"
    r"(?::(\d+)|, line (\d+))?(?:, in (?:input \[\d+\], )?|\s+in )(.{1,200}?)(?:\(.*)?$"
)
_CELL = re.compile(r"^(?:Cell In ?\[\d+\]|Input In ?\[\d+\])(?:, line (\d+))")
_HEAD = re.compile(r"Traceback \(most recent call last\)")
_EXCEPTION = re.compile(r"^([A-Za-z_][\w.]*(?:<locals>\.)?[\w.]*)(?:: ?(.*))?$")
_BAR = re.compile(r"^(?:\s*[|+] ?)+")
_REPEATED = "[Previous line repeated"
_LINKS = {"The above exception was the direct": "cause", "During handling of the above": "context"}


def read(lines: list[str]) -> Trace | None:
    """The first chain of tracebacks in `lines`; None when there is no frame and no head."""
    found: list[TracedException] = []
    relations: list[str] = []
    frames: list[RawFrame] = []
    inside, first, last, link = False, -1, -1, ""
    group = False
    row, count = 0, len(lines)
    while row < count:
        line = lines[row]
        if group or "|" in line[:12] or "+ Exc" in line:
            stripped = _BAR.sub("", line)
            if stripped != line and (group or "Exception Group Traceback" in line):
                group, line = True, stripped
        if _HEAD.search(line):
            if inside and frames:
                found.append(TracedException(None, "", bounded(frames[::-1])))
                relations.append(link)
            frames, inside = [], True
            first = row if first < 0 else first
            last = row
            row += 1
            continue
        match = FRAME.match(line)
        if match is None and inside and not line.startswith((" ", "\t")):
            match_cell = _CELL.match(line)
            note = _NOTEBOOK_FRAME.match(line)
            if match_cell:
                frames.append(RawFrame("<module>", line.split(",")[0], int(match_cell[1])))
                last, row = row, row + 1
                continue
            if note:
                number = note[2] or note[3]
                frames.append(RawFrame(note[4].split("(")[0].strip(), note[1], int(number) if number else None))
                last, row = row, row + 1
                continue
        if match:
            inside = True
            first = row if first < 0 else first
            source = None
            if row + 1 < count and not FRAME.match(lines[row + 1]):
                after = _BAR.sub("", lines[row + 1]) if group else lines[row + 1]
                source = after.strip() if after.startswith((" ", "\t")) else None
            frames.append(
                RawFrame(
                    match[3].strip() if match[3] else None,
                    match[1],
                    int(match[2]) if match[2] else None,
                    None,
                    source or None,
                )
            )
            last = row
            row += 2 if source else 1
            continue
        if inside and line.strip() and not line.startswith((" ", "\t", "[Previous", "----", "+-")):
            head = _EXCEPTION.match(line)
            if head and frames:
                message, row_after = _message(lines, row, head[2] or "", group=group)
                found.append(TracedException(head[1], message, bounded(frames[::-1])))
                relations.append(link)
                frames, inside, link = [], False, ""
                last, row = row_after - 1, row_after
                continue
        elif not inside:
            for text, relation in _LINKS.items():
                if line.startswith(text):
                    link, last = relation, row
        row += 1
    if frames:
        found.append(TracedException(None, "", bounded(frames[::-1])))
        relations.append(link)
    if not found:
        return None
    if group:
        chain = tuple(TracedException(e.type, e.message, e.frames, "group" if i else "") for i, e in enumerate(found))
        return Trace("python", chain, first, last, 0, len(chain) - 1 if len(chain) > 1 else 0)
    chain = tuple(
        TracedException(e.type, e.message, e.frames, relations[i + 1] if i + 1 < len(found) else "")
        for i, e in enumerate(found)
    )
    outer = len(chain) - 1
    return Trace("python", chain, first, last, outer, _root(relations))


def _root(relations: list[str]) -> int:
    """The first of the run of linked tracebacks that ends with the last one."""
    at = len(relations) - 1
    while at > 0 and relations[at]:
        at -= 1
    return at


def _message(lines: list[str], row: int, start: str, *, group: bool) -> tuple[str, int]:
    """The message from its first line on, with indented lines and notes behind it; and the row after."""
    parts = [start]
    at = row + 1
    while at < len(lines) and at < row + 40 and not group:
        line = lines[at]
        if not line.strip() or FRAME.match(line) or _HEAD.search(line) or not line.startswith((" ", "\t")):
            break
        parts.append(line.rstrip())
        at += 1
    return "\n".join(parts).strip(), at
