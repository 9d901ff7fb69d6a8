"""The words of the domain as frozen dataclasses and enumerations; the values that CONTRACT fixes.

Values only: nothing here reads, writes or decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Level(StrEnum):
    """Normalised level of an entry, rising."""

    TRACE = "trace"
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"
    FATAL = "fatal"


class Severity(StrEnum):
    """Severity of a cluster, anomaly or alert, rising."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for low to 3 for critical."""
        return list(Severity).index(self)


class ClusterState(StrEnum):
    """State of a cluster; the first four are "active"."""

    NEW = "new"
    ONGOING = "ongoing"
    ESCALATING = "escalating"
    REGRESSED = "regressed"
    RESOLVED = "resolved"
    IGNORED = "ignored"

    @property
    def active(self) -> bool:
        """Whether the state counts as active."""
        return self in (ClusterState.NEW, ClusterState.ONGOING, ClusterState.ESCALATING, ClusterState.REGRESSED)


@dataclass(frozen=True, slots=True)
class Frame:
    """One stack frame. `segment` counts the exceptions of the chain in order of appearance, from 0."""

    function: str | None
    file: str | None
    line: int | None = None
    module: str | None = None
    in_app: bool | None = None
    segment: int = 0
    source: str | None = None  # the source line where the trace prints it


@dataclass(frozen=True, slots=True)
class StreamProfile:
    """How to read one stream: settled from a sample before parsing, stored, versioned; entries keep its id.

    `spec` is JSON-serialisable and says everything (wrapper, header formats, zone, day order, level words), so that
    the same profile reads the same lines in the same way for ever.
    """

    profile_id: str  # hash of algorithm and spec
    algorithm: str  # dated id, e.g. "profile-2026-11"
    spec: dict[str, object] = field(default_factory=dict)
    confidence: float = 0.0  # share of the sample's lines that it reads


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Half-open range of time, UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about two fingerprints; the latest that is not revoked wins over every algorithm."""

    kind: str  # "join" or "split"
    fingerprint_a: str
    fingerprint_b: str
    at: datetime
    actor: str = ""
    reason: str | None = None
    id: int = 0
    revoked_at: datetime | None = None
