"""The verdict: which commit, if any, explains a failure; or what else does; or that it cannot be told.

Every commit before the failure is weighed by what links it to the failure: the place (file, function, line), the words
(what it brings in or takes away and the failure names), a known mechanism, and the suspect ranking over the real history.
Messages and authors of commits count for nothing, so that nobody can talk a commit in or out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from luffy_dagster.core.rca.verdict.causes import HARD, LEVERS, Cause, external_causes
from luffy_dagster.core.rca.verdict.changes import Change, read_change
from luffy_dagster.core.rca.verdict.mechanisms import DIRECT, STRONG
from luffy_dagster.core.rca.verdict.place import IN_PLACE, same_file
from luffy_dagster.core.rca.verdict.reading import Reading, read_evidence
from luffy_dagster.core.rca.verdict.values import (
    Case,
    CauseKind,
    CommitFacts,
    Ranked,
    Reason,
    RuledOut,
    Verdict,
    VerdictKind,
)
from luffy_dagster.core.rca.verdict.weigh import RAN_LONG, STALE, WROTE, span, weigh
from luffy_dagster.core.rca.verdict.words import rarity_of

GUILTY = 4.0  # weight from which on a commit is named
AHEAD = 1.0  # by which it must lead
AGAINST_CAUSE = 6.5  # weight that it needs where the lines name another cause themselves
OLD = timedelta(days=30)
SETTLED = timedelta(days=7)  # what has run so long is not what others did not answer to
NOTHING_SHARED = "has no file and no word in common with the failure"


def judge(case: Case) -> Verdict:
    """The verdict on a case. Deterministic; reads nothing but the case."""
    reading = read_evidence(case.lines, case.places)
    changes = {c.sha: read_change(c) for c in case.commits}
    rarity = rarity_of(changes.values())
    causes = external_causes(reading.lines, case.service)
    ranked = [weigh(case, changes[c.sha], reading, rarity) for c in case.commits]
    ranked.sort(key=lambda r: (r.rejected is not None, -r.weight, -r.commit.at.timestamp(), r.commit.sha))
    return _decide(case, reading, ranked, causes, changes)


def _decide(
    case: Case, reading: Reading, ranked: list[Ranked], causes: list[Cause], changes: dict[str, Change]
) -> Verdict:
    aside = tuple(line.raw for line in reading.lines if not line.used)
    open_ = [r for r in ranked if r.rejected is None]
    best = open_[0] if open_ else None
    second = open_[1] if len(open_) > 1 else None
    hard = next((c for c in causes if c.hard), None)
    settled = _settled(case, reading, changes)
    if best is not None and best.weight >= GUILTY and _grounded(best):
        lead = best.weight - (second.weight if second else 0.0)
        if hard is not None and not _overrules(best, changes[best.commit.sha], hard):
            return _external(reading, ranked, hard, causes, aside)
        hint = next((c for c in causes if not c.hard), None)
        if hint is not None and hint.kind is CauseKind.UPSTREAM and _beside(changes[best.commit.sha], reading, hint):
            if settled is not None:
                return _external(reading, ranked, hint, causes, aside, settled=settled)
            return _unclear(
                ranked, aside, f"the log says that {hint.what}, and the nearest commit is not about that", [best]
            )
        if hint is not None and hint.kind is CauseKind.UPSTREAM and case.start - best.commit.at > SETTLED:
            days = (case.start - best.commit.at).days
            return _unclear(
                ranked, aside, f"the log says that {hint.what}, and the nearest commit had run for {days} days", [best]
            )
        if lead >= AHEAD:
            return _culprit(case, reading, best, second, ranked, hard or (causes[0] if causes else None), aside)
        assert second is not None
        return _unclear(ranked, aside, "two commits explain it equally well", [best, second])
    if hard is not None:
        return _external(reading, ranked, hard, causes, aside)
    around = next((c for c in external_causes(read_evidence(case.beside, ()).lines, case.service) if c.hard), None)
    if around is not None and (best is None or best.weight < GUILTY):
        return _external(reading, ranked, around, causes, aside, beside=True)
    soft = next((c for c in causes if not c.hard), None)
    if soft is not None and (best is None or best.weight < GUILTY):
        if case.unchanged_for is not None and case.unchanged_for >= RAN_LONG:
            return _external(reading, ranked, soft, causes, aside, unchanged=case.unchanged_for)
        if settled is not None:
            return _external(reading, ranked, soft, causes, aside, settled=settled)
    why = _why_unclear(case, reading, best)
    return _unclear(ranked, aside, why, [best] if best is not None and best.weight >= 2 else [])


def _grounded(best: Ranked) -> bool:
    """A name needs a quote of the log and a quote of the change, and more than one kind of reason."""
    quoted = any(r.log and r.code for r in best.reasons) or best.commit.prior >= 0.6
    return quoted and (len([r for r in best.reasons if r.weight > 0]) >= 2 or best.weight >= DIRECT)


def _beside(change: Change, reading: Reading, hint: Cause) -> bool:
    """Whether a change neither lies in the file that failed nor touches what waiting for others depends on."""
    lever = LEVERS[hint.kind]
    if lever is not None and any(lever.search(line) for line in (*change.removed(), *change.added())):
        return False
    innermost = _innermost(reading)
    if innermost is None:
        return False
    return not any(innermost.endswith(file) or file.endswith(innermost) for file in change.files)


def _innermost(reading: Reading) -> str | None:
    """The file of the service's own code that failed."""
    return next((place.file for place in reading.places if place.rank == 0), None)


