"""Building one header format from the left, part by part, by what nearly all lines of a heap have at that place.

`Builder` holds the lines and how far each has been read. A candidate is an expression; it is taken when enough lines
match it and it is of a kind that headers are made of (see `infer`). The expression that is tried in Python on the sample is the
very one that the column engine runs later.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

from luffy_dagster.core.parsing import times
from luffy_dagster.core.parsing.headers import lexis
from luffy_dagster.core.parsing.headers.formats import Format, Part
from luffy_dagster.core.parsing.levels import SIGNS, SURE, WORDS

MOST = 0.9  # of the lines must have a part
NEARLY_ALL = 0.95
ALL = 0.98
_PARTS = 18
_STRONG_FORMS = frozenset(form.name for form in times.FORMS if form.rank >= 4)


@lru_cache(maxsize=2048)
def _regex(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.ASCII)


class Builder:
    """Reads the lines of one heap from the left; `build` gives the format, `stems` its beginnings."""

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

    # -- the loop ---------------------------------------------------------------------------------

    def build(self) -> Format | None:
        """The heap's format, or None when it has neither time nor level."""
        indented = bool(self.lines) and sum(line[:1] in " \t" for line in self.lines) >= MOST * len(self.lines)
        for step in range(_PARTS):
            separator = self._separator() if step or indented else ""
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
        level_from = "" if self.level else self._status(after)
        return Format(tuple(chosen), after, 0.0, level_from)

    def _status(self, after: str) -> str:
        seen = [self.lines[i][at:] for i, at in self._alive()]
        hits = sum(1 for text in seen if re.match(r'[ \t]*"?[A-Z]{3,8} [^"]*"? [1-5][0-9]{2}(?: |$)', text))
        return "status" if seen and hits >= 0.8 * len(seen) else ""

    def _after(self) -> str:
        """What stands between the header and the message."""
        gap = self._separator()
        if gap is None:
            return "[ \\t]?"
        alive = self._alive()
        if gap.endswith("[ \\t]+"):
            wide = sum(1 for i, at in alive if re.search(r"(?:[ ]{2,}|\t)$", self.lines[i][self.at[i] : at]))
            gap = gap[: -len("[ \\t]+")] + ("[ \\t]*" if wide >= MOST * len(alive) else "[ \\t]?")
        return gap

    def _alive(self) -> list[tuple[int, int]]:
        return (
            [(i, at) for i, at in enumerate(self._pending) if at >= 0]
            if hasattr(self, "_pending")
            else [(i, at) for i, at in enumerate(self.at) if at >= 0]
        )

    # -- separators -------------------------------------------------------------------------------

    def _separator(self) -> str | None:
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
            match = _GAP.match(text, start)
            end = match.end() if match else start
            found.append((i, lexis.BLANKS.sub(" ", text[at:end]), end))
        if not found:
            return None
        counts = Counter(normal for _, normal, _ in found)
        normal, count = counts.most_common(1)[0]
        pending = [-1] * len(self.at)
        if count >= MOST * len(found):
            expression = _gap_expression(normal)
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
        elif self._padded_marks(counts, len(found)):
            normal = max((c for c in counts if c.strip()), key=lambda c: counts[c])
            mark = normal.strip()
            expression = "[ \\t]*" + re.escape(mark) + ("[ \\t]+" if normal.endswith(" ") else "")
            for i, other, end in found:
                if other.strip() == mark:
                    pending[i] = end
        else:
            return None
        self._pending = pending
        self.gap = normal
        return expression

    @staticmethod
    def _padded_marks(counts: Counter[str], total: int) -> bool:
        """Whether the separators differ only by blanks before one mark (`INFO   :` and `WARNING:`)."""
        marks: Counter[str] = Counter()
        for text, count in counts.items():
            marks[text.strip() + ("_" if text.endswith(" ") else "")] += count
        mark, count = marks.most_common(1)[0]
        return bool(mark.strip("_")) and count >= MOST * total

    # -- candidates -------------------------------------------------------------------------------

    def _next(self, separator: str) -> bool:
        """Takes the next part, if there is one."""
        if not hasattr(self, "_pending"):
            self._pending = list(self.at)
        if separator == "" and self.last == "":
            self._pending = list(self.at)
        closing = bool(self.open) and self.gap.strip()[:1] == self.open
        inside = bool(self.open) and not closing
        for candidate in self._candidates(inside):
            if candidate(separator, closing):
                return True
        return False

    def _candidates(self, inside: bool) -> list[Callable[[str, bool], bool]]:
        strong: list[Callable[[str, bool], bool]] = [
            self._try_time,
            self._try_glog,
            self._try_level,
            self._try_letter,
            self._try_sign,
        ]
        if inside:
            return [*strong, self._try_run, self._try_inside]
        if self.tagged:
            return strong[:3]
        return [
            *strong,
            self._try_delimited,
            self._try_bracket,
            self._try_run,
            self._try_number,
            self._try_ident,
            self._try_caller,
            self._try_tag,
            self._try_colon_name,
            self._try_dash,
            self._try_fixed,
            self._try_dotted,
        ]

    def _match(self, expression: str) -> tuple[list[int], float, list[re.Match[str]]]:
        """Where the expression ends in each line that still counts (-1: no match), the share, the matches."""
        pattern = _regex(expression)
        ends = [-1] * len(self.at)
        matches = []
        alive = 0
        for i, at in enumerate(self._pending):
            if at < 0:
                continue
            alive += 1
            found = pattern.match(self.lines[i], at)
            if found is not None:
                ends[i] = found.end()
                matches.append(found)
        return ends, len(matches) / alive if alive else 0.0, matches

    def _take(
        self, separator: str, expression: str, ends: list[int], kind: str, opened: str = "", closed: bool = False
    ) -> bool:
        """Adds an untimed part; refuses when too few of all lines would be left."""
        if sum(end >= 0 for end in ends) < 0.6 * self.total:
            return False
        self.expression += separator + expression
        self.whole += separator + expression
        self._advance(ends, kind, opened, closed)
        return True

    def _advance(self, ends: list[int], kind: str, opened: str, closed: bool) -> None:
        self.at = ends
        self._pending = list(ends)
        self.last = kind
        if closed:
            self.open = ""
        if opened:
            self.open = lexis.CLOSER[opened]

    def _role(self, *wanted: str) -> str:
        """`?P<role>` for the first of these that no part has yet, else nothing to be captured."""
        for role in wanted:
            if role not in self.roles:
                self.roles.add(role)
                return f"?P<{role}>"
        return "?:"

    def _opener(self) -> str:
        counts = Counter(self.lines[i][at : at + 1] for i, at in self._alive())
        if not counts:
            return ""
        char, count = counts.most_common(1)[0]
        return char if char in lexis.CLOSER and count >= MOST * sum(counts.values()) else ""

    def _try_time(self, separator: str, closed: bool) -> bool:
        alive = self._alive()
        if not alive:
            return False
        opener = self._opener()
        found = [
            (
                i,
                times.match_at(
                    self.lines[i],
                    at + len(opener) + (self.lines[i][at + len(opener) : at + len(opener) + 1] == " " and bool(opener)),
                ),
            )
            for i, at in alive
        ]
        forms = Counter(f.form for _, f in found if f is not None)
        if not forms:
            return False
        form, count = forms.most_common(1)[0]
        if count < MOST * len(alive) or (self.time and form in ("clock", "epoch") and self.tagged):
            return False
        if form.startswith("epoch") and not all(
            lexis._alone(self.lines[i], f) for i, f in found if f is not None and f.form == form
        ):
            return False
        chosen = [f for _, f in found if f is not None and f.form == form]
        before = separator + (re.escape(opener) + "[ ]?" if opener else "")
        if form in ("numeric", "pair"):
            chosen = self._all_times(self.whole + before, form) or chosen
        spec = times.settle(chosen)
        expression = _regex(spec.expression()[0])
        ends = [-1] * len(self.at)
        for i, f in found:
            if f is not None and f.form == form:
                match = expression.match(self.lines[i], f.start)
                ends[i] = match.end() if match else -1
        if sum(end >= 0 for end in ends) < 0.6 * self.total:
            return False
        self.parts.append(Part(self.expression + before, spec))
        self.expression = ""
        self.whole += before + re.sub(r"(?<!\\)\((?!\?)", "(?:", spec.expression()[0])
        self.time = True
        self._advance(ends, "time", opener, closed)
        return True

    def _all_times(self, before: str, form: str) -> list[times.Found]:
        pattern = _regex(re.sub(r"\(\?P<\w+>", "(?:", before))
        out = []
        for line in self.all_lines:
            start = pattern.match(line)
            found = times.match_at(line, start.end()) if start else None
            if found is not None and found.form == form:
                out.append(found)
        return out

    def _try_glog(self, separator: str, closed: bool) -> bool:
        if self.level:
            return False
        ends, share, _ = self._match("[IWEFDV](?=[01][0-9][0-3][0-9] +[0-9]{2}:[0-9]{2}:)")
        if share < MOST:
            return False
        self.level = True
        return self._take(separator, f"({self._role('level')}[IWEFDV])", ends, "level", "", closed)

    def _try_level(self, separator: str, closed: bool) -> bool:
        if self.level and not (self.letter and self.last == "bracket"):
            return False
        alive = self._alive()
        found = [(i, lexis.LEVEL.match(self.lines[i], at)) for i, at in alive]
        known = [m for i, m in found if m is not None and m.group("w").lower() in WORDS]
        if not known or len(known) < MOST * len(alive):
            return False
        (opener, closer), _ = Counter((m.group("o"), m.group("c")) for m in known).most_common(1)[0]
        same = [m for m in known if m.group("o") == opener]
        if len(same) < MOST * len(alive):
            return False
        wrapped = bool(opener) and closer[:1] == lexis.CLOSER.get(opener[-1:], opener[-1:])
        words = [m.group("w") for m in same]
        sure = sum(
            word.lower() in SURE or (word.isupper() and m.string[m.end() : m.end() + 1] == ":")
            for word, m in zip(words, same, strict=True)
        )
        if not wrapped and sure < 0.5 * len(same):
            return False
        if not wrapped and all(word.islower() for word in words) and not self._lower_level(words, same):
            return False
        modules = sum(1 for m in same if m.group("mod"))
        module = "(?:[A-Za-z_][A-Za-z0-9_-]*[:.])" + ("" if modules == len(same) else "?") if modules else ""
        head = re.escape(opener) + ("[ ]*" if opener else "") + module
        tail = "[ ]*" + re.escape(closer) if wrapped else ""
        expression = head + f"({self._role('level')}{_level_words(words, wrapped)})" + tail
        ends, share, _ = self._match(expression)
        if share < MOST:
            if not self.letter:
                self.roles.discard("level")
            return False
        if not self._take(
            separator,
            expression,
            ends,
            "level",
            opener[-1:] if opener and not wrapped and opener[-1:] in "[(<{" else "",
            closed,
        ):
            self.roles.discard("level")
            return False
        self.level = True
        return True

    def _lower_level(self, words: list[str], same: list[re.Match[str]]) -> bool:
        """Lower-case words are a level when a mark follows, or when several different ones stand right after a time."""
        marked = sum(
            m.string[m.end() : m.end() + 1] in (":", "|", ",", "\t") or m.string[m.end() : m.end() + 2] == "  "
            for m in same
        )
        return (
            marked >= MOST * len(same)
            or (self.last in ("time", "bracket", "number") and len(set(words)) > 1)
            or self.gap.strip() in ("|", "-", "/")
        )

    def _try_letter(self, separator: str, closed: bool) -> bool:
        if self.level or self.last not in ("", "time", "number", "run", "bracket"):
            return False
        opener = self._opener()
        alive = self._alive()
        found = [
            m
            for i, at in alive
            if (m := lexis.LETTER.match(self.lines[i], at)) is not None and lexis.is_letter(m.group("w"))
        ]
        if len(found) < ALL * len(alive) or (self.last == "" and not any(m.group("w") in "IWED" for m in found)):
            return False
        wrapped = bool(opener) and all(m.group("c") for m in found)
        expression = (
            (re.escape(opener) if opener else "")
            + f"({self._role('level')}[A-Z])"
            + (re.escape(lexis.CLOSER[opener]) if wrapped else "")
        )
        ends, share, _ = self._match(expression)
        if share < MOST or not self._take(
            separator, expression, ends, "level", opener if opener and not wrapped else "", closed
        ):
            self.roles.discard("level")
            return False
        self.level = self.letter = True
        return True

    def _try_sign(self, separator: str, closed: bool) -> bool:
        if self.level or self.last != "time":
            return False
        # the sign may have been read as separator: look at what follows the time itself
        starts = [self.lines[i][self.at[i] :] for i, at in enumerate(self.at) if at >= 0]
        signs = [m.group(1) for text in starts if (m := re.match(r" ([-*#.]) ", text))]
        if len(signs) < MOST * len(starts) or set(signs) <= {"-"}:
            return False
        self._pending = list(self.at)
        ends, share, _ = self._match(f" [{re.escape(''.join(SIGNS))}](?= )")
        if share < MOST:
            return False
        self.level = True
        return self._take("", f" ({self._role('level')}[-*#.])", ends, "level", "", closed)

    def _try_inside(self, separator: str, closed: bool) -> bool:
        """The rest of a bracket that a time or a level opened."""
        expression = f"[^{re.escape(self.open)}\\n]*"
        texts = [m.group() for m in self._match(expression)[2]]
        role = self._role(*_roles_of(texts))
        ends, share, _ = self._match(f"[^{re.escape(self.open)}\\n]*(?={re.escape(self.open)})")
        return share >= MOST and self._take(separator, f"({role}{expression})", ends, "bracket", "", closed)

    def _try_delimited(self, separator: str, closed: bool) -> bool:
        """A column between pipes, tabs or semicolons (commas only where the header has used one without a blank)."""
        mark = self.gap.strip(" ")[:1] if self.gap.strip(" ") else ("\t" if "\t" in self._raw_gap() else "")
        if not mark and self.last in ("time", "level"):
            ends, share, matches = self._match("[^ \\t|\\n]{1,40}(?=[ \\t]*\\|)")
            if share >= ALL and _few([m.group() for m in matches]):
                return self._take(separator, f"({self._role('process')}[^ \\t|\\n]+)", ends, "column", "", closed)
        if mark not in ("|", ";", "\t", ",") or (mark == "," and self.gap != ","):
            return False
        blank, sign = mark == "\t", "\\t" if mark == "\t" else re.escape(mark)
        if mark == ",":
            body, look = "[^,\\s]{0,60}", ","
        else:
            body = f"[^{sign}\\n]{{0,80}}?" if blank else f"[^{sign} \\t\\n]*(?:[ \\t]+[^{sign} \\t\\n]+){{0,9}}"
            look = sign if blank else f"[ \\t]*{sign}"
        ends, share, matches = self._match(f"{body}(?={look})")
        if share < ALL:
            return False
        texts = [m.group() for m in matches]
        inner = f"[^{sign}\\n]*" if blank else "[^,\\s]*" if mark == "," else body
        return self._take(separator, f"({self._role(*_roles_of(texts))}{inner})", ends, "column", "", closed)

    def _raw_gap(self) -> str:
        counts = Counter(self.lines[i][self.at[i] : at] for i, at in self._alive())
        return counts.most_common(1)[0][0] if counts else ""

    def _try_bracket(self, separator: str, closed: bool) -> bool:
        opener = self._opener()
        if opener not in lexis.BRACKET or opener == "{":
            return False
        alive = self._alive()
        matches = [m for i, at in alive if (m := lexis.BRACKET[opener].match(self.lines[i], at)) is not None]
        if len(matches) < MOST * len(alive):
            return False
        texts = [m.group()[1:-1] for m in matches]
        if not _bracket_is_header(texts, opener):
            return False
        if not self.level and self._try_level_inside(separator, closed, opener, texts):
            return True
        close = lexis.CLOSER[opener]
        o, c = re.escape(opener), re.escape(close)
        nested = any(opener in text for text in texts)
        inner = f"[^{o}{c}\\n]*(?:{o}[^{o}{c}\\n]*{c}[^{o}{c}\\n]*)*" if nested else f"[^{o}{c}\\n]*"
        expression = f"{o}({self._role(*_roles_of(texts))}{inner}){c}"
        ends, share, _ = self._match(expression)
        return share >= MOST and self._take(separator, expression, ends, "bracket", "", closed)

    def _try_level_inside(self, separator: str, closed: bool, opener: str, texts: Sequence[str]) -> bool:
        """A bracket whose last word is the level (`[Server thread/INFO]`)."""
        found = [re.fullmatch(r"([^\[\]\n]*?)([/| :])([A-Za-z]{3,13})", text) for text in texts]
        hits = [m for m in found if m is not None and m.group(3).lower() in SURE and (m.group(3).isupper() or m.group(2) in "/|")]
        if len(hits) < MOST * len(texts):
            return False
        o, c = re.escape(opener), re.escape(lexis.CLOSER[opener])
        expression = f"{o}({self._role('thread')}[^{o}{c}\\n]*)[/| :]({self._role('level')}[A-Za-z]+){c}"
        ends, share, _ = self._match(expression)
        self.level = share >= MOST and self._take(separator, expression, ends, "bracket", "", closed)
        return self.level

    def _try_run(self, separator: str, closed: bool) -> bool:
        """Words that lead up to a time, a level or a bracket."""
        alive = self._alive()
        stop = self.open
        distances: Counter[tuple[int, str]] = Counter()
        for i, at in alive:
            distances[self._distance(self.lines[i], at, stop)] += 1
        (steps, kind), count = distances.most_common(1)[0]
        if steps <= 0 or count < MOST * len(alive):
            return False
        body = f"[^ \\t|\\n{re.escape(stop)}]+" if stop else "[^ \\t|\\n]+"
        ends, share, matches = self._match(body)
        texts = [m.group() for m in matches]
        if kind in ("bracket", "numbers") and not _word_is_header(texts):
            return False
        trimmed = self._trim(texts)
        if trimmed:
            body = body.replace("+", "*") + f"[^ \\t|\\n,:;{re.escape(stop)}]"
            ends, share, matches = self._match(body)
        return share >= MOST and self._take(
            separator, f"({self._role(*_roles_of(texts, first=not self.time))}{body})", ends, "run", "", closed
        )

    @staticmethod
    def _trim(texts: Sequence[str]) -> bool:
        """Whether a mark at the end of nearly all the words belongs to the separator."""
        return sum(len(text) > 1 and text[-1] in ",:;" for text in texts) >= MOST * len(texts)

    def _distance(self, line: str, at: int, stop: str) -> tuple[int, str]:
        """How many words stand before the next strong part, and its kind; (0, "") for none within six."""
        for step in range(1, 7):
            token = lexis.TOKEN.match(line, at)
            if token is None:
                return 0, ""
            at = token.end()
            if stop and stop in token.group():
                return 0, ""
            gap = _GAP.match(line, at)
            at = gap.end() if gap else at
            opener = line[at : at + 1] if line[at : at + 1] in lexis.CLOSER else ""
            found = times.match_at(line, at + len(opener))
            if (
                found is not None
                and found.form in _STRONG_FORMS
                and (not self.time or found.form != "epoch")
                and (not found.form.startswith("epoch") or lexis._alone(line, found))
            ):
                return step, "time"
            level = lexis.LEVEL.match(line, at)
            if not self.level and level is not None and lexis.is_level(level, line, sure=True, strict=True):
                return step, "level"
            if step == 1 and opener == "[" and lexis.BRACKET["["].match(line, at) and self.time:
                return step, "bracket"
            if step == 1 and self.time and _TWO_NUMBERS.match(line, at):
                return step, "numbers"
        return 0, ""

    def _try_number(self, separator: str, closed: bool) -> bool:
        if self.last not in ("time", "level", "number", "bracket", "run", "column"):
            return False
        ends, share, _ = self._match("#?[0-9]+(?=[ \\t|,;:\\])]|$)")
        return share >= ALL and self._take(
            separator, f"({self._role('process', 'thread')}#?[0-9]+)", ends, "number", "", closed
        )

    def _try_ident(self, separator: str, closed: bool) -> bool:
        ends, share, matches = self._match(_KEYED)
        if share >= NEARLY_ALL:
            keys = {m.group().split("=")[0] for m in matches}
            if len(keys) == 1:
                key = keys.pop()
                role = self._role("process") if key in ("pid", "PID") else self._role("thread") if key in ("tid", "thread") else self._role("span_id") if "pan" in key else self._role("trace_id")
                return self._take(separator, f"{key}=({role}[^ \\t\\n,;]*)", ends, "ident", "", closed)
        ends, share, matches = self._match("(?=[^ ]*[0-9])[A-Za-z0-9-]{8,40}(?=[ \\t]|$)")
        if share >= ALL and self.last == "time" and len(matches) >= 6 and len({m.end() - m.start() for m in matches}) == 1 and len({m.group() for m in matches}) > 1:
            return self._take(separator, f"({self._role('trace_id')}[A-Za-z0-9-]+)", ends, "ident", "", closed)
        ends, share, matches = self._match(lexis.IDENT.pattern)
        if share < NEARLY_ALL or all(m.group() == "-" for m in matches):
            return False
        return self._take(separator, f"({self._role('trace_id', 'span_id')}[0-9a-fA-F-]+)", ends, "ident", "", closed)

    def _try_caller(self, separator: str, closed: bool) -> bool:
        ends, share, _ = self._match(lexis.CALLER.pattern)
        return share >= NEARLY_ALL and self._take(
            separator, f"({self._role('logger')}[A-Za-z0-9_$./\\\\-]+:[0-9]+)", ends, "caller", "", closed
        )

    def _try_tag(self, separator: str, closed: bool) -> bool:
        """A name before a colon; in a syslog's place with the host before it."""
        syslog = self.time and not self.level and self.last in ("time", "column")
        names = (_NAME_PLAIN, _NAME_COLONS)
        bare = [self._match(_bare(name + _PID_ANY) + _END)[1] for name in names]
        if syslog and max(bare) < MOST:
            names = (*names, _NAME_WORDS)
            host = [self._match(_HOST + _bare(name + _PID_ANY) + _END)[1] for name in names]
            if max(host) < MOST:
                return False
            ends, _, matches = self._match(_HOST + _bare(_best(names, host) + _PID_ANY) + _END)
            if not _hosts([m.group().split()[0] for m in matches]):
                return False
            pick = self._leanest(_HOST, _best(names, host), _PIDS[2:])
            expression = f"({self._role('host')}[^ \\t\\n:\\[\\]]+)[ \\t]+" + self._tag_roles(pick)
            ends, share, _ = self._match(expression + _END)
            self.tagged = share >= MOST and self._take(separator, expression, ends, "tag", "", closed)
            return self.tagged
        if max(bare) < MOST and self.level and len(self.lines) >= 4:
            return self._try_worded_tag(separator, closed)
        if max(bare) < MOST:
            return False
        name = _best(names, bare)
        if not _tags([m.group() for m in self._match(_bare(name + _PID_ANY) + _END)[2]]):
            return False
        pick = self._leanest("", name, _PIDS if self.level else _PIDS[2:])
        ends, share, _ = self._match(_bare(pick) + _END)
        self.tagged = share >= MOST and self._take(separator, self._tag_roles(pick), ends, "tag", "", closed)
        return self.tagged

    def _leanest(self, before: str, name: str, choices: Sequence[str]) -> str:
        """The tag with the simplest of the choices behind its name that loses no line: it is the cheapest to run."""
        shares = [self._match(before + _bare(name + choice) + _END)[1] for choice in choices]
        return name + _best(choices, shares)

    def _try_worded_tag(self, separator: str, closed: bool) -> bool:
        """One and the same word before the tag on every line (`ERROR in app.views: …`)."""
        firsts = {self.lines[i][at:].split(" ", 1)[0] for i, at in self._alive()}
        word = firsts.pop() if len(firsts) == 1 else ""
        if not word.isalpha():
            return False
        tag = re.escape(word) + "[ \\t]+" + _NAME_PLAIN
        ends, share, matches = self._match(_bare(tag) + _END)
        if share < NEARLY_ALL or not _tags([m.group().split(" ", 1)[1] for m in matches]):
            return False
        self.tagged = self._take(separator, self._tag_roles(tag), ends, "tag", "", closed)
        return self.tagged

    def _tag_roles(self, tag: str) -> str:
        name, process = self._role("logger"), self._role("process")
        return tag.replace("@N", name).replace("@P", process)

    def _try_colon_name(self, separator: str, closed: bool) -> bool:
        """`INFO:app.module:message`: names between colons without blanks."""
        if self.gap != ":" or self.last != "level":
            return False
        ends, share, _ = self._match("[A-Za-z_][\\w.$-]*(?=:)")
        if share < ALL:
            return False
        self.tagged = self._take(
            separator, f"({self._role('logger')}[A-Za-z_][A-Za-z0-9_.$-]*)", ends, "tag", "", closed
        )
        return self.tagged

    def _try_dash(self, separator: str, closed: bool) -> bool:
        """A name before a dash with blanks around it."""
        name = "[A-Za-z_$<][A-Za-z0-9_.$:<>/#@-]*"
        ends, share, matches = self._match(name + "(?=[ \\t]+[-–—] )")
        general = self._match(lexis.DASH.pattern)[1]
        if share >= NEARLY_ALL and share >= general - 0.002 and (self.level or _few([m.group() for m in matches])):
            return self._take(separator, f"({self._role('logger')}[^ \\t\\n]+)", ends, "dash", "", closed)
        _, share, matches = self._match(lexis.DASH.pattern)
        if share < NEARLY_ALL:
            return False
        names = [m.group()[:-3].strip() for m in matches]
        words = [len(name.split()) for name in names]
        if sum(count <= 3 for count in words) < NEARLY_ALL * len(words):
            return False
        if sum(count == 1 for count in words) < 0.6 * len(words) and not _few(names):
            return False
        body = "[^ \\t\\n]+(?: [^ \\t\\n-][^ \\t\\n]*){0,3}" if max(words) > 1 else "[^ \\t\\n]+"
        ends, share, _ = self._match(body + "(?=[ \\t]+[-–—] )")
        if share < MOST:
            return False
        return self._take(separator, f"({self._role(*_roles_of(names))}{body})", ends, "dash", "", closed)

    def _try_fixed(self, separator: str, closed: bool) -> bool:
        """A word with two blanks or a tab behind it on nearly every line: a column of fixed width."""
        ends, share, matches = self._match("[^ \\t|\\n]{1,40}(?=[ ]{2,}|\\t)")
        if share < NEARLY_ALL or not _few([m.group() for m in matches]):
            return False
        return self._take(
            separator,
            f"({self._role(*_roles_of([m.group() for m in matches]))}[^ \\t\\n]+)",
            ends,
            "column",
            "",
            closed,
        )

    def _try_dotted(self, separator: str, closed: bool) -> bool:
        """A dotted name (class, module) on nearly every line."""
        if self.last not in ("level", "bracket", "number"):
            return False
        ends, share, matches = self._match(lexis.DOTTED.pattern)
        if share < NEARLY_ALL or any("/" in m.group()[:1] for m in matches):
            return False
        return self._take(separator, f"({self._role('logger')}[^ \\t\\n]+)", ends, "dotted", "", closed)


