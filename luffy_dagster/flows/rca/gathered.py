"""What is known of one cluster, as its parts are read: what `gather` and `history` fill and the report tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from luffy_dagster.core.rca.model import CommitInfo, Suspects, Trouble
from luffy_dagster.core.rca.report import BlastRadius
from luffy_dagster.core.rca.verdict import CommitFacts, Place


@dataclass
class Gathered:
    """What is known. `release_at` is when the version that failed was first seen."""

    service: Any
    cluster: Any
    trouble: Trouble
    trace: str
    lines: tuple[str, ...]
    beside: tuple[str, ...]
    places: tuple[Place, ...]
    blast: BlastRadius
    version: str | None = None
    previous_version: str | None = None
    release_at: datetime | None = None
    commits: tuple[CommitFacts, ...] = ()
    infos: dict[str, CommitInfo] = field(default_factory=dict)
    suspects: Suspects | None = None
    since: dict[str, datetime] = field(default_factory=dict)  # version → when its first line was seen
    hints: dict[str, datetime] = field(default_factory=dict)  # the same as lines claim it
    snippet: tuple[str, int, str] | None = None  # path, line, text around it at the commit that ran
    notes: list[str] = field(default_factory=list)
