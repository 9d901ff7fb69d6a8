"""The tick: one run that works through the services that are due, and tells Dagster what each of them got.

The work is `flows.run_tick`'s. A service that fails does not fail the tick: its check fails with the reason, and the
sensor `failing_services` gives it a run of its own.
"""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from dagster import (
    AssetCheckEvaluation,
    AssetKey,
    AssetMaterialization,
    Config,
    MetadataValue,
    OpExecutionContext,
    job,
    op,
)
from pydantic import Field

from luffy_dagster.core.wording import many
from luffy_dagster.defs import anomalies, checks, metadata
from luffy_dagster.defs.alerting import after_tick
from luffy_dagster.defs.anomalies import ANOMALY_WINDOWS
from luffy_dagster.defs.incidents import EXCEPTION_CLUSTERS
from luffy_dagster.defs.logs import PARSED_ENTRIES, RAW_LOGS
from luffy_dagster.defs.partitions import key_of
from luffy_dagster.defs.resources import LuffyResource
from luffy_dagster.defs.targets import Target, Targets

if TYPE_CHECKING:
    from luffy_dagster.flows import ServiceResult

TICK_MAX_RUNTIME_SECONDS = 7200


class TickConfig(Config):
    """Which services a tick works on."""

    services: list[str] = Field(
        default_factory=list, description="These services, due or not. Empty: those that the store says are due now."
    )


@op(description="Fetches, parses and groups the logs of the services that are due, several side by side.")
def work_through(context: OpExecutionContext, config: TickConfig, luffy: LuffyResource) -> None:
    """The one op of the tick."""
    from luffy_dagster.core.scheduling import Due, Kind

    now = luffy.now()
    if config.services:
        due = [Due(service=each, kind=Kind.LOG_FETCH, slot=now, attempt=1) for each in config.services]
    else:
        due = luffy.due(now)
    told = _Telling(context, luffy)
    results = luffy.tick(due, told.tell)
    alarms = luffy.judge_silence(luffy.now())
    failed = sorted(result.service for result in results if not result.ok)
    rows = sum(result.fetch.rows for result in results if result.fetch is not None)
    shown = [
        (result.service, "ok" if result.ok else f"FAILED: {result.error}", _rows(result), f"{result.seconds:.1f}")
        for result in sorted(results, key=lambda each: (each.ok, each.service))
        if result.changed or not result.ok
    ][:100]
    context.add_output_metadata(
        {
            "alerting": MetadataValue.text(after_tick(context, luffy)),
            "services due": MetadataValue.int(len(due)),
            "services with news": MetadataValue.int(sum(bool(result.changed) for result in results)),
            "services failed": MetadataValue.int(len(failed)),
            "new rows": MetadataValue.int(rows),
            "alarms open": MetadataValue.int(alarms),
            "services": metadata.cells(("service", "state", "new rows", "seconds"), shown),
        }
    )
    context.log.info("%s due, %d with news, %d failed", many(len(due), "service"), len(told.with_news), len(failed))


def _rows(result: "ServiceResult") -> str:
    return f"{result.fetch.rows:,}" if result.fetch is not None else ""


