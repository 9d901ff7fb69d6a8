"""The report of a root cause as a schema, and the same as Markdown. What does not fit the schema is no report.

A report cites only evidence that it holds, and names a culprit only where its verdict does and the evidence knows the commit.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Self
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from luffy_dagster.core.rca.safe import clean, code, fence, prose, sentence
from luffy_dagster.core.rca.verdict.telling import OUTSIDE
from luffy_dagster.core.wording import many

VERSION = 1
NO_WORDS = "No model's words are in this report"  # how the note begins that says why


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EvidenceItem(_Strict):
    """One citable piece, redacted."""

    id: str = Field(pattern=r"^E\d+$")
    kind: str
    title: str
    text: str
    at: datetime | None = None
    commit: str | None = None
    path: str | None = None
    line: int | None = None
    entry_id: str | None = None


class Claim(_Strict):
    """A sentence with what it rests on."""

    text: str
    cites: list[str] = Field(min_length=1)


class CommitRef(_Strict):
    """A commit of the service's repository."""

    sha: str = Field(pattern=r"^[0-9a-f]{40,64}$")
    subject: str
    author: str = ""
    at: datetime


class Suspicion(_Strict):
    """A commit that was weighed."""

    commit: CommitRef
    weight: float
    reasons: list[str]


class RuledOutCommit(_Strict):
    """A commit that was looked at and rejected, and why."""

    sha: str
    subject: str
    why: str


class TimelineItem(_Strict):
    """One moment."""

    at: datetime
    what: str
    kind: str  # commit | release | first_seen | last_seen | log


class Action(_Strict):
    """A proposal: nothing is done without a person."""

    action: str
    risk: str
    roll_back: str


class BlastRadius(_Strict):
    """How far it reaches, from counts."""

    occurrences: int = 0
    last_24h: int = 0
    per_hour_peak: int = 0
    environments: list[str] = []
    streams: int = 0
    requests: int = 0  # distinct trace ids
    users: int | None = None  # distinct ones that the failing entries name; None where they name none
    services: list[str] = []  # others that fail alike, or in the same requests


class ModelUse(_Strict):
    """What a language model added, and what was taken away of it."""

    provider: str
    model: str
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = None
    cached: str | None = None
    attempts: list[str] = []
    cut: list[str] = []
    sentences_removed: int = 0


class Report(_Strict):
    """A whole report."""

    version: int = VERSION
    service: str
    cluster_id: str
    title: str
    verdict: str = Field(pattern=r"^(culprit|no_code_cause|inconclusive)$")
    cause: str | None = None
    mechanism: str | None = None
    confidence: float = Field(ge=0, le=0.95)
    caps: list[str] = []
    headline: str
    culprit: CommitRef | None = None
    summary: list[Claim] = Field(min_length=1)
    narrative: list[Claim] = []
    evidence: list[EvidenceItem] = Field(min_length=1)
    suspects: list[Suspicion] = []
    files: list[str] = []
    timeline: list[TimelineItem] = []
    blast_radius: BlastRadius = BlastRadius()
    recommendations: list[Action] = []
    tests: list[str] = []
    ruled_out: list[RuledOutCommit] = []
    notes: list[str] = []
    model: ModelUse | None = None
    algorithms: list[str] = []
    evidence_hash: str = ""
    commit: str | None = None  # what ran
    generated_at: datetime

    @model_validator(mode="after")
    def _whole(self) -> Self:
        known = {e.id for e in self.evidence}
        for claim in (*self.summary, *self.narrative):
            ghosts = [c for c in claim.cites if c not in known]
            if ghosts:
                raise ValueError(f"cites {ghosts[0]}, which is no evidence of this report")
        if (self.verdict == "culprit") != (self.culprit is not None):
            raise ValueError("a culprit belongs to the verdict culprit, and to no other")
        if self.culprit is not None and self.culprit.sha not in {e.commit for e in self.evidence}:
            raise ValueError("the culprit is in no evidence of this report")
        if self.verdict == "no_code_cause" and not self.cause:
            raise ValueError("the verdict no_code_cause needs its kind")
        return self


