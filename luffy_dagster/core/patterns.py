"""Patterns over time: templates never seen before, templates that went silent, templates whose share changed.

Belongs here: judging counts of templates (or of anything with an id) of two time ranges. Does not belong here: the
counts themselves (store), what is done about them (alerting).

The statistic is the signed root of the log-likelihood ratio for two Poisson rates (Dunning's G², one degree of
freedom): with `a` of `A` lines in the baseline and `b` of `B` in the incident, and a common share p = (a + b) / (A + B),
G² = 2 (a ln(a / A p) + b ln(b / B p)). Its root is about standard normal when nothing changed, it stays honest for
counts of 0 and 1, and it ranks a planted rare message above the noise of frequent ones. p-values are two-sided and
corrected for the number of templates compared (Benjamini-Hochberg).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import erfc, log, sqrt

import polars as pl

STATISTIC = "signed root of G2 (Poisson), Benjamini-Hochberg"
COMPARISON: dict[str, pl.DataType | type[pl.DataType]] = {
    "template_id": pl.Utf8,
    "kind": pl.Utf8,  # new, vanished, more, less, same
    "baseline_count": pl.Int64,
    "incident_count": pl.Int64,
    "baseline_rate": pl.Float64,  # per exposure unit (second, or line when shares are compared)
    "incident_rate": pl.Float64,
    "ratio": pl.Float64,  # of rates, both counts raised by one half so that it is finite
    "statistic": pl.Float64,  # signed root of G², positive when there is more of it in the incident
    "p_value": pl.Float64,  # corrected
}


def compare(
    baseline: pl.DataFrame,
    incident: pl.DataFrame,
    *,
    baseline_exposure: float | None = None,
    incident_exposure: float | None = None,
    level: float = 0.01,
) -> pl.DataFrame:
    """What differs between two time ranges, most different first.

    Args:
        baseline: template_id, count of the quiet range (several rows per template are added up).
        incident: the same of the range in question.
        baseline_exposure: length of the range in seconds, to compare rates; None compares shares of all lines.
        incident_exposure: the same; both or neither.
        level: corrected p-value below which a template counts as changed.

    Returns:
        The columns of `COMPARISON`, one row per template of either range, by |statistic| falling, then template_id.

    Raises:
        ValueError: when only one exposure is given, or one that is not positive.
    """
    if (baseline_exposure is None) != (incident_exposure is None):
        raise ValueError("give the length of both ranges, or of neither: a rate and a share cannot be compared")
    before, after = _totals(baseline, "baseline_count"), _totals(incident, "incident_count")
    both = before.join(after, on="template_id", how="full", coalesce=True).fill_null(0).sort("template_id")
    a_total = float(both["baseline_count"].sum()) if baseline_exposure is None else baseline_exposure
    b_total = float(both["incident_count"].sum()) if incident_exposure is None else incident_exposure
    if (baseline_exposure is not None and a_total <= 0) or (incident_exposure is not None and b_total <= 0):
        raise ValueError("the length of a range must be positive: give seconds")
    counts = list(zip(both["baseline_count"].to_list(), both["incident_count"].to_list(), strict=True))
    statistics = [signed_root(a, a_total, b, b_total) for a, b in counts]
    corrected = benjamini_hochberg([erfc(abs(z) / sqrt(2)) for z in statistics])
    kinds = [_kind(a, b, z, p, level) for (a, b), z, p in zip(counts, statistics, corrected, strict=True)]
    a_safe, b_safe = max(a_total, 1e-12), max(b_total, 1e-12)
    table = both.with_columns(
        pl.Series("kind", kinds, dtype=pl.Utf8),
        (pl.col("baseline_count") / a_safe).alias("baseline_rate"),
        (pl.col("incident_count") / b_safe).alias("incident_rate"),
        (((pl.col("incident_count") + 0.5) / b_safe) / ((pl.col("baseline_count") + 0.5) / a_safe)).alias("ratio"),
        pl.Series("statistic", statistics, dtype=pl.Float64),
        pl.Series("p_value", corrected, dtype=pl.Float64),
    )
    ranked = table.sort(pl.col("statistic").abs(), "template_id", descending=[True, False])
    return ranked.select(COMPARISON.keys()).cast(COMPARISON)  # type: ignore[arg-type]


def changed_share(baseline: pl.DataFrame, incident: pl.DataFrame, *, level: float = 0.01) -> pl.DataFrame:
    """Templates whose share of all lines changed (rows of `compare` without "same")."""
    return compare(baseline, incident, level=level).filter(pl.col("kind") != "same")


def first_ever(counts: pl.DataFrame, known: pl.Series) -> pl.DataFrame:
    """Templates that occur now and were never known before.

    Args:
        counts: template_id, count, first_seen (and any further columns) of the range.
        known: ids of all templates seen before the range; ids that were merged or renamed count under both names.

    Returns:
        The rows of `counts` with a positive count that are not known, the earliest first.
    """
    fresh = counts.filter((pl.col("count") > 0) & ~pl.col("template_id").is_in(known.unique().to_list()))
    return fresh.sort("first_seen", "template_id") if "first_seen" in fresh.columns else fresh.sort("template_id")


def vanished(
    hourly: pl.DataFrame, now: datetime, *, level: float = 0.001, least: int = 12, steady: float = 0.9
) -> pl.DataFrame:
    """Templates that came steadily and have stopped: missing heartbeats.

    A template is steady when it came in at least `steady` of the hours between its first and last occurrence, and in
    at least `least` of them. It is missing when so long a silence has a chance below `level`: with a rate of r per
    hour, exp(-r × silent hours) for a Poisson stream, and never sooner than after two hours of silence more than its
    longest gap.

    Args:
        hourly: template_id, hour (UTC start of hour), count; complete hours before `now`.
        now: end of the range looked at, aware UTC.
        level: chance of the silence if nothing changed.
        least: hours with an occurrence that a template must have.
        steady: share of its hours that must have one.

    Returns:
        template_id, last_hour, silent_hours, rate (per hour), chance; the least likely silence first.
    """
    rows = hourly.filter(pl.col("count") > 0).group_by("template_id", "hour").agg(pl.col("count").sum())
    rows = rows.sort("template_id", "hour").with_columns(gap=pl.col("hour").diff().over("template_id"))
    per = rows.group_by("template_id").agg(
        first_hour=pl.col("hour").min(),
        last_hour=pl.col("hour").max(),
        hours=pl.len(),
        total=pl.col("count").sum(),
        longest=pl.col("gap").max(),
    )
    span = (pl.col("last_hour") - pl.col("first_hour")).dt.total_seconds() / 3600 + 1
    silent = (pl.lit(now) - pl.col("last_hour")).dt.total_seconds() / 3600 - 1
    per = per.with_columns(rate=pl.col("total") / span, silent_hours=silent, share=pl.col("hours") / span)
    per = per.with_columns(chance=(-pl.col("rate") * pl.col("silent_hours")).exp())
    longest = pl.col("longest").fill_null(timedelta(hours=1)).dt.total_seconds() / 3600 - 1
    missing = per.filter(
        (pl.col("hours") >= least)
        & (pl.col("share") >= steady)
        & (pl.col("silent_hours") >= longest + 2)
        & (pl.col("chance") < level)
    )
    return missing.sort("chance", "template_id").select("template_id", "last_hour", "silent_hours", "rate", "chance")


def signed_root(a: float, exposure_a: float, b: float, exposure_b: float) -> float:
    """Signed root of G² for `a` events in `exposure_a` against `b` in `exposure_b`; 0 where an exposure is empty."""
    if exposure_a <= 0 or exposure_b <= 0 or a + b <= 0:
        return 0.0
    rate = (a + b) / (exposure_a + exposure_b)
    g = 0.0
    for count, exposure in ((a, exposure_a), (b, exposure_b)):
        if count > 0:
            g += count * log(count / (exposure * rate))
    return (1.0 if b / exposure_b >= a / exposure_a else -1.0) * sqrt(max(0.0, 2 * g))


def benjamini_hochberg(p_values: list[float]) -> list[float]:
    """p-values corrected for their number, in their order."""
    size = len(p_values)
    order = sorted(range(size), key=lambda i: (p_values[i], i))
    out, smallest = [1.0] * size, 1.0
    for rank in range(size, 0, -1):
        index = order[rank - 1]
        smallest = min(smallest, max(p_values[index], p_values[index] * size / rank))
        out[index] = smallest
    return out


def _totals(counts: pl.DataFrame, name: str) -> pl.DataFrame:
    return counts.group_by("template_id").agg(pl.col("count").sum().cast(pl.Int64).alias(name))


def _kind(a: int, b: int, statistic: float, p_value: float, level: float) -> str:
    if a == 0 and b > 0:
        return "new"
    if p_value >= level:
        return "same"
    if b == 0:
        return "vanished"
    return "more" if statistic > 0 else "less"
