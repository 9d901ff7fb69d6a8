"""Parts between the strong ones: brackets, columns, words that lead up to a time or level, numbers, ids, class names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from luffy_dagster.core.parsing import times
from luffy_dagster.core.parsing.headers import lexis
from luffy_dagster.core.parsing.headers.heap import ALL, GAP, MOST, NEARLY_ALL, Heap
from luffy_dagster.core.parsing.headers.looks import bracket_is_header, few, independent, roles_of, word_is_header
from luffy_dagster.core.parsing.levels import SURE

_STRONG_FORMS = frozenset(form.name for form in times.FORMS if form.rank >= 4)
_KEYED = "(?:component|module|logger|service|pid|PID|tid|thread|trace_?[iI]d|span_?[iI]d|request_?[iI]d|req_?[iI]d|correlation_?[iI]d|dd\\.trace_id)=[^ \\t\\n,;]*(?=[ \\t,;]|$)"
_NUMBER = re.compile(r"(?:0x)?[0-9a-f]*[0-9][0-9a-f]*")
_LOGCAT = re.compile(r"[0-9]+: *[0-9]+ +[VDIWEF]/[^ \t]+ *")
_TWO_NUMBERS = re.compile(r"[0-9]+ +[0-9]+ ")


def try_inside(heap: Heap, separator: str, closed: bool) -> bool:
    """The rest of a bracket that a time or a level opened."""
    expression = f"[^{re.escape(heap.open)}\\n]*"
    texts = [m.group() for m in heap.match(expression)[2]]
    if not heap.level and texts and sum(_LOGCAT.fullmatch(text) is not None for text in texts) >= MOST * len(texts):
        process, thread, level, logger = (heap.role(role) for role in ("process", "thread", "level", "logger"))
        inner = f"({process}[0-9]+): *({thread}[0-9]+) +({level}[VDIWEF])/({logger}[^ \\t\\n]+) *"
        heap.level = heap.take(separator, inner, heap.match(inner)[0], "bracket", "", closed)
        return heap.level
    role = heap.role(*roles_of(texts))
    ends, share, _ = heap.match(f"[^{re.escape(heap.open)}\\n]*(?={re.escape(heap.open)})")
    return share >= MOST and heap.take(separator, f"({role}{expression})", ends, "bracket", "", closed)


def try_delimited(heap: Heap, separator: str, closed: bool) -> bool:
    """A column between pipes, tabs or semicolons (commas only where the header has used one without a blank)."""
    mark = heap.gap.strip(" ")[:1] if heap.gap.strip(" ") else ("\t" if "\t" in _raw_gap(heap) else "")
    if not mark and heap.last in ("time", "level"):
        ends, share, matches = heap.match("[^ \\t|\\n]{1,40}(?=[ \\t]*\\|)")
        if share >= ALL and few([m.group() for m in matches]):
            return heap.take(separator, f"({heap.role('process')}[^ \\t|\\n]+)", ends, "column", "", closed)
    if mark not in ("|", ";", "\t", ",") or (mark == "," and heap.gap not in (",", ", ")):
        return False
    if mark == "," and heap.gap == ", ":
        return _spaced_column(heap, separator, closed)
    blank, sign = mark == "\t", "\\t" if mark == "\t" else re.escape(mark)
    if mark == ",":
        body, look = "[^,\\s]{0,60}", ","
    else:
        body = f"[^{sign}\\n]{{0,80}}?" if blank else f"[^{sign} \\t\\n]*(?:[ \\t]+[^{sign} \\t\\n]+){{0,9}}"
        look = sign if blank else f"[ \\t]*{sign}"
    ends, share, matches = heap.match(f"{body}(?={look})")
    if share < ALL:
        return False
    if blank and _before_context(matches):
        return False
    texts = [m.group() for m in matches]
    inner = f"[^{sign}\\n]*" if blank else "[^,\\s]*" if mark == "," else body
    return heap.take(separator, f"({heap.role(*roles_of(texts))}{inner})", ends, "column", "", closed)


def _spaced_column(heap: Heap, separator: str, closed: bool) -> bool:
    """One word between commas with blanks behind them, where the columns are names that repeat."""
    ends, share, matches = heap.match("[^,\\s]{1,40}(?=, )")
    texts = [m.group() for m in matches]
    if share < ALL or not heap.level or not few(texts) or len(texts) < 8:
        return False
    return heap.take(separator, f"({heap.role(*roles_of(texts))}[^,\\s]+)", ends, "column", "", closed)


def _before_context(matches: Sequence[re.Match[str]]) -> bool:
    """Whether the columns are messages: what follows each is its context, an object up to the end of the line (zap)."""
    rest = [m.string[m.end() :].strip() for m in matches]
    return bool(rest) and sum(text[:1] == "{" for text in rest) >= MOST * len(rest)


def _raw_gap(heap: Heap) -> str:
    counts = Counter(heap.lines[i][heap.at[i] : at] for i, at in heap.alive())
    return counts.most_common(1)[0][0] if counts else ""


def try_bracket(heap: Heap, separator: str, closed: bool) -> bool:
    """A bracket that holds names or numbers."""
    opener = heap.opener()
    if opener not in lexis.BRACKET or opener == "{":
        return False
    alive = heap.alive()
    matches = [m for i, at in alive if (m := lexis.BRACKET[opener].match(heap.lines[i], at)) is not None]
    if len(matches) < MOST * len(alive):
        return False
    texts = [m.group()[1:-1] for m in matches]
    # WebLogic's hold sentences that repeat, and one more follows them
    chained = opener == "<" and heap.last == "bracket" and few(texts)
    if opener == "<" and heap.last == "bracket" and not any(m.string[m.end() :].strip() for m in matches):
        return False
    alone = sum(not m.string[m.end() :].strip() and len(m.group().split()) > 2 for m in matches)
    if alone > 0.2 * len(matches):
        return False  # the message itself (a collector's pause)
    if not chained and not bracket_is_header(texts, opener):
        return False
    if not heap.level and try_level_inside(heap, separator, closed, opener, texts):
        return True
    if _try_ids(heap, separator, closed, opener, texts):
        return True
    close = lexis.CLOSER[opener]
    o, c = re.escape(opener), re.escape(close)
    nested = any(opener in text for text in texts)
    inner = f"[^{o}{c}\\n]*(?:{o}[^{o}{c}\\n]*{c}[^{o}{c}\\n]*)*" if nested else f"[^{o}{c}\\n]*"
    expression = f"{o}({heap.role(*roles_of(texts, bracket=True))}{inner}){c}"
    if opener == "<" and heap.match(f"{expression}@[^ \\t\\n]+(?=[ \\t])")[1] >= ALL:
        expression += "@[^ \\t\\n]+"  # Erlang's process and function
    ends, share, _ = heap.match(expression)
    return share >= MOST and heap.take(separator, expression, ends, "bracket", "", closed)


_HEX = "[0-9a-fA-F-]*"
_IDS = (  # brackets that hold the ids of trace and span: their content, with @T and @S for the two
    f"(?:[^,\\[\\]\\n]*,)?[ ]?(@T{_HEX}),[ ]?(@S{_HEX})(?:,[a-z]*)?",
    f"(?:[^=: \\n]*[._ -])?[tT]race[A-Za-z_.-]*[=:][ ]?(@T{_HEX})[,; ]+[^=: \\n]*[sS]pan[A-Za-z_.-]*[=:][ ]?(@S{_HEX})[^\\[\\]\\n]*",
    "(@T[0-9a-f]{32})-(@S[0-9a-f]{16})",
    "(?:[^=: \\n]*[._ -])?(?:[tT]race|[rR]eq(?:uest)?|[cC]orrelation)[_.-]?[iI][dD][=:][ ]?(@T[^\\[\\] ,\\n]*)",
)


def _try_ids(heap: Heap, separator: str, closed: bool, opener: str, texts: Sequence[str]) -> bool:
    """A bracket with the ids of a trace and a span (`[shop,65f…,a1b…]`, `[trace_id=… span_id=…]`), each for itself."""
    if heap.roles & {"trace_id", "span_id"} or not any(re.search("[0-9a-f]{8}", text) for text in texts):
        return False
    o, c = re.escape(opener), re.escape(lexis.CLOSER[opener])
    for inner in _IDS:
        bare = inner.replace("@T", "").replace("@S", "")
        found = [re.fullmatch(bare, text) for text in texts]
        hits = [m for m in found if m is not None]
        if len(hits) < MOST * len(texts) or not any(len(m.group(1)) >= 8 for m in hits):
            continue
        ends, share, _ = heap.match(f"{o}{bare}{c}")
        if share < MOST:
            continue
        roles = inner.replace("@T", heap.role("trace_id")).replace("@S", heap.role("span_id") if "@S" in inner else "")
        return heap.take(separator, f"{o}{roles}{c}", ends, "bracket", "", closed)
    return False


def try_optional_bracket(heap: Heap, separator: str, closed: bool) -> bool:
    """A bracket that part of the lines leave out: header when the same messages come with it and without it."""
    if not heap.time:
        return False
    sides = heap.sides("\\[[^\\[\\]\\n]{1,120}\\](?:\\[[^\\[\\]\\n]{0,60}\\])*[ \\t]*", least=0.1)
    if sides is None or not independent(*sides.rests):
        return False
    texts = [m.group().strip()[1:-1] for m in sides.matches]
    if not bracket_is_header(texts, "["):
        return False
    role = heap.role(*roles_of(texts, bracket=True))
    return heap.take(
        separator, f"(?:\\[({role}[^\\[\\]\\n]*)\\](?:\\[[^\\[\\]\\n]*\\])*[ \\t]*)?", sides.ends, "bracket", "", closed
    )


def try_level_inside(heap: Heap, separator: str, closed: bool, opener: str, texts: Sequence[str]) -> bool:
    """A bracket whose last word is the level (`[Server thread/INFO]`)."""
    found = [re.fullmatch(r"([^\[\]\n]*?)([/| :])([A-Za-z]{3,13})", text) for text in texts]
    hits = [
        m
        for m in found
        if m is not None and m.group(3).lower() in SURE and (m.group(3).isupper() or m.group(2) in "/|")
    ]
    if len(hits) < MOST * len(texts):
        return False
    o, c = re.escape(opener), re.escape(lexis.CLOSER[opener])
    expression = f"{o}({heap.role('thread')}[^{o}{c}\\n]*)[/| :]({heap.role('level')}[A-Za-z]+){c}"
    ends, share, _ = heap.match(expression)
    heap.level = share >= MOST and heap.take(separator, expression, ends, "bracket", "", closed)
    return heap.level


def try_run(heap: Heap, separator: str, closed: bool) -> bool:
    """Words that lead up to a time, a level or a bracket."""
    alive = heap.alive()
    stop = heap.open
    distances: Counter[tuple[int, str]] = Counter()
    for i, at in alive:
        distances[_distance(heap, heap.lines[i], at, stop)] += 1
    (steps, kind), count = distances.most_common(1)[0]
    near = steps > 0 and count >= MOST * len(alive)
    if not near or kind == "bracket":
        column = (
            (heap.time or not heap.last)
            and not heap.level
            and not stop
            and any(heap.levels_at(step) for step in range(1, 6))
        )
        if not column and not near:
            return False
        kind = "level" if column else kind
    body = f"[^ \\t|\\n{re.escape(stop)}]+" if stop else "[^ \\t|\\n]+"
    ends, share, matches = heap.match(body)
    texts = [m.group() for m in matches]
    if kind in ("bracket", "numbers") and not word_is_header(texts):
        return False
    trimmed = _trim(texts)
    if trimmed:
        body = body.replace("+", "*") + f"[^ \\t|\\n,:;{re.escape(stop)}]"
        ends, share, matches = heap.match(body)
    return share >= MOST and heap.take(
        separator, f"({heap.role(*roles_of(texts, first=not heap.time))}{body})", ends, "run", "", closed
    )


def _trim(texts: Sequence[str]) -> bool:
    """Whether a mark at the end of nearly all the words belongs to the separator."""
    return sum(len(text) > 1 and text[-1] in ",:;" for text in texts) >= MOST * len(texts)


def _distance(heap: Heap, line: str, at: int, stop: str) -> tuple[int, str]:
    """How many words stand before the next strong part, and its kind; (0, "") for none within six."""
    for step in range(1, 7):
        token = lexis.TOKEN.match(line, at)
        if token is None:
            return 0, ""
        at = token.end()
        if stop and stop in token.group():
            return 0, ""
        gap = GAP.match(line, at)
        at = gap.end() if gap else at
        opener = line[at : at + 1] if line[at : at + 1] in lexis.CLOSER else ""
        found = times.match_at(line, at + len(opener))
        if (
            found is not None
            and found.form in _STRONG_FORMS
            and (not heap.time or found.form != "epoch")
            and (not found.form.startswith("epoch") or lexis.alone(line, found))
        ):
            return step, "time"
        level = lexis.LEVEL.match(line, at)
        if not heap.level and level is not None and lexis.leads_to_level(level, line):
            return step, "level"
        if step == 1 and opener == "[" and lexis.BRACKET["["].match(line, at) and heap.time:
            return step, "bracket"
        if step == 1 and heap.time and _TWO_NUMBERS.match(line, at):
            return step, "numbers"
    return 0, ""


def try_number(heap: Heap, separator: str, closed: bool) -> bool:
    """A number right behind another part: process, thread, flag."""
    if heap.last not in ("time", "level", "number", "bracket", "run", "column", "ident"):
        return False
    ends, share, matches = heap.match("[0-9]+(?:\\.[0-9]+)+(?=[ \\t])")
    if share >= ALL and heap.last == "number" and len({m.group() for m in matches}) == 1 and len(matches) >= 8:
        return heap.take(separator, "(?:[0-9.]+)", ends, "number", "", closed)  # a version, the same everywhere
    ends, share, _ = heap.match("#?[0-9]+(?=[ \\t|,;:\\])]|$)")
    return share >= ALL and heap.take(
        separator, f"({heap.role('process', 'thread')}#?[0-9]+)", ends, "number", "", closed
    )


def try_ident(heap: Heap, separator: str, closed: bool) -> bool:
    """An id: of a trace, a request, a mail."""
    ends, share, matches = heap.match(_KEYED)
    if share >= NEARLY_ALL:
        keys = {m.group().split("=")[0] for m in matches}
        if len(keys) == 1:
            key = keys.pop()
            role = (
                heap.role("logger")
                if key in ("component", "module", "logger", "service")
                else heap.role("process")
                if key in ("pid", "PID")
                else heap.role("thread")
                if key in ("tid", "thread")
                else heap.role("span_id")
                if "pan" in key
                else heap.role("trace_id")
            )
            return heap.take(separator, f"{key}=({role}[^ \\t\\n,;]*)", ends, "ident", "", closed)
    ends, share, matches = heap.match("(?=[^ ]*[0-9])[A-Za-z0-9-]{8,40}(?=[ \\t]|$)")
    if (
        share >= ALL
        and heap.last == "time"
        and len(matches) >= 6
        and len({m.end() - m.start() for m in matches}) == 1
        and len({m.group() for m in matches}) > 1
    ):
        return heap.take(separator, f"({heap.role('trace_id')}[A-Za-z0-9-]+)", ends, "ident", "", closed)
    ends, share, matches = heap.match(lexis.IDENT.pattern)
    if share < NEARLY_ALL or all(m.group() == "-" for m in matches):
        return False
    return heap.take(separator, f"({heap.role('trace_id', 'span_id')}[0-9a-fA-F-]+)", ends, "ident", "", closed)


def try_behind_tag(heap: Heap, separator: str, closed: bool) -> bool:
    """What only a header writes behind a tag on every line: seconds since start in a bracket, a connection's number with a star."""
    for expression in (r"\[ *[0-9]{1,9}\.[0-9]{3,6}\]", r"\*[0-9]+(?=[ \t])"):
        ends, share, _ = heap.match(expression)
        if share >= ALL:
            return heap.take(separator, expression.split("(?=")[0], ends, "number", "", closed)
    return False


