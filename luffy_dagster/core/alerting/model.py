"""The words of alerting as frozen dataclasses: findings, rules, alerts. Values only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from luffy_dagster.core.model import Severity

# One plain address: no list, no name beside it, nothing that could become another header.
MAIL_ADDRESS = re.compile(r"[^@\s,;:<>()\[\]\"\\]+@(?:[^@\s,;:<>()\[\]\"\\]+\.[^@\s,;:<>()\[\]\"\\.]+|localhost)")


class Source(StrEnum):
    """What a rule looks at."""

    ANOMALY = "anomaly"
    CLUSTER = "cluster"
    TEMPLATE = "template"
    FETCH = "fetch"  # failed, capped, late, never started, silent
    COUNT = "count"  # a number per hour against a threshold
    EXTERNAL = "external"  # told to us by another system
    NOTIFY = "notify"  # a message of ours could not be delivered


class AlertState(StrEnum):
    """State of an alert."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is so now. `key` says what it is about and stays the same while it lasts.

    `once`: it stands for one event (a transition of a cluster, a first-ever template); resolved, it never fires again.
    """

    key: str
    source: Source
    kind: str
    service: str
    severity: Severity
    started_at: datetime
    title: str
    environment: str = ""
    count: int = 1
    value: float | None = None
    once: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)
    mentions: tuple[tuple[str, int], ...] = ()
    trace_ids: tuple[str, ...] = ()
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Rule:
    """Which findings are alerts, after how long, and how long it must be quiet before they are over.

    Of several rules that match the first does. Count rules (`metric`, `threshold`) make their own findings.
    """

    id: str
    source: Source
    kinds: tuple[str, ...] = ()  # of the finding; empty: all
    service: str | None = None
    environment: str | None = None
    least: Severity = Severity.LOW
    severity: Severity | None = None  # in place of the finding's
    pending: timedelta = timedelta(0)
    resolve_after: timedelta = timedelta(minutes=10)
    metric: str | None = None  # "errors", "lines", "level:<level>", "template:<id>", "cluster:<id>": per hour
    threshold: float | None = None
    clear: float | None = None  # below it the condition is over; by default 80 % of the threshold
    below: bool = False  # fire under the threshold, not over it
    no_data: str = "ok"  # what no data means to a count rule: "ok" (as zero), "alert", "keep"
    enabled: bool = True
    reason: str | None = None

    def matches(self, finding: Finding) -> bool:
        """Whether the finding is this rule's."""
        return (
            self.enabled
            and self.source is finding.source
            and (not self.kinds or finding.kind in self.kinds)
            and (self.service is None or self.service == finding.service)
            and (self.environment is None or self.environment == finding.environment)
            and finding.severity.rank >= self.least.rank
        )


@dataclass(frozen=True, slots=True)
class Alert:
    """A finding under its rule, in time. `flaps` counts how often it came back; `id` 0: not stored yet."""

    key: str
    rule_id: str
    source: Source
    kind: str
    service: str
    environment: str
    severity: Severity
    state: AlertState
    started_at: datetime
    pending_since: datetime
    last_seen: datetime
    title: str
    fired_at: datetime | None = None
    clear_since: datetime | None = None
    resolved_at: datetime | None = None
    count: int = 1
    value: float | None = None
    flaps: int = 0
    once: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)
    mentions: tuple[tuple[str, int], ...] = ()
    trace_ids: tuple[str, ...] = ()
    score: float = 1.0
    id: int = 0
    incident_id: str | None = None
    hidden_by: str | None = None

    @property
    def signal_id(self) -> str:
        """How the correlator calls it."""
        return f"alert:{self.id}"


_R = Rule
DEFAULT_RULES: tuple[Rule, ...] = (
    _R("anomaly", Source.ANOMALY, least=Severity.MEDIUM, reason="an anomaly of at least medium severity"),
    _R(
        "cluster-new", Source.CLUSTER, ("new",), least=Severity.MEDIUM, reason="an exception that was never seen before"
    ),
    _R(
        "cluster-again",
        Source.CLUSTER,
        ("escalating", "regressed", "ongoing"),
        reason="an exception that escalates, came back, or whose ignoring is over",
    ),
    _R("template-new", Source.TEMPLATE, ("first_ever",), reason="an error message that was never seen before"),
    _R("template-gone", Source.TEMPLATE, ("vanished",), reason="a line that came steadily and has stopped"),
    # Not at once: one fetch that fails, or a tick that is slow, is made up by the next.
    _R("fetch", Source.FETCH, pending=timedelta(minutes=5), reason="logs are not fetched, cut off, or silent"),
    _R("external", Source.EXTERNAL, reason="another system's alert"),
    _R("undelivered", Source.NOTIFY, reason="a message could not be delivered"),
)
