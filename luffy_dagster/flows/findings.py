"""What is so now, over all services: the findings that alerting judges. Each kind is gathered by itself; one that fails fails alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from luffy_dagster import store
from luffy_dagster.core.alerting.conditions import alarm_finding, count_finding
from luffy_dagster.core.alerting.model import Alert, Finding, Rule, Source
from luffy_dagster.core.cron import following_firing, last_firing
from luffy_dagster.core.model import Severity
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.receiving import received
from luffy_dagster.flows.rises import rise_of
from luffy_dagster.store.alert_facts import ServiceFacts

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
LEARNING = timedelta(hours=24)  # of a service's data: until then nothing is "new" that is not grave
NEWS = timedelta(hours=1)  # a cluster that did not occur for so long is no news any more
JUST_FOUND = timedelta(minutes=10)
FIRST_EVER = timedelta(hours=2)
GONE_FOR = timedelta(hours=48)
SERVICES_A_TICK = 100  # whose slow facts are computed anew in one tick


@dataclass(frozen=True, slots=True)
class Found:
    """All findings; sources that could not be looked at, with the reason: their alerts stay as they are."""

    findings: list[Finding] = field(default_factory=list)
    failed: dict[Source, str] = field(default_factory=dict)
    services: tuple[ServiceFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class _Look:
    """What every gatherer is given."""

    ctx: FlowContext
    conn: Any
    now: datetime
    services: Mapping[str, ServiceFacts]
    first: Mapping[str, datetime]
    rules: Sequence[Rule]
    alerts: Mapping[str, Alert]

    def interval(self, service: str) -> timedelta:
        """How often a service's logs are fetched."""
        return interval_of(self.services[service], self.now)

    def learning(self, service: str, at: datetime) -> bool:
        """Whether at `at` the service's history was too short for anything to be new."""
        first = self.first.get(service)
        return first is None or at < first + LEARNING


def gather(ctx: FlowContext, conn: Any, rules: Sequence[Rule], alerts: Mapping[str, Alert], now: datetime) -> Found:
    """Every finding at `now`."""
    services = store.alert_facts.services(conn)
    look = _Look(ctx, conn, now, {one.id: one for one in services}, _first_hours(conn, services, now), rules, alerts)
    found = Found(services=tuple(services))
    for source, gatherer in _GATHERERS.items():
        try:
            with conn.begin_nested():
                found.findings.extend(gatherer(look))
        except Exception as error:  # noqa: BLE001 - one kind that cannot be looked at must not blind us to the others
            found.failed[source] = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return found


def interval_of(service: ServiceFacts, now: datetime) -> timedelta:
    """The time between two fetches of a service: its interval, or the widest gap of its cron expression around now."""
    if service.cron:
        last, following = (
            last_firing(service.cron, service.timezone, now),
            following_firing(service.cron, service.timezone, now),
        )
        if last is not None and following is not None:
            return following - last
    return timedelta(minutes=service.interval_minutes)


def _first_hours(conn: Any, services: Sequence[ServiceFacts], now: datetime) -> dict[str, datetime]:
    """Of every service when its data begin; kept, for it seldom changes."""
    cached = store.alerts.cached(conn, "first_hour")
    known = {name: datetime.fromisoformat(value) for name, (at, value) in cached.items() if now - at < _DAY}
    unknown = [one.id for one in services if one.works and one.id not in known]
    if unknown:
        fresh = store.alert_facts.first_hours(conn, unknown)
        for name, first in fresh.items():
            store.alerts.cache(conn, name, "first_hour", first.isoformat(), now)
        known |= fresh
    return known


def _fetches(look: _Look) -> list[Finding]:
    alarms = store.alert_facts.open_alarms(look.conn)
    return [
        alarm_finding(name, look.services[name].environment, *each, look.now)
        for name, many in alarms.items()
        if name in look.services
        for each in many
    ]