def _settled(case: Case, reading: Reading, changes: dict[str, Change]) -> timedelta | None:
    """How long the innermost file had not been changed when it first failed, if long enough to be no news; None where no commit tells."""
    innermost = _innermost(reading)
    if innermost is None:
        return None
    ages = [
        case.start - change.commit.at
        for change in changes.values()
        if change.commit.at <= case.start and any(same_file(innermost, file) > 0 for file in change.files)
    ]
    return min(ages) if ages and min(ages) >= STALE else None


def _overrules(best: Ranked, change: Change, cause: Cause) -> bool:
    """Whether a commit explains even a cause that the lines name themselves: it must touch what can bring that about."""
    lever = LEVERS[cause.kind]
    if lever is None or not any(lever.search(line) for line in (*change.removed(), *change.added())):
        return False
    strong = any(r.mechanism and r.weight >= STRONG for r in best.reasons)
    return best.weight >= AGAINST_CAUSE or (strong and change.config)


def _culprit(
    case: Case,
    reading: Reading,
    best: Ranked,
    second: Ranked | None,
    ranked: list[Ranked],
    cause: Cause | None,
    aside: tuple[str, ...],
) -> Verdict:
    caps: list[tuple[float, str]] = [(0.95, "a verdict by rules is never certain")]
    if not reading.places:
        caps.append((0.7, "no place in the service's own code is known"))
    if not any(r.text.startswith((IN_PLACE, WROTE)) for r in best.reasons):
        caps.append((0.85, "the change is not known to lie in the failing function"))
    if second is not None and second.weight >= GUILTY - 1:
        caps.append((0.75, "another commit is linked to it as well"))
    if cause is not None and cause.hard:
        caps.append((0.6, f"the log also says that {cause.what}"))
    if reading.missing:
        caps.append((0.6, "part of the log is missing"))
    if case.occurrences == 1:
        caps.append((0.6, "it happened once"))
    if not case.release_known:
        caps.append((0.8, "which commit ran is a guess: no release is known"))
    if case.start - best.commit.at > OLD:
        caps.append((0.7, "the commit is older than thirty days"))
    lead = best.weight - (second.weight if second else 0.0)
    raw = 0.5 + 0.06 * min(best.weight, 8.0) + 0.03 * min(lead, 4.0)
    limit = min(cap for cap, _ in caps)
    held = tuple(f"at most {cap:g}: {why}" for cap, why in caps if cap <= raw)
    mechanism = next((r.mechanism for r in best.reasons if r.mechanism), None)
    return Verdict(
        kind=VerdictKind.CULPRIT,
        confidence=round(min(raw, limit), 2),
        headline="A commit explains the failure.",
        culprit=best.commit,
        reasons=best.reasons,
        caps=held,
        ruled_out=_ruled_out(ranked, best),
        ranking=tuple(ranked),
        mechanism=mechanism,
        set_aside=aside,
    )


