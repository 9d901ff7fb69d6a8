"""The words of a root cause: what happened, what history says about it, and who is suspected, with the reasons.

Values only. How suspects are found is `suspects`' business, what a verdict makes of them `verdict`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from luffy_dagster.core.model import Frame

# ---- what happened ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing to explain: an exception (or message) of a cluster, as code sees it.

    `frames` are those of `EXCEPTIONS.frames`: innermost first, the exceptions of the chain one after the other (`segment`).
    `root_segment` is the segment of the innermost cause, `outer_segment` of the exception that reached the log.
    `commit` is what ran (the deployed release, else the branch's head when it was first seen): nothing after it is read.
    """

    commit: str
    language: str = ""
    type: str | None = None
    message: str = ""
    frames: tuple[Frame, ...] = ()
    root_segment: int = 0
    outer_segment: int = 0
    root_type: str | None = None
    root_message: str | None = None
    first_seen: datetime | None = None
    deployed_at: datetime | None = None
    previous_commit: str | None = None  # what ran before `commit`, when a release says so
    commit_is_release: bool = False  # `commit` comes from a release, not from a guess
    subpath: str = ""  # the service's own folder in a shared repository, "" for all of it
    text: str = ""  # anything else that was said: title, surrounding lines; searched for names of code


# ---- what a repository holds -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A file of a commit's tree; `blob` is the id of its content."""

    path: str
    blob: str
    size: int = 0
    mode: str = "100644"


@dataclass(frozen=True, slots=True)
class FileChange:
    """What a commit did to one file. `status`: A added, M modified, D deleted, R renamed (`old_path` says from where)."""

    path: str
    status: str
    old_path: str | None = None
    added: int | None = None  # lines; None where it was not counted or the file is binary
    removed: int | None = None


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """One commit with its file changes where they were asked for. Times are UTC."""

    sha: str
    parents: tuple[str, ...]
    author: str
    author_email: str
    authored_at: datetime
    committed_at: datetime
    subject: str
    body: str = ""
    changes: tuple[FileChange, ...] = ()


@dataclass(frozen=True, slots=True)
class BlameLine:
    """Which commit last changed a line (1-based); `path` and `original_line` are where it was in that commit."""

    line: int
    sha: str
    path: str
    original_line: int


# ---- frames and files ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileCandidate:
    """A file of the repository that a frame may mean. The weights of one frame's candidates add up to at most 1."""

    path: str
    weight: float
    how: str  # exact, suffix, package, name, renamed


@dataclass(frozen=True, slots=True)
class PlacedFrame:
    """A frame with the files it may mean, best first; empty when it is not of this repository."""

    frame: Frame
    place: int  # its place in `Trouble.frames`
    candidates: tuple[FileCandidate, ...] = ()


# ---- suspects --------------------------------------------------------------------------------------------------------


class SuspectKind(StrEnum):
    """What is suspected."""

    FILE = "file"
    FUNCTION = "function"
    COMMIT = "commit"


@dataclass(frozen=True, slots=True)
class ScorePart:
    """What one signal adds to a suspect's score, and why, in a sentence a person can check."""

    signal: str
    value: float
    reason: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """A file, function or commit with its score (the sum of its parts; comparable inside one ranking only).

    `name` is the path, `path::qualified name`, or the full SHA. `share` is its part of all scores of its ranking, 0 to 1.
    """

    kind: SuspectKind
    name: str
    score: float
    parts: tuple[ScorePart, ...]
    share: float = 0.0
    path: str | None = None
    line: int | None = None  # line of the frame that points to it, or the function's first
    commit: CommitInfo | None = None
    was: str | None = None  # of a commit: the name that `path` had then, where it was another

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons, weightiest first."""
        return tuple(part.reason for part in sorted(self.parts, key=lambda part: -abs(part.value)))


@dataclass(frozen=True, slots=True)
class Suspects:
    """The three rankings of one trouble, best first, and what they rest on.

    `notes` are sentences about what could not be looked at (no frame of the service's own, history cut short, …).
    """

    algorithm: str
    commit: str
    files: tuple[Suspect, ...] = ()
    functions: tuple[Suspect, ...] = ()
    commits: tuple[Suspect, ...] = ()
    frames: tuple[PlacedFrame, ...] = ()
    notes: tuple[str, ...] = ()


# ---- evidence --------------------------------------------------------------------------------------------------------


class EvidenceKind(StrEnum):
    """What a piece of evidence is."""

    TRACE = "trace"
    LOG = "log"
    COUNT = "count"
    RELEASE = "release"
    COMMIT = "commit"
    DIFF = "diff"
    CODE = "code"
    BLAME = "blame"
    ANOMALY = "anomaly"
    KNOWLEDGE = "knowledge"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One citable piece: `id` is "E1", "E2", …; `text` is redacted; the rest says where it can be looked up."""

    id: str
    kind: EvidenceKind
    title: str
    text: str
    at: datetime | None = None
    commit: str | None = None
    path: str | None = None
    line: int | None = None
    entry_id: str | None = None


@dataclass(frozen=True, slots=True)
class EvidencePack:
    """All that a report may rest on, in citing order."""

    trouble: Trouble
    suspects: Suspects
    evidence: tuple[Evidence, ...] = ()
    notes: tuple[str, ...] = field(default=())
