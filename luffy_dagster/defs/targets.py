"""Which materialisation a check judged: the one that its own run has just told.

Dagster shows a check on a partition only with the storage id of its materialisation. It looks that up for each check, with the
whole event; here the storage that wrote them tells the ids, or one query for all of them.

The same ids save Dagster what it looks up for provenance: which materialisation of an upstream asset, and which version of its data,
an asset of the same run was made from.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import dagster
from dagster import AssetCheckResult, AssetExecutionContext, AssetKey, DagsterEventType, DagsterInstance, DataVersion
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData

if TYPE_CHECKING:
    from dagster._core.execution.context.system import StepExecutionContext

Target = AssetCheckEvaluationTargetMaterializationData


class Targets:
    """The materialisations that a run has told, by asset and partition."""

    def __init__(self, instance: DagsterInstance, run_id: str) -> None:
        self._instance = instance
        self._run_id = run_id
        self._last = 0
        self._found: dict[tuple[AssetKey, str], Target] = {}

    def look(self) -> Targets:
        """Takes in what was told since the last look."""
        from luffy_dagster.defs.event_storage import GatheringEventLogStorage  # brings SQLAlchemy: not before a run

        storage = self._instance.event_log_storage
        if isinstance(storage, GatheringEventLogStorage):
            for (asset, partition), (number, at) in storage.materialised(self._run_id).items():
                if partition is not None:
                    self._found[asset, partition] = Target(storage_id=number, run_id=self._run_id, timestamp=at)
            return self
        for record in self._instance.get_asset_event_summary_records(
            DagsterEventType.ASSET_MATERIALIZATION,  # type: ignore[arg-type]  # the annotation knows no member of the enum
            run_id=self._run_id,
            after_storage_id=self._last,
            ascending=True,
        ):
            self._last = record.storage_id
            if record.partition is not None:
                self._found[record.asset_key, record.partition] = Target(
                    storage_id=record.storage_id, run_id=self._run_id, timestamp=record.timestamp
                )
        return self

    def get(self, asset: AssetKey, partition: str) -> Target | None:
        """The materialisation of a partition as of the last look; None when this run told none."""
        return self._found.get((asset, partition))


def hand_over(context: AssetExecutionContext, told: Targets, asset: str) -> None:
    """Gives the running step what it would look up of `asset`, which it has just told, for the provenance of what comes next.

    Says what Dagster's own look-up would find; with a version that keeps it elsewhere nothing is given, and Dagster looks.
    """
    from luffy_dagster.defs.event_storage import KNOWN_VERSION

    step: Any = context.get_step_execution_context()
    key, cache = AssetKey(asset), getattr(step, "_data_version_cache", None)
    known = getattr(cache, "input_asset_version_info", None)
    if known is None or not dagster.__version__.startswith(KNOWN_VERSION) or not step.has_data_version(key):
        return
    target = told.look().get(key, str(context.partition_key))
    if target is None:
        return
    from dagster._core.execution.context.data_version_cache import InputAssetVersionInfo

    # Of a partitioned input, the hash over the versions of the partitions it reads: ours reads the one of its own key.
    version = DataVersion(sha256(step.get_data_version(key).value.encode()).hexdigest())
    made = DagsterEventType.ASSET_MATERIALIZATION
    known[key] = InputAssetVersionInfo(target.storage_id, made, version, target.run_id, target.timestamp)


class Judged(AssetCheckResult):
    """A check's result that need not look for what it judged."""

    targets: Targets | None = None

    def of(self, targets: Targets) -> Judged:
        """The same, with the materialisations of its run."""
        self.targets = targets
        return self

    # Asked by Dagster when it makes the event. Under another name in another version, it looks for itself.
    def _get_partitioned_target_materialization_data(
        self, step_context: StepExecutionContext, asset_key: AssetKey, partition_key: str
    ) -> Target | None:
        found = self.targets.get(asset_key, str(partition_key)) if self.targets is not None else None
        if found is not None:
            return found
        looks: Any = super()._get_partitioned_target_materialization_data
        target: Target | None = looks(step_context, asset_key, partition_key)
        return target