def _external(
    reading: Reading,
    ranked: list[Ranked],
    cause: Cause,
    causes: list[Cause],
    aside: tuple[str, ...],
    *,
    beside: bool = False,
    unchanged: timedelta | None = None,
    settled: timedelta | None = None,
) -> Verdict:
    caps = [(0.9, "a verdict by rules is never certain")]
    if unchanged is not None:
        caps.append((0.55, f"the log only hints at it, and nothing had changed for {span(unchanged)}"))
    if settled is not None:
        caps.append((0.5, f"the log only hints at it, and the file that failed had not changed for {span(settled)}"))
    if beside:
        caps.append((0.6, "said by lines beside the failure, not by its own"))
    if reading.missing:
        caps.append((0.6, "part of the log is missing"))
    best = next((r for r in ranked if r.rejected is None), None)
    if best is not None and best.weight >= GUILTY:
        caps.append((0.65, "a commit changed the failing place as well"))
    raw = 0.6 + 0.1 * min(max(cause.weight - HARD, 0.0) + len(cause.quotes), 3.0)
    reasons = [Reason(cause.what, cause.weight, quote) for quote in cause.quotes[:3]] or [
        Reason(cause.what, cause.weight)
    ]
    reasons += [
        Reason(f"also: {c.what}", c.weight, c.quotes[0] if c.quotes else None) for c in causes if c is not cause
    ][:3]
    limit = min(cap for cap, _ in caps)
    return Verdict(
        kind=VerdictKind.NO_CODE_CAUSE,
        confidence=round(min(raw, limit), 2),
        headline=f"No commit caused this: {cause.what}.",
        cause=cause.kind,
        reasons=tuple(reasons),
        caps=tuple(f"at most {cap:g}: {why}" for cap, why in caps if cap <= raw),
        ruled_out=_ruled_out(ranked, None, cause),
        ranking=tuple(ranked),
        set_aside=aside,
    )


def _why_unclear(case: Case, reading: Reading, best: Ranked | None) -> str:
    if not case.commits:
        return "no commit is known from before the failure"
    if best is None:
        return "every commit looked at could be ruled out"
    if reading.missing and best.weight < 2:
        return "the log is cut short, and no commit is linked to what is left of it"
    if not reading.places and best.weight < 2:
        return "no line names a place in the service's own code, and no commit shares its words"
    if best.weight < 2:
        return "no commit changed the failing place"
    return "what links the nearest commit to the failure is too little to name it"


def _unclear(ranked: list[Ranked], aside: tuple[str, ...], why: str, near: list[Ranked]) -> Verdict:
    return Verdict(
        kind=VerdictKind.INCONCLUSIVE,
        confidence=round(0.3 if near else 0.2, 2),
        headline=f"Inconclusive: {why}.",
        reasons=tuple(r for one in near for r in one.reasons[:2]),
        ruled_out=tuple(r for r in _ruled_out(ranked, None, unclear=why) if r.sha not in {n.commit.sha for n in near}),
        ranking=tuple(ranked),
        set_aside=aside,
    )


def _ruled_out(
    ranked: Sequence[Ranked], best: Ranked | None, cause: Cause | None = None, unclear: str = ""
) -> tuple[RuledOut, ...]:
    out = []
    for one in ranked:
        if best is not None and one.commit.sha == best.commit.sha:
            continue
        out.append(RuledOut(one.commit.sha, one.commit.subject, one.rejected or _why_not(one, best, cause, unclear)))
    return tuple(out)


def _why_not(one: Ranked, best: Ranked | None, cause: Cause | None, unclear: str) -> str:
    positive = [r for r in one.reasons if r.weight > 0]
    if not positive:
        return NOTHING_SHARED
    strongest = max(positive, key=lambda r: r.weight)
    if cause is not None:
        return f"{strongest.text}, but the log says that {cause.what}"
    if best is not None:
        return (
            f"{strongest.text}, but the culprit is linked far more closely ({best.weight:.1f} against {one.weight:.1f})"
        )
    if one.weight >= GUILTY and unclear:
        return f"{strongest.text}, but {unclear}"
    return f"{strongest.text}, which alone is too little ({one.weight:.1f} of {GUILTY:g})"


def culprits(case: Case) -> list[CommitFacts]:
    """The commits in the order of suspicion (for tests and for looking)."""
    return [r.commit for r in judge(case).ranking]