_GAP = re.compile(
    r"[,;:]?[ \t]*(?:(?:-{1,3}|[–—|»~]|=>|->|::?)(?=[ \t]|$)|[|;,:]|/(?=[A-Za-z]))?[ \t]*(?:--?[ \t]+:(?=[ \t]|$)|:(?=[ \t]|$))?[ \t]*"
)
_KEYED = "(?:pid|PID|tid|thread|trace_?[iI]d|span_?[iI]d|request_?[iI]d|req_?[iI]d|correlation_?[iI]d|dd\\.trace_id)=[^ \\t\\n,;]*(?=[ \\t,;]|$)"
_TWO_NUMBERS = re.compile(r"[0-9]+ +[0-9]+ ")
_HOST = "[^ \\t\\n:\\[\\]]+[ \\t]+"
_END = "(?=:(?:[ \\t]|$))"
_NAME_PLAIN = "(@N[^ \\t\\n:\\[\"'=]+)"
_NAME_COLONS = "(@N(?:[^ \\t\\n:\\[\"'=]|:+[^ \\t\\n:\\[])+)"
_NAME_WORDS = "(@N(?:[^ \\t\\n:\\[]|[ \\t][^ \\t\\n:\\[]){1,60})"
_PID_ANY = "(?:\\( +[0-9]+\\))?(?:\\[(@P[^\\]\\n]{0,24})\\])?(?: \\([^()\\n]{0,80}(?:\\([^()\\n]*\\)[^()\\n]*)?\\))?[ \\t]*"
_PIDS = ("", "[ \\t]*", "(?:\\[(@P[^\\]\\n]{0,24})\\])?", _PID_ANY)  # what may stand behind a tag's name, the simplest first


