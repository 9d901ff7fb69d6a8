"""The words of a stack trace: an exception with its frames, and the trace that holds the chain of them.

Values only; how they are read is the business of the modules per language.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class RawFrame(NamedTuple):
    """A frame as printed. `module` is the package, class or library; `source` the source line where it is printed."""

    function: str | None
    file: str | None
    line: int | None = None
    module: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class TracedException:
    """One exception of a chain; frames innermost first. `relation` says how it hangs on the one it belongs to.

    Relations: "" (the outermost), "cause", "context", "suppressed", "group", "thread".
    """

    type: str | None
    message: str
    frames: tuple[RawFrame, ...] = ()
    relation: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace: exceptions in order of appearance. `outer` and `root` are indexes of the outermost one and of the innermost cause."""

    language: str
    exceptions: tuple[TracedException, ...]
    first: int
    last: int
    outer_at: int = 0
    root_at: int = 0

    @property
    def outer(self) -> TracedException:
        """The exception that reached the log."""
        return self.exceptions[self.outer_at]

    @property
    def root(self) -> TracedException:
        """The innermost cause."""
        return self.exceptions[self.root_at]


MAX_FRAMES = 400  # frames kept of one exception: the innermost three quarters and the outermost quarter


def bounded(frames: list[RawFrame]) -> tuple[RawFrame, ...]:
    """`frames`, without its middle when it is longer than MAX_FRAMES."""
    if len(frames) <= MAX_FRAMES:
        return tuple(frames)
    inner = MAX_FRAMES * 3 // 4
    return (*frames[:inner], *frames[inner - MAX_FRAMES :])
