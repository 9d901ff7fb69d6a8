"""The words of anomaly detection as frozen dataclasses: what a detector found, why, and on what it rests.

Values only; `as_json` and `of_json` are the form in which the store keeps an anomaly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from luffy_dagster.core.model import Severity


class Kind(StrEnum):
    """What an anomaly looks like, in the words of an operator."""

    ERRORS = "errors"  # more errors than expected
    NEW_ERROR = "new_error"  # an error or exception never seen before
    VOLUME_RISE = "volume_rise"
    VOLUME_DROP = "volume_drop"
    SILENCE = "silence"  # nothing at all
    MISSING_HEARTBEAT = "missing_heartbeat"  # a line that comes regularly has stopped
    LATENCY = "latency"  # durations (or other numbers) of the same lines moved
    MIX = "mix"  # another share of a template
    TEMPLATE_RISE = "template_rise"  # one template far more often
    NEW_TEMPLATE = "new_template"
    RESTARTS = "restarts"  # starts again and again


@dataclass(frozen=True, slots=True)
class Feature:
    """One reason: what was expected and what was seen, over which span, of which template, by which detector."""

    name: str  # "errors", "lines", "template", "share", "duration", "silence", "heartbeat", "new", "restarts"
    expected: float | None
    actual: float | None
    unit: str = ""  # "lines", "lines/min", "s", "share", "min"
    score: float = 0.0  # −log10 of the bound of its chance; comparable between features
    threshold: float = 0.0  # what this feature had to pass, learnt from the service's own history
    span_seconds: int = 0  # length of the window it was judged over, ending at `Anomaly.fired_at`
    detector: str = ""  # dated id
    subject: str | None = None  # template id, fingerprint, or "template id/position of the value"
    text: str | None = None  # the template's text, the exception's type


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An interval in which a service behaves abnormally. `ended_at` None: it was still open when it was written."""

    service: str
    environment: str
    started_at: datetime  # first sign, at or before fired_at
    fired_at: datetime  # when the score passed the threshold, with nothing later looked at
    ended_at: datetime | None
    kind: Kind
    score: float  # 1.0 is the threshold in force, whatever the detector; rising
    severity: Severity
    features: tuple[Feature, ...] = ()  # strongest first
    template_id: str | None = None
    fingerprint: str | None = None
    description: str = ""
    entry_ids: tuple[str, ...] = ()  # example lines
    detectors: tuple[str, ...] = ()  # dated ids of those that passed
    model_version: str = ""  # the fit that scored it; "" while learning
    mentions: tuple[tuple[str, int], ...] = ()  # other services named in its evidence, with how often
    trace_ids: tuple[str, ...] = ()  # sample, at most 200

    @property
    def anomaly_id(self) -> str:
        """Stable over recomputing: hash of service, environment and the instant it fired."""
        return anomaly_id(self.service, self.environment, self.fired_at)

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON-serialisable values (times ISO 8601)."""
        values = asdict(self)
        for name in ("started_at", "fired_at", "ended_at"):
            values[name] = values[name].isoformat() if values[name] is not None else None
        return values

    @staticmethod
    def of_json(values: Mapping[str, Any]) -> Anomaly:
        """The opposite of `as_json`; unknown fields are left out."""
        known = {name: values[name] for name in Anomaly.__slots__ if name in values}
        for name in ("started_at", "fired_at", "ended_at"):
            if isinstance(known.get(name), str):
                known[name] = datetime.fromisoformat(known[name])
        known["kind"], known["severity"] = Kind(known["kind"]), Severity(known["severity"])
        features = [f if isinstance(f, Feature) else Feature(**_only(Feature, f)) for f in known.get("features", ())]
        known["features"] = tuple(features)
        known["mentions"] = tuple((str(name), int(count)) for name, count in known.get("mentions", ()))
        for name in ("entry_ids", "detectors", "trace_ids"):
            known[name] = tuple(known.get(name, ()))
        return Anomaly(**known)


def anomaly_id(service: str, environment: str, fired_at: datetime) -> str:
    """16 hex characters."""
    return blake2b(f"{service}\0{environment}\0{fired_at.timestamp():.0f}".encode(), digest_size=8).hexdigest()


def _only(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in kind.__slots__ if name in values}  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Suppression:
    """A small deviation stays silent: rule for features of that name (row of a service's detector setting)."""

    feature: str  # as Feature.name; "*" for all
    absolute: float | None = None  # |actual − expected| must reach this
    ratio: float | None = None  # actual / expected (or its inverse) must reach this
    direction: str = "both"  # "above", "below", "both": only deviations in that direction count


BUDGET = 0.1  # what the thresholds of a fit are made for


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """What a person may set for a service; versions are kept, one is active."""

    sensitivity: float = 1.0  # scales every threshold; above 1 fires later
    budget: float = BUDGET  # false alarms per service-day that are accepted
    suppressions: tuple[Suppression, ...] = ()
    muted_kinds: tuple[str, ...] = ()
    version: int = 0

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON-serialisable values."""
        return asdict(self)

    @staticmethod
    def of_json(values: Mapping[str, Any], version: int = 0) -> DetectorSettings:
        """The opposite of `as_json`."""
        known = _only(DetectorSettings, values)
        known["suppressions"] = tuple(Suppression(**_only(Suppression, s)) for s in known.get("suppressions", ()))
        known["muted_kinds"] = tuple(known.get("muted_kinds", ()))
        return DetectorSettings(**{**known, "version": version})


DEFAULT_SETTINGS = DetectorSettings()


@dataclass(frozen=True, slots=True)
class Coverage:
    """What history supports: until it suffices a service is "learning" and alerts nothing that rests on more."""

    days: float = 0.0
    lines: int = 0
    learning: bool = True
    missing: tuple[str, ...] = field(default_factory=tuple)  # what cannot be judged yet, and why
