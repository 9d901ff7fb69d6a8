"""The log assets, service × day: raw_logs, parsed_entries, exception_clusters and anomaly_windows as one run in one process.

The body calls one flow and tells Dagster what it did. How rows are fetched, parsed and grouped belongs in
`luffy_dagster.flows`; what is shown in `metadata.py`; how it is judged in `checks.py`.
"""

from collections.abc import Iterator
from datetime import date
from enum import Enum
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    Config,
    Failure,
    MaterializeResult,
    MetadataValue,
    MultiPartitionsDefinition,
    multi_asset,
)
from pydantic import Field

from luffy_dagster.defs import anomalies, checks, metadata
from luffy_dagster.defs.anomalies import ANOMALY_WINDOWS, anomaly_windows_spec
from luffy_dagster.defs.incidents import EXCEPTION_CLUSTERS, exception_clusters_spec
from luffy_dagster.defs.partitions import split_key
from luffy_dagster.defs.resources import LuffyResource
from luffy_dagster.defs.targets import Judged, Targets, hand_over

RAW_LOGS = "raw_logs"
PARSED_ENTRIES = "parsed_entries"


class Refetch(Enum):
    """Whether the sources are asked for a day that is made anew."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class LogsConfig(Config):
    """How a service's day is made anew."""

    refetch: Refetch = Field(
        default=Refetch.AUTO,
        description=(
            "Ask the sources for the day again: 'auto' asks for today, and for an older day only when its raw rows are "
            "gone or were never fetched. Rows that are there already are never kept twice."
        ),
    )


def log_specs(partitions: MultiPartitionsDefinition) -> list[AssetSpec]:
    """The specs of `raw_logs` and `parsed_entries`."""
    return [
        AssetSpec(
            RAW_LOGS,
            description=(
                "Log documents and lines of one service and UTC day as they came, from all its sources: OpenSearch, "
                "Elasticsearch, files. Each is kept once, by its source and id. Kept for 7 days unless set otherwise."
            ),
            group_name="logs",
            owners=["team:luffy"],
            kinds={"opensearch", "deltalake"},
            partitions_def=partitions,
        ),
        AssetSpec(
            PARSED_ENTRIES,
            deps=[RAW_LOGS],
            description=(
                "Log entries of one service and day: header read, continuation lines folded in, secrets redacted, variables "
                "of the message masked, exceptions extracted. A pure function of the day's raw rows."
            ),
            group_name="logs",
            owners=["team:luffy"],
            kinds={"polars", "deltalake"},
            partitions_def=partitions,
        ),
    ]


def log_assets(partitions: MultiPartitionsDefinition) -> AssetsDefinition:
    """The four assets of a service's day; any of them may be materialised alone."""

    @multi_asset(
        name="logs_of_a_day",
        specs=[*log_specs(partitions), exception_clusters_spec(partitions), anomaly_windows_spec(partitions)],
        check_specs=checks.specs(partitions),
        can_subset=True,
        description="Fetches, parses, groups and judges one service's day.",
    )
    def logs_of_a_day(
        context: AssetExecutionContext, config: LogsConfig, luffy: LuffyResource
    ) -> Iterator[MaterializeResult[Any] | AssetCheckResult]:
        day, service = split_key(context.partition_key)
        yield from _materialise(context, luffy, service, day, config.refetch)

    return logs_of_a_day


