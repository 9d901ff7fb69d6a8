r"""A trace that was put on one line, as many lines again.

Belongs here: undoing what shippers do to line breaks inside one text. Does not belong here: wrappers of whole streams
(`core.parsing.unwrap`).
"""

from __future__ import annotations

import json
import re

MAX_TEXT = 1_200_000
_SYSLOG = re.compile(r"#01[125]")
# Possessive runs and classes without the sign itself: a megabyte of blanks or of "\n" is looked at once.
_SIGN = re.compile(
    r"\\n(?:\\t|\s)*+(?:at |File |\\\"|Caused by|\.\.\. \d)|Traceback \(most recent call last\):\\n|\\n#\d|\\ngoroutine |\\n[\w./@~-]{1,200}\.go:|"
    r":in [`'].{1,80}'\\n|panicked at .{0,400}\\n|\\n\s++\(|\\n[^\s\\@]{0,80}@(?:https?|file|webpack)"
)
_PIPES = re.compile(
    r"(?:(?<!\s)(?:\s++\|\s++|\s{2,}+)|\t|␤|↵|¶)(?=at [\w$.<>/]+[ (]|Caused by: |\.\.\. \d+ more|File \".{1,200}\", line \d)"
)
_JAVA_INLINE = re.compile(r" (?=at [\w$.]+\.[\w$<>]+\((?:[\w$]+\.\w+:\d+|Native Method|Unknown Source)\))")


def unescape(text: str) -> str:
    """`text` with the line breaks of a trace restored; unchanged when there is none to restore."""
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT]
    if text.startswith("{") and text.rstrip().endswith("}"):
        inner = _from_json(text)
        if inner is not None:
            return inner
    if "\n" in text.strip() and "\\n" not in text:
        return text
    if "#01" in text and "\n" not in text.strip():
        text = _SYSLOG.sub(lambda m: "\t" if m[0] == "#011" else "\n", text)
    if "\\n" in text and _SIGN.search(text):
        text = text.replace("\\r\\n", "\n").replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"')
    if "\\u000a" in text:
        text = text.replace("\\u000a", "\n").replace("\\u0009", "\t")
    if "\n" not in text.strip():
        text = _PIPES.sub("\n    ", text)
        text = _JAVA_INLINE.sub("\n    ", text)
    return text


def _from_json(text: str) -> str | None:
    """The longest string of several lines in a JSON object, with the message above it; None when there is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    best, stack, seen = "", [value], 0
    while stack and seen < 5_000:
        item = stack.pop()
        seen += 1
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            if item and all(isinstance(part, str) for part in item):
                stack.append("\n".join(item))
            else:
                stack.extend(item)
        elif isinstance(item, str) and "\n" in item and len(item) > len(best):
            best = item
    return best or None