def _bare(tag: str) -> str:
    return tag.replace("@N", "?:").replace("@P", "?:")


def _gap_expression(normal: str) -> str:
    return "".join("[ \\t]+" if char == " " else re.escape(char) for char in normal)


def _best(choices: Sequence[str], shares: Sequence[float]) -> str:
    """The simplest choice that reads as much as any other."""
    top = max(shares)
    return next(choice for choice, share in zip(choices, shares, strict=False) if share >= top - 0.002)


def _few(texts: Sequence[str]) -> bool:
    """Whether the texts repeat as names do: few distinct ones among many."""
    distinct = len({text.translate(lexis.DIGITS) for text in texts})
    return distinct <= max(1, 0.34 * len(texts)) or (distinct <= 3 and len(texts) >= 6)


_NAME = re.compile(r"[A-Za-z0-9_$@/.+*-]*(?:[._$/@#-]|[a-z0-9][A-Z]|[0-9]|\[|\()")


def _tags(texts: Sequence[str]) -> bool:
    """Whether names before a colon are names of programs or loggers and no words of a sentence."""
    if sum("[" in text for text in texts) >= 0.3 * len(texts) or _few(texts):
        return True
    return sum(_NAME.match(text) is not None for text in texts) >= 0.6 * len(texts)


def _hosts(texts: Sequence[str]) -> bool:
    """Whether words can be host names: not a sentence's first words."""
    return _few(texts) or sum(any(c.isdigit() or c in "-._/" for c in text) for text in texts) >= 0.6 * len(texts)


