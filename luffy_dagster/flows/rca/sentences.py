"""A report's sentences by code, each with the evidence that it rests on; and the words for a commit, an age, a version."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from luffy_dagster.core.rca.model import Evidence, EvidenceKind
from luffy_dagster.core.rca.report import BlastRadius, Claim
from luffy_dagster.core.rca.safe import addresses_reader, clean
from luffy_dagster.core.rca.verdict import CommitFacts, Verdict, VerdictKind
from luffy_dagster.core.rca.verdict.place import IN_PLACE
from luffy_dagster.core.rca.verdict.telling import failed_first
from luffy_dagster.core.rca.verdict.values import Reason
from luffy_dagster.core.rca.verdict.weigh import span
from luffy_dagster.core.rca.verdict.words import AS_THE_LOG, NAMES
from luffy_dagster.core.wording import many

if TYPE_CHECKING:
    from luffy_dagster.flows.rca.gathered import Gathered

_TRACE_LINES = 30
_DIFF_LINES = 60
_REASONS = 6  # of the culprit that are told; the rest stands with the suspects

Redact = Callable[[str], str]


class EvidenceList:
    """Collects citable pieces; the same text twice is one piece."""

    def __init__(self, redact: Redact) -> None:
        self.redact = redact
        self.items: list[Evidence] = []

    def add(
        self,
        kind: EvidenceKind,
        title: str,
        text: str,
        *,
        at: datetime | None = None,
        commit: str | None = None,
        path: str | None = None,
        line: int | None = None,
        entry_id: str | None = None,
    ) -> str:
        """The id of a piece."""
        body = self.redact(text)
        for one in self.items:
            if (one.kind, one.text, one.commit, one.path) == (kind, body, commit, path):
                return one.id
        name = f"E{len(self.items) + 1}"
        self.items.append(Evidence(name, kind, self.redact(title), body, at, commit, path, line, entry_id))
        return name


def headline(known: Gathered, verdict: Verdict, redact: Redact) -> str:
    """The root cause in one sentence."""
    culprit = verdict.culprit
    if culprit is None:
        first = _first(verdict)
        return f"No commit of this service caused this: {first}." if first else redact(verdict.headline)
    subject = redact(spoken(culprit.subject)).replace("`", "ˋ")[:120]
    place = next((r.text for r in verdict.reasons if r.text.startswith(IN_PLACE)), None)
    file = known.snippet[0] if known.snippet is not None else next((p.file for p in known.places), None)
    what = f"it {redact(place)}{f' of `{redact(file)}`' if file else ''}" if place else "it was made"
    kind = f" ({verdict.mechanism})" if verdict.mechanism else ""
    age = span(known.cluster.first_seen - culprit.at)
    return f"Commit `{culprit.sha[:12]}` (`{subject}`) is the likely cause{kind}: {what}, {age} before this first happened."


def summary(known: Gathered, verdict: Verdict, evidence: EvidenceList) -> list[Claim]:
    """The sentences of code; they fill the evidence in the order in which they cite it."""
    cluster = known.cluster
    trace = "\n".join(line for line in known.trace.split("\n")[:_TRACE_LINES] if not addresses_reader(line))
    e_trace = evidence.add(
        EvidenceKind.TRACE,
        "Earliest trace",
        trace or cluster.title,
        at=cluster.first_seen,
        entry_id=cluster.example_entry_id,
    )
    lines = _Lines(evidence, e_trace)
    claims = [*_happened(known, evidence, e_trace), *_ran(known, evidence)]
    if verdict.culprit is not None:
        return [*claims, *_blame(known, verdict, evidence, lines)]
    if verdict.kind is VerdictKind.NO_CODE_CAUSE:
        cites = list(dict.fromkeys(i for r in verdict.reasons if (i := lines.cite(r.log)) is not None))
        said = _first(verdict) or verdict.reasons[0].text
        return [*claims, Claim(text=_sentence(said), cites=cites or [e_trace])]
    return [*claims, Claim(text=verdict.headline, cites=[e_trace]), *_open(verdict, evidence)]


def _first(verdict: Verdict) -> str | None:
    """Which other service failed first, as a sentence, where that is the cause."""
    first = failed_first(verdict)
    return f"`{first}` failed first for the same request" if first else None


class _Lines:
    """Evidence for quoted lines of log: the trace where it holds them, else a piece of their own."""

    def __init__(self, evidence: EvidenceList, e_trace: str) -> None:
        self.evidence, self.e_trace = evidence, e_trace
        self.trace = next(e.text for e in evidence.items if e.id == e_trace)

    def cite(self, line: str | None) -> str | None:
        """The id of what holds `line`; None for a line that speaks to the reader, and for none."""
        if not line or addresses_reader(line):
            return None
        if self.evidence.redact(line).strip() in self.trace:
            return self.e_trace
        return self.evidence.add(EvidenceKind.LOG, "Line of log", line)


def _happened(known: Gathered, evidence: EvidenceList, e_trace: str) -> list[Claim]:
    """What failed where, and how often."""
    c, b = known.cluster, known.blast
    e_count = evidence.add(
        EvidenceKind.COUNT,
        "Counts",
        f"{_counted(b)}; first seen {c.first_seen:%Y-%m-%d %H:%M:%S} UTC, last seen {c.last_seen:%Y-%m-%d %H:%M:%S} UTC",
    )
    if known.snippet is not None:
        path, line, text = known.snippet
        ran = known.trouble.commit
        cites = [
            e_trace,
            evidence.add(
                EvidenceKind.CODE, "The failing lines at the commit that ran", text, commit=ran, path=path, line=line
            ),
        ]
        where = f" at `{path}:{line}` (commit `{ran[:12]}`)"
    else:
        cites, first = [e_trace], known.places[0] if known.places else None
        where = f" at `{evidence.redact(first.file)}{f':{first.line}' if first.line else ''}`" if first else ""
    root, outer = known.trouble.root_type or known.trouble.type, known.trouble.type
    what = f"`{evidence.redact(root)}` is raised" if root else "An error is logged"
    seen = f" and logged as `{evidence.redact(outer)}`" if outer and outer != root else ""
    lately = "all of them" if b.last_24h == b.occurrences else f"{b.last_24h:,} of them"
    times = f"It happened {many(b.occurrences, 'time')} since {c.first_seen:%Y-%m-%d %H:%M} UTC"
    return [
        Claim(text=f"{what}{where}{seen}.", cites=cites),
        Claim(text=f"{times}{f', {lately} in the last 24 hours' if b.occurrences > 1 else ''}.", cites=[e_count]),
    ]


def _ran(known: Gathered, evidence: EvidenceList) -> list[Claim]:
    """Which version ran."""
    if not known.version:
        return []
    since = f" since {known.release_at:%Y-%m-%d %H:%M} UTC" if known.release_at else ""
    before = short(known.previous_version)
    cite = evidence.add(
        EvidenceKind.RELEASE,
        "Release that ran",
        f"{known.version}{since}; before it {known.previous_version or 'unknown'}",
        at=known.release_at,
        commit=known.trouble.commit or None,
    )
    after = f", after version `{before}`" if before else ""
    return [Claim(text=f"Version `{short(known.version)}` ran{since}{after}.", cites=[cite])]


def _blame(known: Gathered, verdict: Verdict, evidence: EvidenceList, lines: _Lines) -> list[Claim]:
    """Why this commit: when it was made, and what links it to the failure."""
    culprit = verdict.culprit
    assert culprit is not None
    e_commit = evidence.add(EvidenceKind.COMMIT, "The commit", told(culprit), at=culprit.at, commit=culprit.sha)
    shown = [line for line in clean(culprit.diff).split("\n")[:_DIFF_LINES] if not addresses_reader(line)]
    e_diff = evidence.add(
        EvidenceKind.DIFF,
        "What it changed",
        "\n".join(shown) or "(no text)",
        commit=culprit.sha,
        path=culprit.files[0] if culprit.files else None,
    )
    age = span(known.cluster.first_seen - culprit.at)
    claims = [Claim(text=f"Commit `{culprit.sha[:12]}` was made {age} before the first occurrence.", cites=[e_commit])]
    for text, reasons in _grouped(verdict.reasons):
        cites = [e_diff, *(i for r in reasons if (i := lines.cite(r.log)) is not None)]
        claims.append(Claim(text=f"It {evidence.redact(text)}.", cites=list(dict.fromkeys(cites))))
    return claims


def _open(verdict: Verdict, evidence: EvidenceList) -> list[Claim]:
    """The nearest commits of an inconclusive verdict: those that it does not list as ruled out."""
    claims = []
    ruled_out = {r.sha for r in verdict.ruled_out}
    for r in verdict.ranking[:2]:
        if r.rejected is None and r.weight >= 2 and r.commit.sha not in ruled_out:
            title = "Commit that could not be ruled out"
            cite = evidence.add(EvidenceKind.COMMIT, title, told(r.commit), at=r.commit.at, commit=r.commit.sha)
            why = evidence.redact(max(r.reasons, key=lambda one: one.weight).text)
            claims.append(Claim(text=f"Commit `{r.commit.sha[:12]}` could not be ruled out: it {why}.", cites=[cite]))
    return claims


def _grouped(reasons: tuple[Reason, ...]) -> list[tuple[str, list[Reason]]]:
    """(what to say, the reasons it stands for), heaviest first; what the commit and the log both name is one sentence."""
    positive = [r for r in reasons if r.weight > 0]
    words = [r for r in positive if r.text.startswith(NAMES) and r.text.endswith(AS_THE_LOG)]
    out = [(r.text, [r], r.weight) for r in positive if r not in words]
    if words:
        names = [r.text.removeprefix(NAMES).removesuffix(AS_THE_LOG) for r in words[:4]]
        said = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
        out.append((f"{NAMES}{said}{AS_THE_LOG}", words[:4], words[0].weight))
    return [(text, own) for text, own, _ in sorted(out, key=lambda item: -item[2])][:_REASONS]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def told(commit: CommitFacts) -> str:
    """A commit in lines: id, author, time, subject, files."""
    files = "\n".join(commit.files[:12])
    return f"{commit.sha}\n{spoken(commit.author)}, {commit.at:%Y-%m-%d %H:%M} UTC\n{spoken(commit.subject)}\n{files}"


def spoken(text: str) -> str:
    """A commit's message or author; one that speaks to the reader is not repeated."""
    return text if not addresses_reader(text) else "(words that speak to the reader, not repeated)"


def short(version: str | None) -> str | None:
    """A version as it is shown: of a commit's id the beginning."""
    if version is None:
        return None
    return version[:12] if len(version) >= 40 else version


def _counted(b: BlastRadius) -> str:
    parts = [
        f"{many(b.occurrences, 'occurrence')} in all",
        f"{b.last_24h:,} in the last 24 hours",
        f"at most {b.per_hour_peak:,} in one hour",
        many(b.requests, "request"),
        *([many(b.users, "user")] if b.users else []),
        many(b.streams, "stream"),
        ", ".join(b.environments) or "no environment named",
    ]
    return ", ".join(parts)
