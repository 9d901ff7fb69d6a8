"""Keeping a table small and quick: joining small files, removing files that nothing refers to any more.

When this happens is decided in `flows/compaction.py` and `flows/retention.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deltalake import DeltaTable


def compact(table: DeltaTable, days: Sequence[date], writer: Any) -> int:
    """Joins the files of each day and returns how many were replaced."""
    replaced = 0
    for day in days:
        metrics = table.optimize.compact(partition_filters=[("day", "=", day.isoformat())], writer_properties=writer)
        replaced += int(metrics.get("numFilesRemoved") or 0)
    return replaced


def vacuum(table: DeltaTable, older_than_hours: int) -> int:
    """Deletes unreferenced files older than that, then log entries past their retention; returns the number of files."""
    removed = table.vacuum(retention_hours=older_than_hours, enforce_retention_duration=False, dry_run=False)
    table.create_checkpoint()
    table.cleanup_metadata()
    return len(removed)
