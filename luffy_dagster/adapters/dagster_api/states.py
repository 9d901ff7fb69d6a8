"""What Dagster tells of its runs, backfills and automation, and the errors of asking it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

_FINISHED = frozenset({"SUCCESS", "FAILURE", "CANCELED"})


class DagsterApiError(Exception):
    """Dagster refused or failed; the message says what was asked, why not, and what to do."""


class DagsterDownError(DagsterApiError):
    """Nobody answers at the address."""


@dataclass(frozen=True, slots=True)
class RunState:
    """One run. `status` is Dagster's: QUEUED, STARTING, STARTED, SUCCESS, FAILURE, CANCELED and some more."""

    run_id: str
    job: str
    status: str
    tags: dict[str, str] = field(default_factory=dict)
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    steps_done: int = 0
    error: str | None = None  # only from `run` and `wait`, of a run that failed

    @property
    def finished(self) -> bool:
        """Whether the run has ended."""
        return self.status in _FINISHED

    @property
    def succeeded(self) -> bool:
        """Whether the run ended well."""
        return self.status == "SUCCESS"


@dataclass(frozen=True, slots=True)
class BackfillState:
    """One backfill: how many of its partitions have a run that ended well or badly."""

    backfill_id: str
    status: str
    done: int
    failed: int
    all: int

    @property
    def finished(self) -> bool:
        """Whether nothing of it will run any more."""
        return self.status in {"COMPLETED", "COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"}


@dataclass(frozen=True, slots=True)
class Automation:
    """A schedule or sensor and whether it is on."""

    name: str
    kind: str  # "schedule" or "sensor"
    running: bool


def run_state(found: Mapping[str, Any], error: str | None) -> RunState:
    """The run that GraphQL describes in `found`."""
    return RunState(
        run_id=found["runId"],
        job=found["jobName"],
        status=found["status"],
        tags={each["key"]: each["value"] for each in found["tags"]},
        created_at=_time(found["creationTime"]),
        started_at=_time(found["startTime"]),
        ended_at=_time(found["endTime"]),
        steps_done=sum(each["status"] in ("SUCCESS", "FAILURE", "SKIPPED") for each in found["stepStats"]),
        error=error,
    )


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
