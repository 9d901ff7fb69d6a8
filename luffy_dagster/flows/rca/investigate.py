"""One investigation: gather, judge, look whether this evidence was judged before, let a model put it in words, check, store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from luffy_dagster import store
from luffy_dagster.core.rca.report import Report, head_markdown, to_markdown
from luffy_dagster.core.rca.verdict import Case, Verdict, judge
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.rca.gather import gather
from luffy_dagster.flows.rca.gathered import Gathered

if TYPE_CHECKING:
    from luffy_dagster.adapters.llm.gateway import Gateway

LOCK = "rca"
Notify = Callable[["RcaOutcome"], None]


@dataclass(frozen=True)
class RcaOutcome:
    """What an investigation gave. `repeated`: the same evidence had been judged, nothing was spent."""

    service: str
    cluster_id: str
    ok: bool
    result_id: int
    report: Report | None
    markdown: str
    head: str = ""  # the first lines of the report, as Markdown
    repeated: bool = False
    tokens: int = 0
    error: str | None = None


def investigate(
    ctx: FlowContext,
    service: str,
    cluster_id: str,
    *,
    trigger: str = "manual",
    gateway: Gateway | None = None,
    force: bool = False,
    notify: Notify | None = None,
) -> RcaOutcome:
    """The root cause of a cluster, stored whole or as failed. `force`: also where this evidence was judged before.

    Runs under a lock of the service's root causes, beside its other work. Raises NotFoundError for what is not there.
    """
    with store.begin(ctx.engine) as conn:
        found = store.services.get(conn, service)
        own = store.clusters.get(conn, service, cluster_id, now=ctx.now()).cluster_id
    with store.service_lock(ctx.engine, f"{LOCK}:{service}"):
        now = ctx.now()
        with store.begin(ctx.engine) as conn:
            before = store.rca.status_of(conn, service, own)
            store.rca.set_status(conn, service, own, "pending", None, now)
        try:
            outcome = _investigate(ctx, found, own, trigger, gateway, force, now)
        except BaseException as error:
            with store.begin(ctx.engine) as conn:
                if isinstance(error, Exception):
                    reason = " ".join(f"{type(error).__name__}: {error}".split())[:500]
                    _fail(conn, service, own, trigger, reason, ctx.now())
                else:  # interrupted: as if it had not begun
                    store.rca.set_status(conn, service, own, *before, now)
            raise
    if outcome.ok and not outcome.repeated and notify is not None:
        notify(outcome)  # after the report is stored: a message that fails loses no report
    return outcome


def _investigate(
    ctx: FlowContext, service: Any, cluster_id: str, trigger: str, gateway: Gateway | None, force: bool, now: datetime
) -> RcaOutcome:
    from luffy_dagster.flows.rca.compose import compose

    known = gather(ctx, service, cluster_id, now)
    verdict = judge(case_of(known))
    digest = evidence_hash(known, verdict)
    if not force:
        with store.begin(ctx.engine) as conn:
            before = store.rca.investigated(conn, service.id, cluster_id, digest, now)
            if before is not None and before.report is not None:
                store.rca.set_status(conn, service.id, cluster_id, "completed", None, now)
        if before is not None and before.report is not None:
            return outcome_of(before, service.repository_url)
    try:
        report = compose(ctx, known, verdict, digest, gateway, now)
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"the report does not fit its schema: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        with store.begin(ctx.engine) as conn:
            number = _fail(conn, service.id, cluster_id, trigger, reason, now)
        return RcaOutcome(service.id, cluster_id, False, number, None, "", error=reason)
    markdown = to_markdown(report, repository=service.repository_url)
    with store.begin(ctx.engine) as conn:
        number = store.rca.put(conn, _row(report, markdown, trigger), now=now)
    tokens = report.model.tokens_in + report.model.tokens_out if report.model else 0
    head = head_markdown(report, repository=service.repository_url)
    return RcaOutcome(service.id, cluster_id, True, number, report, markdown, head, tokens=tokens)


def outcome_of(row: Any, repository: str | None) -> RcaOutcome:
    """A stored report as the outcome of an investigation that spent nothing."""
    report = Report.model_validate(row.report)
    head = head_markdown(report, repository=repository)
    return RcaOutcome(row.service_id, row.cluster_id, True, row.id, report, row.analysis, head, repeated=True)


def _row(report: Report, markdown: str, trigger: str) -> dict[str, Any]:
    plain = report.model_dump(mode="json")
    model = report.model
    return {
        "service_id": report.service,
        "cluster_id": report.cluster_id,
        "status": "completed",
        "trigger": trigger,
        "verdict": report.verdict,
        "cause": report.cause,
        "culprit_commit": report.culprit.sha if report.culprit else None,
        "confidence": report.confidence,
        "analysis": markdown,
        "recommendations": plain["recommendations"],
        "evidence": plain["evidence"],
        "report": plain,
        "evidence_hash": report.evidence_hash,
        "algorithm": ", ".join(report.algorithms),
        "provider": model.provider if model else None,
        "model": model.model if model else None,
        "sentences_removed": model.sentences_removed if model else 0,
        "tokens_in": model.tokens_in if model else 0,
        "tokens_out": model.tokens_out if model else 0,
        "cost_usd": model.cost_usd if model else None,
    }


def _fail(conn: Any, service: str, cluster_id: str, trigger: str, reason: str, now: datetime) -> int:
    values = {"service_id": service, "cluster_id": cluster_id, "status": "failed", "trigger": trigger, "error": reason}
    number: int = store.rca.put(conn, values, now=now)
    return number


def case_of(known: Gathered) -> Case:
    """What the verdict is taken on."""
    return Case(
        service=known.service.id,
        start=known.cluster.first_seen,
        lines=known.lines,
        commits=known.commits,
        places=known.places,
        occurrences=known.cluster.count_total,
        release_known=known.trouble.commit_is_release,
        beside=known.beside,
        unchanged_for=_unchanged(known),
    )


def _unchanged(known: Gathered) -> timedelta | None:
    """How long the version that failed had run without failing so; None when the logs do not say."""
    since = known.release_at
    if (
        since is None and known.trouble.commit in known.infos
    ):  # it ran since before the log begins: not older than its commit
        since = known.infos[known.trouble.commit].committed_at
    return known.cluster.first_seen - since if since else None


def evidence_hash(known: Gathered, verdict: Verdict) -> str:
    """What the evidence is known by: the failure, what ran, the commits weighed, what code made of it. Counts and times do not count."""
    parts = {
        "service": known.service.id,
        "cluster": known.cluster.cluster_id,
        "trace": known.trace,
        "commit": known.trouble.commit,
        "weighed": sorted((r.commit.sha, r.weight) for r in verdict.ranking),
        "verdict": [verdict.kind.value, verdict.cause, verdict.culprit.sha if verdict.culprit else None],
        "algorithms": [verdict.algorithm, known.suspects.algorithm if known.suspects else None],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode("utf-8", "surrogatepass")).hexdigest()
