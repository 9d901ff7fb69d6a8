"""What hides an alert: a silence, an acknowledgement, a maintenance window, the service's own state. Each says why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

from luffy_dagster.core.alerting.model import Alert
from luffy_dagster.core.model import Severity

FIELDS = ("service", "environment", "rule", "source", "kind", "key", "title")


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that match every matcher (field → glob) tell nothing from `starts_at` to `ends_at`."""

    id: int
    matchers: Mapping[str, str]
    owner: str
    reason: str
    starts_at: datetime
    ends_at: datetime
    most: Severity = Severity.CRITICAL  # worse ones are told all the same


@dataclass(frozen=True, slots=True)
class Window:
    """A maintenance window of some services (none named: of all)."""

    id: int
    services: tuple[str, ...]
    owner: str
    reason: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Hidden:
    """By what an alert is hidden."""

    kind: str  # "silence", "maintenance", "state"
    id: int
    reason: str

    @property
    def ref(self) -> str:
        """In one word, as alerts keep it."""
        return f"{self.kind}:{self.id}" if self.id else self.kind


@dataclass(frozen=True, slots=True)
class Mutes:
    """All that may hide alerts. `states`: services that are in maintenance, archived or switched off, with the word."""

    silences: tuple[Silence, ...] = ()
    windows: tuple[Window, ...] = ()
    states: Mapping[str, str] = field(default_factory=dict)

    def hiding(self, alert: Alert, now: datetime) -> Hidden | None:
        """What hides the alert now; a window before a state before a silence."""
        for window in self.windows:
            if window.starts_at <= now < window.ends_at and (not window.services or alert.service in window.services):
                return Hidden("maintenance", window.id, window.reason)
        state = self.states.get(alert.service)
        if state is not None:
            return Hidden("state", 0, f"{alert.service} is {state}")
        for silence in self.silences:
            if silence.starts_at <= now < silence.ends_at and silences(silence, alert):
                return Hidden("silence", silence.id, silence.reason)
        return None


def silences(silence: Silence, alert: Alert) -> bool:
    """Whether a silence is about this alert."""
    if alert.severity.rank > silence.most.rank:
        return False
    values = {
        "service": alert.service,
        "environment": alert.environment,
        "rule": alert.rule_id,
        "source": str(alert.source),
        "kind": alert.kind,
        "key": alert.key,
        "title": alert.title,
    }
    return bool(silence.matchers) and all(
        fnmatchcase(values.get(name, "\0"), pattern) for name, pattern in silence.matchers.items()
    )


def ended(silences_: Iterable[Silence], now: datetime) -> list[Silence]:
    """Silences that are over."""
    return [one for one in silences_ if one.ends_at <= now]
