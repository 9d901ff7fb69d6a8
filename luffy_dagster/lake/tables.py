"""The tables of the lake as one thing: what `reading` and `writing` do with them, and their upkeep.

Only one process writes to a service's tables at a time (the caller holds the service's lock); reading needs no lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from luffy_dagster.lake import upkeep
from luffy_dagster.lake.opening import table_errors
from luffy_dagster.lake.reading import Reading
from luffy_dagster.lake.writing import Writing, writer


class Lake(Reading, Writing):
    """The tables under one folder or object store URL. Safe to use from several threads."""

    def compact(self, kind: str, service: str, days: Sequence[date] | None = None) -> int:
        """Joins the small files of `days` (all days when None) and returns how many files were replaced."""
        table = self._open(kind, service)
        if table is None:
            return 0
        listed = self.days(kind, service).filter(pl.col("files") > 1).get_column("day").to_list()
        with table.lock, table_errors(kind, service):
            return upkeep.compact(table.delta, [day for day in listed if days is None or day in days], writer())

    def vacuum(self, kind: str, service: str, older_than_hours: int = 1) -> int:
        """Deletes files that no version younger than `older_than_hours` needs, and old log entries; returns the number of files."""
        table = self._open(kind, service)
        if table is None:
            return 0
        with table.lock, table_errors(kind, service):
            return upkeep.vacuum(table.delta, older_than_hours)
