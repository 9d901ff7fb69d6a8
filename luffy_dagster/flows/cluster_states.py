"""States and severities of a service's clusters brought up to now: by counts that fall as time passes, and by releases.

How a state follows is `core.clustering.states`', a severity `core.clustering.severity`'s. The caller holds no lock of the service:
a state is one row, written under its own lock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from luffy_dagster import store
from luffy_dagster.core.clustering import states
from luffy_dagster.core.clustering.severity import SeverityFacts, severity
from luffy_dagster.core.model import ClusterState
from luffy_dagster.core.releases import Occurrence, Releases, Run
from luffy_dagster.flows.context import FlowContext

_DAY = timedelta(days=1)


def settle(ctx: FlowContext, conn: Any, service: str, now: datetime) -> int:
    """Sets every cluster's state and severity to what they are at `now`; how many states moved."""
    rows = store.cluster_states.judged(conn, service, now)
    if not rows:
        return 0
    resolved = [one for one in rows if one.standing.state is ClusterState.RESOLVED]
    back = regressions(ctx, conn, service, resolved) if resolved else {}
    moved = 0
    for one in rows:
        facts = states.Facts(one.first_seen, one.hourly, one.total, back.get(one.cluster_id))
        after, reason = states.next_standing(one.standing, facts, now)
        if after.state is not one.standing.state:
            store.cluster_states.put(conn, service, one.cluster_id, after, actor="luffy", reason=reason, now=now)
            moved += 1
    _severities(conn, rows, now)
    return moved


def regressions(
    ctx: FlowContext, conn: Any, service: str, resolved: Sequence[store.cluster_states.Judged]
) -> dict[str, str]:
    """Of these resolved clusters those that an occurrence proves to be back, with the reason."""
    releases = store.releases.known(conn, service)
    contains = commit_check(ctx, conn, service)
    found = {}
    for one in resolved:
        resolution = one.standing.resolution
        since = None if resolution is None else looked_at_since(resolution, releases, contains)
        if resolution is None or since is None or one.last_seen < since:
            continue
        occurrences = occurrences_since(ctx, service, one.fingerprints, since)
        fixed = partial(contains, resolution.value)
        why = states.regression(resolution, occurrences, releases, fixed)
        if why is not None:
            found[one.cluster_id] = why
    return found


def looked_at_since(
    resolution: states.Resolution, releases: Releases, contains: Callable[[str, str], bool | None]
) -> datetime | None:
    """The earliest moment at which an occurrence could prove that a cluster is back; None: nothing could yet."""
    if resolution.kind is states.ResolvedIn.NOW:
        return resolution.at
    newer: list[Run] = []
    for environment, runs in releases.by_environment.items():
        if resolution.kind is states.ResolvedIn.RELEASE:
            fixed = releases.named(environment, resolution.value)
            newer += [run for run in runs if fixed is not None and run.at > fixed.at]
        else:
            newer += [run for run in runs if run.commit and contains(resolution.value, run.commit)]
    return min((run.at for run in newer), default=None)


def occurrences_since(ctx: FlowContext, service: str, fingerprints: Sequence[str], since: datetime) -> list[Occurrence]:
    """Occurrences of these fingerprints by event time, from the lake."""
    import polars as pl

    columns = ["event_time", "environment", "version", "fingerprint"]
    frame = (
        ctx.lake.scan("exceptions", service, start=since, columns=columns)
        .filter(pl.col("fingerprint").is_in(list(fingerprints)))
        .sort("event_time")
        .collect()
    )
    return [
        Occurrence(at, environment or "", version)
        for at, environment, version in frame.select("event_time", "environment", "version").iter_rows()
    ]


def commit_check(ctx: FlowContext, conn: Any, service: str) -> Callable[[str, str], bool | None]:
    """Tells whether a release's commit contains a fix: by the repository where there is one, else only when they are the same."""
    from luffy_dagster.flows.releases import ancestry

    return ancestry(ctx, store.services.get(conn, service))


def _severities(conn: Any, rows: Sequence[store.cluster_states.Judged], now: datetime) -> None:
    running = now.replace(minute=0, second=0, microsecond=0)
    elapsed = (now - running).total_seconds() / 3600
    wide = store.cluster_states.spread(conn, [f for one in rows for f in one.fingerprints], now - _DAY)
    for one in rows:
        if not one.standing.state.active:
            continue
        hourly = one.hourly
        last = hourly[-1] + (hourly[-2] * (1 - elapsed) if len(hourly) > 1 else 0)
        day, week = sum(hourly[-24:]), sum(hourly[-168:])
        facts = SeverityFacts(
            per_hour=max(last, day / 24),
            baseline_per_hour=(week - day) / 144,
            level="error",
            services=max((wide.get(f, 1) for f in one.fingerprints), default=1),
            age_hours=max((now - one.first_seen).total_seconds() / 3600, 0.0),
            state=one.standing.state,
        )
        if now - one.last_seen > _DAY:  # quiet for a day: nothing of it is news
            facts = SeverityFacts(per_hour=0.0, level=None, age_hours=facts.age_hours, state=ClusterState.ONGOING)
        verdict = severity(facts)
        if verdict.severity is not one.severity:
            store.clusters.set_severity(conn, one.service_id, one.cluster_id, verdict.severity, now=now)