def try_numbered_name(heap: Heap, separator: str, closed: bool) -> bool:
    """`program[17:204] ` without a colon, on every line."""
    if heap.last != "time" or heap.level:
        return False
    ends, share, matches = heap.match(
        "[A-Za-z][A-Za-z0-9_.-]*(?: [A-Z][A-Za-z0-9_.-]*)?\\[[0-9]+(?::[0-9a-fx]+)?\\](?=[ \\t])"
    )
    if share < ALL or not few([m.group().split("[")[0] for m in matches]):
        return False
    name, process = heap.role("logger"), heap.role("process")
    return heap.take(separator, f"({name}[^\\[\\n]+)\\[({process}[0-9a-fx:]+)\\]", ends, "tag", "", closed)


def try_caller(heap: Heap, separator: str, closed: bool) -> bool:
    """`file.go:123`."""
    ends, share, _ = heap.match(lexis.CALLER.pattern)
    if share < NEARLY_ALL:
        others, share_of_others, _ = heap.match(lexis.OTHER_CALLER.pattern)
        if share_of_others >= ALL:
            caller = f"({heap.role('logger')}[A-Za-z0-9_$./\\\\-]+[ (][0-9]+)\\)?"
            return heap.take(separator, caller, others, "caller", "", closed)
    return share >= NEARLY_ALL and heap.take(
        separator, f"({heap.role('logger')}[A-Za-z0-9_$./\\\\-]+:[0-9]+)", ends, "caller", "", closed
    )


