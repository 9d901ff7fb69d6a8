"""The asset about a service's code, `code_embeddings` (partition: service), its job, and the sensor that asks for it when it is due.

The work is `luffy_dagster.flows.code`. Due is decided in `core/scheduling.py`.
"""

from typing import TYPE_CHECKING, Any

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    AssetSelection,
    Config,
    DefaultSensorStatus,
    Failure,
    MaterializeResult,
    MetadataValue,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    asset,
    define_asset_job,
    sensor,
)
from pydantic import Field

from luffy_dagster.defs.partitions import SERVICE_DIMENSION, services
from luffy_dagster.defs.resources import LuffyResource

if TYPE_CHECKING:
    from luffy_dagster.flows import CodeIndexResult

CODE_EMBEDDINGS = "code_embeddings"
MAX_RUNTIME_SECONDS = 4 * 3600
RUNS_PER_LOOK = 3


class CodeConfig(Config):
    """How a service's code is indexed."""

    full: bool = Field(default=False, description="Make the index anew rather than only what changed.")


def code_embeddings_asset() -> AssetsDefinition:
    """`code_embeddings`: the service's branch as chunks, vectors and commits."""

    @asset(
        name=CODE_EMBEDDINGS,
        partitions_def=services,
        group_name="code",
        owners=["team:luffy"],
        kinds={"git", "chroma", "postgres"},
        description=(
            "The code of one service at the head of its branch: functions, classes and top level as chunks with their words and "
            "(where a model is installed) vectors, and the commits with their file changes. Only what changed is done again."
        ),
    )
    def code_embeddings(
        context: AssetExecutionContext, config: CodeConfig, luffy: LuffyResource
    ) -> MaterializeResult[Any]:
        from luffy_dagster.adapters.chroma import VectorError
        from luffy_dagster.adapters.embeddings import EmbeddingError
        from luffy_dagster.adapters.git import GitError
        from luffy_dagster.flows.code import CodeError

        try:
            done = luffy.index_code(context.partition_key, full=config.full)
        except (CodeError, GitError, EmbeddingError, VectorError) as error:
            raise Failure(str(error), metadata={"reason": str(error)}, allow_retries=False) from None
        context.log.info("%s: %s, %d files, %d chunks", done.service, done.mode, done.files, done.chunks)
        return MaterializeResult(metadata=of_index(done))

    return code_embeddings


def of_index(done: "CodeIndexResult") -> dict[str, Any]:
    """What an indexing tells on Dagster's page."""
    notes = "\n".join(f"- {note}" for note in done.notes) or "none"
    return {
        "commit": MetadataValue.text(done.commit),
        "branch": MetadataValue.text(done.branch),
        "mode": MetadataValue.text(done.mode),
        "files": MetadataValue.int(done.files),
        "chunks": MetadataValue.int(done.chunks),
        "changed files": MetadataValue.int(done.changed_files),
        "deleted files": MetadataValue.int(done.deleted_files),
        "new chunks": MetadataValue.int(done.new_chunks),
        "embedded": MetadataValue.int(done.embedded),
        "without vector": MetadataValue.int(done.without_vector),
        "model": MetadataValue.text(done.model or "none: lexical search only"),
        "new commits": MetadataValue.int(done.new_commits),
        "left out": MetadataValue.json(done.skipped),
        "notes": MetadataValue.md(notes),
        "seconds": MetadataValue.float(done.seconds),
        "search": MetadataValue.text(f'luffy code search {done.service} "what it does"'),
    }


def code_job() -> Any:
    """Job `code`: the code of one service."""
    return define_asset_job(
        "code",
        selection=AssetSelection.assets(CODE_EMBEDDINGS),
        description="Fetches and indexes one service's code.",
        tags={"luffy/work": "code", "dagster/max_runtime": str(MAX_RUNTIME_SECONDS)},
    )


def code_due_sensor(job: Any) -> SensorDefinition:
    """Sensor `code_due`, which asks for runs of `job`."""

    @sensor(
        name="code_due",
        job=job,
        minimum_interval_seconds=60,
        default_status=DefaultSensorStatus.RUNNING,
        description=f"Asks for the index of services whose interval has passed, at most {RUNS_PER_LOOK} at a time.",
    )
    def code_due(context: SensorEvaluationContext, luffy: LuffyResource) -> SensorResult | SkipReason:
        known = set(context.instance.get_dynamic_partitions(SERVICE_DIMENSION))
        due = [one for one in luffy.due_code(luffy.now()) if one.service in known][:RUNS_PER_LOOK]
        if not due:
            return SkipReason("no service's code is due")
        requests = [
            RunRequest(
                run_key=f"code:{one.service}:{one.slot:%Y%m%dT%H%M%S}:{one.attempt}",
                partition_key=one.service,
                tags={"luffy/service": one.service, "luffy/attempt": str(one.attempt)},
            )
            for one in due
        ]
        luffy.record_attempts(due)
        return SensorResult(run_requests=requests)

    return code_due
