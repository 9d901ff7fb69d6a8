"""Where Dagster keeps its own runs, events and schedules: the embedded PostgreSQL, or the one a URL names.

Named in `dagster.yaml` as `storage: custom`, so Dagster loads this module before any code location: nothing but the
storage belongs here, and nothing heavy may be imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from dagster._config.config_schema import UserConfigSchema
from dagster._serdes import ConfigurableClassData
from dagster_postgres.storage import DagsterPostgresStorage

from luffy_dagster.defs.event_storage import event_storage
from luffy_dagster.settings import Settings
from luffy_dagster.store.connection import database_url

# Questions that Dagster asks PostgreSQL anew for every event and run, most of them about the schema, by reading the catalogue: some
# 60 % of what a run cost. A column, a table, a snapshot or a service's partition that is there stays there, so a yes is remembered
# as long as the process lives.
_ASKED_AGAIN = (
    "has_table",
    "has_asset_key_col",
    "_has_asset_key_col_on_connection",
    "has_run_stats_index_cols",
    "has_bulk_actions_selector_cols",
    "has_backfill_id_column",
    "has_bulk_action_job_name_column",
    "has_backfill_tags_table",
    "has_dynamic_partition",
    "has_job_snapshot",
    "has_execution_plan_snapshot",
)
STATEMENT_TIMEOUT_MS = 120_000
POOL_RECYCLE_SECONDS = 600
POOL_OVERFLOW = 20


class LuffyStorage(DagsterPostgresStorage):
    """Dagster's PostgreSQL storage that starts the embedded server on demand and keeps its connections.

    Without a URL in LUFFY_DAGSTER_DATABASE_URL it uses the database `dagster` beside the store. dagster-postgres opens a
    connection per statement unless it is told that it serves a webserver: 4.3 ms per event against 0.5 ms.
    """

    def __init__(self, postgres_url: str, *args: Any, **options: Any) -> None:
        super().__init__(postgres_url, *args, **options)
        self._event_log_storage = event_storage()(postgres_url, self.should_autocreate_tables)

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """No settings of its own: everything comes from LUFFY_… variables."""
        return {}

    @classmethod
    def from_config_value(  # ty: ignore
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> LuffyStorage:
        """The storage (the base class would make one of its own class here, which reads `config_value`)."""
        del config_value
        # Not the cached settings: Dagster may make its instance before it has loaded `.env` into the environment.
        storage = cls(database_url(Settings(), "dagster", "psycopg2"), inst_data=inst_data)
        for part in (storage.event_log_storage, storage.run_storage, storage.schedule_storage):
            part.optimize_for_webserver(
                statement_timeout=STATEMENT_TIMEOUT_MS, pool_recycle=POOL_RECYCLE_SECONDS, max_overflow=POOL_OVERFLOW
            )
            for name in _ASKED_AGAIN:
                if hasattr(part, name):  # another version of Dagster may call them otherwise: then it is only slower
                    setattr(part, name, remembering_yes(getattr(part, name)))
        return storage


def remembering_yes(asks: Callable[..., bool]) -> Callable[..., bool]:
    """The question `asks`, which after a yes about the same names is answered from memory."""
    known: set[tuple[str, ...]] = set()

    @wraps(asks)
    def answered(*asked: Any) -> bool:
        names = tuple(each for each in asked if isinstance(each, str))  # a connection is no part of the question
        if names not in known and asks(*asked):
            known.add(names)
        return names in known

    return answered
