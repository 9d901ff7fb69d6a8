"""Alerting: judged at every tick, apart from runs, because silence has no run.

`tick` brings states up to now, gathers findings, judges alerts, makes incidents of them, decides who is told, queues the
messages and delivers what is due. Decisions are `core.alerting`'s and `core.incidents`'; one process judges at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from luffy_dagster import store
from luffy_dagster.core.alerting.judge import judge as judge_alerts
from luffy_dagster.core.alerting.model import Alert, AlertState, Finding
from luffy_dagster.core.alerting.mute import Mutes
from luffy_dagster.core.alerting.telling import Decision, Policy, Standing, Told, decide
from luffy_dagster.core.incidents import DEFAULT as CORRELATION
from luffy_dagster.core.incidents import ServiceGraph, Signal, correlate
from luffy_dagster.core.lifecycle import LifecycleState
from luffy_dagster.core.model import Severity
from luffy_dagster.flows import messages
from luffy_dagster.flows.cluster_states import settle
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.delivery import Delivered, deliver
from luffy_dagster.flows.findings import Found, gather
from luffy_dagster.flows.freshness import judge_freshness
from luffy_dagster.flows.results import Result
from luffy_dagster.store.incidents import IncidentRow, MemberRow

_LOCK = "alerting:judge"  # no service's name: it has a colon
ACTIVE_FOR = timedelta(hours=1)  # a resolved alert still has a say in what belongs together
JOINS_FOR = timedelta(minutes=30)  # and a firing one for so long after it fired


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
            _correlate(conn, now, at_once=at_once)
            queued = _tell(ctx, conn, now, at_once=at_once) + _expiries(ctx, conn, now)
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


def _signal(alert: Alert) -> Signal:
    fired = alert.fired_at or alert.pending_since
    last = fired + JOINS_FOR
    return Signal(
        id=alert.signal_id,
        service=alert.service,
        environment=alert.environment,
        started_at=min(alert.started_at, fired),
        fired_at=fired,
        ended_at=last if alert.resolved_at is None else min(last, alert.resolved_at),
        severity=alert.severity,
        kind=alert.kind,
        title=alert.title,
        score=alert.score,
        mentions=alert.mentions,
        trace_ids=alert.trace_ids,
    )


def _correlate(conn: Any, now: datetime, *, at_once: bool) -> None:
    """Alerts of one cause become one incident, with its root; its id stays while alerts join and leave."""
    alerts = {
        one.signal_id: one
        for one in store.alerts.list_alerts(conn, states=[AlertState.FIRING], since=now - ACTIVE_FOR)
        if one.fired_at is not None
    }
    open_rows = {row.id: row for row in store.incidents.list_incidents(conn, since=now - ACTIVE_FOR)}
    for one in store.alerts.list_alerts(conn, states=None, ids=_members_of(conn, open_rows)):
        alerts.setdefault(one.signal_id, one)
    graph = ServiceGraph(store.alert_facts.graph(conn))
    homes = store.incidents.of_signals(conn, list(alerts))
    seen: set[str] = set()
    settings = replace(CORRELATION, declare_after=timedelta(0)) if at_once else CORRELATION
    for made in correlate([_signal(one) for one in alerts.values()], graph, now, settings):
        signals = [member.signal_id for member in made.members]
        # What was together stays together: the oldest incident that knows one of these signals is theirs.
        known = sorted(
            {homes[s] for s in signals if s in homes},
            key=lambda i: (open_rows[i].fired_at, i) if i in open_rows else (now, i),
        )
        name = known[0] if known else made.incident_id
        if name in seen:
            continue
        seen.add(name)
        for other in known[1:]:
            store.incidents.merge(conn, other, name, now)
        mine = [alerts[s] for s in signals]
        row = _incident_row(name, made, mine, open_rows.get(name))
        members = [
            MemberRow(name, m.signal_id, alerts[m.signal_id].id, m.service, m.role, m.suppressed, m.reason, now)
            for m in made.members
        ]
        store.incidents.put(conn, row, members, now)
        store.alerts.set_incident(conn, [one.id for one in mine if one.incident_id != name], name)


def _members_of(conn: Any, rows: Collection[str]) -> list[int]:
    return [m.alert_id for m in store.incidents.members(conn, list(rows)) if m.alert_id is not None]


def _incident_row(name: str, made: Any, alerts: Sequence[Alert], before: IncidentRow | None) -> IncidentRow:
    firing = [one for one in alerts if one.state is AlertState.FIRING]
    root = made.root_service or (before.root_service if before else None)
    ranked = sorted(alerts, key=lambda a: (a.service != root, a.state is not AlertState.FIRING, -a.severity.rank, a.id))
    worst = max((one.severity for one in firing or alerts), key=lambda s: s.rank)
    ends = [one.resolved_at for one in alerts if one.resolved_at is not None]
    return IncidentRow(
        id=name,
        environment=made.environment,
        state="open" if firing else "resolved",
        title=ranked[0].title,
        severity=worst,
        root_service=root,
        confidence=made.confidence or (before.confidence if before else 0.0),
        reasons=made.reasons or (before.reasons if before else ()),
        services=tuple(s for s in made.services if s),
        started_at=made.started_at,
        fired_at=made.fired_at,
        declare_at=made.declare_at,
        ended_at=None if firing else max(ends, default=None),
    )


def policy_of(ctx: FlowContext) -> Policy:
    """How often people are told, by the settings."""
    s = ctx.settings
    return Policy(
        batch=timedelta(minutes=s.alert_batch_minutes),
        cooldown=timedelta(minutes=s.alert_cooldown_minutes),
        repeat=timedelta(hours=s.alert_repeat_hours),
    )


def _tell(ctx: FlowContext, conn: Any, now: datetime, *, at_once: bool = False) -> int:
    """Queues the messages that are due; how many. Urgent ones alone, the others of one target together."""
    policy = replace(policy_of(ctx), at_once=at_once)
    batches: dict[str, list[tuple[IncidentRow, dict[str, Any], str | None]]] = {}
    queued = 0
    for row in store.incidents.list_incidents(conn, since=now - timedelta(days=1)):
        alerts = store.alerts.list_alerts(conn, states=None, incident_id=row.id)
        firing = [one for one in alerts if one.state is AlertState.FIRING]
        visible = [one for one in firing if one.hidden_by is None]
        if firing and not visible:
            continue
        told = told_of(row)
        if told is None:  # what is about to end is nothing to begin with
            visible = [one for one in visible if one.clear_since is None]
        acked = bool(store.mutes.acknowledgements(conn, [row.id], now))
        decision = decide(_standing(row, visible, acknowledged=acked), told, policy, now)
        if decision is None:
            continue
        if decision.kind == "resolved":
            visible = alerts
        threads = store.outbox.threads(conn, row.id)
        severity = max((one.severity for one in visible), key=lambda s: s.rank)
        places = list(dict.fromkeys([*threads, *routes(conn, row, severity)]))
        if not places:
            continue
        message = messages.compose(ctx, conn, replace(row, severity=severity), visible, decision, now)
        payload = {**message.as_json(), "meta": _meta(row, visible)}
        for place in places:
            if decision.urgent:
                _queue(conn, place, decision.kind, [(row, payload, threads.get(place))], now)
                queued += 1
            else:
                batches.setdefault(place, []).append((row, payload, threads.get(place)))
        store.incidents.told(conn, row.id, _told_json(row, visible, decision), now)
    for place, many in batches.items():
        # What answers a thread of its own goes alone, so that it stands there.
        fresh = [one for one in many if one[2] is None]
        for group in ([fresh] if fresh else []) + [[one] for one in many if one[2] is not None]:
            _queue(conn, place, group[0][1]["kind"], group, now)
            queued += 1
    return queued


def _standing(row: IncidentRow, visible: Sequence[Alert], *, acknowledged: bool) -> Standing:
    fired = [one.fired_at for one in visible if one.fired_at is not None]
    return Standing(
        firing=bool(visible),
        severity=max((one.severity for one in visible), key=lambda s: s.rank, default=row.severity),
        since=min(fired, default=row.fired_at),
        declare_at=row.declare_at,
        root=row.root_service,
        services=frozenset(one.service for one in visible) or frozenset(row.services),
        grave=frozenset(one.title for one in visible if one.severity.rank >= Severity.HIGH.rank),
        acknowledged=acknowledged,
    )


def told_of(row: IncidentRow) -> Told | None:
    """What was told of an incident so far, or None."""
    if row.told_at is None:
        return None
    return Told(
        messages=row.messages,
        last_at=row.told_at,
        severity=Severity(row.told["severity"]),
        root=row.told.get("root"),
        services=frozenset(row.told.get("services", ())),
        grave=frozenset(row.told.get("grave", ())),
        resolved=bool(row.told.get("resolved")),
    )


def _told_json(row: IncidentRow, visible: Sequence[Alert], decision: Decision) -> dict[str, Any]:
    now_ = _standing(row, visible, acknowledged=False)
    before = told_of(row)
    worst = max([now_.severity, *([before.severity] if before and not before.resolved else [])], key=lambda s: s.rank)
    return {
        "severity": str(worst),
        "root": row.root_service,
        "services": sorted({*now_.services, *(before.services if before else ())}),
        "grave": sorted({*now_.grave, *(before.grave if before else ())})[:200],
        "resolved": decision.kind == "resolved",
    }


def _meta(row: IncidentRow, alerts: Sequence[Alert]) -> dict[str, Any]:
    return {
        "service": row.root_service or (alerts[0].service if alerts else ""),
        "environment": row.environment,
        "started_at": row.started_at.isoformat(),
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
    }


def _queue(
    conn: Any, place: str, kind: str, many: Sequence[tuple[IncidentRow, dict[str, Any], str | None]], now: datetime
) -> None:
    text = "\0".join([place, kind, *(f"{row.id}/{row.messages}" for row, _, _ in many)])
    key = f"luffy-{many[0][0].id[:8]}-{hashlib.blake2b(text.encode(), digest_size=10).hexdigest()}"
    payload = {"messages": [payload for _, payload, _ in many]}
    ids = [row.id for row, _, _ in many]
    store.outbox.put(conn, key, place, kind, payload, now=now, incidents=ids, thread=many[0][2])


def routes(conn: Any, row: IncidentRow, severity: Severity) -> list[str]:
    """Where an incident is told: the targets of its root, or else of the service of its earliest alert."""
    names = [row.root_service] if row.root_service else list(row.services[:1])
    return service_routes(conn, names[0] if names else None, severity)


def service_routes(conn: Any, name: str | None, severity: Severity) -> list[str]:
    """A service's targets: its webhook and mail by its channels, both when critical; and those that are kept beside."""
    found: list[str] = []
    service = store.services.find(conn, name) if name else None
    if service is not None:
        if not service.notification_enabled:
            return []
        hook = [f"service:{service.id}:slack"] if service.notification_webhook_url is not None else []
        mail = [f"service:{service.id}:email:{address}" for address in service.notification_email]
        wanted = [
            place
            for channel in service.notification_channels
            for place in {"slack": hook, "email": mail}.get(channel, [])
        ]
        # The webhook, or else the mail; critical to both.
        found += hook + mail if severity is Severity.CRITICAL else wanted or hook or mail
    found += [
        target.ref
        for target in store.outbox.targets(conn, name)
        if target.enabled and severity.rank >= target.least.rank and (name is not None or target.service_id is None)
    ]
    return list(dict.fromkeys(found))