def _materialise(
    context: AssetExecutionContext, luffy: LuffyResource, service: str, day: date, refetch: Refetch
) -> Iterator[MaterializeResult[Any] | AssetCheckResult]:
    wanted = {key.path[-1] for key in context.selected_asset_keys}
    told = Targets(context.instance, context.run.run_id)
    if wanted == {EXCEPTION_CLUSTERS}:
        cluster = luffy.cluster(service)
        view = luffy.view(service, day)
        yield _made(context, EXCEPTION_CLUSTERS, metadata.exception_clusters(day, view.exceptions, cluster, view))
        return
    if wanted == {ANOMALY_WINDOWS}:
        detected = luffy.detect(service, day)
        yield _made(context, ANOMALY_WINDOWS, anomalies.of_day(day, service, detected))
        for _ in context.selected_asset_check_keys:
            yield _checked(checks.of_detect(detected), told.look())
        return
    result = luffy.rebuild(service, day, _refetch(luffy, wanted, day, refetch))
    context.log.info("%s on %s: %s in %.1f s", service, day, "done" if result.ok else "failed", result.seconds)
    chosen = context.selected_asset_check_keys
    judged = []
    if result.fetch is not None:
        judged += checks.of_fetch(result.fetch, of_a_day=True)
    elif result.ok:
        judged.append(checks.Verdict(checks.RAW_LOGS, checks.SOURCES_READ, True, "nothing had to be read"))
    if result.parse is not None:
        judged += checks.of_parse(result.parse)
    if result.detect is not None:
        judged.append(checks.of_detect(result.detect))
    if not result.ok and not any(verdict.name == checks.SOURCES_READ and not verdict.passed for verdict in judged):
        judged = [v for v in judged if v.name != checks.SOURCES_READ] + [
            checks.failure(result.error or "unknown reason")
        ]
    verdicts = {(v.asset, v.name): v for v in judged}

    if RAW_LOGS in wanted and (result.ok or (result.fetch is not None and result.fetch.rows)):
        # Where the whole day was parsed again, all its raw rows were read.
        read = result.parse.per_day.get(day) if result.parse is not None and result.changed else None
        held = luffy.rows_held(service, day) if read is None else int(read.rows)
        yield _made(context, RAW_LOGS, metadata.raw_logs(day, service, result.fetch, held))
        if wanted - {RAW_LOGS}:
            hand_over(context, told, RAW_LOGS)
    if result.parse is not None:
        view = luffy.view(service, day)
        counts = result.parse.per_day.get(day)
        if PARSED_ENTRIES in wanted:
            yield _made(context, PARSED_ENTRIES, metadata.parsed_entries(day, result.parse, view))
            if wanted - {RAW_LOGS, PARSED_ENTRIES}:
                hand_over(context, told, PARSED_ENTRIES)
        if EXCEPTION_CLUSTERS in wanted and result.cluster is not None:
            grouped = metadata.exception_clusters(day, int(counts.exceptions) if counts else 0, result.cluster, view)
            yield _made(context, EXCEPTION_CLUSTERS, grouped)
        if ANOMALY_WINDOWS in wanted and result.detect is not None and result.detect.error is None:
            yield _made(context, ANOMALY_WINDOWS, anomalies.of_day(day, service, result.detect))
    if chosen:
        told.look()
    for key in sorted(chosen, key=str):
        verdict = verdicts.get((key.asset_key, key.name))
        if verdict is None:
            verdict = checks.Verdict(key.asset_key, key.name, True, "nothing to judge in this run")
        yield _checked(verdict, told)
    if not result.ok:
        raise Failure(
            f"{service} on {day}: {result.error}",
            metadata={"reason": MetadataValue.text(result.error or ""), "service": MetadataValue.text(service)},
            allow_retries=False,
        )


def _made(context: AssetExecutionContext, asset: str, shown: metadata.Metadata) -> MaterializeResult[Any]:
    """An asset's result. Metadata in the result itself would be told twice, with the output of the step as well."""
    context.add_asset_metadata(shown, asset_key=asset)
    return MaterializeResult(asset_key=asset)


def _checked(verdict: checks.Verdict, told: Targets) -> AssetCheckResult:
    return Judged(
        asset_key=AssetKey(verdict.asset.path),
        check_name=verdict.name,
        passed=verdict.passed,
        severity=verdict.severity,
        description=verdict.description,
        metadata=checks.metadata_of(verdict),
    ).of(told)


def _refetch(luffy: LuffyResource, wanted: set[str], day: date, refetch: Refetch) -> bool | None:
    if refetch is Refetch.NEVER or RAW_LOGS not in wanted:
        return False
    if refetch is Refetch.ALWAYS or day == luffy.now().date():
        return True
    return None
