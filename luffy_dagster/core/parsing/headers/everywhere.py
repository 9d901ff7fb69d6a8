"""Parts that are header because every line has them there, whatever it says: an address, a node, a span's context, a category.

Belongs here: what only the whole sample can tell, by how little a word has to do with what follows it. Does not belong here: parts that show
what they are by themselves (`strong`, `fields`, `tags`).
"""

from __future__ import annotations

import re
from collections import Counter

from luffy_dagster.core.parsing import times
from luffy_dagster.core.parsing.headers import lexis
from luffy_dagster.core.parsing.headers.heap import ALL, MOST, Heap
from luffy_dagster.core.parsing.headers.looks import apart, few, independent, roles_of, varied
from luffy_dagster.core.parsing.levels import WORDS

_WITNESSES = 8  # lines that differ in more than digits, at least
_LEAD = re.compile(r"\[([0-9A-Za-z_.-]{1,40}:){1,4}")
_ODD = re.compile(r"(?=[^\s]*[0-9@<>#~]|[^\sA-Za-z0-9]+$)(?![0-9]+$)[^\s=\"'\[({]+(?<![,;:])")
_HEX = re.compile(r"[0-9a-f]*[0-9][0-9a-f]*")
_SPAN = "(?:[A-Za-z_][A-Za-z0-9_.-]*\\{[^{}\\n]*\\}:)+[ ]"
_CATEGORY = "[A-Za-z_][A-Za-z0-9_.+<>`-]*\\[[0-9]+\\](?=[ \\t\\n]|$)"


def try_lead(heap: Heap, separator: str, closed: bool) -> bool:
    """Numbers between colons that lead up to a time in one bracket (`[417:1:1120/085930.123:INFO:…]`)."""
    if heap.last or heap.opener() != "[":
        return False
    counts: dict[int, int] = {}
    for i, at in heap.alive():
        found = _LEAD.match(heap.lines[i], at)
        if found is not None and times.match_at(heap.lines[i], found.end()) is not None:
            fields = found.group().count(":")
            counts[fields] = counts.get(fields, 0) + 1
    fields = max(counts, key=lambda n: counts[n], default=0)
    if not fields:
        return False
    field = "[0-9A-Za-z_.-]+"
    expression = "\\[" + ":".join([f"({heap.role('process')}{field})", f"({heap.role('thread')}{field})"][:fields])
    expression += f":{field}" * (fields - 2)
    ends, share, _ = heap.match(expression)
    return share >= MOST and heap.take(separator, expression, ends, "bracket", "[", closed)


def try_report(heap: Heap, separator: str, closed: bool) -> bool:
    """The level of Erlang's reports (`=ERROR REPORT==== 20-Nov-2026::…`)."""
    if heap.last or heap.level:
        return False
    expression = f"=+({heap.role('level')}[A-Z]+) REPORT=+"
    ends, share, _ = heap.match(expression)
    if share < MOST or not heap.take(separator, expression, ends, "level", "", closed):
        heap.roles.discard("level")
        return False
    heap.level = True
    return True


_MARKED = re.compile(r"\[#\||[#=*]{1,6}(?=[<\[(A-Z0-9])|([0-9A-Za-z_.-]{1,24})[,:;](?=[0-9])")
_PLACES = r"\[[^\[\]\n]*\]|\([^()\n]*\)|\{[^{}\n]*\}|[^ \t\[\](){}\n]"  # a sign of a word, or all of a bracket
_PLACE = re.compile(_PLACES)
_MOST_PLACES = 12


def try_marked(heap: Heap, separator: str, closed: bool) -> bool:
    """A number, name or marks before a line's first time, with no blank between them (`1,2026/11/20 …`, `412:20261120:…`, `####<Nov 20, …`)."""
    if heap.last:
        return False
    ends, share, matches = heap.match(_MARKED.pattern)
    dated = sum(_dated(m.string, m.end()) and not _dated(m.string, m.start()) for m in matches)
    if share < MOST or dated < MOST * len(matches) or any((m.group(1) or "").lower() in WORDS for m in matches):
        return False
    named = any(m.group(1) for m in matches)
    expression = f"({heap.role('process')}[0-9A-Za-z_.-]+)[,:;]" if named else "(?:\\[#\\||[#=*]+)"
    return heap.take(separator, expression, ends, "key", "", closed)


def _dated(line: str, at: int) -> bool:
    return times.match_at(line, at + (line[at : at + 1] in "<[(")) is not None


def try_places(heap: Heap, separator: str, closed: bool) -> bool:
    """As many words and brackets as nearly all lines have before their first time (uWSGI's requests, S3's)."""
    if heap.time or heap.open:
        return False
    counts = Counter(_places_before_time(heap.lines[i], at) for i, at in heap.alive())
    places, count = counts.most_common(1)[0]
    if not places or count < MOST * sum(counts.values()):
        return False
    one = f"(?:{_PLACES})+"
    expression = one + f"(?:[ \\t]+{one}){{{places - 1}}}" if places > 1 else one
    return heap.take(separator, expression, heap.match(expression)[0], "run", "", closed)


def _places_before_time(line: str, at: int) -> int:
    for places in range(1, _MOST_PLACES + 1):
        while (place := _PLACE.match(line, at)) is not None:
            at = place.end()
        blank = lexis.BLANKS.match(line, at)
        if blank is None:
            return 0
        at = blank.end()
        found = times.match_at(line, at + (line[at : at + 1] in ("[", "(", "<", '"')))
        if found is not None and not found.form.startswith("epoch"):
            return places
    return 0


