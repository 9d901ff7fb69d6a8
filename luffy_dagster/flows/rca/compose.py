"""From what is known and the verdict to a whole report: evidence with ids, sentences by code, and a model's words where they stand up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from luffy_dagster.core.rca.advice import advise
from luffy_dagster.core.rca.citations import Checked, check
from luffy_dagster.core.rca.model import Evidence, EvidenceKind
from luffy_dagster.core.rca.report import (
    BlastRadius,
    Claim,
    CommitRef,
    EvidenceItem,
    ModelUse,
    Report,
    RuledOutCommit,
    Suspicion,
    TimelineItem,
)
from luffy_dagster.core.rca.safe import addresses_reader, clean
from luffy_dagster.core.rca.verdict import CommitFacts, RuledOut, Verdict, VerdictKind
from luffy_dagster.core.redaction import DOCUMENTS, redact_text
from luffy_dagster.flows.context import FlowContext

if TYPE_CHECKING:
    from luffy_dagster.adapters.llm.gateway import Gateway
    from luffy_dagster.adapters.llm.model import Answer
    from luffy_dagster.flows.rca.gather import Gathered
    from luffy_dagster.flows.rca.investigate import Narrative

_TRACE_LINES = 30
_DIFF_LINES = 60
_SUSPECTS = 5
_RULED_OUT = 12
_INSTRUCTIONS = (
    "You explain the cause of a software failure to an engineer. Code has already decided the verdict; you only put it in words. "
    "Write 3 to 6 short sentences. Each sentence states one fact from the evidence and lists in `cites` the ids (like E1) that hold it. "
    "Use only names, numbers, files and commits that stand in the evidence. Do not add links. Do not guess."
)

Redact = Callable[[str], str]


def compose(
    ctx: FlowContext, known: Gathered, verdict: Verdict, digest: str, gateway: Gateway | None, now: datetime
) -> Report:
    """The report. Raises pydantic's ValidationError where something does not fit: then there is no report."""
    from luffy_dagster.store.crypto import pseudonym_key

    key = pseudonym_key(ctx.settings)

    def redact(text: str) -> str:
        return clean(redact_text(text, DOCUMENTS, key))

    evidence = _Evidence(redact)
    summary = _summary(known, verdict, evidence)
    narrative, use = _narrate(known, verdict, evidence.items, digest, gateway)
    actions, tests = advise(
        verdict, known.places, previous_release=_short(known.previous_version), later_commits=_later(known, verdict)
    )
    ranked = [r for r in verdict.ranking if r.rejected is None and r.weight > 0][:_SUSPECTS]
    return Report(
        service=known.service.id,
        cluster_id=known.cluster.cluster_id,
        title=redact(known.cluster.title or known.trouble.type or known.cluster.cluster_id)[:300],
        verdict=verdict.kind.value,
        cause=verdict.cause.value if verdict.cause else None,
        mechanism=verdict.mechanism,
        confidence=verdict.confidence,
        caps=list(verdict.caps),
        headline=verdict.headline,
        culprit=_commit(verdict.culprit, redact) if verdict.culprit else None,
        summary=summary,
        narrative=narrative,
        evidence=[_item(e) for e in evidence.items],
        suspects=[
            Suspicion(
                commit=_commit(r.commit, redact),
                weight=r.weight,
                reasons=[redact(x.text) for x in r.reasons if x.weight > 0],
            )
            for r in ranked
        ],
        files=[s.name for s in known.suspects.files[:5]] if known.suspects else [],
        timeline=_timeline(known, verdict, redact),
        blast_radius=known.blast,
        recommendations=actions,
        tests=tests,
        ruled_out=[
            RuledOutCommit(sha=r.sha, subject=redact(_spoken(r.subject))[:200], why=redact(r.why))
            for r in _worth_telling(verdict)
        ],
        notes=[redact(n) for n in _notes(known, verdict)],
        model=use,
        algorithms=[verdict.algorithm, *([known.suspects.algorithm] if known.suspects else [])],
        evidence_hash=digest,
        commit=known.trouble.commit or None,
        generated_at=now,
    )


