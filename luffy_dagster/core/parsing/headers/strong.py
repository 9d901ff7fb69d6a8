"""The strong parts of a header: times and levels. Each function takes the part from the heap, or leaves it as it was."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from luffy_dagster.core.parsing import times
from luffy_dagster.core.parsing.headers import lexis
from luffy_dagster.core.parsing.headers.formats import Part
from luffy_dagster.core.parsing.headers.heap import ALL, MOST, Heap, regex
from luffy_dagster.core.parsing.headers.looks import independent
from luffy_dagster.core.parsing.levels import SIGNS, SURE, WORDS


def try_time(heap: Heap, separator: str, closed: bool) -> bool:
    """A time, perhaps in a bracket."""
    alive = heap.alive()
    if not alive:
        return False
    opener = heap.opener()
    found = [
        (
            i,
            times.match_at(
                heap.lines[i],
                at + len(opener) + (heap.lines[i][at + len(opener) : at + len(opener) + 1] == " " and bool(opener)),
            ),
        )
        for i, at in alive
    ]
    forms = Counter(f.form for _, f in found if f is not None)
    if not forms:
        return False
    form, count = forms.most_common(1)[0]
    if count < MOST * len(alive) or (heap.time and form in ("clock", "epoch") and heap.tagged):
        return False
    if form.startswith("epoch") and not all(
        lexis.alone(heap.lines[i], f) for i, f in found if f is not None and f.form == form
    ):
        return False
    chosen = [f for _, f in found if f is not None and f.form == form]
    before = separator + (re.escape(opener) + "[ ]?" if opener else "")
    if form in ("numeric", "pair"):
        chosen = _all_times(heap, heap.whole + before, form) or chosen
    spec = times.settle(chosen)
    expression = regex(spec.expression()[0])
    ends = [-1] * len(heap.at)
    for i, f in found:
        if f is not None and f.form == form:
            match = expression.match(heap.lines[i], f.start)
            ends[i] = match.end() if match else -1
    if sum(end >= 0 for end in ends) < 0.6 * heap.total:
        return False
    heap.parts.append(Part(heap.expression + before, spec))
    heap.expression = ""
    heap.whole += before + re.sub(r"(?<!\\)\((?!\?)", "(?:", spec.expression()[0])
    heap.time = True
    heap.advance(ends, "time", opener, closed)
    return True


def _all_times(heap: Heap, before: str, form: str) -> list[times.Found]:
    pattern = regex(re.sub(r"\(\?P<\w+>", "(?:", before))
    out = []
    for line in heap.all_lines:
        start = pattern.match(line)
        found = times.match_at(line, start.end()) if start else None
        if found is not None and found.form == form:
            out.append(found)
    return out


def try_glog(heap: Heap, separator: str, closed: bool) -> bool:
    """The letter of glog, glued to the date."""
    if heap.level:
        return False
    ends, share, _ = heap.match("[IWEFDV](?=(?:[0-9]{2})?[01][0-9][0-3][0-9] +[0-9]{2}:[0-9]{2}:)")
    if share < MOST:
        return False
    heap.level, heap.tagged = True, False
    return heap.take(separator, f"({heap.role('level')}[IWEFDV])", ends, "level", "", closed)


def try_level(heap: Heap, separator: str, closed: bool) -> bool:
    """A level word, perhaps in a bracket."""
    if heap.level and not (heap.letter and heap.last == "bracket"):
        return False
    alive = heap.alive()
    found = [(i, lexis.LEVEL.match(heap.lines[i], at)) for i, at in alive]
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
    column = (heap.time or heap.last == "run") and heap.levels_at(0)
    if not wrapped and not column and sure < 0.5 * len(same) and not _level_column(heap, words, alive):
        return False
    if not wrapped and not _one_style(words):
        return False
    if not wrapped and not column and not all(word.isupper() for word in words) and not _lower_level(heap, words, same):
        return False
    modules = sum(1 for m in same if m.group("mod"))
    module = "(?:[A-Za-z_][A-Za-z0-9_-]*[:.=])" + ("" if modules == len(same) else "?") if modules else ""
    head = re.escape(opener) + ("[ ]*" if opener else "") + module
    tail = "[ ]*" + re.escape(closer) if wrapped else ""
    expression = head + f"({heap.role('level')}{_level_words(words, wrapped)})" + tail
    ends, share, _ = heap.match(expression)
    if share < MOST:
        if not heap.letter:
            heap.roles.discard("level")
        return False
    if not heap.take(
        separator,
        expression,
        ends,
        "level",
        opener[-1:] if opener and not wrapped and opener[-1:] in "[(<{" else "",
        closed,
    ):
        heap.roles.discard("level")
        return False
    heap.level = True
    return True


def try_optional_level(heap: Heap, separator: str, closed: bool) -> bool:
    """A level before a colon that part of the lines leave out, the same messages coming with it and without it."""
    if heap.level or not heap.time:
        return False
    words = "|".join(sorted({*(w for w in SURE if w.isalpha()), *(w.upper() for w in SURE if w.isalpha())}))
    sides = heap.sides(f"(?:{words}): ")
    if sides is None or not independent(*sides.rests):
        return False
    heap.level = heap.take(separator, f"(?:({heap.role('level')}{words}): )?", sides.ends, "level", "", closed)
    return heap.level


def try_named_level(heap: Heap, separator: str, closed: bool) -> bool:
    """A name and the level behind a slash, before a colon (`cart/ERROR: `)."""
    if heap.level or not heap.time:
        return False
    words = "|".join(sorted({word.upper() for word in WORDS if word.isalpha()}, key=lambda w: (-len(w), w)))
    name = "[^ \\t\\n:/]{1,60}"
    ends, share, _ = heap.match(f"{name}/(?:{words})(?=:)")
    if share < MOST:
        return False
    expression = f"({heap.role('logger')}{name})/({heap.role('level')}{words})"
    heap.level = heap.take(separator, expression, ends, "level", "", closed)
    return heap.level


def try_glued_level(heap: Heap, separator: str, closed: bool) -> bool:
    """A level inside one long word of the header (`10.0.0.1(5432):user@db:[17]:ERROR:`)."""
    if heap.level or not heap.time:
        return False
    words = "|".join(sorted({word.upper() for word in WORDS if word.isalpha()}, key=lambda w: (-len(w), w)))
    # one long word that holds it; or one word before it that part of the lines leave out (`[17] user@db LOG:`)
    for before in ("[^ \\t\\n]{1,160}?[:|,;\\]/.]", "(?:[^ \\t\\n:]{1,120}[ \\t]+)?"):
        ends, share, _ = heap.match(f"{before}(?:{words})(?=[:|,;])")
        if share >= MOST and heap.take(separator, f"{before}({heap.role('level')}{words})", ends, "level", "", closed):
            heap.level = True
            return True
    return False


def _level_column(heap: Heap, words: Sequence[str], alive: Sequence[tuple[int, int]]) -> bool:
    """Words of level in capitals on every line right behind a time, a number or a bracket, a sure one among them (`[17] LOG …`)."""
    return (
        heap.last in ("time", "number", "bracket")
        and len(words) >= ALL * len(alive)
        and len(words) >= 4
        and all(word.isupper() for word in words)
        and any(word.lower() in SURE for word in words)
    )


def _one_style(words: Sequence[str]) -> bool:
    """Whether level words are written in one way, as a header writes them: all in capitals, all small, or all with a capital."""
    styles = Counter("upper" if word.isupper() else "lower" if word.islower() else "title" for word in words)
    return styles.most_common(1)[0][1] >= MOST * len(words)


def _lower_level(heap: Heap, words: list[str], same: list[re.Match[str]]) -> bool:
    """Lower-case words are a level when a mark follows, or when several different ones stand right after a time."""
    marked = sum(
        m.string[m.end() : m.end() + 1] in (":", "|", ",", "\t") or m.string[m.end() : m.end() + 2] == "  "
        for m in same
    )
    return (
        marked >= MOST * len(same)
        or (heap.last in ("time", "bracket", "number") and len(set(words)) > 1)
        or heap.gap.strip() in ("|", "-", "/")
    )


def try_letter(heap: Heap, separator: str, closed: bool) -> bool:
    """A level of one letter."""
    if heap.level or heap.last not in ("", "time", "number", "run", "bracket", "column"):
        return False
    opener = heap.opener()
    alive = heap.alive()
    found = [
        m
        for i, at in alive
        if (m := lexis.LETTER.match(heap.lines[i], at)) is not None and lexis.is_letter(m.group("w"))
    ]
    if heap.last == "column" and heap.gap.strip() not in ("|", ";", ",") and len({m.group("w") for m in found}) < 2:
        return False
    if len(found) < ALL * len(alive) or (heap.last == "" and not any(m.group("w") in "IWED" for m in found)):
        return False
    wrapped = bool(opener) and all(m.group("c") for m in found)
    expression = (
        (re.escape(opener) + "[ ]?" if opener else "")
        + f"({heap.role('level')}[A-Z])"
        + (re.escape(lexis.CLOSER[opener]) if wrapped else "")
        + ("!" if all(m.string[m.end() : m.end() + 1] == "!" for m in found) else "")  # Telegraf's
    )
    ends, share, _ = heap.match(expression)
    if share < MOST or not heap.take(
        separator, expression, ends, "level", opener if opener and not wrapped else "", closed
    ):
        heap.roles.discard("level")
        return False
    heap.level = heap.letter = True
    return True


def try_sign(heap: Heap, _separator: str, closed: bool) -> bool:
    """Redis' sign behind the time."""
    if heap.level or heap.last != "time":
        return False
    # the sign may have been read as separator: look at what follows the time itself
    starts = [heap.lines[i][heap.at[i] :] for i, at in enumerate(heap.at) if at >= 0]
    signs = [m.group(1) for text in starts if (m := re.match(r" ([-*#.]) ", text))]
    if len(signs) < MOST * len(starts) or set(signs) <= {"-"}:
        return False
    words = [
        m for text in starts if (m := lexis.LEVEL.match(text, 3)) is not None and lexis.is_level(m, text, sure=True)
    ]
    if len(words) >= MOST * len(starts):
        return False  # the sign is a mark between columns
    heap.pending = list(heap.at)
    ends, share, _ = heap.match(f" [{re.escape(''.join(SIGNS))}](?= )")
    if share < MOST:
        return False
    heap.level = True
    return heap.take("", f" ({heap.role('level')}[-*#.])", ends, "level", "", closed)


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
