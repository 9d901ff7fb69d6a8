"""The words of a verdict: what is judged (a case), and what comes out (a verdict with everything that was ruled out).

Values only. How they come about is in the modules beside this one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

ALGORITHM = "verdict-2026-12-2"


class VerdictKind(StrEnum):
    """What code says about a cause."""

    CULPRIT = "culprit"
    NO_CODE_CAUSE = "no_code_cause"
    INCONCLUSIVE = "inconclusive"


class CauseKind(StrEnum):
    """What a failure came from when it was no commit."""

    MEMORY = "memory"
    DISK = "disk"
    DNS = "dns"
    CERTIFICATES = "certificates"
    UPSTREAM = "upstream"
    QUOTA = "quota"
    BAD_INPUT = "bad input"
    NETWORK = "network"
    CONFIG = "config"
    CREDENTIALS = "credentials"
    DATABASE = "database"
    NODE = "node"
    CLOCK = "clock"
    LOAD = "load"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the service's own code failed. `rank` counts from 0, the innermost frame first."""

    file: str
    line: int | None = None
    function: str | None = None
    rank: int = 0
    source: str | None = None  # the source line where the trace prints it


@dataclass(frozen=True, slots=True)
class CommitFacts:
    """One commit as Git tells it. `diff` is unified text (without file headers when `files` is one)."""

    sha: str
    at: datetime
    author: str = ""
    message: str = ""
    files: tuple[str, ...] = ()
    diff: str = ""
    prior: float = 0.0  # 0 to 1: how strongly the suspect ranking (blame, co-change) points to it
    prior_reasons: tuple[str, ...] = ()
    ran_before: timedelta | None = None  # how long it had demonstrably run before the first failure
    excluded: str | None = None  # why it cannot be, where the caller knows (it was not part of what ran)

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0].strip()


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged: the lines of log, where code failed, and the commits that may have to do with it."""

    service: str
    start: datetime
    lines: tuple[str, ...]
    commits: tuple[CommitFacts, ...] = ()
    places: tuple[Place, ...] | None = None  # None: read them from the lines
    occurrences: int | None = None
    release_known: bool = True
    unchanged_for: timedelta | None = None  # how long what ran had run when it first failed
    beside: tuple[str, ...] = ()  # lines of others at the time: heard only where no commit explains the failure


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a commit is (or is not) suspected. `log` and `code` are verbatim quotes; `weight` is what it adds."""

    text: str
    weight: float
    log: str | None = None
    code: str | None = None
    mechanism: str | None = None  # the kind of fault that it is, where it is one: "null check", "time-out", …


@dataclass(frozen=True, slots=True)
class RuledOut:
    """A candidate that was looked at and rejected."""

    sha: str
    subject: str
    why: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """A commit with its weight and the reasons for it."""

    commit: CommitFacts
    weight: float
    reasons: tuple[Reason, ...]
    rejected: str | None = None  # why it cannot be, where it cannot


@dataclass(frozen=True, slots=True)
class Verdict:
    """What code decided. `confidence` is capped by rules; `caps` names those that held."""

    kind: VerdictKind
    confidence: float
    headline: str
    culprit: CommitFacts | None = None
    cause: CauseKind | None = None
    reasons: tuple[Reason, ...] = ()
    caps: tuple[str, ...] = ()
    ruled_out: tuple[RuledOut, ...] = ()
    ranking: tuple[Ranked, ...] = ()
    mechanism: str | None = None  # the kind of fault: "null check", "timeout", …
    set_aside: tuple[str, ...] = field(default=())  # lines that address a reader and were not used
    algorithm: str = ALGORITHM