def plain(text: str) -> str:
    """A sentence of a report without its marks, for where no Markdown is read."""
    return clean(text.replace("`", ""))


def commit_url(repository: str | None, sha: str) -> str | None:
    """The page of a commit where the repository's address says it: http(s) without credentials, else None."""
    if not repository:
        return None
    at = urlsplit(repository)
    if at.scheme not in ("http", "https") or not at.hostname or at.username or at.password:
        return None
    path = quote(at.path.rstrip("/").removesuffix(".git"))
    middle = "commit" if "github" in at.hostname else "-/commit"
    port = f":{at.port}" if at.port else ""
    return f"{at.scheme}://{at.hostname}{port}{path}/{middle}/{sha}"


HEAD_CHARACTERS = 1_000  # Dagster shows Markdown in place only below this, the rest behind a click


def to_markdown(report: Report, *, repository: str | None = None) -> str:
    """The report as Markdown. What others wrote is shown as code or with its markup taken away; links lead to the repository alone."""
    r = report
    out = _top(r, repository)
    out += ["", *(f"- {_claim(c)}" for c in r.summary)]
    if r.narrative:
        out += ["", "## In words", "", " ".join(_claim(c) for c in r.narrative), ""]
        out += [
            "*Written by a model; every sentence was checked against the evidence. The verdict is not the model's.*"
        ]
    if r.recommendations:
        out += ["", "## What to do", "", "| action | risk | how to undo |", "|---|---|---|"]
        out += [f"| {_cell(a.action)} | {_cell(a.risk)} | {_cell(a.roll_back)} |" for a in r.recommendations]
    if r.tests:
        out += ["", "Tests to add:", "", *(f"- {sentence(t)}" for t in r.tests)]
    out += ["", "## How far it reaches", "", *_reach(r.blast_radius)]
    if r.timeline:
        out += ["", "## Timeline", "", *(f"- {_when(t.at)} {sentence(t.what)}" for t in r.timeline)]
    if r.suspects:
        out += ["", "## Suspects", ""]
        for s in r.suspects:
            out.append(
                f"- {_sha(s.commit.sha, repository)} {code(s.commit.subject)} {_when(s.commit.at)}, weight {s.weight:.1f}"
            )
            out += [f"  - {sentence(reason)}" for reason in s.reasons[:5]]
    if r.ruled_out:
        out += [
            "",
            "## Ruled out",
            "",
            *(f"- {_sha(o.sha, repository)} {code(o.subject)}: {sentence(o.why)}" for o in r.ruled_out),
        ]
    out += ["", "## Evidence", ""]
    for e in r.evidence:
        where = " ".join(
            x
            for x in (
                _when(e.at) if e.at else "",
                code(f"{e.path}:{e.line}" if e.line else e.path) if e.path else "",
                _sha(e.commit, repository) if e.commit else "",
            )
            if x
        )
        out += [
            f"**[{e.id}]** {sentence(e.title)} {where}".rstrip(),
            "",
            fence(e.text, "diff" if e.kind == "diff" else ""),
            "",
        ]
    foot = [*(f"Confidence {c}." for c in r.caps), *r.notes]
    if r.model is not None:
        cost = "" if r.model.cost_usd is None else f", {r.model.cost_usd:.4f} USD"
        told = f"Model {r.model.provider}/{r.model.model}: {r.model.tokens_in:,} + {r.model.tokens_out:,} tokens{cost}"
        told += (
            f"; {many(r.model.sentences_removed, 'sentence')} without support in the evidence left out"
            if r.model.sentences_removed
            else ""
        )
        foot += [told + ".", *(f"Left out of the prompt: {c}." for c in r.model.cut)]
    elif not any(NO_WORDS in note for note in r.notes):
        foot.append("No language model took part.")
    out += [
        "## Notes",
        "",
        *(f"- {sentence(f)}" for f in foot),
        f"- {sentence('Made by ' + ', '.join(r.algorithms))} at {_when(r.generated_at)}; evidence {code(r.evidence_hash[:12])}.",
    ]
    return clean("\n".join(out)) + "\n"


