"""Checking what a model says: each sentence must cite evidence that exists and say nothing that the evidence does not hold.

Whatever fails is taken away and counted, with the reason. A sentence that stays was supported word for word where it matters:
numbers, commits, files, names, quoted texts; it names no other culprit than the verdict's and no cause where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from luffy_dagster.core.rca.model import Evidence
from luffy_dagster.core.rca.safe import addresses_reader, clean
from luffy_dagster.core.rca.verdict.values import Verdict, VerdictKind

CITED = re.compile(r"\[(E\d+)(?:\s*,\s*(E\d+))*\]")
_ID = re.compile(r"\bE\d+\b")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?=[0-9a-f]*\d)[0-9a-f]{7,40}(?![0-9A-Za-z])", re.IGNORECASE)
_PATH = re.compile(r"(?<![\w/.-])((?:[\w@~.-]+/)*[\w-]+\.[A-Za-z]{1,5})(?::(\d+))?(?![\w/])")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NAMED = re.compile(r"[A-Za-z_$][\w$]*(?:[._$-][A-Za-z_$][\w$]*)+|[A-Za-z]+[A-Z]\w*|[A-Z]{2,}\w*|\w+_\w+")
_QUOTED = re.compile(r"[\"“'`]([^\"”'`\n]{2,120})[\"”'`]")
_WORD = re.compile(r"[A-Za-z]{4,}")
_MARKUP = re.compile(r"https?:|www\.|\]\(|<\s*\w|!\[|\bjavascript:|`{3}|^\s*#", re.IGNORECASE)
_BLAMES = re.compile(
    r"\b(?:caus|culprit|guilty|blame|introduc|broke|responsible|root ?cause|due to|because of|fault)", re.IGNORECASE
)
_NEGATES = re.compile(r"\b(?:no|not|never|none|without|cannot|n't|neither|nor|nothing)\b|n't\b", re.IGNORECASE)
_FILLERS = frozenset(
    {"this", "that", "these", "those", "with", "from", "into", "when", "then", "than", "which", "what", "where", "have", "has", "been", "were", "will"}
    | {"would", "could", "should", "also", "after", "before", "because", "since", "while", "there", "their", "them", "they", "only", "more", "most"}
    | {"such", "some", "each", "every", "other", "same", "very", "about", "over", "under", "both", "here", "does", "done", "made", "make", "makes"}
    | {"error", "errors", "commit", "change", "changes", "changed", "code", "line", "lines", "file", "function", "failure", "fails", "failed", "failing"}
    | {"cause", "causes", "caused", "shows", "show", "shown", "says", "said", "seen", "found", "exception", "service", "evidence", "trace", "raised", "raises"}
    | {"first", "happens", "happened", "occurs", "occurred", "added", "removed", "now", "used", "uses", "using", "value", "call", "called", "calls"}
)  # fmt: skip
_SUPPORT = 0.6  # share of a sentence's own words that the cited evidence must hold


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that stays, with the ids of what it cites."""

    text: str
    cites: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """A sentence that was taken away. The text is kept for the record, not for the report."""

    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What is left of a model's words."""

    kept: tuple[Sentence, ...]
    removed: tuple[Removed, ...]


def check(said: Iterable[tuple[str, Sequence[str]]], evidence: Sequence[Evidence], verdict: Verdict) -> Checked:
    """Checks sentences (text, ids given beside it) against the evidence and the verdict."""
    known = {e.id: e for e in evidence}
    kept: list[Sentence] = []
    removed: list[Removed] = []
    seen: set[str] = set()
    for text, given in said:
        for one in _sentences(text):
            why, cites = _objection(one, given, known, verdict)
            bare = _bare(one)
            if why is None and bare.lower() in seen:
                why = "says again what was said"
            if why is not None:
                removed.append(Removed(clean(one)[:300], why))
                continue
            seen.add(bare.lower())
            kept.append(Sentence(bare, cites))
    return Checked(tuple(kept), tuple(removed))


