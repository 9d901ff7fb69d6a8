"""Which clusters are due for a root cause, those that are not with the reason, and a run over the due ones of a service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from luffy_dagster import store
from luffy_dagster.core.model import ClusterState, Severity
from luffy_dagster.core.rca.rules import ClusterFacts, RcaRules, Trigger, judge_trigger
from luffy_dagster.core.scheduling import Kind, due
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.rca.investigate import Notify, RcaOutcome, investigate, outcome_of

if TYPE_CHECKING:
    from luffy_dagster.adapters.llm.gateway import Gateway
    from luffy_dagster.store.rca import Candidate

MAX_PER_RUN = 20


@dataclass(frozen=True)
class RcaRun:
    """What a run over a service did: reports made, those that were there already, failures, skipped with reason."""

    service: str
    started_at: datetime
    outcomes: tuple[RcaOutcome, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()  # cluster, reason
    skipped: tuple[tuple[str, str], ...] = ()
    left: int = 0  # due, but more than one run takes
    standing: tuple[RcaOutcome, ...] = ()  # reports of earlier runs on clusters that are still active

    @property
    def ok(self) -> bool:
        """Whether every due cluster got its report."""
        return not self.failed


def rules_of(service: Any) -> RcaRules:
    """The rules that a service's settings say."""
    return RcaRules(
        enabled=bool(service.rca_generation_enabled),
        min_count=int(service.rca_min_count),
        min_age=timedelta(minutes=int(service.rca_min_age_minutes)),
        min_severity=Severity(service.rca_min_severity),
    )


def judged(ctx: FlowContext, service: Any, now: datetime) -> list[tuple[Candidate, Trigger]]:
    """Every active cluster of a service with what the rules say of it."""
    with store.begin(ctx.engine) as conn:
        rows = store.rca.candidates(conn, service.id)
    rules = rules_of(service)
    return [(row, judge_trigger(_facts(row), rules, now)) for row in rows]


def _facts(row: Candidate) -> ClusterFacts:
    return ClusterFacts(
        state=ClusterState(row.state),
        severity=Severity(row.severity),
        count=row.count,
        first_seen=row.first_seen,
        rca_status=row.rca_status,
        since=row.updated_at,
        completed_at=row.completed_at,
        resolved_at=row.resolved_at,
    )


def why_skipped(ctx: FlowContext, service: str | None = None) -> list[tuple[str, str, str, str]]:
    """(service, cluster, title, reason) of active clusters that get no report now."""
    now = ctx.now()
    with store.begin(ctx.engine) as conn:
        services = [store.services.get(conn, service)] if service else store.services.list_services(conn)
    out = []
    for one in services:
        out += [(one.id, row.cluster_id, row.title, t.reason) for row, t in judged(ctx, one, now) if not t.run]
    return out


def due_clusters(ctx: FlowContext, now: datetime | None = None) -> dict[str, list[str]]:
    """Services that have clusters to look at now, each with these: by their interval's slot, or at once for critical ones."""
    moment = now or ctx.now()
    with store.begin(ctx.engine) as conn:
        slots = {
            d.service for d in due(store.schedule_rows(conn), moment, ctx.settings.slot_attempts) if d.kind == Kind.RCA
        }
        waiting = {row.service_id for row in store.rca.candidates(conn)}
        services = [s for s in store.services.list_services(conn) if s.id in waiting]
    found: dict[str, list[str]] = {}
    for service in services:
        marks = [(row, t) for row, t in judged(ctx, service, moment) if t.run]
        if service.id not in slots:
            marks = [(row, t) for row, t in marks if service.rca_on_critical and row.severity == Severity.CRITICAL]
        if marks:
            found[service.id] = [row.cluster_id for row, _ in marks]
    return found


def run_rca(
    ctx: FlowContext,
    service: str,
    *,
    clusters: Sequence[str] = (),
    trigger: str = "schedule",
    gateway: Gateway | None = None,
    notify: Notify | None = None,
    force: bool = False,
    on_outcome: Callable[[RcaOutcome], None] | None = None,
) -> RcaRun:
    """Looks for the root causes of a service's due clusters (or of those named, by hand). One that fails fails alone.

    Clusters that do not qualify are marked skipped with the reason. `last_rca_generation` moves when none failed.
    """
    started = ctx.now()
    with store.begin(ctx.engine) as conn:
        found = store.services.get(conn, service)
    skipped: list[tuple[str, str]] = []
    wanted = list(clusters)
    if not wanted:
        for row, mark in judged(ctx, found, started):
            if mark.run:
                wanted.append(row.cluster_id)
            else:
                skipped.append((row.cluster_id, mark.reason))
                if mark.status is not None and (row.rca_status, row.rca_reason) != (mark.status, mark.reason):
                    with store.begin(ctx.engine) as conn:
                        store.rca.set_status(conn, service, row.cluster_id, mark.status, mark.reason, started)
    left = max(0, len(wanted) - MAX_PER_RUN) if not clusters else 0
    outcomes: list[RcaOutcome] = []
    failed: list[tuple[str, str]] = []
    for cluster in wanted[: len(wanted) - left]:
        try:
            one = investigate(ctx, service, cluster, trigger=trigger, gateway=gateway, notify=notify, force=force)
        except store.errors.NotFoundError:
            raise
        except Exception as error:  # noqa: BLE001 - one cluster's failure must not stop the others; it is stored and told
            failed.append((cluster, " ".join(f"{type(error).__name__}: {error}".split())[:300]))
            continue
        outcomes.append(one)
        if not one.ok:
            failed.append((cluster, one.error or "unknown reason"))
        if on_outcome is not None:
            on_outcome(one)
    if not failed and not clusters:
        with store.begin(ctx.engine) as conn:
            store.schedule.record_success(conn, service, Kind.RCA, started)
    standing = _standing(ctx, found, {o.cluster_id for o in outcomes})
    return RcaRun(service, started, tuple(outcomes), tuple(failed), tuple(skipped), left, standing)


def _standing(ctx: FlowContext, service: Any, made: set[str]) -> tuple[RcaOutcome, ...]:
    """The newest report of each active cluster that this run did not look at, newest first."""
    with store.begin(ctx.engine) as conn:
        active = {row.cluster_id for row in store.rca.candidates(conn, service.id)} - made
        rows = [r for r in store.rca.list_results(conn, service.id, limit=MAX_PER_RUN) if r.cluster_id in active]
    return tuple(outcome_of(row, service.repository_url) for row in rows if row.report is not None)
