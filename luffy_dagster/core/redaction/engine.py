"""Finding and replacing: over one text, and over a column of texts with a pre-filter in the column engine.

Most log lines hold nothing of interest: one pass of literals (Aho-Corasick) and one expression, both in the column
engine, pick the lines that may, and only the distinct ones among these are examined. Rules are in their own modules.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import polars as pl

from luffy_dagster.core.redaction import addresses, context, looks, names, personal, places, tokens
from luffy_dagster.core.redaction.policy import LOGS, PLACEHOLDER, Kind, Policy, Span, pseudonym

ALGORITHM = "redaction-2026-12-2"
# Groups of rules; the column engine says for each text which of them may find something.
_TOKENS, _CONTEXT, _EMAILS, _NUMBERS, _NAMES, _PLACES = 1, 2, 4, 8, 16, 32
ALL = 63
FAILED = "[REDACTION_FAILED: this text could not be examined and was left out]"
_OURS = re.compile(PLACEHOLDER)
MAX_EXAMINED = 1_000_000  # characters of one text; what is longer is examined in pieces
_GAP = 10_000  # characters before a border in which a gap between words is looked for
_JSON_NUMBER_BEFORE = re.compile(r"[\[:,]\s*\Z")
_JSON_NUMBER_AFTER = re.compile(r"\s*[,}\]]")


@dataclass(frozen=True, slots=True)
class Redacted:
    """A column of redacted texts, how many spans of each kind went, and how many texts failed closed.

    `swaps`: rows (`row`) that changed in one run of characters alone (`run` became `into`), which held an address.
    """

    texts: pl.Series
    counts: dict[str, int]
    failed: int
    swaps: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={"row": pl.UInt32, "run": pl.Utf8, "into": pl.Utf8})
    )


def spans(text: str, policy: Policy, groups: int = ALL) -> list[Span]:
    """Spans to replace, in order, none overlapping: secrets win over personal data, longer over shorter."""
    look = looks.look(text)
    found: list[Span] = []
    if groups & _TOKENS:
        found += (s for s in tokens.find(look) if s.end > s.start)
    if groups & _CONTEXT:
        found += context.find(look)
    if groups & _EMAILS:
        found += personal.find_emails(text)
    if groups & _NUMBERS:
        found += personal.find_numbers(look, policy)
    if groups & _NAMES and policy.wants(Kind.PERSON):
        found += names.find(look)
    if groups & _PLACES and policy.wants(Kind.PLACE):
        found += places.find(look)
    ours = [m.span() for m in _OURS.finditer(text)] if found and "[" in text else []
    if ours:  # "[NATIONAL_ID:12345678]" is a label and a number; a second pass must change nothing
        found = [s for s in found if not any(start <= s.start and s.end <= end for start, end in ours)]
    found.sort(key=lambda s: (s.start, s.kind is not Kind.SECRET, -s.end))
    out: list[Span] = []
    for s in found:
        if not policy.wants(s.kind):
            continue
        if out and s.start < out[-1].end:
            last = out[-1]
            kind = Kind.SECRET if Kind.SECRET in (last.kind, s.kind) else last.kind
            out[-1] = Span(last.start, max(last.end, s.end), kind)
        else:
            out.append(s)
    return out


def _replace(text: str, policy: Policy, key: bytes, counts: Counter[str], groups: int) -> str:
    parts: list[str] = []
    pos = 0
    held: dict[tuple[Kind, str], str] = {}
    for s in spans(text, policy, groups):
        value = s.kind, text[s.start : s.end]
        holder = held.get(value) or held.setdefault(value, pseudonym(*value, key))
        # a bare number of a JSON document becomes a string, so that the document stays one
        if (
            text[s.start].isdigit()
            and "{" in text[:64]
            and _JSON_NUMBER_BEFORE.search(text, max(0, s.start - 4), s.start)
            and _JSON_NUMBER_AFTER.match(text, s.end)
        ):
            holder = f'"{holder}"'
        parts += (text[pos : s.start], holder)
        pos = s.end
        counts[s.kind.value] += 1
    parts.append(text[pos:])
    return "".join(parts)


def _pieces(text: str) -> Iterator[str]:
    """A text too long to be examined at once, cut between words where it has any: a token cut in two would be seen in neither."""
    start = 0
    while len(text) - start > MAX_EXAMINED:
        border = start + MAX_EXAMINED
        gap = max(text.rfind(sign, border - _GAP, border) for sign in " \n\t")
        border = gap if gap > start else border
        yield text[start:border]
        start = border
    yield text[start:]


def redact_text(text: str, policy: Policy, key: bytes, counts: Counter[str] | None = None, groups: int = ALL) -> str:
    """`text` with pseudonyms in place of secrets and of the personal data that `policy` names. Fails closed."""
    tally: Counter[str] = Counter() if counts is None else counts
    try:
        if len(text) <= MAX_EXAMINED:
            return _replace(text, policy, key, tally, groups)
        return "".join(_replace(piece, policy, key, tally, groups) for piece in _pieces(text))
    except (ArithmeticError, ValueError, IndexError, KeyError, RecursionError, TypeError):
        tally["FAILED"] += 1
        return FAILED


@lru_cache(maxsize=16)
def _prefilter(ips: bool, people: bool, where: bool, *, emails: bool = True) -> str:
    """One expression that finds something in every text in which any group of rules may (any but that of addresses)."""
    words = "|".join(re.escape(word) for word in sorted({*tokens.LITERALS, *context.LITERALS}))
    parts = [f"(?i-u:{words})", tokens.PREFILTER, context.PREFILTER, _number_prefilter(ips)]
    parts += [personal.EMAIL_PREFILTER] * emails + [names.PREFILTER] * people + [places.PREFILTER] * where
    return "|".join(parts)


def _number_prefilter(ips: bool) -> str:
    return f"{personal.PREFILTER}|{personal.KEY_PREFILTER}" + (f"|{personal.IP_PREFILTER}" if ips else "")


def _groups(text: pl.Expr, policy: Policy) -> pl.Expr:
    """Which groups of rules may find something in a text (bits, UInt8); never too few (tests hold this)."""
    hits = {
        _TOKENS: text.str.contains_any(list(tokens.LITERALS), ascii_case_insensitive=True)
        | text.str.contains(tokens.PREFILTER),
        _CONTEXT: text.str.contains_any(list(context.LITERALS), ascii_case_insensitive=True)
        | text.str.contains(context.PREFILTER),
        _EMAILS: text.str.contains(personal.EMAIL_PREFILTER),
        _NUMBERS: text.str.contains(_number_prefilter(policy.wants(Kind.IP))),
    }
    if policy.wants(Kind.PERSON):
        hits[_NAMES] = text.str.contains(names.PREFILTER)
    if policy.wants(Kind.PLACE):
        hits[_PLACES] = text.str.contains(places.PREFILTER)
    bits = [hit.cast(pl.UInt8) * pl.lit(bit, dtype=pl.UInt8) for bit, hit in hits.items()]
    return pl.sum_horizontal(bits).cast(pl.UInt8)


def _settled(frame: pl.DataFrame) -> pl.DataFrame:
    """Texts (t, n, g) that only their surroundings picked: groups that find nothing are taken away.

    One text of each digit pattern is examined: what `context` finds does not depend on which digit stands where, only
    that there is one, so the text with its digits collapsed has the same spans as the text itself (tests hold this).
    """
    from luffy_dagster.core.parsing.texts import collapse_digits  # core.parsing calls this package

    by_context = (pl.col("g") & _CONTEXT) > 0
    picked = frame.filter(by_context)
    if picked.is_empty():
        return frame
    keyed = picked.with_columns(k=collapse_digits(picked["t"]))
    distinct: list[str] = keyed["k"].unique().to_list()
    found = [any(True for _ in context.find(looks.look(k))) for k in distinct]
    marks = pl.DataFrame({"k": distinct, "found": found}, schema={"k": pl.Utf8, "found": pl.Boolean})
    left = keyed.join(marks, on="k", how="left").with_columns(
        g=pl.when("found").then(pl.col("g")).otherwise(pl.col("g") & (ALL - _CONTEXT))
    )
    return pl.concat([frame.filter(~by_context), left.select(frame.columns)])


def redact(texts: pl.Series, policy: Policy = LOGS, *, key: bytes) -> Redacted:
    """Redact a column of texts (Utf8, nulls stay null); same values give the same pseudonyms under one `key`."""
    wanted = (policy.wants(Kind.IP), policy.wants(Kind.PERSON), policy.wants(Kind.PLACE))
    picked = texts.str.contains(_prefilter(*wanted)).fill_null(value=False)
    if not picked.any():
        return Redacted(texts, {}, 0)
    rows = picked.arg_true()
    marked = pl.DataFrame({"t": texts.gather(rows), "row": rows})
    text = pl.col("t")
    distinct = addresses.with_lone(marked.group_by("t").agg(n=pl.len()), MAX_EXAMINED)
    # texts that may hold an address and nothing else are many, and done apart
    mixed = distinct["t"].str.contains(_prefilter(*wanted, emails=False))
    seen = _settled(distinct.filter(mixed).with_columns(g=_groups(text, policy)))
    distinct = pl.concat([distinct.filter(~mixed).with_columns(g=pl.lit(_EMAILS, dtype=pl.UInt8)), seen])
    lone = (pl.col("g") == _EMAILS) & pl.col("run").is_not_null()
    counts: Counter[str] = Counter()
    swapped = _by_run(distinct.filter(lone), policy, key, counts)
    replaced = _by_text(distinct.filter(~lone & (pl.col("g") > 0)), policy, key, counts)
    changed = pl.concat([swapped, replaced], how="diagonal")
    failed = counts.pop("FAILED", 0)
    if changed.is_empty():
        return Redacted(texts, {}, failed)
    found = marked.join(changed, on="t", how="inner", maintain_order="left")
    swaps = found.filter(pl.col("run").is_not_null()).select("row", "run", "into")
    return Redacted(texts.clone().scatter(found["row"], found["r"]), dict(counts), failed, swaps)


def _by_run(frame: pl.DataFrame, policy: Policy, key: bytes, counts: Counter[str]) -> pl.DataFrame:
    """Texts (t, n times) with the one run that may be an address: t, run, into and r of those that change; `counts` grows."""
    if frame.is_empty() or not policy.wants(Kind.EMAIL):
        return pl.DataFrame(schema={"t": pl.Utf8, "run": pl.Utf8, "into": pl.Utf8, "r": pl.Utf8})
    held = frame.join(addresses.examined(frame["run"].unique(), key), on="run", how="inner")
    counts[Kind.EMAIL.value] += int((held["count"] * held["n"]).sum())
    return held.select("t", "run", "into", r=addresses.put(pl.col("t"), pl.col("into")))


def _by_text(frame: pl.DataFrame, policy: Policy, key: bytes, counts: Counter[str]) -> pl.DataFrame:
    """Texts (t, n times, groups g) examined one by one: t and r of those that change; `counts` grows."""
    before: list[str] = []
    after: list[str] = []
    for text, times, groups in frame.select("t", "n", "g").iter_rows():
        own: Counter[str] = Counter()
        redacted = redact_text(text, policy, key, own, groups)
        for kind, n in own.items():
            counts[kind] += n * times
        if redacted != text:
            before.append(text)
            after.append(redacted)
    return pl.DataFrame({"t": before, "r": after}, schema={"t": pl.Utf8, "r": pl.Utf8})


_KEY_LINES = 200  # a private key has fewer lines; an end that never comes hides no more than this


def key_block_rows(texts: pl.Series, streams: pl.Series) -> pl.Series:
    """Rows (Boolean) that are inside a private key written line by line: between its BEGIN and END of one stream."""
    inside = pl.Series("inside", [False], dtype=pl.Boolean).new_from_index(0, len(texts))
    begins = texts.str.contains("-----BEGIN [A-Z0-9 ]*PRIVATE KEY").fill_null(value=False)
    if not begins.any():
        return inside
    lines, names_ = texts.to_list(), streams.to_list()
    marks = [False] * len(lines)
    for start in begins.arg_true().to_list():
        if "-----END" in (lines[start] or ""):
            continue
        seen = 0
        for row in range(start + 1, len(lines)):
            if names_[row] != names_[start]:
                continue
            if "-----END" in (lines[row] or "") or seen >= _KEY_LINES:
                break
            marks[row] = True
            seen += 1
    return pl.Series("inside", marks)