def try_slashed(heap: Heap, separator: str, closed: bool) -> bool:
    """The tag behind a level of one letter and a slash (`D/nsHttp `)."""
    if not heap.letter or heap.last != "level" or heap.gap != "/":
        return False
    ends, share, _ = heap.match("[^ \\t\\n:(]+(?=[ \\t])")
    return share >= ALL and heap.take(separator, f"({heap.role('logger')}[^ \\t\\n:(]+)", ends, "tag", "", closed)


def try_fixed(heap: Heap, separator: str, closed: bool) -> bool:
    """A word with two blanks or a tab behind it on nearly every line: a column of fixed width."""
    ends, share, matches = heap.match("[^ \\t|\\n]{1,40}(?=[ ]{2,}|\\t)")
    texts = [m.group() for m in matches]
    numbers = share >= ALL and heap.time and all(_NUMBER.fullmatch(text) for text in texts)
    if share < NEARLY_ALL or not (numbers or few(texts)):
        return False
    return heap.take(
        separator,
        f"({heap.role(*roles_of(texts))}[^ \\t\\n]+)",
        ends,
        "column",
        "",
        closed,
    )


def try_dotted(heap: Heap, separator: str, closed: bool) -> bool:
    """A dotted name (class, module) on nearly every line."""
    if heap.last not in ("level", "bracket", "number"):
        return False
    ends, share, matches = heap.match(lexis.DOTTED.pattern)
    if share < NEARLY_ALL and share >= 0.5:
        ends, share = _with_roots(heap, {m.group() for m in matches})
    if share < NEARLY_ALL or any("/" in m.group()[:1] for m in matches):
        return False
    return heap.take(separator, f"({heap.role('logger')}[^ \\t\\n]+)", ends, "dotted", "", closed)


def _with_roots(heap: Heap, dotted: set[str]) -> tuple[list[int], float]:
    """Dotted names together with the first words of these (`shop` beside `shop.cart`), when they are few."""
    roots = {name.split(".", 1)[0] for name in dotted} | {"root", "main", "__main__"}
    ends, share, matches = heap.match("[A-Za-z_$][A-Za-z0-9_$.-]*(?=[ \\t])")
    texts = [m.group() for m in matches]
    if not texts or not few(texts) or not all(text in dotted or text in roots for text in texts):
        return ends, 0.0
    return ends, share
