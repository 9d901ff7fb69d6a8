"""Drawings into files, with matplotlib; loaded only by the commands that draw."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from luffy_dagster.flows.judging import JudgedDay

_LEVELS = {"critical": "#7a1f3d", "high": "#d1453b", "medium": "#e8a33d", "low": "#9fb3c8"}


def timeline(days: Sequence[JudgedDay], out: Path, *, title: str, begin: datetime) -> None:
    """Score and lines per minute of a judged day, with its anomalies shaded, as PNG or SVG by the file's name."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import dates
    from matplotlib import pyplot as plt

    figure, (top, bottom) = plt.subplots(2, 1, figsize=(11, 5), sharex=True, height_ratios=(2, 1), layout="constrained")
    for each in days:
        ticks = each.ticks
        first = max(0, int((begin - ticks.at(0)).total_seconds()) // 30)
        at = [ticks.at(i) for i in range(first, ticks.size)]
        label = each.environment or None
        top.plot(at, each.judged.score[first:].clip(max=20), linewidth=0.9, label=label)  # type: ignore[arg-type]
        minutes = ticks.total[first : first + (ticks.size - first) // 2 * 2].reshape(-1, 2).sum(axis=1)
        bottom.plot(at[: 2 * len(minutes) : 2], minutes, linewidth=0.8, label=label)  # type: ignore[arg-type]
        for a in each.anomalies:
            end = a.ended_at or ticks.at(ticks.size)
            colour = _LEVELS[str(a.severity)]
            for axis in (top, bottom):
                axis.axvspan(a.fired_at, end, color=colour, alpha=0.25, linewidth=0)  # type: ignore[arg-type]
            top.annotate(
                f"{a.kind} ",
                (a.fired_at, 0.98),
                xycoords=("data", "axes fraction"),
                fontsize=7,
                rotation=90,
                va="top",
                ha="right",
            )  # type: ignore[arg-type]
    top.axhline(1.0, color="#e8a33d", linewidth=1)
    top.set_yscale("symlog", linthresh=2)
    top.set_ylim(bottom=0)
    top.set_ylabel("score (1 is the threshold)")
    bottom.set_ylabel("lines per minute")
    bottom.set_xlim(begin, begin + timedelta(days=1))  # type: ignore[arg-type]
    bottom.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))
    top.set_title(title)
    if any(each.environment for each in days):
        top.legend(fontsize=8)
    figure.savefig(out, dpi=120)
    plt.close(figure)
