"""What people say of anomalies turned into a proposal: a threshold, tried on history before anybody puts it in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from luffy_dagster import store
from luffy_dagster.core.anomalies.carry import Carry
from luffy_dagster.core.anomalies.model import Anomaly, DetectorSettings
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.judging import ends_of, judge_day


def propose(ctx: FlowContext, service: str, *, actor: str, days: int = 14) -> Any:
    """A setting that answers the feedback, tried on the last `days`: what would have been silent, and what was lost.

    Returns the proposal's row, or None when feedback asks for no change.
    """
    now = ctx.now()
    with store.begin(ctx.engine) as conn:
        said = store.anomalies.feedback(conn, service)
        settings = store.detectors.active_setting(conn, service)
    noise = sorted(float(f.anomaly.get("score", 1.0)) for f in said if f.verdict == "noise")
    useful = sorted(float(f.anomaly.get("score", 1.0)) for f in said if f.verdict == "useful")
    if not noise:
        return None
    # As far up as silences most of the noise, but never past what was useful.
    wanted = noise[min(len(noise) - 1, int(0.9 * len(noise)))] * 1.05
    if useful:
        wanted = min(wanted, max(1.0, useful[0] * 0.95))
    if wanted <= 1.0:
        return None
    proposal = replace(settings, sensitivity=round(settings.sensitivity * wanted, 3), version=0)
    backtest = try_setting(ctx, service, proposal, days=days)
    told = f"{len(noise)} noise, {len(useful)} useful"
    with store.begin(ctx.engine) as conn:
        return store.detectors.propose(conn, service, proposal, reason=told, backtest=backtest, actor=actor, now=now)


def try_setting(ctx: FlowContext, service: str, setting: DetectorSettings, *, days: int = 14) -> dict[str, Any]:
    """What the setting would have told over the last days, against what was told: counts, and the ids gained and lost."""
    now = ctx.now()
    today = now.date()
    with store.begin(ctx.engine) as conn:
        active = store.detectors.active_setting(conn, service)
        verdicts = {f.anomaly_id: f.verdict for f in store.anomalies.feedback(conn, service)}
    before: dict[str, Anomaly] = {}
    after: dict[str, Anomaly] = {}
    first = today - timedelta(days=days)
    midnight: dict[DetectorSettings, Mapping[str, Carry]] = {}
    for back in range(days, -1, -1):
        day = today - timedelta(days=back)
        for chosen, kept in ((active, before), (setting, after)):
            judged, _ = judge_day(ctx, service, day, until=now, settings=chosen, now=now, before=midnight.get(chosen))
            midnight[chosen] = ends_of(judged, day)
            kept.update((a.anomaly_id, a) for each in judged for a in each.anomalies if a.fired_at.date() >= first)
    lost = sorted(set(before) - set(after))
    gained = sorted(set(after) - set(before))
    return {
        "days": days + 1,
        "before": len(before),
        "after": len(after),
        "lost": [{"id": i, "verdict": verdicts.get(i), "what": before[i].description} for i in lost],
        "gained": [{"id": i, "what": after[i].description} for i in gained],
        "noise_silenced": sum(verdicts.get(i) == "noise" for i in lost),
        "useful_lost": sum(verdicts.get(i) == "useful" for i in lost),
    }