def _expiries(ctx: FlowContext, conn: Any, now: datetime) -> int:
    """Tells that a silence or window is over where it hid something; notes every end."""
    queued = 0
    for kind, row in store.mutes.expired(conn, now):
        hidden = store.mutes.hidden(conn, by_kind=kind, by_id=row["id"])
        store.mutes.note_expiry(conn, kind, row["id"], now)
        if not hidden:
            continue
        ids = {one.alert_id for one in hidden}
        firing = sum(one.clear_since is None for one in store.alerts.list_alerts(conn, ids=ids))
        message = messages.expiry_message(ctx, kind, row, hidden, firing)
        worst = max((Severity(one.severity) for one in hidden), key=lambda s: s.rank)
        names = dict.fromkeys(one.service_id or None for one in hidden)
        for place in dict.fromkeys(
            p for name in names for p in service_routes(conn, name, min(worst, Severity.HIGH, key=lambda s: s.rank))
        ):
            key = f"luffy-{kind}-{row['id']}-{hashlib.blake2b(place.encode(), digest_size=8).hexdigest()}"
            payload = {"messages": [message.as_json()]}
            queued += store.outbox.put(conn, key, place, "expiry", payload, now=now)
    return queued


def receive(ctx: FlowContext, findings: Sequence[Finding], over: Sequence[str]) -> int:
    """Takes over another system's alerts: what fires (counted up by key) and what is over; how many fire."""
    now = ctx.now()
    with store.begin(ctx.engine) as conn:
        held = store.alerts.cached(conn, "external")
        merged: dict[str, Finding] = {}
        for one in findings:
            before = merged.get(one.key)
            merged[one.key] = one if before is None else replace(one, count=before.count + one.count)
        for key, one in merged.items():
            known = held.get(key)
            count = one.count + (int(known[1]["count"]) if known else 0)
            store.alerts.cache(conn, key, "external", {**external_json(one), "count": count}, now)
        for key in over:
            store.alerts.forget(conn, key, "external")
    return len(merged)


