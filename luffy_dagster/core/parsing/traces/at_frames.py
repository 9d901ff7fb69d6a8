r"""Traces whose frames begin with "at": Java, Kotlin and Scala; JavaScript and TypeScript; C# and other .NET languages.

Frames are printed innermost first; causes follow ("Caused by:", "Suppressed:", " ---> ", "[cause]:").
"""

from __future__ import annotations

import re
from functools import lru_cache

from luffy_dagster.core.parsing.traces.model import RawFrame, Trace, TracedException, bounded

_JAVA = re.compile(
    r"^\s*at (?:[\w.@-]*(?:@[\w.+-]+)?/{1,2})*((?:[\w$-]+\.)*[\w$<>-]+(?:/0x[0-9a-f]+)?)\.([\w$<>-]+)\s?\("
    r"(Native Method|Unknown Source|<generated>|<eval>|[\w$ -]+\.\w+)(?::(-?\d+))?\)?"
)
_JAVA_CUT = re.compile(r"^\s*at ((?:[a-z_][\w$]*\.)+[A-Z][\w$.]*)\.([\w$<>]+)\(?")
_SCRIPT = re.compile(
    r"^\s*at (?:async )?(new )?([^\s(][^(]{0,200}?)? ?(?:\[as [^\]]+\] ?)?\(((?:[^()]|\([^()]*\)){1,500}?)(?::(\d+))?(?::\d+)?\)"
)
_SCRIPT_PLACE = re.compile(r"^\s*at (?:async )?(\S{1,500}?):(\d+)(?::\d+)?\)?(?: \{)?\s*$")
_SCRIPT_NAME = re.compile(r"^\s*at (?:async )?([\w$.<>]+)(?: \[as [^\]]+\])?\s*$")
_FIREFOX = re.compile(
    r"^([\w$.<>/* \[\]]*)@((?:https?|file|webpack[\w-]*|moz-extension|resource|chrome|app|capacitor):.{1,400}?):(\d+)(?::\d+)?\s*$"
)
_NET = re.compile(r"^\s*at (.{1,400}?) ?\((.{0,600})\)(?: \[0x[0-9a-f]+\])?(?: in (.{1,300}?):(?:line )?(\d+))?\s*$")
_CAUSE = re.compile(
    r"^\s*(?:\(?Inner Exception[^)]*\)?\s*)?(Caused by|Suppressed|Wrapped by|Causing|--->|\[cause\])(?:: ?| )(.*)$"
)
_TYPE = re.compile(
    r"((?:[A-Za-z_$][\w$-]*[.])*[A-Z_$a-z][\w$]*)(?:(?: \[[\w]+\])?: ?(.*)|\s*(?:\{)?)$",
    re.DOTALL,
)
_NAMED = re.compile(
    r"(?<![\w.$])((?:[A-Za-z_$][\w$-]*\.)*[A-Z][\w$]*(?:Exception|Error|Throwable|Failure|Fault|Interrupt|Timeout|Violation|Exit)\d*)(?![\w.$])(?: \[\w+\])?(?:: ?(.*))?",
    re.DOTALL,
)
_DOTTED = re.compile(r"^((?:[a-z_][\w$-]*\.)+(?:[\w$]+\.)?[A-Z][\w$]*)(?:: ?(.*))?\s*$", re.DOTALL)
_THREAD = re.compile(r'^Exception in thread ".{0,200}?" ')
_GENERATED = ("<eval>",)


def language_of(line: str) -> str | None:
    """Language of a frame that begins with "at", None when the line is none."""
    if _JAVA.match(line):
        return "java"
    match = _NET.match(line)
    if match and (match[3] or "[0x" in line):
        return "csharp"
    if _SCRIPT_PLACE.match(line) or _FIREFOX.match(line):
        return "javascript"
    if match:
        inside = match[2]
        if "/" in inside or ":" in inside or inside in ("<anonymous>", "native", "index 0") or " [as " in match[1]:
            return "javascript"
        return "csharp" if "." in match[1] else "javascript"
    if _SCRIPT_NAME.match(line):
        return "javascript"
    return "java" if _JAVA_CUT.match(line) else None


