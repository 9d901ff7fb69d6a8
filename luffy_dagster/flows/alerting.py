"""Alerting: judged at every tick, apart from runs, because silence has no run.

`tick` brings states up to now, gathers findings (`findings`), judges alerts, makes incidents of them (`correlating`), queues what is to be
told (`telling`) and delivers what is due (`delivery`). Decisions are `core.alerting`'s and `core.incidents`'; one process judges at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from luffy_dagster import store
from luffy_dagster.core.alerting.judge import judge as judge_alerts
from luffy_dagster.core.alerting.model import AlertState
from luffy_dagster.core.alerting.mute import Mutes
from luffy_dagster.core.lifecycle import LifecycleState
from luffy_dagster.flows.cluster_states import settle
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.correlating import correlate_alerts
from luffy_dagster.flows.delivery import Delivered, deliver
from luffy_dagster.flows.findings import Found, gather
from luffy_dagster.flows.freshness import judge_freshness
from luffy_dagster.flows.results import Result
from luffy_dagster.flows.telling import tell, tell_expiries

_LOCK = "alerting:judge"  # no service's name: it has a colon


@dataclass(frozen=True)
class JudgeResult(Result):
    """One look: alerts by what happened to them, incidents that are open, messages queued; what could not be looked at."""

    firing: int = 0
    pending: int = 0
    fired: int = 0
    resolved: int = 0
    hidden: int = 0
    incidents: int = 0
    queued: int = 0
    moved: int = 0
    errors: Mapping[str, str] = field(default_factory=dict)
    skipped: bool = False


@dataclass(frozen=True)
class AlertingResult(Result):
    """One tick of alerting: what was judged and what was delivered."""

    judged: JudgeResult
    delivered: Delivered


def tick(ctx: FlowContext, *, budget_seconds: float = 30.0, at_once: bool = False) -> AlertingResult:
    """Judges, and delivers what is due within the budget."""
    return AlertingResult(judge(ctx, at_once=at_once), deliver(ctx, budget_seconds=budget_seconds))


def judge(ctx: FlowContext, *, at_once: bool = False) -> JudgeResult:
    """One look at everything; skipped when another process is at it. Deterministic for a clock and a store.

    `at_once`: all services were read up to now, so neither a batch nor what may still belong to an incident is waited for.
    """
    now = ctx.now()
    with store.service_lock(ctx.engine, _LOCK, wait=False) as got:
        if not got:
            return JudgeResult(skipped=True)
        errors: dict[str, str] = {}
        _windows(ctx, now)
        judge_freshness(ctx.engine, now)
        moved = _states(ctx, now, errors)
        with store.begin(ctx.engine) as conn:
            rules = store.alert_rules.rules(conn)
            alerts = store.alerts.latest(conn, ())
            found = gather(ctx, conn, rules, alerts, now)
            errors |= {str(source): why for source, why in found.failed.items()}
            changed = _alerts(conn, rules, found, now)
            hidden = _hide(conn, found, now)
            correlate_alerts(conn, now, at_once=at_once)
            queued = tell(ctx, conn, now, at_once=at_once) + tell_expiries(ctx, conn, now)
            open_ = store.alerts.list_alerts(conn)
            incidents = store.incidents.list_incidents(conn)
    states = [one.state for one in open_]
    return JudgeResult(
        firing=states.count(AlertState.FIRING),
        pending=states.count(AlertState.PENDING),
        fired=changed.count("firing") + changed.count("reopened"),
        resolved=changed.count("resolved"),
        hidden=hidden,
        incidents=len(incidents),
        queued=queued,
        moved=moved,
        errors=errors,
    )


def _states(ctx: FlowContext, now: datetime, errors: dict[str, str]) -> int:
    """States of clusters and intervals, which time alone changes; a service that fails fails alone."""
    from luffy_dagster.flows.adaptive import adapt_service

    moved = 0
    with store.begin(ctx.engine) as conn:
        names = store.cluster_states.unsettled(conn, now)
    for name in names:
        try:
            with store.begin(ctx.engine) as conn:
                moved += settle(ctx, conn, name, now)
                adapt_service(ctx, conn, name, now)
        except Exception as error:  # noqa: BLE001 - told in the result; the others go on
            errors[f"states of {name}"] = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return moved


def _windows(ctx: FlowContext, now: datetime) -> None:
    """Services go into maintenance with their window, and come back with its end."""
    with store.begin(ctx.engine) as conn:
        for row in store.mutes.to_pause(conn, now):
            mine = set(row["paused"])
            for name in row["services"]:
                if name not in mine and store.services.get(conn, name).lifecycle_state is LifecycleState.ACTIVE:
                    store.services.maintenance(conn, name, True, actor="luffy", now=now)
                    mine.add(name)
            if mine != set(row["paused"]):
                store.mutes.set_paused(conn, row["id"], mine)
        for row in store.mutes.to_resume(conn, now):
            for name in row["paused"]:
                if store.services.get(conn, name).lifecycle_state is LifecycleState.MAINTENANCE:
                    store.services.maintenance(conn, name, False, actor="luffy", now=now)
            store.mutes.set_paused(conn, row["id"], ())


def _alerts(conn: Any, rules: Sequence[Any], found: Found, now: datetime) -> list[str]:
    """Judges; what happened, a word for each alert that changed its state."""
    blind = set(found.failed)
    gone = {one.id for one in found.services if one.word == "archived"}
    findings = [one for one in found.findings if one.service not in gone]
    alerts = store.alerts.latest(conn, {one.key for one in findings})
    alerts = {key: one for key, one in alerts.items() if one.source not in blind}
    changes = judge_alerts(rules, findings, alerts, now)
    store.alerts.apply(conn, changes, now)
    return [change.event for change in changes if change.event is not None]


def _hide(conn: Any, found: Found, now: datetime) -> int:
    """Notes what hides which firing alert; how many are hidden."""
    silences, windows = store.mutes.in_force(conn, now)
    states = {one.id: one.word for one in found.services if one.word is not None}
    mutes = Mutes(silences, windows, states)
    count = 0
    for alert in store.alerts.list_alerts(conn):
        hidden = mutes.hiding(alert, now) if alert.state is AlertState.FIRING else None
        count += hidden is not None
        if store.mutes.note_hidden(conn, alert.id, hidden, now):
            store.alerts.add_event(
                conn, alert.id, "hidden" if hidden else "shown", hidden.reason if hidden else None, now
            )
    return count
