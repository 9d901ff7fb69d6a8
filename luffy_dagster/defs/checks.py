"""Checks of the log assets: what they are called, and how a result of a flow is judged by them.

A check is judged where the work is done (the `logs` run, the tick); nothing here runs by itself.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dagster import AssetCheckSeverity, AssetCheckSpec, AssetKey, MultiPartitionsDefinition, PreviewWarning

from luffy_dagster.core.wording import many
from luffy_dagster.defs import metadata

if TYPE_CHECKING:
    from luffy_dagster.flows import DetectResult, FetchResult, ParseResult

SOURCES_READ = "sources_read"
FETCH_COMPLETE = "fetch_complete"
FETCH_NOT_EMPTY = "fetch_not_empty"
FETCH_IN_TIME = "fetch_in_time"
PARSE_RATE = "parse_rate"
DAY_JUDGED = "day_judged"
LOWEST_PARSE_RATE = 0.95

RAW_LOGS = AssetKey("raw_logs")
PARSED_ENTRIES = AssetKey("parsed_entries")
ANOMALY_WINDOWS = AssetKey("anomaly_windows")

_DESCRIPTIONS = {
    (RAW_LOGS, SOURCES_READ): "Every enabled source of the service answered. When one does not, the reason is given.",
    (RAW_LOGS, FETCH_COMPLETE): "No cap was hit: everything that the sources hold up to now was read.",
    (RAW_LOGS, FETCH_NOT_EMPTY): "At least one source had something new. A warning: silence is news too.",
    (RAW_LOGS, FETCH_IN_TIME): "No source lags behind: the newest row is not older than two intervals.",
    (PARSED_ENTRIES, PARSE_RATE): f"At least {LOWEST_PARSE_RATE:.0%} of the lines were read as entries.",
    (
        ANOMALY_WINDOWS,
        DAY_JUDGED,
    ): "The day was judged. A service with too little history is learning, which is no failure.",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one check went; what `AssetCheckResult` and `AssetCheckEvaluation` have in common."""

    asset: AssetKey
    name: str
    passed: bool
    description: str
    severity: AssetCheckSeverity = AssetCheckSeverity.WARN
    metadata: dict[str, object] = field(default_factory=dict)


def specs(partitions: MultiPartitionsDefinition) -> list[AssetCheckSpec]:
    """All checks, partitioned like their assets (without, the page shows no check on a partition)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PreviewWarning)  # partitioned checks are a preview in this version
        return [
            AssetCheckSpec(name, asset=asset, description=description, partitions_def=partitions)
            for (asset, name), description in _DESCRIPTIONS.items()
        ]


def of_fetch(fetch: FetchResult, *, of_a_day: bool = False) -> list[Verdict]:
    """How the fetch of one service went. One `of_a_day` is not empty when what it read was there already."""
    failed = [source for source in fetch.sources if not source.ok]
    capped = [source.name or source.source_id for source in fetch.sources if source.capped]
    late = [source.name or source.source_id for source in fetch.sources if source.late]
    empty = bool(fetch.sources) and all(source.empty for source in fetch.sources if source.ok) and not failed
    said = "no source had anything new" if empty else f"{many(fetch.rows, 'new row')}"
    if empty and of_a_day and fetch.duplicates:
        empty, said = False, f"nothing new: {many(fetch.duplicates, 'row')} read, all there already"
    reasons = "; ".join(f"{source.name or source.source_id}: {source.error}" for source in failed)
    return [
        failure(reasons)
        if failed
        else Verdict(RAW_LOGS, SOURCES_READ, True, f"{many(len(fetch.sources), 'source')} read"),
        Verdict(
            RAW_LOGS,
            FETCH_COMPLETE,
            not capped,
            f"partial: cap reached on {', '.join(capped)}; the next fetch goes on there"
            if capped
            else "nothing was capped",
        ),
        Verdict(RAW_LOGS, FETCH_NOT_EMPTY, not empty, said),
        Verdict(RAW_LOGS, FETCH_IN_TIME, not late, f"late: {', '.join(late)}" if late else "no source lags behind"),
    ]


def of_parse(parse: ParseResult) -> list[Verdict]:
    """How the parse of one service went."""
    passed = parse.rows == 0 or parse.parse_rate >= LOWEST_PARSE_RATE
    said = f"{100 * parse.parse_rate:.2f} % of {many(parse.rows, 'line')} read, {parse.unparsed:,} kept whole"
    facts: dict[str, object] = {"parse rate": float(parse.parse_rate), "unparsed": int(parse.unparsed)}
    return [Verdict(PARSED_ENTRIES, PARSE_RATE, passed, said, metadata=facts)]


def of_detect(detected: DetectResult) -> Verdict:
    """Whether the days of one service could be judged."""
    if detected.error is not None:
        return Verdict(ANOMALY_WINDOWS, DAY_JUDGED, False, detected.error, AssetCheckSeverity.ERROR)
    missing = sorted({day.missing for day in detected.per_day.values() if day.missing})
    said = (
        "; ".join(missing)
        or f"{many(len(detected.per_day), 'day')} judged, {many(detected.new, 'new anomaly', 'new anomalies')}"
    )
    return Verdict(ANOMALY_WINDOWS, DAY_JUDGED, True, said)


def failure(reason: str) -> Verdict:
    """The check that fails when a service's work failed."""
    return Verdict(RAW_LOGS, SOURCES_READ, False, reason, AssetCheckSeverity.ERROR, {"reason": reason})


def metadata_of(verdict: Verdict) -> metadata.Metadata:
    """The verdict's facts as Dagster shows them."""
    return metadata.checked(verdict.metadata)
