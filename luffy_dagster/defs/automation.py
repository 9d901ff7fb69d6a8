"""What happens by itself: jobs, the master schedule, the nightly schedule and the sensors.

Who is due is decided in `core/scheduling.py` over the store's rows; here is only how Dagster is asked.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from dagster import (
    AddDynamicPartitionsRequest,
    AssetSelection,
    DagsterInstance,
    DagsterRunStatus,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    RunConfig,
    RunRequest,
    RunsFilter,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    define_asset_job,
    schedule,
    sensor,
)

from luffy_dagster.core.wording import many
from luffy_dagster.defs.logs import LogsConfig, Refetch
from luffy_dagster.defs.partitions import SERVICE_DIMENSION, key_of
from luffy_dagster.defs.resources import LuffyResource
from luffy_dagster.defs.tick import TICK_MAX_RUNTIME_SECONDS, tick
from luffy_dagster.defs.upkeep import maintenance

LOGS_MAX_RUNTIME_SECONDS = 3600
OWN_RUNS_PER_TICK = 5
_WAITING = (DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING)


def logs_job() -> Any:
    """Job `logs`: one service's day in one process; for hands, backfills and services that fail."""
    return define_asset_job(
        "logs",
        selection=AssetSelection.assets("raw_logs", "parsed_entries", "exception_clusters", "anomaly_windows"),
        description="Fetches, parses, groups and judges one service's day.",
        tags={"luffy/work": "logs", "dagster/max_runtime": str(LOGS_MAX_RUNTIME_SECONDS)},
    )


@schedule(
    name="master_schedule",
    cron_schedule="*/5 * * * *",
    execution_timezone="UTC",
    job=tick,
    default_status=DefaultScheduleStatus.RUNNING,
    description="Every 5 minutes: asks the store which services are due, and asks for one run that works through them.",
)
def master_schedule(context: ScheduleEvaluationContext, luffy: LuffyResource) -> RunRequest | SkipReason:
    """One run request, or none when nothing is due or a tick still waits for its place."""
    return ask_for_tick(context.instance, luffy, context.scheduled_execution_time)


def ask_for_tick(instance: DagsterInstance, luffy: LuffyResource, at: datetime) -> RunRequest | SkipReason:
    """What the master schedule answers at the scheduled time `at`."""
    now = luffy.now()
    luffy.judge_silence(now)  # here and not in a run: what nobody starts has none
    due = luffy.due(now)
    if not due:
        return SkipReason("no service is due")
    waiting = instance.get_run_ids(RunsFilter(job_name=tick.name, statuses=list(_WAITING)), limit=1)
    if waiting:
        return SkipReason(f"tick {waiting[0]} still waits to start; it will work on what is due then")
    return RunRequest(
        run_key=at.isoformat(),
        tags={"luffy/due": str(len(due)), "dagster/max_runtime": str(TICK_MAX_RUNTIME_SECONDS)},
    )


nightly_maintenance = ScheduleDefinition(
    name="nightly_maintenance",
    job=maintenance,
    cron_schedule="17 2 * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Every night: compares with the sources, compacts yesterday, deletes what is past its time, purges old events.",
)


@sensor(
    name="service_registry",
    minimum_interval_seconds=30,
    default_status=DefaultSensorStatus.RUNNING,
    description="Keeps the partitions of dimension `service` in step with the service table. Archived services keep theirs.",
)
def service_registry(context: SensorEvaluationContext, luffy: LuffyResource) -> SensorResult | SkipReason:
    """Adds the keys that are missing, and takes over a first day that was moved; a key that is there stays."""
    if luffy.settle_horizon():
        context.log.warning("the first day was moved: reload the code location luffy_dagster to see it")
    known = set(context.instance.get_dynamic_partitions(SERVICE_DIMENSION))
    missing = [each for each in luffy.service_keys() if each not in known]
    if not missing:
        return SkipReason("every service has its partition")
    return SensorResult(dynamic_partitions_requests=[AddDynamicPartitionsRequest(SERVICE_DIMENSION, missing)])


def failing_services_sensor(job: Any) -> SensorDefinition:
    """Sensor `failing_services`, which asks for runs of `job`."""

    @sensor(
        name="failing_services",
        job=job,
        minimum_interval_seconds=30,
        default_status=DefaultSensorStatus.RUNNING,
        description="Gives a service that began to fail a run of its own: there are its stack and its retry, and its partition "
        f"turns red. At most {OWN_RUNS_PER_TICK} at a time, and only when the service's state changed.",
    )
    def failing_services(context: SensorEvaluationContext, luffy: LuffyResource) -> SensorResult | SkipReason:
        failing = luffy.failing()
        told: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
        told = {service: reason for service, reason in told.items() if service in failing}
        fresh = [service for service in sorted(failing) if service not in told][:OWN_RUNS_PER_TICK]
        requests = list(_own_runs(context, luffy, fresh, failing))
        told.update({service: failing[service] for service in fresh})
        cursor = json.dumps(told, sort_keys=True)
        if not requests:
            context.update_cursor(cursor)
            return SkipReason(
                f"{many(len(failing), 'service')} failing, none of them newly" if failing else "no service fails"
            )
        return SensorResult(run_requests=requests, cursor=cursor)

    return failing_services


def _own_runs(
    context: SensorEvaluationContext, luffy: LuffyResource, fresh: Sequence[str], failing: dict[str, str]
) -> Iterator[RunRequest]:
    known = set(context.instance.get_dynamic_partitions(SERVICE_DIMENSION)) if fresh else set()
    now = luffy.now()
    for service in fresh:
        if service not in known:
            continue  # its partition comes with the registry sensor; the tick's check has told the reason already
        yield RunRequest(
            run_key=f"failing:{service}:{now:%Y%m%dT%H%M%S}",
            partition_key=key_of(now.date(), service),
            run_config=RunConfig(ops={"logs_of_a_day": LogsConfig(refetch=Refetch.ALWAYS)}),
            tags={
                "luffy/service": service,
                "luffy/reason": failing[service][:200],
                "dagster/max_runtime": str(LOGS_MAX_RUNTIME_SECONDS),
            },
        )
