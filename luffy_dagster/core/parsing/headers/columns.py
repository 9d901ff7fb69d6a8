"""Building one header format from the left, part by part, by what nearly all lines of a heap have at that place.

The order in which candidates are tried is here; each kind of part is in `strong`, `fields` or `tags`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from luffy_dagster.core.parsing import times
from luffy_dagster.core.parsing.headers import everywhere, fields, lexis, strong, tags
from luffy_dagster.core.parsing.headers.formats import Format, Part
from luffy_dagster.core.parsing.headers.heap import MOST, Heap

Candidate = Callable[[Heap, str, bool], bool]
_PARTS = 18


class Builder(Heap):
    """Reads the lines of one heap from the left; `build` gives the format, `stems` its beginnings."""

    def build(self) -> Format | None:
        """The heap's format, or None when it has neither time nor level."""
        indented = bool(self.lines) and sum(line[:1] in " \t" for line in self.lines) >= MOST * len(self.lines)
        for step in range(_PARTS):
            separator = self.separator() if step or indented else ""
            if separator is None:
                break
            if not self._next(separator):
                break
            self.marks.append((len(self.parts), self.expression, self.open))
        if not (self.time or self.level or (self.marks and lexis.MARKED.match(self.lines[0]))):
            return None
        return self._format(self.parts, self.expression, self._after())

    def stems(self, main: Format) -> list[Format]:
        """Beginnings of the format that still hold a time or a level, the longest first."""
        out: list[Format] = []
        for count, expression, awaited in reversed(self.marks[:-1]):
            parts = self.parts[:count]
            if (
                not any(part.time for part in parts)
                and "?P<level>" not in "".join(p.expression for p in parts) + expression
            ):
                continue
            close = f"[ \\t]*{re.escape(awaited)}" if awaited else ""
            out.append(self._format(parts, expression, close + "[ \\t]?"))
        return [form for form in out if form.compiled.expression != main.compiled.expression]

    def _format(self, parts: Sequence[Part], expression: str, after: str) -> Format:
        chosen = [*parts, Part(expression)] if expression else list(parts)
        timed = [i for i, part in enumerate(chosen) if part.time is not None]
        if timed:
            best = max(timed, key=lambda i: (times.BY_NAME[chosen[i].time.form].rank, -i))  # type: ignore[union-attr]
            chosen[best] = Part(chosen[best].expression, chosen[best].time, main=True)
        level_from = "" if self.level else self._status()
        return Format(tuple(chosen), after, 0.0, level_from)

    def _status(self) -> str:
        seen = [self.lines[i][at:] for i, at in self.alive()]
        hits = sum(1 for text in seen if re.match(r'[ \t]*"?[A-Z]{3,8} [^"]*"? [1-5][0-9]{2}(?: |$)', text))
        return "status" if seen and hits >= 0.8 * len(seen) else ""

    def _after(self) -> str:
        """What stands between the header and the message."""
        gap = self.separator()
        if gap is None:
            return "[ \\t]?"
        alive = self.alive()
        if gap.endswith("[ \\t]+"):
            wide = sum(1 for i, at in alive if re.search(r"(?:[ ]{2,}|\t)$", self.lines[i][self.at[i] : at]))
            plain = gap == "[ \\t]+"  # nothing else says that the last part has ended
            gap = gap[: -len("[ \\t]+")] + (
                "(?:[ \\t]+|\\n|$)" if plain else "[ \\t]*" if wide >= MOST * len(alive) else "[ \\t]?"
            )
            if plain and wide < MOST * len(alive):
                gap = "(?:[ \\t\\n]|$)"
        return gap

    def _next(self, separator: str) -> bool:
        """Takes the next part, if there is one."""
        if separator == "" and self.last == "":
            self.pending = list(self.at)
        closing = bool(self.open) and self.gap.strip()[:1] == self.open
        inside = bool(self.open) and not closing
        return any(candidate(self, separator, closing) for candidate in self._candidates(inside))

    def _candidates(self, inside: bool) -> list[Candidate]:
        first: list[Candidate] = [
            strong.try_time,
            strong.try_glog,
            strong.try_level,
            strong.try_letter,
            strong.try_sign,
        ]
        if inside:
            return [*first, fields.try_run, fields.try_inside]
        if self.tagged:
            return [*first[:3], fields.try_behind_tag]
        return [
            everywhere.try_lead,
            everywhere.try_report,
            everywhere.try_key,
            everywhere.try_marked,
            *first,
            fields.try_delimited,
            fields.try_bracket,
            fields.try_run,
            fields.try_number,
            fields.try_ident,
            fields.try_caller,
            everywhere.try_glued,
            everywhere.try_span,
            everywhere.try_category,
            strong.try_named_level,
            tags.try_tag_level,
            tags.try_mnemonic,
            tags.try_event_host,
            tags.try_bracketed_level,
            tags.try_tag,
            tags.try_colon_name,
            tags.try_dash,
            fields.try_slashed,
            fields.try_fixed,
            fields.try_dotted,
            fields.try_numbered_name,
            strong.try_glued_level,
            strong.try_optional_level,
            fields.try_optional_bracket,
            tags.try_optional_tag,
            everywhere.try_odd_word,
            everywhere.try_one_word,
            everywhere.try_places,
        ]