class _Evidence:
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
        body = self.redact(text)
        for one in self.items:
            if (one.kind, one.text, one.commit, one.path) == (kind, body, commit, path):
                return one.id
        name = f"E{len(self.items) + 1}"
        self.items.append(Evidence(name, kind, self.redact(title), body, at, commit, path, line, entry_id))
        return name


def _summary(known: Gathered, verdict: Verdict, evidence: _Evidence) -> list[Claim]:
    """The sentences of code, each with its evidence; they fill the evidence in the order in which they cite it."""
    c, b = known.cluster, known.blast
    trace = "\n".join(line for line in known.trace.split("\n")[:_TRACE_LINES] if not addresses_reader(line))
    e_trace = evidence.add(
        EvidenceKind.TRACE, "Earliest trace", trace or c.title, at=c.first_seen, entry_id=c.example_entry_id
    )
    e_count = evidence.add(
        EvidenceKind.COUNT,
        "Counts",
        _counted(b)
        + f"; first seen {c.first_seen:%Y-%m-%d %H:%M:%S} UTC, last seen {c.last_seen:%Y-%m-%d %H:%M:%S} UTC",
    )
    what = known.trouble.type or "an error"
    where = (
        f" in `{known.places[0].file}{f':{known.places[0].line}' if known.places[0].line else ''}`"
        if known.places
        else ""
    )
    claims = [
        Claim(text=f"`{evidence.redact(what)}` is raised{where}.", cites=[e_trace]),
        Claim(
            text=f"It happened {b.occurrences:,} times since {c.first_seen:%Y-%m-%d %H:%M} UTC, {b.last_24h:,} times in the last 24 hours.",
            cites=[e_count],
        ),
    ]
    if known.version:
        since = f", first seen at {known.release_at:%Y-%m-%d %H:%M} UTC" if known.release_at else ""
        e_release = evidence.add(
            EvidenceKind.RELEASE,
            "Release that ran",
            f"{known.version}{since}; before it {known.previous_version or 'unknown'}",
            at=known.release_at,
            commit=known.trouble.commit or None,
        )
        claims.append(
            Claim(text=f"Version `{_short(known.version)}` ran when it was first seen{since}.", cites=[e_release])
        )
    if known.snippet is not None:
        path, line, text = known.snippet
        e_code = evidence.add(
            EvidenceKind.CODE,
            "The failing lines at the commit that ran",
            text,
            commit=known.trouble.commit,
            path=path,
            line=line,
        )
        claims.append(
            Claim(text=f"The failing line is `{path}:{line}` of commit `{known.trouble.commit[:12]}`.", cites=[e_code])
        )
    if verdict.culprit is not None:
        claims += _blame(known, verdict, evidence)
    elif verdict.kind is VerdictKind.NO_CODE_CAUSE:
        cites = [
            evidence.add(EvidenceKind.LOG, "Line of log", r.log)
            for r in verdict.reasons
            if r.log and not addresses_reader(r.log)
        ]
        claims.append(
            Claim(text=f"{verdict.reasons[0].text[:1].upper()}{verdict.reasons[0].text[1:]}.", cites=cites or [e_trace])
        )
    else:
        claims.append(Claim(text=verdict.headline, cites=[e_trace]))
        for r in verdict.ranking[:2]:
            if r.rejected is None and r.weight >= 2:
                cite = evidence.add(
                    EvidenceKind.COMMIT,
                    "Commit that could not be ruled out",
                    _told(r.commit),
                    at=r.commit.at,
                    commit=r.commit.sha,
                )
                claims.append(
                    Claim(
                        text=f"Commit `{r.commit.sha[:12]}` could not be ruled out: {evidence.redact(r.reasons[0].text)}.",
                        cites=[cite],
                    )
                )
    return claims


