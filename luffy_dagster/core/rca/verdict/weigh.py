"""Weighing one commit: everything that links it to a failure, each link a reason with its quotes.

Belongs here: putting place (`place`), words (`words`), mechanism (`mechanisms`) and history of one commit together. Does not belong
here: who is named in the end (`judge`).
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from luffy_dagster.core.rca.verdict.changes import Change
from luffy_dagster.core.rca.verdict.mechanisms import direct, matches
from luffy_dagster.core.rca.verdict.place import of_place
from luffy_dagster.core.rca.verdict.reading import Reading
from luffy_dagster.core.rca.verdict.telling import did
from luffy_dagster.core.rca.verdict.values import Case, Ranked, Reason
from luffy_dagster.core.rca.verdict.words import of_words
from luffy_dagster.core.wording import many

RAN_LONG = timedelta(hours=2)  # a commit that ran so long without failing so is hardly the cause
STALE = timedelta(days=14)  # a commit so old is no news, where nothing is known of when it began to run
# Reasons begin with a verb, the commit is their subject.
WROTE = "wrote the line that failed"


def weigh(case: Case, change: Change, reading: Reading, rarity: Counter[str]) -> Ranked:
    """One commit with its weight and reasons, or with the reason why it cannot be."""
    commit = change.commit
    if commit.at > case.start:
        return Ranked(commit, 0.0, (), f"made {span(commit.at - case.start)} after the first failure")
    if commit.excluded is not None:
        return Ranked(commit, 0.0, (), commit.excluded)
    reasons: list[Reason] = []
    place, elsewhere = of_place(change, reading)
    reasons += place
    words = of_words(change, reading, rarity, case.service)
    reasons += words
    reasons += _own_setting(change, case.service, reading)
    printed = _printed(change, reading)
    if printed is not None:
        reasons.append(printed)
    linked = sum(r.weight for r in reasons)
    pair = direct(_lines(reading), change)
    if pair is not None:
        reasons.append(Reason(did(pair.name), pair.weight, pair.log, pair.code, pair.name))
    elif linked > 0:
        found = matches(_lines(reading), change)
        if found:
            best = found[0]
            more = 0.5 if len([m for m in found if m.weight == best.weight]) > 1 else 0.0
            reasons.append(Reason(did(best.name), best.weight + more, best.log, best.code, best.name))
    named = sum(r.weight for r in words)
    if (
        named
        and not place
        and not commit.prior
        and (change.config or change.manifest or change.sql)
        and len(reasons) > len(words)
    ):
        reasons.append(
            Reason("changes a setting, schema or dependency that the failure names", 1.5, words[0].log, words[0].code)
        )
    if commit.prior > 0:
        reasons.append(
            Reason(
                "; ".join(commit.prior_reasons[:2]) or "wrote lines of the suspected code", round(2.5 * commit.prior, 2)
            )
        )
    weight = sum(r.weight for r in reasons)
    if change.harmless is not None:
        return Ranked(commit, round(weight * 0.2, 2), tuple(reasons), change.harmless)
    old = _ran_before(case, change)
    if old is not None and weight > 0:
        return Ranked(commit, round(weight * 0.4, 2), tuple(reasons), old)
    if elsewhere and not named and printed is None and commit.prior < 0.6:
        return Ranked(commit, round(max(weight - 2.5, 0.0), 2), tuple(reasons), elsewhere)
    if elsewhere:
        reasons.append(Reason(elsewhere, -1.5))
        weight -= 1.5
    return Ranked(commit, round(weight, 2), tuple(reasons))


def _ran_before(case: Case, change: Change) -> str | None:
    """Why a commit is too old to explain that it fails only now, or None."""
    commit = change.commit
    if commit.ran_before is not None and commit.ran_before >= RAN_LONG:
        return f"had run for {span(commit.ran_before)} before this first failed"
    age = case.start - commit.at
    if commit.ran_before is None and age >= STALE:
        return f"made {span(age)} before the first failure, and no release is known that deployed it just then"
    return None


def _lines(reading: Reading) -> list[str]:
    return [line.text for line in reading.lines if line.used and line.raw == line.text]


def _own_setting(change: Change, service: str, reading: Reading) -> list[Reason]:
    """A small reason: the change is to this service's own deployment or settings, whose limits the failure speaks of."""
    if not change.config or change.harmless or len(service) < 3:
        return []
    own = [f for f in change.files if service.lower() in f.lower()]
    limit = reading.quote_with("limit") or reading.quote_with("OOMKilled") or reading.quote_with("exceeded")
    return (
        [Reason(f"changes this service's own settings (`{own[0]}`)", 1.0, limit, change.first_line())]
        if own and limit
        else []
    )


def _printed(change: Change, reading: Reading) -> Reason | None:
    """The trace prints a source line that the change wrote."""
    added = {line.strip(): line for line in change.added() if len(line.strip()) >= 12}
    for line in reading.lines:
        if line.used and (bare := line.text.strip()) in added:
            return Reason(WROTE, 3.0, line.raw.strip(), f"+{added[bare]}")
    for place in reading.places:
        if place.source and place.source.strip() in added:
            line_ = place.source.strip()
            return Reason(WROTE, 3.0, reading.quote_with(line_), f"+{added[line_]}")
    return None


def span(delta: timedelta) -> str:
    """A length of time in one unit."""
    seconds = int(abs(delta.total_seconds()))
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return many(round(seconds / size), unit)
    return many(seconds, "second")
