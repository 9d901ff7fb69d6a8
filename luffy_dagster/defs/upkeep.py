"""The nightly job: upkeep of every service's rows, and the purge of Dagster's own event log.

What upkeep means is the flows' business. The purge is SQL over Dagster's tables, because deleting runs through Dagster
would delete their materialisations with them.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dagster import Config, Failure, MetadataValue, OpExecutionContext, job, op
from pydantic import Field

from luffy_dagster.core.wording import many
from luffy_dagster.defs import metadata
from luffy_dagster.defs.resources import LuffyResource

if TYPE_CHECKING:
    from sqlalchemy import Engine

PURGE_AFTER_DAYS = 14
PURGE_BATCH = 5000
MAX_RUNTIME_SECONDS = 14400
# Kept per asset and partition whatever their age: the latest of each is what the page shows.
_KEPT_LATEST = ("ASSET_MATERIALIZATION", "ASSET_MATERIALIZATION_PLANNED", "ASSET_OBSERVATION")
_OLD = """
    SELECT id FROM event_logs
    WHERE timestamp < :before
      AND id NOT IN (
        SELECT max(id) FROM event_logs
        WHERE dagster_event_type = ANY(:kept) AND asset_key IS NOT NULL
        GROUP BY dagster_event_type, asset_key, partition
      )
      AND run_id NOT IN (SELECT run_id FROM runs WHERE status IN ('STARTED', 'STARTING', 'CANCELING', 'QUEUED', 'NOT_STARTED'))
      AND (dagster_event_type IS NULL OR dagster_event_type <> 'ASSET_CHECK_EVALUATION' OR id NOT IN (
        SELECT max(evaluation_event_storage_id) FROM asset_check_executions
        WHERE evaluation_event_storage_id IS NOT NULL GROUP BY asset_key, check_name, partition
      ))
"""


def purge_events(engine: "Engine", before: datetime, batch: int = PURGE_BATCH) -> int:
    """Deletes Dagster's events older than `before` and returns how many.

    The latest materialisation, planned event, observation and check evaluation of every asset and partition stay, and so do
    the run rows and everything of runs that have not ended. `engine` is of Dagster's database. Deleted in batches, so that
    no table is locked for long; tags of deleted events go with them.
    """
    from sqlalchemy import text

    # Dagster's column is naive UTC.
    values = {"before": before.astimezone(UTC).replace(tzinfo=None), "kept": list(_KEPT_LATEST)}
    deleted = 0
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text(f"CREATE TEMP TABLE purged AS {_OLD}"), values)
        last = conn.execute(text("SELECT max(id) FROM purged")).scalar() or 0
        low = conn.execute(text("SELECT min(id) FROM purged")).scalar() or 0
        while low <= last and last:
            statement = "DELETE FROM event_logs WHERE id IN (SELECT id FROM purged WHERE id >= :low AND id < :high)"
            deleted += conn.execute(text(statement), {"low": low, "high": low + batch}).rowcount
            low += batch
        conn.execute(text("DROP TABLE purged"))
    return deleted


class MaintenanceConfig(Config):
    """Limits of the nightly job."""

    keep_event_days: int = Field(default=PURGE_AFTER_DAYS, ge=1, description="Days that Dagster's events are kept.")


@op(description="Compares every service with its sources, compacts its tables, deletes what is past its time.")
def maintain_services(context: OpExecutionContext, luffy: LuffyResource) -> None:
    """Upkeep of every service, one after the other; one that fails leaves the others alone."""
    failed: dict[str, str] = {}
    rows = []
    names = luffy.active_services()
    for service in names:
        try:
            done = luffy.maintain(service)
        except Exception as error:  # one bad thing stays one bad thing; it is told below
            failed[service] = f"{type(error).__name__}: {error}"
            context.log.exception("maintenance of %s failed", service)
            continue
        facts = [f"{key} {value}" for part in done for key, value in part.as_metadata().items() if value]
        rows.append((service, ", ".join(facts) or "nothing to do"))
    context.add_output_metadata(
        {
            "services": MetadataValue.int(len(names)),
            "failed": MetadataValue.int(len(failed)),
            "what was done": metadata.cells(("service", "done"), rows[:200]),
        }
    )
    if failed:
        raise Failure(
            f"maintenance failed for {len(failed)} of {many(len(names), 'service')}: {', '.join(sorted(failed))}",
            metadata={service: MetadataValue.text(reason) for service, reason in list(failed.items())[:20]},
            allow_retries=False,
        )


@op(description="Deletes old events of Dagster's log; the latest of every partition, which the page shows, stays.")
def purge_event_log(context: OpExecutionContext, config: MaintenanceConfig, luffy: LuffyResource) -> None:
    """Keeps Dagster's event log, which would grow without bound, within `keep_event_days`."""
    storage = context.instance.event_log_storage
    url = getattr(storage, "postgres_url", None)
    if url is None:
        context.log.info("Dagster's events are in %s: only PostgreSQL is purged", type(storage).__name__)
        return
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    engine = create_engine(url, poolclass=NullPool)
    before = luffy.now() - timedelta(days=config.keep_event_days)
    deleted = purge_events(engine, before)
    context.add_output_metadata(
        {"events deleted": MetadataValue.int(deleted), "older than": MetadataValue.text(f"{before:%Y-%m-%d}")}
    )


@job(
    name="maintenance",
    description="Nightly upkeep of the services' rows and of Dagster's event log.",
    tags={"luffy/work": "maintenance", "dagster/max_runtime": str(MAX_RUNTIME_SECONDS)},
)
def maintenance() -> None:
    """Two independent ops: the purge also runs when a service's upkeep fails."""
    maintain_services()
    purge_event_log()