def _word_is_header(texts: Sequence[str]) -> bool:
    """Whether words before a bracket are a column: dotted, in capitals, or few."""
    shaped = sum(text.isupper() or "." in text[1:-1] or "::" in text or text.isdigit() for text in texts)
    return shaped >= MOST * len(texts) or (_few(texts) and len(texts) >= 8)


def _bracket_is_header(texts: Sequence[str], opener: str) -> bool:
    """Whether brackets on nearly every line are header: names and numbers, no part of a sentence."""
    prose = sum(
        len(text.split()) > 3 and "=" not in text and sum(w.isalpha() and w.islower() for w in text.split()) > 2
        for text in texts
    )
    if prose > 0.3 * len(texts):
        return False
    if opener == "[":
        return True
    return sum(" " not in text for text in texts) >= MOST * len(texts)


def _roles_of(texts: Sequence[str], *, first: bool = False) -> tuple[str, ...]:
    """What a column of texts may be, the likeliest first."""
    n = max(1, len(texts))

    def share(pattern: str) -> float:
        regex = _regex(pattern)
        return sum(regex.fullmatch(text.strip()) is not None for text in texts) / n

    if share(r"#?[0-9]+|pid[ =:]?[0-9]+.*") > 0.9:
        return ("process", "thread")
    if share(r"(?:req-)?[0-9a-f]{8}-[0-9a-f]{4}-.*|[0-9a-f]{32}") > 0.5:
        return ("trace_id",)
    if share(r"[0-9a-f]{16}") > 0.9:
        return ("span_id",)
    if share(r"[A-Za-z_$][\w$-]*(?:(?:\.|::|/)[\w$<>~*-]+)+(?::[0-9]+)?") > 0.6 and not first:
        return ("logger",)
    if share(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::[0-9]+)?") > 0.6:
        return ("host",)
    if first:
        return ("host",)
    if (
        share(
            r".*(?:exec|thread|pool|worker|main|handler|executor|dispatcher|conn|Thread|IPC)[\w -]*[0-9]*.*|[0-9]+:[0-9]+|#[0-9]+"
        )
        > 0.3
    ):
        return ("thread",)
    return ("logger", "thread")


def _level_words(words: Sequence[str], wrapped: bool) -> str:
    """Expression for the level: the style of what was seen, wide where brackets hold it."""
    if wrapped:
        return "[A-Za-z]+[0-9]?"
    if all(word.isupper() for word in words):
        return "[A-Z]{2,13}[0-9]?" if any(word[-1].isdigit() for word in words) else "[A-Z]{2,13}"
    known = {word for word in WORDS if word.isalpha()}
    shown = (
        {w.capitalize() for w in known}
        if all(word[0].isupper() for word in words)
        else known | {w.capitalize() for w in known} | {w.upper() for w in known}
    )
    return "(?:" + "|".join(sorted(shown | set(words), key=lambda w: (-len(w), w))) + ")"
