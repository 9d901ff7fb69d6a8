"""Dagster over its GraphQL interface (`client`), what it tells (`states`), and the folder of its processes (`home`)."""

from luffy_dagster.adapters.dagster_api.client import DagsterApi
from luffy_dagster.adapters.dagster_api.home import prepare_dagster_home
from luffy_dagster.adapters.dagster_api.states import (
    Automation,
    BackfillState,
    DagsterApiError,
    DagsterDownError,
    RunState,
)

__all__ = [
    "Automation",
    "BackfillState",
    "DagsterApi",
    "DagsterApiError",
    "DagsterDownError",
    "RunState",
    "prepare_dagster_home",
]
