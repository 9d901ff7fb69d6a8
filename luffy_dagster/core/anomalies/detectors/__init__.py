"""The detectors, behind one interface (`base.Detector`). What a score must pass is learnt in `fit`, what follows in `judge`."""

from __future__ import annotations

from luffy_dagster.core.anomalies.detectors.base import ERROR_LEVELS, MINUTE, Detector, Scores, State, View
from luffy_dagster.core.anomalies.detectors.counts import Burst, Errors, Keys
from luffy_dagster.core.anomalies.detectors.numbers import Numbers
from luffy_dagster.core.anomalies.detectors.rhythm import Heartbeat, Novelty, Restarts
from luffy_dagster.core.anomalies.detectors.volume import Silence, Volume

__all__ = [
    "ERROR_LEVELS",
    "MINUTE",
    "Detector",
    "Heartbeat",
    "Novelty",
    "Restarts",
    "Scores",
    "Silence",
    "State",
    "View",
    "all_detectors",
]


def all_detectors() -> tuple[Detector, ...]:
    """Those whose scores decide, in a fixed order."""
    return (
        Errors(),
        Burst(),
        Keys(errors=True, floor=3.4),
        Keys(errors=False),
        Volume(above=False),
        Volume(above=True),
        Silence(),
        Numbers(),
        Heartbeat(),
        Novelty(),
        Restarts(),
    )
