"""Which lines belong to the entry of the line before them, because they are part of a stack trace.

Belongs here: what follows from a line's neighbours. Does not belong here: what a line says alone (`kinds`), headers
(`core.parsing.headers`): a stream whose entries have headers folds by these.

How it works: `kinds` judges every line alone, in the column engine. From each line that can open a trace a small
machine walks on over the kinds to the trace's end. Only lines of traces are walked over, each once or, where a message
of several lines had to be looked through in vain, a bounded number of times.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from luffy_dagster.core.parsing.traces.kinds import Kind, kinds

MESSAGE_LINES = 40  # lines that a message may have between a weak head and its first frame
STRONG_LINES = 80  # the same after a head that cannot be anything else
NOTEBOOK_LINES = 400  # lines of one exception as IPython prints it

_PLAIN, _INDENTED, _BLANK = Kind.PLAIN.value, Kind.INDENTED.value, Kind.BLANK.value
_FRAME, _GLUE, _PYTHON_FRAME = Kind.FRAME.value, Kind.GLUE.value, Kind.PYTHON_FRAME.value
_STRONG, _WEAK, _PYTHON, _GROUP = Kind.STRONG.value, Kind.WEAK.value, Kind.PYTHON.value, Kind.GROUP.value
_NOTEBOOK, _CAUSE, _GO_FILE, _NODE_SITE = (
    Kind.NOTEBOOK.value,
    Kind.CAUSE.value,
    Kind.GO_FILE.value,
    Kind.NODE_SITE.value,
)
_HEADS = frozenset((_STRONG, _WEAK, _PYTHON, _GROUP, _NOTEBOOK))
_TRACEBACKS = frozenset((_PYTHON, _GROUP, _NOTEBOOK))
_INSIDE = frozenset((_FRAME, _GLUE, _PYTHON_FRAME, _CAUSE, _GO_FILE))
_OPENERS = _HEADS | _INSIDE | {_NODE_SITE}
# A line in the middle of a message that begins like a log line of its own ends the search for frames.
_LOG_LINE = re.compile(
    r"^(?:\[?\d{4}[-/]\d\d[-/]\d\d[ T]|\[?(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL)\b)"
)


def is_frame(lines: pl.Series) -> pl.Series:
    """Whether each line alone is plainly a part of a trace: a frame, "Caused by: …", "... 3 more" (Boolean)."""
    return kinds(lines).is_in(list(_INSIDE)).alias("is_frame")


def opens_trace(lines: pl.Series) -> pl.Series:
    """Whether each line alone can open a trace: "Traceback …", "panic: …", "java.lang.X: …" (Boolean)."""
    return kinds(lines).is_in(list(_HEADS)).alias("opens_trace")


def is_continuation(lines: pl.Series, stream: pl.Series | None = None) -> pl.Series:
    """Whether each line belongs to the entry of the line before it.

    Args:
        lines: Bodies (Utf8) without wrapper and per-line header, leading blanks kept, in stream order.
        stream: Name of the stream of each line where there are several; rows of a stream stand together.

    Returns:
        Boolean, same length. A stream's first line is True only when it is plainly inside a trace. A trace that has
        begun for certain and shows no frame yet at the end of its stream counts as going on.
    """
    result = pl.Series("is_continuation", [False], dtype=pl.Boolean).new_from_index(0, len(lines))
    if len(lines) == 0:
        return result
    kind = kinds(lines)
    opening = kind.is_in(list(_OPENERS)).arg_true().to_list()
    if not opening:
        return result
    ends = _ends(stream, len(lines))
    codes = bytes(kind.to_list())
    walker = _Walker(lines, codes)
    joined: list[int] = []
    at = 0
    bound = 0
    for start in opening:
        if start < at:
            continue
        while ends[bound] <= start:
            bound += 1
        stop = walker.trace_end(start, ends[bound])
        first = start if codes[start] in _INSIDE else start + 1
        joined.extend(range(first, stop))
        at = max(stop, start + 1)
    if not joined:
        return result
    return result.scatter(joined, values=True)


def _ends(stream: pl.Series | None, count: int) -> list[int]:
    """Row numbers at which the streams end, the last being `count`."""
    if stream is None:
        return [count]
    changes = (stream != stream.shift(1)).fill_null(value=False).arg_true().to_list()
    return [*changes, count]


# Lines that say that one more exception of the same chain follows.
_LINK = re.compile(
    r"^\s*(?:During handling of|The above exception was|\[?previous exception|nested exception|Rethrow as|Caused by|--- |\[?stacktrace|Stack ?trace)"
)
LINK_LINES = 15  # lines that a Python message may have before the line that links the next exception


class _Walker:
    """Walks from a line that can open a trace to the trace's end."""

    def __init__(self, lines: pl.Series, codes: bytes) -> None:
        self.lines = lines
        self.codes = codes
        self._log_like: set[int] = set()

    def text(self, at: int) -> str:
        value = self.lines[at]
        return value[:2_000] if isinstance(value, str) else ""

    def trace_end(self, start: int, stop: int) -> int:
        """Row behind the last line of the trace that begins at `start`; `start + 1` when there is none."""
        code = self.codes[start]
        if code == _NODE_SITE:
            return self._node(start, stop)
        if code == _NOTEBOOK:
            return self._tail(self._notebook(start, stop), stop)
        if code in (_PYTHON, _GROUP):
            return self._tail(self._python(start, stop, group=code == _GROUP), stop)
        if code == _STRONG:
            found = self._message(start + 1, stop, STRONG_LINES)
            return start + 1 if found is None else self._tail(found, stop, found)
        if code == _WEAK:
            found = self._message(start + 1, stop, MESSAGE_LINES)
            return start + 1 if found is None else self._tail(found, stop, found)
        if code == _PYTHON_FRAME:
            return self._tail(self._python(start - 1, stop, group=False), stop)
        return self._tail(start, stop)

    def _message(self, at: int, stop: int, limit: int) -> int | None:
        """Row of the first line inside the trace, looked for through the lines of a message; None when none comes."""
        codes = self.codes
        blanks = 0
        for row in range(at, min(stop, at + limit)):
            code = codes[row]
            if code in _INSIDE or (code == _PLAIN and self._go_call(row, stop)):
                return row
            if code in (_PYTHON, _GROUP, _NOTEBOOK):
                return row if row == at else None
            if code == _BLANK:
                blanks += 1
                if blanks > 4:
                    return None
            elif code == _STRONG or (code == _WEAK and not self._nested(row - 1)):
                strong = codes[at - 1] == _STRONG and row == at
                if not strong:
                    return None
            elif code == _PLAIN and self._log_line(row):
                return None
        unfinished = codes[at - 1] == _STRONG and stop - at <= 3
        return stop if unfinished else None

    def _nested(self, row: int) -> bool:
        return self.codes[row] == _GLUE or self.text(row).rstrip().endswith((":", ";"))

    def _log_line(self, row: int) -> bool:
        return _LOG_LINE.match(self.text(row)) is not None

    def _go_call(self, row: int, stop: int) -> bool:
        return row + 1 < stop and self.codes[row + 1] == _GO_FILE

    def _linked(self, row: int) -> bool:
        """Whether the last line with text above `row` says that another exception of the chain follows."""
        above = row - 1
        while above > 0 and above > row - 4 and self.codes[above] == _BLANK:
            above -= 1
        return above >= 0 and self.codes[above] == _GLUE and _LINK.match(self.text(above)) is not None

    def _reflowed(self, row: int, stop: int) -> bool:
        """Whether a traceback right below another has lost its blanks, as the line that linked the two has been lost with them."""
        return (
            row + 1 < stop
            and row > 0
            and self.codes[row - 1] in (_PLAIN, _WEAK)
            and self.text(row + 1).startswith((" File", "File", "\tFile"))
        )

    def _tail(self, at: int, stop: int, start: int = -1) -> int:
        """Row behind the trace whose inner lines begin at `at`: frames, glue, causes, blank lines between them.

        `start`: where a traceback may begin that nothing above links.
        """
        codes = self.codes
        row = at
        while row < stop:
            code = codes[row]
            if code in (_FRAME, _GO_FILE, _GLUE):
                row += 1
                if code == _FRAME and self.text(row - 1).rstrip().endswith(" {"):
                    row = self._braces(row, stop)
                elif code == _GLUE:
                    row = self._after_glue(row, stop)
                continue
            if code == _CAUSE:
                found = self._message(row + 1, stop, MESSAGE_LINES)
                row = row + 1 if found is None else found
                continue
            if code == _PYTHON_FRAME:
                row = self._python(row - 1, stop, group=False)
                continue
            if code in (_PYTHON, _GROUP):
                if row == start or self._linked(row) or self._reflowed(row, stop):
                    row = self._python(row, stop, group=code == _GROUP)
                    continue
                return row
            if code == _NOTEBOOK and row > at and self._linked(row):
                row = self._notebook(row, stop)
                continue
            if code == _BLANK:
                after = row + 1
                while after < stop and codes[after] == _BLANK and after < row + 3:
                    after += 1
                linked = row > at and after < stop and codes[after] in _TRACEBACKS and self._linked(after)
                if linked or (after < stop and (codes[after] in _INSIDE or self._go_call(after, stop))):
                    row = after
                    continue
                return after
            if self._go_call(row, stop):
                row += 2
                continue
            if (
                code == _INDENTED
                and row > at
                and codes[row - 1] in (_FRAME, _INDENTED)
                and self._frames_follow(row, stop)
            ):
                row += 1
                continue
            return row
        return stop

    def _frames_follow(self, row: int, stop: int) -> bool:
        """Whether an indented line of no known kind stands between frames (a source line, a cut one)."""
        return any(self.codes[after] in _INSIDE for after in range(row + 1, min(stop, row + 4)))

    def _after_glue(self, row: int, stop: int) -> int:
        """A line that says what follows is a second exception takes that exception's head with it."""
        codes = self.codes
        after = row
        if not _LINK.match(self.text(row - 1)):
            return row
        while after < stop and codes[after] == _BLANK and after < row + 2:
            after += 1
        if after < stop and codes[after] in (_WEAK, _STRONG):
            found = self._message(after + 1, stop, MESSAGE_LINES)
            if found is not None:
                return found
        return row

    def _braces(self, row: int, stop: int) -> int:
        """Behind the object that node prints after the last frame of an error with properties."""
        for after in range(row, min(stop, row + 60)):
            if self.text(after).rstrip() == "}":
                return after + 1
        return row

    def _node(self, start: int, stop: int) -> int:
        """`file:line`, the source line, a caret, a blank, then the error: what node prints when nothing caught it."""
        for row in range(start + 1, min(stop, start + 8)):
            code = self.codes[row]
            if code in (_WEAK, _STRONG) and self.codes[row - 1] in (_BLANK, _GLUE):
                return self.trace_end(row, stop)
            if code == _FRAME:
                return self._tail(row, stop)
        return start + 1

    def _python(self, start: int, stop: int, *, group: bool) -> int:
        """Behind the part of a Python traceback that begins at `start`: frames and the exception's line."""
        codes = self.codes
        row = start + 1
        while row < stop:
            code = codes[row]
            if code == _PYTHON_FRAME:
                row += 1
                if row + 1 < stop and (
                    (codes[row] in (_PLAIN, _WEAK) and codes[row + 1] == _PYTHON_FRAME)
                    or (codes[row] == _PLAIN and codes[row + 1] == _WEAK and self.text(row - 1)[:1] == "F")
                ):
                    row += 1  # the source line of a frame whose blanks were cut off
                continue
            text = self.text(row)
            if group:
                if text.lstrip()[:1] in ("|", "+") and text[:1] == " ":
                    row += 1
                    continue
                return row
            if text[:1] in (" ", "\t"):
                row += 1
                continue
            if code == _BLANK:
                return row
            if text.startswith("[Previous line repeated") or code == _GLUE:
                row += 1
                continue
            if code in _TRACEBACKS:
                return row
            # The exception's line; an indented rest of its message and its notes go with it.
            row += 1
            while row < stop and codes[row] in (_INDENTED, _GLUE) and _LINK.match(self.text(row)) is None:
                row += 1
            return self._to_link(row, stop)
        return stop

    def _to_link(self, row: int, stop: int) -> int:
        """Over the plain lines of a message that a link to the next exception ends; `row` itself when none does."""
        for after in range(row, min(stop, row + LINK_LINES)):
            code = self.codes[after]
            if code == _GLUE and _LINK.match(self.text(after)):
                return after
            if code not in (_PLAIN, _INDENTED, _BLANK, _GLUE):
                return row
        return row

    def _notebook(self, start: int, stop: int) -> int:
        """Behind one exception as IPython prints it: it ends with a line that begins with the type of its head."""
        name = self.text(start).split(None, 1)[0]
        for row in range(start + 1, min(stop, start + NOTEBOOK_LINES)):
            if self.text(row).startswith((name + ":", name + " ")) or self.text(row).rstrip() == name:
                return row + 1
        return start + 1


def trace_rows(lines: Sequence[str]) -> list[bool]:
    """`is_continuation` for a list of texts."""
    return is_continuation(pl.Series("lines", lines, dtype=pl.Utf8)).to_list()