class _Telling:
    """Writes Dagster's events of one tick, service by service, as they end."""

    def __init__(self, context: OpExecutionContext, luffy: LuffyResource) -> None:
        self.context = context
        self.luffy = luffy
        self.targets = Targets(context.instance, context.run_id)
        self.with_news: list[str] = []

    def tell(self, result: "ServiceResult") -> None:
        """Events of one service: none when there is neither news nor a change of its state."""
        if result.skipped:
            return  # another run works on it and tells
        reason = None if result.ok else (result.error or "unknown reason")
        turned = self.luffy.record_outcome(result.service, reason)
        found = result.detect is not None and result.detect.new > 0  # a silence has no rows
        if not result.changed and not turned and not found:
            return
        if result.changed:
            self.with_news.append(result.service)
        today = self.luffy.now().date()
        days = sorted(set(result.days) | (set(result.detect.per_day) if found and result.detect else set()))
        written: list[tuple[str, str]] = []
        for day in days:
            written += self._materialisations(result, day)
        if turned and result.ok and not days:  # well again: today's partition must stop being red
            days = [today]
            written += self._materialise(
                RAW_LOGS, result.service, today, metadata.raw_logs(today, result.service, result.fetch)
            )
        if written:
            self.targets.look()
        self._checks(result, days or [today], written)
        if reason is not None:
            self.context.log.warning("%s failed: %s", result.service, reason)

    def _materialisations(self, result: "ServiceResult", day: date) -> list[tuple[str, str]]:
        service = result.service
        written: list[tuple[str, str]] = []
        if result.detect is not None and day in result.detect.per_day:
            told = anomalies.of_day(day, service, result.detect)
            written += self._materialise(ANOMALY_WINDOWS, service, day, told)
        if result.fetch is not None and day in result.fetch.per_day:
            written += self._materialise(RAW_LOGS, service, day, metadata.raw_logs(day, service, result.fetch))
        if result.parse is None or day not in result.parse.days:
            return written
        view = self.luffy.view(service, day)
        written += self._materialise(PARSED_ENTRIES, service, day, metadata.parsed_entries(day, result.parse, view))
        if result.cluster is not None:
            counts = result.parse.per_day.get(day)
            shown = metadata.exception_clusters(day, int(counts.exceptions) if counts else 0, result.cluster, view)
            written += self._materialise(EXCEPTION_CLUSTERS, service, day, shown)
        return written

    def _materialise(self, asset: str, service: str, day: date, shown: metadata.Metadata) -> list[tuple[str, str]]:
        partition = key_of(day, service)
        self.context.log_event(AssetMaterialization(asset_key=asset, partition=partition, metadata=shown))
        return [(asset, str(partition))]

    def _checks(self, result: "ServiceResult", days: Sequence[date], written: Sequence[tuple[str, str]]) -> None:
        verdicts = checks.of_fetch(result.fetch) if result.fetch is not None else []
        if result.parse is not None:
            verdicts += checks.of_parse(result.parse)
        if result.detect is not None:
            verdicts.append(checks.of_detect(result.detect))
        if not result.ok and all(verdict.name != checks.SOURCES_READ or verdict.passed for verdict in verdicts):
            verdicts = [v for v in verdicts if v.name != checks.SOURCES_READ]
            verdicts.append(checks.failure(result.error or "unknown reason"))
        latest = max(days)
        for verdict in verdicts:
            asset = verdict.asset.path[-1]
            told = [day for day in days if (asset, str(key_of(day, result.service))) in written]
            first = (verdict.asset, verdict.name) == (checks.RAW_LOGS, checks.SOURCES_READ)
            if not told and (first or (verdict.name == checks.DAY_JUDGED and not verdict.passed)):
                told = [latest]
            for day in told:
                partition = str(key_of(day, result.service))
                target = self.targets.get(verdict.asset, partition) or self._latest(verdict.asset, partition)
                self.context.log_event(
                    AssetCheckEvaluation(  # type: ignore[arg-type]  # allowed, but missing in the annotation
                        asset_key=verdict.asset,
                        check_name=verdict.name,
                        passed=verdict.passed,
                        severity=verdict.severity,
                        description=verdict.description,
                        metadata=checks.metadata_of(verdict),
                        partition=partition,
                        target_materialization_data=target,
                    )
                )

    def _latest(self, asset: AssetKey, partition: str) -> Target | None:
        from dagster import AssetRecordsFilter

        page = self.context.instance.fetch_materializations(
            AssetRecordsFilter(asset_key=asset, asset_partitions=[partition]), limit=1
        )
        for record in page.records:
            return Target(storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp)
        return None


@job(
    name="tick",
    description="Works through the services whose logs are due. Requested by `master_schedule`.",
    tags={"luffy/work": "tick", "dagster/max_runtime": str(TICK_MAX_RUNTIME_SECONDS)},
)
def tick() -> None:
    """The master schedule's run."""
    work_through()
