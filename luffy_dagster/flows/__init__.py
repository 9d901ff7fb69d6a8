"""The work: one function per asset, from a service's sources to its exception clusters. No Dagster here.

Every flow takes a `FlowContext` and the slug of a service, reads through adapters, lake and store, calls `core`, writes, and
returns a result object with its counts. Doors (assets, commands, API, benchmarks) call these functions and nothing below.
"""

from luffy_dagster.flows.cluster import cluster
from luffy_dagster.flows.code import CodeIndexResult, index_code, open_repository
from luffy_dagster.flows.code_search import search_code
from luffy_dagster.flows.compaction import compact
from luffy_dagster.flows.connections import test_source
from luffy_dagster.flows.context import FlowContext, make_context
from luffy_dagster.flows.detect import detect
from luffy_dagster.flows.freshness import judge_freshness
from luffy_dagster.flows.logs import LogPage, LogQuery, entries_of, query_logs
from luffy_dagster.flows.models import fit_week
from luffy_dagster.flows.patterns import compare_ranges, find_patterns
from luffy_dagster.flows.process import fetch, parse, process_service, rebuild_day
from luffy_dagster.flows.reconcile import reconcile
from luffy_dagster.flows.replay import activate_replay, preview_replay
from luffy_dagster.flows.results import (
    ClusterResult,
    CompactionResult,
    DayAnomalies,
    DayCounts,
    DetectResult,
    FetchResult,
    ParseResult,
    ReconcileResult,
    RetentionResult,
    ServiceResult,
    SourceResult,
)
from luffy_dagster.flows.retention import retain
from luffy_dagster.flows.sessions import find_abnormal_sessions
from luffy_dagster.flows.tick import due_services, run_tick

__all__ = [
    "ClusterResult",
    "CodeIndexResult",
    "CompactionResult",
    "DayAnomalies",
    "DayCounts",
    "DetectResult",
    "FetchResult",
    "FlowContext",
    "LogPage",
    "LogQuery",
    "ParseResult",
    "ReconcileResult",
    "RetentionResult",
    "ServiceResult",
    "SourceResult",
    "activate_replay",
    "cluster",
    "compact",
    "compare_ranges",
    "detect",
    "due_services",
    "entries_of",
    "fetch",
    "find_abnormal_sessions",
    "find_patterns",
    "fit_week",
    "index_code",
    "judge_freshness",
    "make_context",
    "open_repository",
    "parse",
    "preview_replay",
    "process_service",
    "query_logs",
    "rebuild_day",
    "reconcile",
    "retain",
    "run_tick",
    "search_code",
    "test_source",
]
