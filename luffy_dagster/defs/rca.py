"""The asset `rca_reports` (service) and what starts it: root causes of the clusters that qualify, the report as Markdown on its page.

The work is `luffy_dagster.flows.rca`; which clusters qualify is `core.rca.rules`'.
"""

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetSelection,
    Config,
    DefaultSensorStatus,
    Failure,
    MaterializeResult,
    MetadataValue,
    RunRequest,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    asset,
    define_asset_job,
    sensor,
)
from pydantic import Field

from luffy_dagster.core.wording import many
from luffy_dagster.defs.partitions import SERVICE_DIMENSION, services
from luffy_dagster.defs.resources import LuffyResource

if TYPE_CHECKING:
    from luffy_dagster.flows.rca import RcaRun

RCA_REPORTS = "rca_reports"
RCA_MAX_RUNTIME_SECONDS = 3600
RUNS_PER_TICK = 5


class RcaConfig(Config):
    """Which clusters, and how."""

    clusters: list[str] = Field(
        default_factory=list, description="These clusters, whether they qualify or not. Empty: those that qualify."
    )
    force: bool = Field(default=False, description="Also where the same evidence was judged before.")


@asset(
    name=RCA_REPORTS,
    partitions_def=services,
    deps=[AssetKey("exception_clusters")],
    group_name="incidents",
    owners=["team:luffy"],
    kinds={"postgres", "git"},
    description=(
        "Root causes of one service's clusters: suspects by its Git history, a verdict by code (a commit, another cause, or "
        "inconclusive), evidence with ids, what was ruled out and why. A model may put it in words; it decides nothing."
    ),
)
def rca_reports(context: AssetExecutionContext, config: RcaConfig, luffy: LuffyResource) -> MaterializeResult[Any]:
    """The reports of one service."""
    run = luffy.rca(context.partition_key, config.clusters, force=config.force)
    context.log.info(
        "%s: %s, %d failed, %d skipped",
        run.service,
        many(len(run.outcomes), "report"),
        len(run.failed),
        len(run.skipped),
    )
    if run.failed and not any(o.ok for o in run.outcomes):
        reasons = "; ".join(f"{cluster}: {reason}" for cluster, reason in run.failed)
        raise Failure(f"{run.service}: {reasons}", allow_retries=False)
    return MaterializeResult(metadata=told(run))


def told(run: "RcaRun") -> dict[str, MetadataValue[Any]]:
    """What Dagster's page shows of a run: of each report the head and the whole, what failed, what was skipped."""
    reports = [o for o in run.outcomes if o.report is not None]
    shown = [*reports, *run.standing][
        :10
    ]  # the page shows the latest run alone: it must have the reports of earlier ones too
    found: dict[str, MetadataValue[Any]] = {
        "new reports": MetadataValue.int(sum(not o.repeated for o in reports)),
        "standing reports": MetadataValue.int(len(run.standing)),
        "failed": MetadataValue.int(len(run.failed)),
        "skipped": MetadataValue.int(len(run.skipped)),
        "tokens": MetadataValue.int(sum(o.tokens for o in run.outcomes)),
    }
    for o in shown:  # the head is short enough to be shown in place, the whole report is behind a click
        found[o.cluster_id] = MetadataValue.md(o.head)
        found[f"report {o.cluster_id}"] = MetadataValue.md(o.markdown)
    if run.failed:
        found["failures"] = MetadataValue.json([{"cluster": c, "reason": r} for c, r in run.failed])
    if run.skipped:
        found["skipped because"] = MetadataValue.json([{"cluster": c, "reason": r} for c, r in run.skipped[:100]])
    return found


def rca_job() -> Any:
    """Job `rca`: one service's root causes in one process."""
    return define_asset_job(
        "rca",
        selection=AssetSelection.assets(RCA_REPORTS),
        description="Looks for the root causes of one service's clusters.",
        tags={"luffy/work": "rca", "dagster/max_runtime": str(RCA_MAX_RUNTIME_SECONDS)},
    )


def qualifying_clusters_sensor(job: Any) -> Any:
    """Sensor `qualifying_clusters`, which asks for runs of `job`."""

    @sensor(
        name="qualifying_clusters",
        job=job,
        minimum_interval_seconds=60,
        default_status=DefaultSensorStatus.RUNNING,
        description="Asks for the root causes of services that have clusters to look at: in the slot of their interval, or at once "
        f"for critical ones. At most {RUNS_PER_TICK} at a time.",
    )
    def qualifying_clusters(context: SensorEvaluationContext, luffy: LuffyResource) -> SensorResult | SkipReason:
        waiting = luffy.rca_due()
        requests = list(_requests(context, luffy, waiting))
        if not requests:
            return SkipReason("no cluster qualifies now")
        return SensorResult(run_requests=requests)

    return qualifying_clusters


def _requests(
    context: SensorEvaluationContext, luffy: LuffyResource, waiting: dict[str, list[str]]
) -> Iterator[RunRequest]:
    known = set(context.instance.get_dynamic_partitions(SERVICE_DIMENSION)) if waiting else set()
    now = luffy.now()
    for service, clusters in [item for item in sorted(waiting.items()) if item[0] in known][:RUNS_PER_TICK]:
        # the same clusters are asked for once in ten minutes, however often the sensor looks
        digest = hashlib.sha256("\0".join(sorted(clusters)).encode()).hexdigest()[:12]
        yield RunRequest(
            run_key=f"rca:{service}:{digest}:{int(now.timestamp()) // 600}",
            partition_key=service,
            tags={"luffy/service": service, "luffy/clusters": str(len(clusters))},
        )
