"""Settling the header formats of a stream from a sample, with no setting.

The lines are first sorted by where and how their first time (or level) stands. In each heap the header is then built part by part
from the left: a part is taken when nearly all lines have it and it is of a kind that headers are made of: a time, a
level, a bracket, words that lead up to one of these, a delimited or fixed-width column, a tag before a colon or a dash.
What comes after the last such part is message. Lines of a heap that its format does not read are tried again with the
format's own beginning, then by themselves; so a stream may have several formats.

The share of lines is taken over texts that differ in more than digits: a heartbeat repeated a thousand times is one witness.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from luffy_dagster.core.parsing.headers.columns import Builder
from luffy_dagster.core.parsing.headers.formats import Format
from luffy_dagster.core.parsing.headers.heap import MOST
from luffy_dagster.core.parsing.headers.lexis import DIGITS, Sight, follows, sight

_WIDTH = 400  # of a line, all that is looked at
_MOST_FORMATS = 8
_WITNESSES = 400
_LINES_WITHOUT = 4  # of another format at least
_NAMED = re.compile(r"\(\?P<\w+>")
_LEADS_TO_TIME = re.compile(r"[a-z]{2,}.*[ \t](?:at|on|since|until|from|by|before|after)[ \t]$")


def infer_formats(lines: Sequence[str]) -> list[Format]:
    """The formats of a sample of lines in stream order, the most common first; empty when no header is found."""
    texts = [line[:_WIDTH].split("\n", 1)[0] for line in lines]
    sights = [sight(text) for text in texts]
    keys = _keys(texts, sights)
    heaps: Counter[tuple[str, ...]] = Counter(key for key in keys if key)
    total = sum(1 for text in texts if text.strip())
    if not heaps or not total:
        return []
    formats: list[Format] = []
    column = pl.Series("line", texts, dtype=pl.Utf8)
    unread = pl.Series([bool(text.strip()) for text in texts])
    for key, count in heaps.most_common(24):
        if len(formats) >= _MOST_FORMATS:
            break
        if count < _least(total, key, formats):
            continue
        members = [i for i, other in enumerate(keys) if other == key and unread[i]]
        if len(members) < _least(total, key, formats):
            continue
        built = _build([texts[i] for i in members])
        for form in built:
            hit = column.str.contains(form.compiled.expression) & unread
            share = int(hit.sum()) / total
            if share == 0.0:
                continue
            formats.append(replace(form, share=share))
            unread = unread & ~hit
    return _ordered(formats)


def _keys(texts: Sequence[str], sights: Sequence[Sight | None]) -> list[tuple[str, ...]]:
    """The heap of each line: place and form of its first time, how that is written, and what follows it.

    Rare ways of writing stay with the common one of their form, and what follows counts only where it splits the heap
    in parts that are too big to be messages that happen to begin so.
    """
    base = Counter(s.key for s in sights if s is not None)
    styles = Counter((s.key, s.style) for s in sights if s is not None)
    usual: dict[tuple[str, ...], tuple[str, ...]] = {}
    for (key, style), _ in styles.most_common():
        usual.setdefault(key, style)
    keys: list[tuple[str, ...]] = []
    for s in sights:
        if s is None:
            keys.append(())
        else:
            common = styles[s.key, s.style] >= max(3, 0.05 * base[s.key])
            keys.append((*s.key, *(s.style if common else usual[s.key])))
    sizes = Counter(keys)
    nexts: dict[tuple[str, ...], Counter[str]] = {}
    kinds = [
        "" if s is None or s.found is None else follows(text, s.found) for text, s in zip(texts, sights, strict=True)
    ]
    for key, kind in zip(keys, kinds, strict=True):
        nexts.setdefault(key, Counter())[kind] += 1
    for i, (key, kind) in enumerate(zip(keys, kinds, strict=True)):
        share = nexts[key][kind] / sizes[key]
        if (
            key
            and kind
            and share < 0.9
            and nexts[key][kind] >= 4
            and share >= (0.1 if kind.startswith("level") else 0.3)
        ):
            keys[i] = (*key, "next", kind)
    return keys


def _least(total: int, key: tuple[str, ...], formats: Sequence[Format]) -> float:
    """How many lines a heap must have to be believed: a time is good evidence, a lone level less."""
    if not formats and total < 10:
        return 1
    if key[0] == "time":
        return max(2.0, total * 0.002)
    return max(3.0, total * 0.02)


def _build(texts: list[str]) -> list[Format]:
    """Formats for the lines of one heap: the main one, then its beginnings for what it does not read."""
    witnesses: dict[str, int] = {}
    for i, text in enumerate(texts):
        witnesses.setdefault(text.translate(DIGITS), i)
        if len(witnesses) >= _WITNESSES:
            break
    chosen = sorted(witnesses.values())
    builder = Builder([texts[i] for i in chosen], all_lines=texts)
    main = builder.build()
    if main is None:
        return []
    if _is_sentence(main, builder.lines):  # its words are nobody's name
        plain = tuple(replace(part, expression=_NAMED.sub("(?:", part.expression)) for part in main.parts)
        return [replace(main, parts=plain, whole=True)]
    out = [main]
    column = pl.Series("line", texts, dtype=pl.Utf8)
    left = ~column.str.contains(main.compiled.expression)
    other = _without_a_part(main, column.filter(left).to_list())
    if other is not None:
        out.append(other)
        left = left & ~column.str.contains(other.compiled.expression)
    for stem in builder.stems(main):
        if not left.any():
            break
        hit = column.str.contains(stem.compiled.expression) & left
        if hit.any():
            out.append(stem)
            left = left & ~hit
    return out


def _is_sentence(form: Format, lines: Sequence[str]) -> bool:
    """Whether nothing stands behind a time that a word of the sentence leads up to ("Started GET "/" for 10.0.0.1 at 2026-…")."""
    read = [hit for line in lines if (hit := re.match(form.compiled.expression, line)) is not None]
    ended = [hit for hit in read if not hit.string[hit.end() :].strip()]
    if form.compiled.time is None or not read or len(ended) < MOST * len(read):
        return False
    at = form.compiled.groups["time"]
    return all(_LEADS_TO_TIME.search(hit.string[: hit.start(at)]) is not None for hit in ended)


def _without_a_part(main: Format, lines: Sequence[str]) -> Format | None:
    """The format of the lines that lack a part of the main one before their level (`[17] LOG:` beside `[17] user@db LOG:`)."""
    if "level" not in main.compiled.groups or len(lines) < _LINES_WITHOUT:
        return None
    distinct = list({line.translate(DIGITS): line for line in lines}.values())[:_WITNESSES]
    form = Builder(distinct, all_lines=lines).build()
    if form is None or not {"level", "time"} <= set(form.compiled.groups):
        return None
    hits = sum(re.match(form.compiled.expression, line) is not None for line in lines)
    return form if hits >= MOST * len(lines) else None


def _ordered(formats: list[Format]) -> list[Format]:
    """Common ones first, but those that ask for little come after those that ask for more."""
    ranked = sorted(formats, key=lambda form: (_vague(form), -form.share))
    out: list[Format] = []
    for form in ranked:
        place = len(out)
        mine = form.compiled.expression[:-1]
        for i, other in enumerate(out):
            theirs = other.compiled.expression[:-1]
            if mine.startswith(theirs) and len(mine) > len(theirs):
                place = i
                break
        out.insert(place, form)
    return out


def _vague(form: Format) -> bool:
    """Whether a format asks for hardly more than a time, so that it would take other formats' lines."""
    compiled = form.compiled
    return compiled.time is not None and "level" not in compiled.groups and len(compiled.groups) < 3
