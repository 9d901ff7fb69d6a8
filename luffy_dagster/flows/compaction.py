"""Compaction: the many small files of a day that is over become one."""

from __future__ import annotations

from luffy_dagster import store
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.results import CompactionResult

_KINDS = ("raw_logs", "entries", "exceptions", "windows")


def compact(ctx: FlowContext, service: str) -> CompactionResult:
    """Joins the files of every day before today that has several, and deletes files that nothing needs any more."""
    today = ctx.now().date()
    joined, files = {}, 0
    with store.service_lock(ctx.engine, service):
        for kind in _KINDS:
            days = [day for day in ctx.lake.days(kind, service).get_column("day").to_list() if day < today]
            joined[kind] = ctx.lake.compact(kind, service, days)
            files += ctx.lake.vacuum(kind, service)
    return CompactionResult(service, joined, files)
