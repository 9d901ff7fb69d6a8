"""Puts Luffy's definitions together: assets, checks, jobs, schedules, sensors, resources.

Only composition belongs here; each part is defined by its topic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster import Definitions, in_process_executor

from luffy_dagster.defs.alerting import alerting
from luffy_dagster.defs.anomalies import anomaly_models_asset
from luffy_dagster.defs.automation import (
    failing_services_sensor,
    logs_job,
    master_schedule,
    nightly_maintenance,
    service_registry,
)
from luffy_dagster.defs.code import code_due_sensor, code_embeddings_asset, code_job
from luffy_dagster.defs.logs import log_assets
from luffy_dagster.defs.partitions import horizon, service_days
from luffy_dagster.defs.rca import qualifying_clusters_sensor, rca_job, rca_reports
from luffy_dagster.defs.resources import resources
from luffy_dagster.defs.tick import tick
from luffy_dagster.defs.upkeep import maintenance
from luffy_dagster.settings import Settings, get_settings


def build_definitions(settings: Settings | None = None, replaced: Mapping[str, Any] | None = None) -> Definitions:
    """All definitions, with the resources of `replaced` in place of ours (for tests)."""
    first_day = horizon(settings or get_settings())
    partitions = service_days(first_day)
    logs, code, rca = logs_job(), code_job(), rca_job()
    return Definitions(
        assets=[log_assets(partitions), anomaly_models_asset(first_day), code_embeddings_asset(), rca_reports],
        jobs=[logs, code, rca, tick, maintenance],
        schedules=[master_schedule, nightly_maintenance],
        sensors=[
            service_registry,
            alerting,
            failing_services_sensor(logs),
            code_due_sensor(code),
            qualifying_clusters_sensor(rca),
        ],
        resources={**resources(), **(replaced or {})},
        # A run is one process: the default would start one per step, 10 to 28 s in place of 3 to 5.
        executor=in_process_executor,
    )