def _blame(known: Gathered, verdict: Verdict, evidence: _Evidence) -> list[Claim]:
    culprit = verdict.culprit
    assert culprit is not None
    e_commit = evidence.add(EvidenceKind.COMMIT, "The commit", _told(culprit), at=culprit.at, commit=culprit.sha)
    shown = [line for line in clean(culprit.diff).split("\n")[:_DIFF_LINES] if not addresses_reader(line)]
    e_diff = evidence.add(
        EvidenceKind.DIFF,
        "What it changed",
        "\n".join(shown) or "(no text)",
        commit=culprit.sha,
        path=culprit.files[0] if culprit.files else None,
    )
    before = known.cluster.first_seen - culprit.at
    hours = before.total_seconds() / 3600
    age = f"{hours:.1f} hours" if hours < 72 else f"{hours / 24:.0f} days"
    claims = [Claim(text=f"Commit `{culprit.sha[:12]}` was made {age} before the first occurrence.", cites=[e_commit])]
    for reason in verdict.reasons:
        if reason.weight <= 0:
            continue
        cites = [e_diff]
        if reason.log and not addresses_reader(reason.log):
            cites.append(evidence.add(EvidenceKind.LOG, "Line of log", reason.log))
        text = evidence.redact(reason.text)
        claims.append(Claim(text=f"{text[:1].upper()}{text[1:]}.", cites=cites))
    return claims[:8]


def _narrate(
    known: Gathered, verdict: Verdict, evidence: list[Evidence], digest: str, gateway: Gateway | None
) -> tuple[list[Claim], ModelUse | None]:
    """A model's sentences as far as they stand up, and what it cost; nothing where no model answers well."""
    if gateway is None:
        return [], None
    from luffy_dagster.adapters.llm.errors import LLMError
    from luffy_dagster.adapters.llm.model import Prompt, Section
    from luffy_dagster.flows.rca.investigate import Narrative

    sections = [Section("Verdict, decided by code", _verdict_words(verdict), 100)]
    keeps = {
        EvidenceKind.TRACE: 90,
        EvidenceKind.DIFF: 80,
        EvidenceKind.COMMIT: 85,
        EvidenceKind.COUNT: 70,
        EvidenceKind.RELEASE: 60,
    }
    sections += [
        Section(
            f"{e.id} {e.title}",
            f"{e.text}\n{f'commit {e.commit}' if e.commit else ''} {e.path or ''}".strip(),
            keeps.get(e.kind, 40),
        )
        for e in evidence
    ]
    checked: list[Checked] = []

    def accept(answer: Narrative) -> str | None:
        checked.append(check([(s.text, s.cites) for s in answer.sentences], evidence, verdict))
        return None if checked[-1].kept else "no sentence of the answer stands up to the evidence"

    try:
        answer: Answer[Narrative] = gateway.ask(
            Prompt("rca", _INSTRUCTIONS, tuple(sections), max_output_tokens=700),
            Narrative,
            service=known.service.id,
            evidence=digest,
            accept=accept,
        )
    except LLMError as error:
        known.notes.append(f"No model's words are in this report: {error}{_tried(error)}.")
        return [], None
    last = checked[-1]
    use = ModelUse(
        provider=answer.provider,
        model=answer.model,
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        cost_usd=answer.cost_usd,
        cached=answer.cached,
        attempts=[f"{a.provider}/{a.model}: {a.outcome}" for a in answer.attempts],
        cut=list(answer.cut),
        sentences_removed=len(last.removed),
    )
    return [Claim(text=s.text, cites=list(s.cites)) for s in last.kept[:8]], use


def _tried(error: Exception) -> str:
    attempts = getattr(error, "attempts", ())
    told = "; ".join(f"{a.provider} {a.outcome}: {a.detail}" for a in attempts)
    return f" ({told})" if told else ""


def _verdict_words(verdict: Verdict) -> str:
    words = [f"verdict: {verdict.kind.value}", verdict.headline]
    if verdict.culprit is not None:
        words.append(f"commit: {verdict.culprit.sha}")
    words += [f"- {r.text}" for r in verdict.reasons if r.weight > 0]
    return "\n".join(words)