def _clusters(look: _Look) -> list[Finding]:
    rows = store.alert_facts.recent_clusters(look.conn, look.now - timedelta(days=1))
    kept = []
    for row in rows:
        if row["service_id"] not in look.services:
            continue
        quiet = max(NEWS, 2 * look.interval(row["service_id"]))
        if look.now - row["last_seen"] <= quiet:
            kept.append(row)
    counts = store.alert_facts.cluster_counts(look.conn, [(r["service_id"], r["cluster_id"]) for r in kept], look.now)
    found = []
    for row in kept:
        service, state = row["service_id"], row["state"]
        severity = Severity(row["severity"])
        if state == "new" and severity.rank < Severity.HIGH.rank and look.learning(service, row["first_seen"]):
            continue
        since = row["first_seen"] if state == "new" else row["state_since"] or row["first_seen"]
        count = counts.get((service, row["cluster_id"]), 0)
        rise = rise_of(look.ctx, look.conn, row, look.services, look.now)
        found.append(
            Finding(
                # a new cluster is new once; any other move has its moment in its key
                key=f"cluster:{service}/{row['cluster_id']}:{state}"
                + ("" if state == "new" else f":{since.timestamp():.0f}"),
                source=Source.CLUSTER,
                kind=state,
                service=service,
                severity=severity,
                started_at=rise.started_at,
                title=f"{service}: {row['title']}",
                environment=look.services[service].environment,
                count=max(1, count),
                once=True,
                mentions=rise.mentions,
                trace_ids=rise.trace_ids,
                detail={
                    "why": _CLUSTER_WORDS[state]
                    + (f": {row['state_reason']}" if row["state_reason"] and state != "new" else ""),
                    "cluster_id": row["cluster_id"],
                    "culprit": row["culprit"],
                },
            )
        )
    return found


_CLUSTER_WORDS = {
    "new": "an exception that was never seen before",
    "escalating": "an exception that comes more often than forecast",
    "regressed": "an exception that was resolved and has come back",
    "ongoing": "an exception that is no longer ignored and goes on",
}


def _anomalies(look: _Look) -> list[Finding]:
    found = []
    rows = store.anomalies.list_anomalies(look.conn, start=look.now - timedelta(hours=3), limit=2_000)
    for row in rows:
        one = row.anomaly
        if one.service not in look.services or row.verdict == "noise":
            continue
        recent = max(NEWS, 2 * look.interval(one.service))
        ended = one.ended_at
        if ended is None and look.now - one.fired_at > timedelta(hours=24):
            ended = one.fired_at  # a day that was scored long ago and never again
        # What came and went between two fetches is told all the same; what is over otherwise ends its alert.
        if ended is not None and (look.now - ended > recent or look.now - row.created_at > JUST_FOUND):
            continue
        strongest = one.features[0] if one.features else None
        found.append(
            Finding(
                key=f"anomaly:{one.service}/{one.anomaly_id}",
                source=Source.ANOMALY,
                kind=str(one.kind),
                service=one.service,
                severity=one.severity,
                started_at=one.started_at,
                title=f"{one.service}: {one.description or one.kind}",
                environment=one.environment,
                value=strongest.actual if strongest else None,
                detail={
                    "why": one.description,
                    "anomaly_id": one.anomaly_id,
                    "entry_ids": list(one.entry_ids[:5]),
                    "expected": strongest.expected if strongest else None,
                    "actual": strongest.actual if strongest else None,
                    "unit": strongest.unit if strongest else "",
                    "template_id": one.template_id,
                    "fingerprint": one.fingerprint,
                },
                mentions=one.mentions,
                trace_ids=one.trace_ids,
                score=one.score,
            )
        )
    return found


def _templates(look: _Look) -> list[Finding]:
    found = []
    for row in store.alert_facts.first_templates(look.conn, look.now - FIRST_EVER):
        service = row["service_id"]
        if service not in look.services or look.learning(service, row["first_seen"]):
            continue
        if look.now - row["last_seen"] > FIRST_EVER:
            continue
        found.append(
            Finding(
                key=f"template:{service}/{row['template_id']}:first",
                source=Source.TEMPLATE,
                kind="first_ever",
                service=service,
                severity=Severity.MEDIUM,
                started_at=row["first_seen"],
                title=f"{service}: a new error message: {row['template']}",
                environment=look.services[service].environment,
                count=max(1, int(row["count"])),
                once=True,
                detail={
                    "why": "an error message that was never seen before",
                    "template_id": row["template_id"],
                    "examples": [row["example"]],
                },
            )
        )
    return found + _gone(look)


def _gone(look: _Look) -> list[Finding]:
    """Templates that came steadily and have stopped; looked for once an hour and service."""
    cached = store.alerts.cached(look.conn, "vanished")
    stale = [
        name for name, one in look.services.items()
        if one.works and (name not in cached or look.now - cached[name][0] >= _HOUR) and name in look.first
    ]  # fmt: skip
    values = {name: value for name, (_, value) in cached.items()}
    for name in sorted(stale, key=lambda n: cached[n][0] if n in cached else look.now - timedelta(days=99))[
        :SERVICES_A_TICK
    ]:
        values[name] = _vanished(look, look.services[name])
        store.alerts.cache(look.conn, name, "vanished", values[name], look.now)
    found = []
    for name, rows in values.items():
        if name not in look.services:
            continue
        for row in rows:
            last = datetime.fromisoformat(row["last_hour"]) + _HOUR
            if look.now - last > GONE_FOR:
                continue
            found.append(
                Finding(
                    key=f"template:{name}/{row['template_id']}:gone:{last.timestamp():.0f}",
                    source=Source.TEMPLATE,
                    kind="vanished",
                    service=name,
                    severity=Severity.MEDIUM,
                    started_at=last,
                    title=f"{name}: a steady line has stopped: {row['template']}",
                    environment=look.services[name].environment,
                    once=True,
                    detail={
                        "why": f"it came {row['rate']:.1f} times an hour; none for {row['silent_hours']:.0f} hours",
                        "template_id": row["template_id"],
                    },
                )
            )
    return found


