"""A verdict in words, without a model: the sentences and quotes of a report, safe to show anywhere.

Everything that others wrote (log lines, messages of commits, code) appears as code or with its markup taken away.
"""

from __future__ import annotations

from luffy_dagster.core.rca.safe import addresses_reader, clean, code, fence, sentence
from luffy_dagster.core.rca.verdict.telling import set_aside
from luffy_dagster.core.rca.verdict.values import Verdict, VerdictKind


def quotes_of(verdict: Verdict) -> tuple[str, ...]:
    """Verbatim quotes that the verdict rests on, log before code; none that speaks to a reader."""
    found: dict[str, None] = {}
    code_quotes: dict[str, None] = {}
    for reason in verdict.reasons:
        if reason.log and not addresses_reader(reason.log):
            found[reason.log] = None
        if reason.code and not addresses_reader(reason.code):
            code_quotes[reason.code] = None
    return (*found, *code_quotes)


def verdict_text(verdict: Verdict) -> str:
    """The verdict as Markdown: headline, reasons with quotes, what was ruled out and why."""
    lines = [f"**{verdict.headline}** Confidence {verdict.confidence:.2f}."]
    if verdict.kind is VerdictKind.CULPRIT and verdict.culprit is not None:
        lines.append(f"Commit {code(verdict.culprit.sha[:12])} {code(verdict.culprit.subject)}")
    for reason in verdict.reasons:
        lines.append(f"- {sentence(reason.text)} (weight {reason.weight:g})")
        quotes = (quote for quote in (reason.log, reason.code) if quote and not addresses_reader(quote))
        lines += [fence(clean(quote)) for quote in quotes]
    lines += [f"- {cap}" for cap in verdict.caps]
    if verdict.ruled_out:
        lines += ["", "Ruled out:"]
        lines += [f"- {code(r.sha[:12])} {code(r.subject)}: {sentence(r.why)}" for r in verdict.ruled_out]
    if verdict.set_aside:
        lines.append(set_aside(len(verdict.set_aside)))
    return "\n".join(lines) + "\n"