def _worth_telling(verdict: Verdict) -> list[RuledOut]:
    """Those with something in common with the failure or a reason of their own first; of the rest only some."""
    plain = [r for r in verdict.ruled_out if not r.why.startswith("shares neither")]
    rest = [r for r in verdict.ruled_out if r.why.startswith("shares neither")]
    return [*plain, *rest][:_RULED_OUT]


def _timeline(known: Gathered, verdict: Verdict, redact: Redact) -> list[TimelineItem]:
    c = known.cluster
    items = [
        TimelineItem(at=c.first_seen, what="first occurrence", kind="first_seen"),
        TimelineItem(at=c.last_seen, what="last occurrence so far", kind="last_seen"),
    ]
    if known.release_at is not None and known.version:
        items.append(TimelineItem(at=known.release_at, what=f"version `{_short(known.version)}` runs", kind="release"))
    shown = sorted((r for r in verdict.ranking if r.commit.at <= c.first_seen), key=lambda r: -r.commit.at.timestamp())[
        :6
    ]
    if verdict.culprit is not None and verdict.culprit.sha not in {r.commit.sha for r in shown}:
        shown.append(next(r for r in verdict.ranking if r.commit.sha == verdict.culprit.sha))
    for r in shown:
        mark = " (the culprit)" if verdict.culprit and r.commit.sha == verdict.culprit.sha else ""
        subject = redact(_spoken(r.commit.subject))[:120].replace("`", "ˋ")
        items.append(
            TimelineItem(at=r.commit.at, what=f"commit `{r.commit.sha[:12]}` `{subject}`{mark}", kind="commit")
        )
    return sorted(items, key=lambda i: (i.at, i.kind))


def _notes(known: Gathered, verdict: Verdict) -> list[str]:
    notes = [*known.notes]
    if verdict.set_aside:
        notes.append(
            f"{len(verdict.set_aside)} line(s) speak to a reader instead of telling what happened and were not used."
        )
    hidden = len(verdict.ruled_out) - len(_worth_telling(verdict))
    if hidden > 0:
        notes.append(f"{hidden} more commit(s) share nothing with the failure.")
    return notes


def _later(known: Gathered, verdict: Verdict) -> int:
    if verdict.culprit is None:
        return 0
    own = set(verdict.culprit.files)
    return sum(1 for c in known.commits if c.at > verdict.culprit.at and own & set(c.files))


def _told(commit: CommitFacts) -> str:
    files = "\n".join(commit.files[:12])
    return f"{commit.sha}\n{_spoken(commit.author)}, {commit.at:%Y-%m-%d %H:%M} UTC\n{_spoken(commit.subject)}\n{files}"


def _spoken(text: str) -> str:
    """A commit's message or author; one that speaks to the reader is not repeated."""
    return text if not addresses_reader(text) else "(words that speak to the reader, not repeated)"


def _commit(commit: CommitFacts, redact: Redact) -> CommitRef:
    return CommitRef(
        sha=commit.sha,
        subject=redact(_spoken(commit.subject))[:200],
        author=redact(_spoken(commit.author))[:100],
        at=commit.at,
    )


def _item(e: Evidence) -> EvidenceItem:
    return EvidenceItem(
        id=e.id, kind=e.kind.value, title=e.title, text=e.text, at=e.at, commit=e.commit, path=e.path, line=e.line, entry_id=e.entry_id
    )  # fmt: skip


def _counted(b: BlastRadius) -> str:
    where = ", ".join(b.environments) or "no environment named"
    return f"{b.occurrences} occurrences in all, {b.last_24h} in the last 24 hours, at most {b.per_hour_peak} in one hour, {b.requests} requests, {b.streams} streams, {where}"


def _short(version: str | None) -> str | None:
    if version is None:
        return None
    return version[:12] if len(version) >= 40 else version