@lru_cache(maxsize=8192)  # traces of one fault have the same frames
def frame_of(line: str, language: str) -> RawFrame | None:
    """The frame of a line, read as `language`."""
    if language == "java":
        match = _JAVA.match(line)
        if match:
            place = match[3]
            named = place if "." in place else None
            return RawFrame(match[2], named, int(match[4]) if match[4] else None, match[1])
        match = _JAVA_CUT.match(line)
        return RawFrame(match[2], None, None, match[1]) if match else None
    if language == "csharp":
        match = _NET.match(line)
        if not match:
            return None
        module, _, function = match[1].strip().rpartition(".")
        if module.endswith("."):
            module, function = module[:-1], "." + function
        return RawFrame(function, match[3], int(match[4]) if match[4] else None, module or None)
    for expression in (_SCRIPT, _SCRIPT_PLACE, _SCRIPT_NAME, _FIREFOX):
        match = expression.match(line)
        if match is None:
            continue
        if expression is _SCRIPT:
            return RawFrame((match[2] or "").strip() or None, match[3], int(match[4]) if match[4] else None)
        if expression is _SCRIPT_PLACE:
            return RawFrame(None, match[1], int(match[2]))
        if expression is _SCRIPT_NAME:
            return RawFrame(match[1], None)
        return RawFrame(match[1] or None, match[2], int(match[3]))
    return None


def head_of(text: str) -> tuple[str | None, str]:
    """Type and message of an exception's own line (or lines)."""
    text = _THREAD.sub("", text.strip())
    for prefix in (
        "Unhandled exception. ",
        "Unhandled Exception: ",
        "Unhandled exception: ",
        "Uncaught ",
        "(in promise) ",
    ):
        text = text.removeprefix(prefix)
    match = _DOTTED.match(text)
    if match:
        return match[1], (match[2] or "").strip()
    match = _NAMED.search(text)
    if match:
        return match[1], (match[2] or "").strip().removesuffix(" {").strip()
    match = _TYPE.match(text)
    if match and match.start() == 0 and (match[2] is None or match[1][:1].isupper()):
        return match[1], (match[2] or "").strip()
    return None, text


def read(lines: list[str], language: str) -> Trace | None:
    """The chain of exceptions in `lines`, frames read as `language`; None when there is no frame."""
    parts: list[tuple[str, list[str], list[RawFrame]]] = []
    pending: list[str] = []
    relation, first, last = "", -1, -1
    frames: list[RawFrame] | None = None
    for row, line in enumerate(lines):
        frame = frame_of(line, language) if "at " in line or "@" in line else None
        if frame is not None:
            if frames is None:
                frames = []
                head, start = _head_lines(pending, relation)
                first = row - start if first < 0 else first
                parts.append((relation, head, frames))
                pending, relation = [], ""
            elif (
                pending
                and not relation
                and any(_NAMED.search(text) and not text.startswith((" ", "\t")) for text in pending)
            ):
                break  # another trace begins
            pending = []
            frames.append(frame)
            last = row
            continue
        cause = _CAUSE.match(line)
        if cause:
            if frames is None and parts == [] and not pending and not relation:
                pass
            if frames is None:
                head, start = _head_lines(pending, relation)
                first = row - start if first < 0 else first
                parts.append((relation, head, []))
            relation = (
                "suppressed"
                if cause[1] == "Suppressed"
                else ("wrapper" if cause[1] in ("Wrapped by", "Causing") else "cause")
            )
            pending, frames, last = [cause[2]], None, row
            continue
        if line.lstrip().startswith(("... ", "--- End of")):
            last = row if frames else last
            continue
        pending.append(line)
    if relation and pending:
        parts.append((relation, [pending[0]], []))
    parts = [part for part in parts if part[1] or part[2]]
    if not any(part[2] for part in parts):
        return None
    chain = []
    for index, (kind, head, found) in enumerate(parts):
        type_, message = head_of("\n".join(head)) if head else (None, "")
        chain.append(TracedException(type_, message, bounded(found), "" if index == 0 else kind))
    if language == "csharp" and sum(1 for part in parts if part[2]) == 1 and len(parts) > 1 and not parts[0][2]:
        last_frames = next(part[2] for part in parts if part[2])
        chain = [
            TracedException(e.type, e.message, bounded(last_frames) if i == len(chain) - 1 else (), e.relation)
            for i, e in enumerate(chain)
        ]
    outer = max((i for i, e in enumerate(chain) if e.relation == "wrapper"), default=0)
    root = 0 if outer else max((i for i, e in enumerate(chain) if e.relation == "cause"), default=0)
    return Trace(language, tuple(chain), max(first, 0), last, outer, root)


def _head_lines(pending: list[str], relation: str) -> tuple[list[str], int]:
    """Of the lines before the first frame those that are the exception's; and how many lines above the frame they begin."""
    if relation:
        return pending[:40], len(pending)
    recent = pending[-40:]
    best = next((i for i, text in enumerate(recent) if _DOTTED.match(text.strip()) or _THREAD.match(text)), None)
    if best is None:
        best = next((i for i, text in enumerate(recent) if _NAMED.search(text)), None)
    if best is None:
        texts = [i for i, text in enumerate(recent) if text.strip()]
        best = texts[-1] if texts else len(recent)
    return recent[best:], len(recent) - best
