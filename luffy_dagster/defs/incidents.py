"""The assets about incidents, and how their results are told: exception clusters.

The work is `luffy_dagster.flows`; that it runs together with the log assets, in one process, is `logs.py`'s business.
"""

from __future__ import annotations

from dagster import AssetSpec, MultiPartitionsDefinition

EXCEPTION_CLUSTERS = "exception_clusters"


def exception_clusters_spec(partitions: MultiPartitionsDefinition) -> AssetSpec:
    """The spec of `exception_clusters` (service × day)."""
    return AssetSpec(
        EXCEPTION_CLUSTERS,
        deps=["parsed_entries"],
        description=(
            "Exceptions of one service and day, grouped by cause: fingerprints of their stack frames or messages, counted per "
            "hour and mapped to clusters. A cluster keeps its id for ever; what a person joins or splits, no run undoes."
        ),
        group_name="incidents",
        owners=["team:luffy"],
        kinds={"postgres", "polars"},
        partitions_def=partitions,
    )
