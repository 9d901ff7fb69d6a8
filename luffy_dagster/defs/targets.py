"""Which materialisation a check judged: the one that its own run has just told.

Dagster shows a check on a partition only with the storage id of its materialisation. It looks that up for each check, with the
whole event; here one query for all of them gives the ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster import AssetCheckResult, AssetKey, DagsterEventType, DagsterInstance
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
        """Reads what was told since the last look."""
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
