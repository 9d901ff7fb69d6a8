"""The health tree of a service, in the order in which things depend on each other: each broken link with its remedy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from luffy_dagster import store
from luffy_dagster.core.lifecycle import LifecycleState
from luffy_dagster.core.wording import many
from luffy_dagster.flows.context import FlowContext


@dataclass(frozen=True, slots=True)
class Link:
    """One question of the tree. `ok` None: not asked, because it does not apply."""

    name: str
    question: str
    ok: bool | None
    detail: str
    remedy: str | None = None


def health_tree(ctx: FlowContext, service: str) -> list[Link]:
    """Active? → sources connected? → recent fetch? → RCA working? → indexing working? Every link is looked at, in this order."""
    now = ctx.now()
    with store.begin(ctx.engine) as conn:
        found = store.services.get(conn, service)
        sources = store.sources.list_sources(conn, service)
        failed = [r for r in store.rca.list_results(conn, service, limit=20) if r.status == "failed"]
        waiting = [c for c in store.rca.candidates(conn, service) if c.rca_status in (None, "pending")]
    return [
        _active(found),
        _sources(found, sources),
        _fetch(found, sources, now),
        _rca(found, failed, waiting, now),
        _index(found, now),
    ]


def first_broken(links: list[Link]) -> Link | None:
    """The link to mend first."""
    return next((link for link in links if link.ok is False), None)


def _active(service: Any) -> Link:
    question = "Is the service active?"
    if service.lifecycle_state == LifecycleState.ARCHIVED:
        return Link(
            "active",
            question,
            False,
            "it is archived",
            "register it anew under another id; an archived service stays as it is",
        )
    if service.lifecycle_state == LifecycleState.MAINTENANCE:
        return Link(
            "active",
            question,
            False,
            "it is under maintenance",
            f"luffy service maintenance {service.id} off; what was missed is fetched then",
        )
    if not service.is_active:
        return Link("active", question, False, "it is switched off", f"luffy service resume {service.id}")
    return Link("active", question, True, f"state {service.lifecycle_state}")


def _sources(service: Any, sources: list[Any]) -> Link:
    question = "Are its log sources connected?"
    on = [s for s in sources if s.is_active and s.fetch_enabled]
    if not sources:
        return Link("sources", question, False, "it has no log source", f"luffy source add {service.id} …")
    if not on:
        return Link(
            "sources",
            question,
            False,
            "its source is not monitored" if len(sources) == 1 else f"none of its {len(sources)} sources is monitored",
            f"luffy source monitoring {service.id} on --service",
        )
    bad = [s for s in on if s.connection_status == "failed"]
    if bad:
        why = "; ".join(f"{s.name}: {s.connection_reason or s.last_error or 'unknown reason'}" for s in bad)
        return Link("sources", question, False, why, f"mend it, then luffy source test {bad[0].id}")
    return Link("sources", question, True, f"{len(on)} of {len(sources)} monitored")


def _fetch(service: Any, sources: list[Any], now: datetime) -> Link:
    question = "Was it fetched lately?"
    interval = timedelta(minutes=service.log_fetch_interval_minutes)
    errors = "; ".join(f"{s.name}: {s.last_error}" for s in sources if s.last_error)
    if service.last_log_fetch is None:
        return Link(
            "fetch",
            question,
            False,
            errors or "it was never fetched",
            f"luffy fetch {service.id}; if nothing starts by itself, luffy up",
        )
    age = now - service.last_log_fetch
    if age > 2 * interval:
        late = f"last {_ago(age)} ago, every {_ago(interval)} wanted"
        return Link(
            "fetch",
            question,
            False,
            f"{late}{f' ({errors})' if errors else ''}",
            f"luffy fetch {service.id}; is Dagster running (luffy up)?",
        )
    return Link("fetch", question, True, f"last {_ago(age)} ago")


def _rca(service: Any, failed: list[Any], waiting: list[Any], now: datetime) -> Link:
    question = "Are root causes looked for?"
    if not service.rca_generation_enabled:
        return Link(
            "rca",
            question,
            False,
            "root causes are switched off",
            f"luffy service set {service.id} rca_generation_enabled=true",
        )
    if failed:
        return Link(
            "rca",
            question,
            False,
            f"cluster {failed[0].cluster_id}: {failed[0].error}",
            f"luffy rca run {service.id} --cluster {failed[0].cluster_id}",
        )
    interval = timedelta(minutes=service.rca_generation_interval_minutes)
    last = service.last_rca_generation
    since = last or min((c.first_seen for c in waiting), default=now)
    if waiting and now - since > max(3 * interval, timedelta(hours=1)):
        told = f"last {_ago(now - last)} ago" if last else "never run"
        return Link(
            "rca",
            question,
            False,
            f"{many(len(waiting), 'cluster')} waiting for a report, {told}",
            f"luffy rca run {service.id}; is Dagster running (luffy up)?",
        )
    return Link("rca", question, True, f"last {_ago(now - last)} ago" if last else "nothing to look at so far")


def _index(service: Any, now: datetime) -> Link:
    question = "Is its code indexed?"
    if not (service.repository_url or service.git_repo_path):
        return Link(
            "indexing",
            question,
            False,
            "it has no repository",
            f"luffy service set {service.id} repository_url=https://…",
        )
    if not service.code_indexing_enabled:
        return Link(
            "indexing",
            question,
            False,
            "indexing is switched off",
            f"luffy service set {service.id} code_indexing_enabled=true",
        )
    interval = timedelta(hours=service.code_indexing_interval_hours)
    if service.last_code_indexing is None:
        return Link("indexing", question, False, "it was never indexed", f"luffy code index {service.id}")
    age = now - service.last_code_indexing
    if age > 2 * interval:
        return Link(
            "indexing",
            question,
            False,
            f"last {_ago(age)} ago, every {_ago(interval)} wanted",
            f"luffy code index {service.id}",
        )
    return Link("indexing", question, True, f"last {_ago(age)} ago, commit {(service.commit_sha or '')[:12]}")


def _ago(delta: timedelta) -> str:
    minutes = delta.total_seconds() / 60
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 60 * 48 else f"{minutes / 1440:.0f} d"
