"""Severity of a cluster from rate, level, spread and newness: low < medium < high < critical, with the reasons."""

from __future__ import annotations

from dataclasses import dataclass

from luffy_dagster.core.model import ClusterState, Severity


@dataclass(frozen=True, slots=True)
class SeverityFacts:
    """What is known of a cluster now. Rates are occurrences per hour."""

    per_hour: float
    baseline_per_hour: float = 0.0
    level: str | None = "error"
    users: int | None = None
    services: int = 1
    age_hours: float = 0.0
    state: ClusterState = ClusterState.NEW


@dataclass(frozen=True, slots=True)
class SeverityThresholds:
    """Settings; a point for each that is reached. Defaults: an error that happens at all is medium."""

    busy_per_hour: float = 10.0
    flood_per_hour: float = 100.0
    growth: float = 5.0  # times the baseline
    users: int = 10
    services: int = 2
    new_hours: float = 24.0
    high: int = 3  # points
    critical: int = 5


@dataclass(frozen=True, slots=True)
class SeverityVerdict:
    """The severity and the reasons, one per point."""

    severity: Severity
    reasons: tuple[str, ...]


DEFAULT = SeverityThresholds()


def severity(facts: SeverityFacts, thresholds: SeverityThresholds = DEFAULT) -> SeverityVerdict:
    """Points: level (error 1, fatal 2), rate (busy 1, flood 2), growth 1, spread over users 1 and services 1, newness 1."""
    t = thresholds
    points, reasons = 0, []

    def add(n: int, reason: str) -> None:
        nonlocal points
        points += n
        reasons.append(reason)

    if facts.level == "fatal":
        add(2, "level fatal")
    elif facts.level == "error":
        add(1, "level error")
    if facts.per_hour >= t.flood_per_hour:
        add(2, f"{facts.per_hour:g} in the last hour")
    elif facts.per_hour >= t.busy_per_hour:
        add(1, f"{facts.per_hour:g} in the last hour")
    grown = facts.per_hour >= t.growth * max(facts.baseline_per_hour, 1.0)
    if grown and facts.state is not ClusterState.IGNORED:
        add(1, f"{facts.per_hour:g} an hour against {facts.baseline_per_hour:.2g} before")
    if facts.users is not None and facts.users >= t.users:
        add(1, f"{facts.users} users")
    if facts.services >= t.services:
        add(1, f"{facts.services} services")
    if facts.state is ClusterState.REGRESSED:
        add(1, "came back after it was resolved")
    elif facts.age_hours <= t.new_hours and facts.per_hour >= t.busy_per_hour:
        add(1, f"new: first seen {facts.age_hours:.1f} h ago")
    level = (
        Severity.CRITICAL
        if points >= t.critical
        else Severity.HIGH
        if points >= t.high
        else Severity.MEDIUM
        if points >= 1
        else Severity.LOW
    )
    return SeverityVerdict(level, tuple(reasons))