def _sentences(text: str) -> list[str]:
    """Sentences of a text; citations stay with the sentence before them."""
    flat = " ".join(text.split())
    parts = re.split(r"(?<=[.!?])\s+(?=[A-Z\"'`(])", flat)
    return [p for p in parts if p.strip()]


def _bare(text: str) -> str:
    return re.sub(r"\s+([.,;])", r"\1", CITED.sub("", text)).strip()


def _objection(
    text: str, given: Sequence[str], known: dict[str, Evidence], verdict: Verdict
) -> tuple[str | None, tuple[str, ...]]:
    """Why a sentence must go (None: it stays), and what it cites."""
    named = [i for m in CITED.finditer(text) for i in _ID.findall(m[0])]
    cites = tuple(dict.fromkeys([*named, *(str(i).strip("[] ") for i in given)]))
    body = _bare(text)
    if clean(text) != text:
        return "holds control characters", cites
    if _MARKUP.search(body):
        return "holds a link or markup", cites
    if addresses_reader(body):
        return "speaks to the reader", cites
    if not cites:
        return "cites nothing", cites
    ghosts = [i for i in cites if i not in known]
    if ghosts:
        return f"cites {ghosts[0][:12]}, which does not exist", cites
    if len(body) > 400 or len(body) < 12:
        return "is no plain sentence", cites
    return _unsupported(body, [known[i] for i in cites], verdict), cites


def _unsupported(body: str, cited: Sequence[Evidence], verdict: Verdict) -> str | None:
    source = "\n".join(f"{e.title}\n{e.text}\n{e.commit or ''}\n{e.path or ''}:{e.line or ''}" for e in cited)
    low = source.lower()
    for m in _HEX.finditer(body):
        if m[0].lower() not in low:
            return f"names {m[0][:12]}, which the evidence does not hold"
    for m in _PATH.finditer(body):
        if m[1].lower() not in low:
            return f"names the file {m[1][:60]}, which the evidence does not hold"
        if m[2] and not re.search(rf"(?<!\d){m[2]}(?!\d)", source):
            return f"names line {m[2]}, which the evidence does not hold"
    for m in _NUMBER.finditer(_PATH.sub(" ", _HEX.sub(" ", body))):
        if not re.search(rf"(?<![\d.]){re.escape(m[0].rstrip('.,'))}(?!\d)", source):
            return f"gives the number {m[0]}, which the evidence does not hold"
    for m in _NAMED.finditer(body):
        if m[0].lower() not in low:
            return f"names {m[0][:40]}, which the evidence does not hold"
    for m in _QUOTED.finditer(body):
        if m[1].lower() not in low:
            return "quotes what the evidence does not hold"
    if _NEGATES.search(body) and not _NEGATES.search(source):
        return "denies something that the evidence does not deny"
    words = [w.lower() for w in _WORD.findall(body) if w.lower() not in _FILLERS]
    held = [w for w in words if w in low or w[: max(4, len(w) - 3)] in low]
    if words and len(held) / len(words) < _SUPPORT:
        return "says more than the evidence does"
    return _against(body, cited, verdict)


def _against(body: str, cited: Sequence[Evidence], verdict: Verdict) -> str | None:
    """Whether a sentence lays blame where the verdict does not."""
    if not _BLAMES.search(body):
        return None
    culprit = verdict.culprit.sha if verdict.culprit else None
    others = [e for e in cited if e.commit and e.commit != culprit]
    named = [m[0].lower() for m in _HEX.finditer(body)]
    if any(not (culprit or "").startswith(n) for n in named):
        return "blames a commit that the verdict does not"
    if verdict.kind is VerdictKind.CULPRIT:
        return "blames what the verdict does not" if others and not any(e.commit == culprit for e in cited) else None
    if others or re.search(r"\bcommit|chang|deploy|releas", body, re.IGNORECASE):
        return "blames a commit where the verdict names none"
    return "names a cause where the verdict names none" if verdict.kind is VerdictKind.INCONCLUSIVE else None
