"""`luffy bench worlds`: false alarms and recall on made-up services that are harder than the shared scenarios.

One setting for all. Printed per kind of calm and per kind of incident; severities of false alarms too, because a false
critical one wakes somebody.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import numpy as np

from luffy_dagster.core.anomalies.explain import severity_of
from luffy_dagster.core.anomalies.fit import fit
from luffy_dagster.core.anomalies.judge import Alert, judge
from luffy_dagster.core.anomalies.ticks import Ticks
from luffy_dagster.evals._worlds import CALM, DAY, DAYS, HARM, MINUTE, TEST, make

_WARM = 5 * 60 * MINUTE
_GRACE = (2 * MINUTE, 5 * MINUTE)  # before its begin and after its end an alert is the incident's
RATES = (0.5, 1.0, 2.0, 5.0, 20.0)


def run(seed: int = 1, draws: int = 2, rates: str = "") -> dict[str, Any]:
    """Judges `draws` worlds of every kind at every rate (comma-separated lines a minute), calm and with each incident."""
    chosen = tuple(float(one) for one in rates.split(",")) if rates else RATES
    clock = time.process_time()
    false: Counter[str] = Counter()
    families: Counter[str] = Counter()
    severities: Counter[str] = Counter()
    days = 0
    for kind in CALM:
        for rate in chosen:
            for draw in range(draws):
                alerts = _judged(kind, rate, 1000 * seed + draw, None)[1]
                days += 1
                for alert in alerts:
                    false[f"{kind}@{rate:g}"] += 1
                    families[alert.families[0]] += 1
                    severities[str(severity_of(alert))] += 1
    found: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    delays: list[float] = []
    beside = 0
    for number, harm in enumerate(HARM):
        for rate in chosen:
            for draw in range(draws):
                kind = CALM[(number + draw) % 4]
                _, alerts, incident = _judged(kind, rate, 5000 * seed + draw, harm)
                assert incident is not None
                mine = [a for a in alerts if incident[0] - _GRACE[0] <= a.fired <= incident[1] + _GRACE[1]]
                tried[f"{harm}@{rate:g}"] += 1
                found[f"{harm}@{rate:g}"] += bool(mine)
                beside += sum(a not in mine and not incident[1] < a.fired <= incident[1] + 15 * MINUTE for a in alerts)
                if mine:
                    delays.append(max(0, mine[0].fired + 1 - incident[0]) / MINUTE)
    worlds = sum(tried.values())
    return {
        "bench": "worlds",
        "seed": seed,
        "calm_service_days": days,
        "false_alarms_per_service_day": round(sum(false.values()) / days, 3),
        "false_alarms": dict(false.most_common()),
        "by_detector": dict(families.most_common()),
        "by_severity": dict(severities.most_common()),
        "incidents": worlds,
        "recall": round(sum(found.values()) / worlds, 3),
        "recall_by_kind": {key: f"{found[key]}/{n}" for key, n in tried.items()},
        "false_alarms_beside_incidents_per_service_day": round(beside / worlds, 3),
        "delay_median_minutes": round(float(np.median(delays)), 2) if delays else None,
        "cpu_seconds": round(time.process_time() - clock, 1),
    }


def _judged(kind: str, rate: float, seed: int, harm: str | None) -> tuple[Ticks, tuple[Alert, ...], Any]:
    world = make(kind, rate, seed, harm)
    model = fit(world.ticks.between(0, TEST))
    ticks = world.ticks.between(TEST - _WARM, DAYS * DAY)
    shift = TEST - _WARM
    incident = None if world.incident is None else (world.incident[0] - shift, world.incident[1] - shift)
    return ticks, judge(ticks, model, since=_WARM).alerts, incident
