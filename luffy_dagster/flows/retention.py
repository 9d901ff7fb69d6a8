"""Retention: whole days that are past their time leave the lake; hourly counts outlive them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from luffy_dagster import store
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.results import RetentionResult
from luffy_dagster.lake import drop_file

RAW = "raw_logs"


def raw_floor_key(service: str) -> str:
    """Under which key the store keeps the first day of which raw rows are whole."""
    return f"raw_from:{service}"


def raw_floor(conn: Any, service: str) -> date | None:
    """First day of which no raw rows were removed, or None when none ever were."""
    found = store.kv.get(conn, raw_floor_key(service))
    return date.fromisoformat(found) if found else None


def retain(ctx: FlowContext, service: str) -> RetentionResult:
    """Removes days of raw_logs, entries, exceptions and counts older than the service keeps them, and models of weeks long past.

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
        for kind in ("entries", "exceptions", "windows"):
            removed[kind] = ctx.lake.delete_days(kind, service, entries_from)
        # A day that is judged again after that has its model fitted anew from its windows.
        models_from = now - timedelta(days=settings.retention_models_days)
        with store.begin(ctx.engine) as conn:
            paths = store.detectors.drop_models(conn, service, models_from)
            store.judging.purge(conn, service, entries_from)
        for path in paths:  # rows first: a file without a row is lost room, a row without its file is fitted again
            drop_file(ctx.lake, path)
        removed["models"] = len(paths)
        with store.begin(ctx.engine) as conn:
            if removed[RAW]:
                store.kv.put(conn, raw_floor_key(service), raw_from.isoformat(), now)
            removed["counts"] = store.counts.purge(conn, service, counts_from)
        files = sum(ctx.lake.vacuum(kind, service) for kind in (RAW, "entries", "exceptions", "windows"))
    return RetentionResult(service, removed, files, raw_from, entries_from)
