"""Retention: whole days that are past their time leave the lake; hourly counts outlive them."""

from __future__ import annotations

from datetime import timedelta

from luffy_dagster import store
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.fetch import RAW
from luffy_dagster.flows.results import RetentionResult


def retain(ctx: FlowContext, service: str) -> RetentionResult:
    """Removes days of raw_logs, entries, exceptions and counts older than the service keeps them.

    Raw rows that were not parsed yet are never removed: then raw_logs is left alone and the next run sees to it.
    """
    now = ctx.now()
    settings = ctx.settings
    with store.service_lock(ctx.engine, service):
        with store.begin(ctx.engine) as conn:
            found = store.services.get(conn, service)
            cursor = store.cursors.parse_cursor(conn, service)
        raw_from = (now - timedelta(days=found.retention_raw_days or settings.retention_raw_days)).date()
        entries_from = (now - timedelta(days=found.retention_entries_days or settings.retention_entries_days)).date()
        counts_from = now - timedelta(days=found.retention_counts_days or settings.retention_counts_days)
        written = ctx.lake.last_batch(RAW, service)
        removed = {RAW: 0}
        if written is None or written.batch <= cursor:
            removed[RAW] = ctx.lake.delete_days(RAW, service, raw_from)
        for kind in ("entries", "exceptions"):
            removed[kind] = ctx.lake.delete_days(kind, service, entries_from)
        with store.begin(ctx.engine) as conn:
            removed["counts"] = store.counts.purge(conn, service, counts_from)
        files = sum(ctx.lake.vacuum(kind, service) for kind in (RAW, "entries", "exceptions"))
    return RetentionResult(service, removed, files, raw_from, entries_from)