def _vanished(look: _Look, one: ServiceFacts) -> list[dict[str, Any]]:
    import polars as pl

    from luffy_dagster.core.patterns import vanished

    if one.last_row is None:
        return []
    # Up to the newest line: when all are silent that is one finding, not one per template.
    until = min(one.last_row, look.now).replace(minute=0, second=0, microsecond=0)
    shapes = store.alert_facts.templates_of(look.conn, one.id)
    counts = store.counts.shape_counts(look.conn, one.id, look.now - timedelta(days=7), until)
    if counts.is_empty() or not shapes:
        return []
    mapped = counts.with_columns(
        pl.col("shape_id")
        .replace_strict({k: v[0] for k, v in shapes.items()}, default=None, return_dtype=pl.Utf8)
        .alias("template_id")
    ).drop_nulls("template_id")
    texts = {template_id: template for template_id, template, _ in shapes.values()}
    fresh: dict[str, datetime] = {}
    for template_id, _, first in shapes.values():
        fresh[template_id] = min(first, fresh.get(template_id, first))
    releases = [run.at for runs in store.releases.known(look.conn, one.id).by_environment.values() for run in runs]
    hours = counts.get_column("hour").unique().to_list()
    rows = []
    for row in vanished(mapped.select("template_id", "hour", "count"), until).to_dicts():
        last = row["last_hour"] + _HOUR
        # A line that stopped where another began, or where a release went live, was reworded or taken out by somebody.
        reworded = any(abs(first - last) <= _HOUR for name, first in fresh.items() if name != row["template_id"])
        # Hours in which the whole service was silent say nothing of one of its lines.
        awake = sum(1 for hour in hours if hour > row["last_hour"])
        if awake < 2 or reworded or any(abs(at - last) <= _HOUR for at in releases):
            continue
        rows.append({**row, "last_hour": row["last_hour"].isoformat(), "template": texts.get(row["template_id"], "")})
    return rows


def _counts(look: _Look) -> list[Finding]:
    found = []
    for rule in look.rules:
        if rule.source is not Source.COUNT or not rule.enabled or rule.metric is None:
            continue
        values = store.alert_facts.metric(look.conn, rule.metric, [rule.service] if rule.service else None, look.now)
        for name, one in look.services.items():
            if not one.works or (rule.service is not None and name != rule.service):
                continue
            mine = [v for (s, e), v in values.items() if s == name and v is not None and rule.environment in (None, e)]
            before = look.alerts.get(f"count:{rule.id}:{name}")
            firing = before is not None and before.state != "resolved"
            seen = count_finding(
                rule, name, rule.environment or one.environment, sum(mine) if mine else None, look.now, firing=firing
            )
            if seen is not None:
                found.append(seen)
    return found


def _external(look: _Look) -> list[Finding]:
    return received(look.ctx, look.conn, look.now)


def _undelivered(look: _Look) -> list[Finding]:
    found = []
    for row in store.alert_facts.undelivered(look.conn, look.now - timedelta(hours=24)):
        parts = row["target"].split(":")
        service = parts[1] if parts[0] == "service" and len(parts) > 2 and parts[1] in look.services else ""
        found.append(
            Finding(
                key=f"notify:{row['target']}",
                source=Source.NOTIFY,
                kind="undelivered",
                service=service,
                severity=Severity.HIGH,
                started_at=row["since"],
                title=f"messages to {':'.join(parts[:3])} are not delivered",
                count=int(row["n"]),
                detail={"why": row["why"] or "no attempt has ended yet"},
            )
        )
    return found


_GATHERERS: dict[Source, Callable[[_Look], list[Finding]]] = {
    Source.FETCH: _fetches,
    Source.CLUSTER: _clusters,
    Source.ANOMALY: _anomalies,
    Source.TEMPLATE: _templates,
    Source.COUNT: _counts,
    Source.EXTERNAL: _external,
    Source.NOTIFY: _undelivered,
}