def _top(r: Report, repository: str | None) -> list[str]:
    """The root cause, how sure it is, and whom to ask."""
    out = [
        f"# {prose(r.title)}",
        "",
        f"**{sentence(r.headline)}**",
        "",
        f"Verdict: {_verdict(r)}, confidence **{r.confidence:.2f}**.",
    ]
    if r.culprit is not None:
        who = f" by {prose(r.culprit.author)}" if r.culprit.author else ""
        out[-1] += f" Commit {_sha(r.culprit.sha, repository)}{who}, {_when(r.culprit.at)}."
    return out


def _verdict(r: Report) -> str:
    """What it was, in a few words."""
    if r.verdict == "culprit":
        return "**caused by a commit**" + (f" ({r.mechanism})" if r.mechanism else "")
    if r.verdict == "no_code_cause" and r.cause:
        known = {kind.value: said for kind, said in OUTSIDE.items()}
        return f"**{known.get(r.cause, r.cause)}**, not the code of this service"
    return "**inconclusive**"


def head_markdown(report: Report, *, repository: str | None = None) -> str:
    """What an on-call person needs first, in less than HEAD_CHARACTERS: cause, reach, what to do."""
    r, b = report, report.blast_radius
    out = _top(r.model_copy(update={"title": r.title[:120]}), repository)
    out[0] = f"##{out[0]}"  # Dagster's page lets the lines of a large heading run into each other
    others = f"; also fails: {', '.join(code(s) for s in b.services[:3])}" if b.services else ""
    out += ["", f"{many(b.occurrences, 'occurrence')}, {b.last_24h:,} in the last 24 hours{others}.", ""]
    out += [f"{n}. {sentence(a.action)}" for n, a in enumerate(r.recommendations[:3], 1)]
    foot = f"Evidence, suspects, what was ruled out: {code(f'luffy rca show {r.cluster_id} -s {r.service}')}"
    while len("\n".join([*out, "", foot])) >= HEAD_CHARACTERS and len(out) > 5:
        out.pop()
    return clean("\n".join([*out, "", foot])) + "\n"


def head_of(report: Report) -> str:
    """The first lines, for a notification: plain words, no markup, no link."""
    lines = [plain(report.headline), f"Confidence {report.confidence:.2f}."]
    lines += [plain(a.action) for a in report.recommendations[:2]]
    reach = report.blast_radius
    lines.append(f"{many(reach.occurrences, 'occurrence')}, {reach.last_24h:,} in the last 24 hours.")
    return clean("\n".join(re.sub(r"\s+", " ", line) for line in lines))


def _reach(b: BlastRadius) -> list[str]:
    out = [
        f"- {many(b.occurrences, 'occurrence')} in all, {b.last_24h:,} in the last 24 hours, at most {b.per_hour_peak:,} in one hour"
    ]
    if b.requests:
        out.append(f"- {many(b.requests, 'request')} failed, counted by trace id")
    if b.users is not None:
        out.append(f"- {many(b.users, 'user')} named in the failing lines")
    if b.streams:
        out.append(f"- {many(b.streams, 'log stream')} (hosts, containers or files)")
    if b.environments:
        out.append(f"- environment{'s' * (len(b.environments) > 1)}: " + ", ".join(code(e) for e in b.environments))
    others = ", ".join(code(s) for s in b.services)
    out.append(f"- other services with the same failure or failing in the same requests: {others or 'none'}")
    return out


def _claim(claim: Claim) -> str:
    cites = ", ".join(claim.cites)
    return f"{sentence(claim.text)} [{cites}]"


def _sha(sha: str, repository: str | None) -> str:
    url = commit_url(repository, sha) if re.fullmatch(r"[0-9a-f]{7,64}", sha) else None
    return f"[`{sha[:12]}`]({url})" if url else code(sha[:12])


def _cell(text: str) -> str:
    return sentence(text).replace("\n", " ")


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
