"""From what is known and the verdict to a whole report: evidence with ids, sentences by code, and a model's words where they stand up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from luffy_dagster.core.rca.advice import advise
from luffy_dagster.core.rca.model import Evidence
from luffy_dagster.core.rca.report import (
    CommitRef,
    EvidenceItem,
    Report,
    RuledOutCommit,
    Suspicion,
    TimelineItem,
)
from luffy_dagster.core.rca.safe import clean
from luffy_dagster.core.rca.verdict import CommitFacts, RuledOut, Verdict
from luffy_dagster.core.rca.verdict.judge import NOTHING_SHARED
from luffy_dagster.core.rca.verdict.telling import set_aside
from luffy_dagster.core.redaction import DOCUMENTS, SECRETS, redact_text
from luffy_dagster.core.wording import many
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.rca.narrate import narrate
from luffy_dagster.flows.rca.sentences import EvidenceList, Redact, headline, short, spoken, summary

if TYPE_CHECKING:
    from luffy_dagster.adapters.llm.gateway import Gateway
    from luffy_dagster.flows.rca.gathered import Gathered

_SUSPECTS = 5
_RULED_OUT = 12
RECENT = timedelta(days=2)  # before the first occurrence: whoever is called will ask about each commit of these days


def compose(
    ctx: FlowContext, known: Gathered, verdict: Verdict, digest: str, gateway: Gateway | None, now: datetime
) -> Report:
    """The report. Raises pydantic's ValidationError where something does not fit: then there is no report."""
    from luffy_dagster.store.crypto import pseudonym_key

    key = pseudonym_key(ctx.settings)

    def redact(text: str) -> str:
        return clean(redact_text(text, DOCUMENTS, key))

    def author(text: str) -> str:
        return clean(redact_text(text, SECRETS, key))  # whom to ask; a prompt is redacted again, and names no person

    evidence = EvidenceList(redact)
    claims = summary(known, verdict, evidence)
    narrative, use = narrate(known, verdict, evidence.items, digest, gateway)
    actions, tests = advise(
        verdict, known.places, previous_release=short(known.previous_version), later_commits=_later(known, verdict)
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
        headline=headline(known, verdict, redact),
        culprit=_commit(verdict.culprit, redact, author) if verdict.culprit else None,
        summary=claims,
        narrative=narrative,
        evidence=[_item(e) for e in evidence.items],
        suspects=[
            Suspicion(
                commit=_commit(r.commit, redact, author),
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
            RuledOutCommit(sha=r.sha, subject=redact(spoken(r.subject))[:200], why=redact(r.why))
            for r in _worth_telling(known, verdict)
        ],
        notes=[redact(n) for n in _notes(known, verdict)],
        model=use,
        algorithms=[verdict.algorithm, *([known.suspects.algorithm] if known.suspects else [])],
        evidence_hash=digest,
        commit=known.trouble.commit or None,
        generated_at=now,
    )


def _worth_telling(known: Gathered, verdict: Verdict) -> list[RuledOut]:
    """Those from before the first occurrence, the nearest first: with something in common, of the last days, with a reason of their own."""
    at = {r.commit.sha: r.commit.at for r in verdict.ranking}
    weight = {r.commit.sha: r.weight for r in verdict.ranking if r.rejected is None}
    since = known.cluster.first_seen - RECENT

    def key(r: RuledOut) -> tuple[bool, float, bool, bool, float]:
        when = at.get(r.sha, since)
        return (
            not weight.get(r.sha),
            -weight.get(r.sha, 0.0),
            when < since,
            r.why == NOTHING_SHARED,
            -when.timestamp(),
        )

    later = _made_later(known, verdict)
    return sorted((r for r in verdict.ruled_out if r.sha not in later), key=key)[:_RULED_OUT]


def _made_later(known: Gathered, verdict: Verdict) -> set[str]:
    """Commits made after the first occurrence: nobody asks about them, so they are counted and not listed."""
    return {r.commit.sha for r in verdict.ranking if r.commit.at > known.cluster.first_seen}


def _timeline(known: Gathered, verdict: Verdict, redact: Redact) -> list[TimelineItem]:
    c = known.cluster
    items = [
        TimelineItem(at=c.first_seen, what="first occurrence", kind="first_seen"),
        TimelineItem(at=c.last_seen, what="last occurrence so far", kind="last_seen"),
    ]
    if known.release_at is not None and known.version:
        items.append(TimelineItem(at=known.release_at, what=f"version `{short(known.version)}` runs", kind="release"))
    shown = sorted((r for r in verdict.ranking if r.commit.at <= c.first_seen), key=lambda r: -r.commit.at.timestamp())[
        :6
    ]
    if verdict.culprit is not None and verdict.culprit.sha not in {r.commit.sha for r in shown}:
        shown.append(next(r for r in verdict.ranking if r.commit.sha == verdict.culprit.sha))
    for r in shown:
        mark = " (the culprit)" if verdict.culprit and r.commit.sha == verdict.culprit.sha else ""
        subject = redact(spoken(r.commit.subject))[:120].replace("`", "ˋ")
        items.append(
            TimelineItem(at=r.commit.at, what=f"commit `{r.commit.sha[:12]}` `{subject}`{mark}", kind="commit")
        )
    return sorted(items, key=lambda i: (i.at, i.kind))


def _notes(known: Gathered, verdict: Verdict) -> list[str]:
    notes = [*known.notes]
    if verdict.set_aside:
        notes.append(set_aside(len(verdict.set_aside)))
    later = len(_made_later(known, verdict))
    if later:
        notes.append(f"{many(later, 'commit')} made after the first occurrence cannot be the cause.")
    hidden = len(verdict.ruled_out) - later - len(_worth_telling(known, verdict))
    if hidden > 0:
        notes.append(f"{many(hidden, 'more commit')} {'was' if hidden == 1 else 'were'} looked at and ruled out.")
    return notes


def _later(known: Gathered, verdict: Verdict) -> int:
    if verdict.culprit is None:
        return 0
    own = set(verdict.culprit.files)
    return sum(1 for c in known.commits if c.at > verdict.culprit.at and own & set(c.files))


def _item(e: Evidence) -> EvidenceItem:
    return EvidenceItem(
        id=e.id, kind=e.kind.value, title=e.title, text=e.text, at=e.at, commit=e.commit, path=e.path, line=e.line, entry_id=e.entry_id
    )  # fmt: skip


def _commit(commit: CommitFacts, redact: Redact, author: Redact) -> CommitRef:
    return CommitRef(
        sha=commit.sha,
        subject=redact(spoken(commit.subject))[:200],
        author=author(spoken(commit.author))[:100],
        at=commit.at,
    )
