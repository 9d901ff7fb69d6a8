"""Our PostgreSQL: schema and migrations in one place, queries by topic in modules of that name.

What a person changes is a function here that takes the actor and writes its audit row in the same transaction. What a
row means is decided in `core/`; log rows live in `lake/`. Importing this package loads nothing heavy: a sub-module, and
SQLAlchemy with it, is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from luffy_dagster.store import (
        alarms,
        alert_facts,
        alert_rules,
        alerts,
        anomalies,
        audit,
        cluster_states,
        clusters,
        code,
        counts,
        cursors,
        days,
        detectors,
        embedded,
        errors,
        failing,
        fingerprints,
        freshness,
        git_credentials,
        incidents,
        judging,
        kv,
        llm_calls,
        mutes,
        outbox,
        profiles,
        rca,
        releases,
        replay,
        rules,
        runs,
        schedule,
        services,
        shapes,
        sources,
        uploads,
    )
    from luffy_dagster.store.connection import begin, database_url, dispose, engine, service_lock
    from luffy_dagster.store.migrating import migrate
    from luffy_dagster.store.schedule import schedule_rows

_MODULES = frozenset(
    {
        "alarms",
        "alert_facts",
        "alert_rules",
        "alerts",
        "anomalies",
        "audit",
        "cluster_states",
        "clusters",
        "code",
        "counts",
        "cursors",
        "days",
        "detectors",
        "embedded",
        "errors",
        "failing",
        "fingerprints",
        "freshness",
        "git_credentials",
        "incidents",
        "judging",
        "kv",
        "llm_calls",
        "mutes",
        "outbox",
        "profiles",
        "rca",
        "releases",
        "replay",
        "rules",
        "runs",
        "schedule",
        "services",
        "shapes",
        "sources",
        "uploads",
    }
)
_FUNCTIONS = {
    "begin": "connection",
    "database_url": "connection",
    "dispose": "connection",
    "engine": "connection",
    "service_lock": "connection",
    "migrate": "migrating",
    "schedule_rows": "schedule",
}

__all__ = [
    "alarms",
    "alert_facts",
    "alert_rules",
    "alerts",
    "anomalies",
    "audit",
    "begin",
    "cluster_states",
    "clusters",
    "code",
    "counts",
    "cursors",
    "database_url",
    "days",
    "detectors",
    "dispose",
    "embedded",
    "engine",
    "errors",
    "failing",
    "fingerprints",
    "freshness",
    "git_credentials",
    "incidents",
    "judging",
    "kv",
    "llm_calls",
    "migrate",
    "mutes",
    "outbox",
    "profiles",
    "rca",
    "releases",
    "replay",
    "rules",
    "runs",
    "schedule",
    "schedule_rows",
    "service_lock",
    "services",
    "shapes",
    "sources",
    "uploads",
]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in _FUNCTIONS:
        return getattr(import_module(f"{__name__}.{_FUNCTIONS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