def external_json(one: Finding) -> dict[str, Any]:
    """Another system's finding as it is kept while it lasts."""
    return {
        "kind": one.kind,
        "service": one.service,
        "severity": str(one.severity),
        "started_at": one.started_at.isoformat(),
        "title": one.title,
        "environment": one.environment,
        "count": one.count,
        "detail": dict(one.detail),
    }


def add_report(
    ctx: FlowContext, service: str, cluster_id: str, headline: str, facts: Sequence[tuple[str, str]], *, report_id: str
) -> int:
    """Tells of a root cause report in the thread of the incident that its cluster is part of; how many messages were queued.

    Told once per report. Where nobody was told of the incident, nobody is told of the report.
    """
    from luffy_dagster.core.alerting.message import Message

    now, safe = ctx.now(), messages.redactor(ctx)
    with store.begin(ctx.engine) as conn:
        own = store.clusters.resolve(conn, service, cluster_id)
        alerts = [
            one
            for one in store.alerts.list_alerts(conn, service=service, states=None, since=now - timedelta(days=7))
            if one.detail.get("cluster_id") in (own, cluster_id) and one.incident_id
        ]
        if not alerts:
            return 0
        row = store.incidents.get(conn, str(alerts[0].incident_id))
        message = Message(
            kind="update",
            severity=row.severity,
            headline=safe(headline),
            facts=tuple((label, safe(text)) for label, text in facts),
            links=messages.links(ctx, row, alerts[0]),
            incident_id=row.id,
        )
        queued = 0
        for place, thread in store.outbox.threads(conn, row.id).items():
            key = f"luffy-rca-{hashlib.blake2b(f'{report_id} {place}'.encode(), digest_size=10).hexdigest()}"
            payload = {"messages": [{**message.as_json(), "meta": _meta(row, alerts)}]}
            queued += store.outbox.put(conn, key, place, "report", payload, now=now, incidents=[row.id], thread=thread)
    return queued
