"""Releases of a service in its environments: which one an occurrence belongs to, and which is newer.

Pure: rows come in sorted or not, times are aware UTC. Reading tags, logs and the table is the business of flows and store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Run:
    """A version that runs in an environment from `at` on; `commit` where it is known."""

    version: str
    at: datetime
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One occurrence of an exception: when, where, and the version that its line names (None: it names none)."""

    at: datetime
    environment: str = ""
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Releases:
    """The known releases of one service, per environment, oldest first."""

    by_environment: Mapping[str, tuple[Run, ...]] = field(default_factory=dict)

    @staticmethod
    def of(rows: Iterable[tuple[str, Run]]) -> Releases:
        """From (environment, run) in any order."""
        found: dict[str, list[Run]] = {}
        for environment, run in rows:
            found.setdefault(environment, []).append(run)
        return Releases({name: tuple(sorted(runs, key=lambda r: (r.at, r.version))) for name, runs in found.items()})

    def named(self, environment: str, version: str) -> Run | None:
        """The release of that name in the environment."""
        return next((run for run in self.by_environment.get(environment, ()) if run.version == version), None)

    def running(self, environment: str, at: datetime) -> Run | None:
        """The release that ran there at `at`."""
        before = [run for run in self.by_environment.get(environment, ()) if run.at <= at]
        return before[-1] if before else None

    def of_occurrence(self, one: Occurrence) -> Run | None:
        """The release that an occurrence belongs to: the one its line names, else the one that ran at its time."""
        if one.version:
            return self.named(one.environment, one.version)
        return self.running(one.environment, one.at)