_GLUED = "[A-Za-z0-9_.-]*(?:\\[[^\\[\\]\\n]{0,60}\\])+(?=[ \\t])"  # `web[][o.s.Platform]`, `12[IKE]`
_THREAD_ID = "ThreadId\\([0-9]+\\)(?=[ \\t])"  # Rust's
_CORE = "[a-z]{1,8}[0-9]{0,4}:[0-9]+\\)"  # `cpu3:2098)` with the message right behind it


def try_glued(heap: Heap, separator: str, closed: bool) -> bool:
    """A name with brackets glued to it, on every line, of few names."""
    if heap.last not in ("time", "level", "number", "bracket", "ident") or heap.gap.strip():
        return False
    ends, share, _ = heap.match(_THREAD_ID)
    if share >= ALL:
        return heap.take(separator, f"ThreadId\\(({heap.role('thread')}[0-9]+)\\)", ends, "bracket", "", closed)
    ends, share, _ = heap.match(_CORE)
    if share >= ALL:
        return heap.take(separator, f"({heap.role('process')}{_CORE[:-2]})\\)", ends, "bracket", "", closed)
    ends, share, matches = heap.match(_GLUED)
    heads = [m.group().split("[")[0] for m in matches]
    if share < ALL or len(matches) < _WITNESSES or not all(heads) or not few(heads):
        return False
    return heap.take(separator, f"({heap.role('logger')}{_GLUED[: _GLUED.index('(?=')]})", ends, "bracket", "", closed)


def try_one_word(heap: Heap, separator: str, closed: bool) -> bool:
    """One word in capitals that all lines have, whatever follows it (`OUT`)."""
    if heap.last not in ("time", "level", "bracket") or heap.gap.strip():
        return False
    ends, share, matches = heap.match("[A-Z][A-Z0-9_]{1,11}(?=[ \\t])")
    if share < ALL or len(matches) < _WITNESSES or len({m.group() for m in matches}) > 1:
        return False
    if not varied([m.string[m.end() :].strip() for m in matches], 6):
        return False
    return heap.take(separator, f"(?:{matches[0].group()})", ends, "column", "", closed)


def try_key(heap: Heap, separator: str, closed: bool) -> bool:
    """The key before a line's first time (`ts=2026-…`)."""
    if heap.last:
        return False
    key = "(?:ts|time|timestamp|date|t)="
    ends, share, _ = heap.match(f"{key}(?=[0-9])")
    return share >= MOST and heap.take(separator, key, ends, "key", "", closed)


def try_span(heap: Heap, separator: str, closed: bool) -> bool:
    """The context of spans before the target (`request{id=7}:db{}: shop::cart: `), on all lines or on some."""
    if heap.last not in ("level", "time", "bracket"):
        return False
    ends, share, _ = heap.match(_SPAN)
    if share >= MOST:
        return heap.take(separator, _SPAN, ends, "span", "", closed)
    if not share:
        return False
    sides = heap.sides(_SPAN, least=0.05)
    if sides is None or not independent(*sides.rests):
        return False
    return heap.take(separator, f"(?:{_SPAN})?", sides.ends, "span", "", closed)


def try_category(heap: Heap, separator: str, closed: bool) -> bool:
    """.NET's category with the number of the event (`Shop.Cart[14] `), behind the level."""
    if heap.last not in ("level", "time", "bracket"):
        return False
    ends, share, matches = heap.match(_CATEGORY)
    alone = all(m.end() == len(m.string) for m in matches)  # the message stands on the next line
    if share < ALL or not (alone or few([m.group().split("[")[0] for m in matches])):
        return False
    expression = f"({heap.role('logger')}[^\\[\\s]+)\\[[0-9]+\\]"
    return heap.take(separator, expression, ends, "category", "", closed)


def try_odd_word(heap: Heap, separator: str, closed: bool) -> bool:
    """A word that is no language, of one form or a few names, on every line before messages of many kinds."""
    if not _may_be_column(heap):
        return False
    ends, share, matches = heap.match("[^ \\t\\n]{1,60}(?=[ \\t])")
    texts = [m.group() for m in matches]
    if share < ALL or len(texts) < _WITNESSES:
        return False
    rests = [_said(m.string[m.end() :]) for m in matches]
    odd = sum(_ODD.fullmatch(text) is not None for text in texts)
    if odd >= ALL * len(texts):
        kinds = len({_HEX.sub("0", text) for text in texts})
        fits = varied(rests, 4 if kinds == 1 else 5) and (kinds <= 2 or (few(texts) and apart(texts, rests)))
    else:
        fits = few(texts) and varied(rests, 5) and all(_plain(text) for text in texts) and apart(texts, rests)
    if not fits:
        return False
    role = heap.role(*roles_of(texts))
    return heap.take(separator, f"({role}[^ \\t\\n]+)", ends, "column", "", closed)


def _may_be_column(heap: Heap) -> bool:
    return (
        heap.last in ("time", "level", "number", "bracket", "column")
        and not heap.gap.strip()
        and (heap.time or heap.level)
    )


def _said(rest: str) -> str:
    """What follows, from its first word of a language on."""
    words = rest.split()
    while len(words) > 1 and _ODD.fullmatch(words[0]):
        del words[0]
    return " ".join(words)


def _plain(text: str) -> bool:
    return text[-1] not in ":,;.!?)]}\"'" and "=" not in text and text.translate(lexis.DIGITS)[0] not in "0([{\"'<-"
