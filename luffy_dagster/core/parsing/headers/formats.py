"""A header format as a value: the parts of a header in order, and the one expression that reads them.

No decision is taken here; which parts a stream has is settled by `infer`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

from luffy_dagster.core.parsing.times import TimeSpec

# What a captured part can be. The other parts of a header are passed over.
ROLES = ("time", "level", "logger", "thread", "process", "host", "trace_id", "span_id")
_NAMED = re.compile(r"\(\?P<(\w+)>")
_PLAIN = re.compile(r"(?<!\\)\((?!\?)")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a header: an expression whose named groups are roles, or a time between two expressions."""

    expression: str  # what stands before the time, for a time
    time: TimeSpec | None = None
    main: bool = False  # of several times in a header, the one that is taken

    def to_json(self) -> dict[str, object]:
        """The part as JSON values."""
        out: dict[str, object] = {"expression": self.expression}
        if self.time is not None:
            out["time"] = self.time.to_json()
            out["main"] = self.main
        return out


def _closing(expression: str) -> int:
    """Where the group that the expression begins with ends."""
    depth = 0
    for i, char in enumerate(expression):
        if char == "(" and expression[i - 1 : i] != "\\":
            depth += 1
        elif char == ")" and expression[i - 1 : i] != "\\":
            depth -= 1
            if depth == 0:
                return i
    return len(expression) - 1


@dataclass(frozen=True)
class Format:
    """A header format: parts in order, then `after` (what stands between header and message)."""

    parts: tuple[Part, ...]
    after: str = ""
    share: float = 0.0  # of the sample's lines that it reads
    level_from: str = ""  # "status": an access log's status says the level
    whole: bool = False  # a sentence that names its time: the line itself is the message

    def to_json(self) -> dict[str, object]:
        """The format as JSON values."""
        return {
            "parts": [part.to_json() for part in self.parts],
            "after": self.after,
            "share": round(self.share, 4),
            "level_from": self.level_from,
            **({"whole": True} if self.whole else {}),
        }

    @staticmethod
    def from_json(value: dict[str, object]) -> Format:
        """The format again (KeyError for one that is incomplete)."""
        parts = []
        raw = value["parts"]
        for item in raw if isinstance(raw, list) else []:
            time = item.get("time")
            parts.append(
                Part(item["expression"], TimeSpec.from_json(time) if time else None, main=bool(item.get("main")))
            )
        share = value.get("share", 0.0)
        return Format(
            tuple(parts),
            str(value.get("after", "")),
            float(share) if isinstance(share, int | float) else 0.0,
            str(value.get("level_from", "")),
            bool(value.get("whole")),
        )

    @cached_property
    def compiled(self) -> Compiled:
        """The expression for the column engine and which group is what."""
        text, group = "", 1  # group 1 is the whole header
        groups: dict[str, int] = {}
        time: TimeSpec | None = None
        near: TimeSpec | None = None
        main_says = any(part.main and part.time is not None and not part.time.yearless for part in self.parts)

        def number(found: re.Match[str]) -> str:
            nonlocal group
            role = found.group(1)
            if role in groups:
                return "(?:"
            group += 1
            groups[role] = group
            return "("

        for part in self.parts:
            text += _NAMED.sub(number, part.expression)
            if part.time is None:
                continue
            expression, count = part.time.expression()
            if part.main and time is None:
                text += expression
                groups["time"] = group + 1
                group += count
                time = part.time
            elif (
                "near" not in groups
                and part.time.form in ("epoch", "epoch_ms", "iso")
                and (time is None or time.yearless)
                and not main_says
            ):
                # the main time leaves out the year, this one has it
                head, rest = expression[: _closing(expression) + 1], expression[_closing(expression) + 1 :]
                text += head + _PLAIN.sub("(?:", rest)
                group += 1
                groups["near"] = group
                near = part.time
            else:
                text += _PLAIN.sub("(?:", expression)
        return Compiled(f"^({text}{self.after})", groups, time, near)


@dataclass(frozen=True, slots=True)
class Compiled:
    """Expression of a format: group 1 is the header, `groups` the number of each role's group."""

    expression: str
    groups: dict[str, int] = field(default_factory=dict)
    time: TimeSpec | None = None
    near: TimeSpec | None = None  # another time of the header, which has the year that `time` leaves out
