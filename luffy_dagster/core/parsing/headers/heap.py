"""The lines of one heap and how far each has been read: what the candidates of `columns` work on.

A part is tried as an expression on all lines at once, and is the very one that the column engine runs later. Which parts
are header is decided in `strong`, `fields` and `tags`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from luffy_dagster.core.parsing import levels
from luffy_dagster.core.parsing.headers import lexis
from luffy_dagster.core.parsing.headers.formats import Part

MOST = 0.9  # of the lines must have a part
NEARLY_ALL = 0.95
ALL = 0.98
GAP = re.compile(
    r"(?:[,;:]|>(?=[ \t]))?[ \t]*(?:(?:-{1,3}|={2,4}|[–—|»~⋮>]|=>|->|>>|\*{2,3}|::?)(?=[ \t]|$)|\|-(?=[A-Z])|[|;,:]|/(?=[A-Za-z]))?[ \t]*(?:--?[ \t]+:(?=[ \t]|$)|:(?=[ \t]|$))?[ \t]*"
)


_COLUMN = re.compile(r"[ \t]*(?:\[[^\[\]]*\]|\([^()]*\)|<[^<>]*>|\{[^{}]*\}|[^ \t]+)")
_WITNESSES = 8


@lru_cache(maxsize=2048)
def regex(expression: str) -> re.Pattern[str]:
    """The expression compiled, ASCII classes."""
    return re.compile(expression, re.ASCII)


def gap_expression(normal: str) -> str:
    """Expression of a separator whose runs of blanks were made one blank."""
    return "".join("[ \\t]+" if char == " " else re.escape(char) for char in normal)


@dataclass(frozen=True, slots=True)
class Sides:
    """Where an optional part ends (the place itself on lines without it), its matches, and what follows with it and without it."""

    ends: list[int]
    matches: list[re.Match[str]]
    rests: tuple[list[str], list[str]]


class Heap:
    """Lines of one heap, positions, and the header as far as it has been built."""

    def __init__(self, lines: Sequence[str], all_lines: Sequence[str]) -> None:
        """`lines` are witnesses (no two alike but for digits), `all_lines` the heap in stream order."""
        self.lines = list(lines)
        self.all_lines = all_lines
        self.at = [0] * len(self.lines)
        self.total = max(1, len(self.lines))
        self.expression = ""  # since the last time
        self.whole = ""  # all of it, as Python reads it
        self.parts: list[Part] = []
        self.roles: set[str] = set()
        self.open = ""  # closing bracket that is awaited
        self.tagged = False
        self.level = False
        self.letter = False  # the level is one letter
        self.time = False
        self.last = ""  # kind of the part before
        self.gap = ""  # separator before the part looked for, normalised
        self.marks: list[tuple[int, str, str]] = []  # (number of parts, expression since, open) at each safe end
        self.pending = list(self.at)

    def alive(self) -> list[tuple[int, int]]:
        """Lines that still count and where their next part begins."""
        return [(i, at) for i, at in enumerate(self.pending) if at >= 0]

    def separator(self) -> str | None:
        """Expression of what stands between the last part and the next; sets where the next begins."""
        found: list[tuple[int, str, int]] = []
        for i, at in enumerate(self.at):
            if at < 0:
                continue
            text = self.lines[i]
            start = at
            if self.last == "caller" and not self.open and text[at : at + 1] == "]":
                start = at + 1
            if self.open:
                close = re.compile(r"[ \t]*" + re.escape(self.open)).match(text, at)
                if close is not None:
                    start = close.end()
            match = GAP.match(text, start)
            end = match.end() if match else start
            found.append((i, lexis.BLANKS.sub(" ", text[at:end]), end))
        if not found:
            return None
        counts = Counter(normal for _, normal, _ in found)
        normal, count = counts.most_common(1)[0]
        pending = [-1] * len(self.at)
        if count >= MOST * len(found):
            expression = gap_expression(normal)
            if normal == " " and all(
                self.lines[i][self.at[i] : end] == "\t" for i, other, end in found if other == normal
            ):
                expression = "\\t"
            for i, other, end in found:
                if other == normal:
                    pending[i] = end
        elif all(other[:1] in (" ", "") or not other for _, other, _ in found) and sum(
            other[:1] == " " for _, other, _ in found
        ) >= MOST * len(found):
            expression, normal = "[ \\t]+", " "
            for i, other, _ in found:
                if other[:1] == " ":
                    blank = lexis.BLANKS.match(self.lines[i], self.at[i])
                    pending[i] = blank.end() if blank else -1
        elif set(counts) <= {"", " "} and all(
            self.lines[i][end : end + 1] == "[" for i, other, end in found if not other
        ):
            expression, normal = "[ \\t]*", ""  # a bracket that some lines have, glued to the one before
            for i, _, end in found:
                pending[i] = end
        elif self.padded_marks(counts, len(found)):
            normal = max((c for c in counts if c.strip()), key=lambda c: counts[c])
            mark = normal.strip()
            expression = "[ \\t]*" + re.escape(mark) + ("[ \\t]+" if normal.endswith(" ") else "")
            for i, other, end in found:
                if other.strip() == mark:
                    pending[i] = end
        else:
            shared = self.shared_gap(counts, len(found))
            if not shared:
                return None
            normal, expression = shared, gap_expression(shared)
            pattern = regex(expression)
            for i, other, _ in found:
                opening = pattern.match(self.lines[i], self.at[i]) if other.startswith(shared) else None
                pending[i] = opening.end() if opening else -1
        self.pending = pending
        self.gap = normal
        return expression

    @staticmethod
    def shared_gap(counts: Counter[str], total: int) -> str:
        """The longest beginning that nearly all separators have and that ends at a mark or behind its blank (": " of ": - ")."""
        best = ""
        for text in counts:
            for end in range(1, len(text)):
                start = text[:end]
                whole = text[end - 1] == " " or text[end] in " -–—|»~=>:"
                if whole and start.strip() and len(start) > len(best):
                    have = sum(count for other, count in counts.items() if other.startswith(start))
                    if have >= MOST * total:
                        best = start
        return best

    @staticmethod
    def padded_marks(counts: Counter[str], total: int) -> bool:
        """Whether the separators differ only by blanks before one mark (`INFO   :` and `WARNING:`)."""
        marks: Counter[str] = Counter()
        for text, count in counts.items():
            marks[text.strip() + ("_" if text.endswith(" ") else "")] += count
        mark, count = marks.most_common(1)[0]
        return bool(mark.strip("_")) and count >= MOST * total

    def match(self, expression: str) -> tuple[list[int], float, list[re.Match[str]]]:
        """Where the expression ends in each line that still counts (-1: no match), the share, the matches."""
        pattern = regex(expression)
        ends = [-1] * len(self.at)
        matches = []
        alive = 0
        for i, at in enumerate(self.pending):
            if at < 0:
                continue
            alive += 1
            found = pattern.match(self.lines[i], at)
            if found is not None:
                ends[i] = found.end()
                matches.append(found)
        return ends, len(matches) / alive if alive else 0.0, matches

    def levels_at(self, steps: int) -> bool:
        """Whether the word so many words on is a column of levels: a level on all lines, in one style, and not always the same."""
        alive = self.alive()
        words = []
        for i, at in alive:
            token = None
            for _ in range(steps + 1):
                token = _COLUMN.match(self.lines[i], at)
                if token is None:
                    return False
                at = token.end()
            words.append(token.group().strip(" \t[](){}<>:,;*|\"'") if token else "")
        if len(words) < _WITNESSES:
            return False
        known = [word for word in words if word.lower() in levels.WORDS or (word.isupper() and lexis.is_letter(word))]
        styles = {(word.isupper(), word.islower(), len(word) == 1) for word in known}
        return len(known) >= ALL * len(words) and len(styles) == 1 and len({levels.normal(word) for word in known}) > 1

    def sides(self, expression: str, least: float = 0.3) -> Sides | None:
        """The lines that have an optional part here and those that have not; None when too few do one or the other."""
        ends, share, matches = self.match(expression)
        if not least <= share < MOST:
            return None
        alive = self.alive()
        have = [self.lines[i][ends[i] :] for i, _ in alive if ends[i] >= 0]
        lack = [self.lines[i][at:] for i, at in alive if ends[i] < 0]
        if len(lack) < 4:
            return None
        whole = [end if end >= 0 else at for end, at in zip(ends, self.pending, strict=True)]
        return Sides(whole, matches, (have, lack))

    def take(
        self, separator: str, expression: str, ends: list[int], kind: str, opened: str = "", closed: bool = False
    ) -> bool:
        """Adds an untimed part; refuses when too few of all lines would be left."""
        if sum(end >= 0 for end in ends) < 0.6 * self.total:
            return False
        self.expression += separator + expression
        self.whole += separator + expression
        self.advance(ends, kind, opened, closed)
        return True

    def advance(self, ends: list[int], kind: str, opened: str, closed: bool) -> None:
        """Goes on behind a part that was taken."""
        self.at = ends
        self.pending = list(ends)
        self.last = kind
        if closed:
            self.open = ""
        if opened:
            self.open = lexis.CLOSER[opened]

    def role(self, *wanted: str) -> str:
        """`?P<role>` for the first of these that no part has yet, else nothing to be captured."""
        for role in wanted:
            if role not in self.roles:
                self.roles.add(role)
                return f"?P<{role}>"
        return "?:"

    def opener(self) -> str:
        """The opening bracket that nearly all lines have here, or ""."""
        counts = Counter(self.lines[i][at : at + 1] for i, at in self.alive())
        if not counts:
            return ""
        char, count = counts.most_common(1)[0]
        return char if char in lexis.CLOSER and count >= MOST * sum(counts.values()) else ""
