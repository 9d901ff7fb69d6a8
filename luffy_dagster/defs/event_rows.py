"""What an event of Dagster's comes out as in PostgreSQL: kinds of events, rows and statements of `event_storage`.

Written against `event_storage.KNOWN_VERSION`: that rows equal those of dagster-postgres to the letter is a test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as db
from dagster import DagsterEventType
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, PIPELINE_EVENTS
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetKeyTable
from dagster._serdes import serialize_value
from dagster._time import datetime_from_timestamp
from sqlalchemy.dialects import postgresql

if TYPE_CHECKING:
    from dagster._core.events.log import EventLogEntry

# By the value that the event carries: its property makes a member of the enum of it each time.
RUN_EVENTS = {each.value for each in PIPELINE_EVENTS}
AT_ONCE = RUN_EVENTS | {DagsterEventType.STEP_SUCCESS.value, DagsterEventType.STEP_FAILURE.value}
OF_ASSETS = {each.value for each in ASSET_EVENTS}
OF_CHECKS = {each.value for each in ASSET_CHECK_EVENTS}
ENDS = {
    each.value for each in (DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED)
}
MATERIALIZATION = DagsterEventType.ASSET_MATERIALIZATION.value
EVALUATION = DagsterEventType.ASSET_CHECK_EVALUATION.value

# An evaluation replaces the row of its planned one; where none was planned (a tick) it is a row of its own.
EVALUATED = db.text("""
    WITH told AS (
      SELECT * FROM unnest(
        CAST(:asset_key AS text[]), CAST(:check_name AS text[]), CAST(:partition AS text[]), CAST(:run_id AS text[]),
        CAST(:execution_status AS text[]), CAST(:evaluation_event AS text[]), CAST(:evaluation_event_timestamp AS timestamp[]),
        CAST(:evaluation_event_storage_id AS bigint[]), CAST(:materialization_event_storage_id AS bigint[])
      ) AS t (asset_key, check_name, partition, run_id, execution_status, evaluation_event, evaluation_event_timestamp,
              evaluation_event_storage_id, materialization_event_storage_id)
    ), planned AS (
      UPDATE asset_check_executions c SET
        execution_status = told.execution_status, evaluation_event = told.evaluation_event,
        evaluation_event_timestamp = told.evaluation_event_timestamp,
        evaluation_event_storage_id = told.evaluation_event_storage_id,
        materialization_event_storage_id = told.materialization_event_storage_id
      FROM told
      WHERE c.asset_key = told.asset_key AND c.check_name = told.check_name AND c.run_id = told.run_id
        AND c.partition IS NOT DISTINCT FROM told.partition
      RETURNING told.evaluation_event_storage_id AS told_id
    )
    INSERT INTO asset_check_executions (asset_key, check_name, partition, run_id, execution_status, evaluation_event,
      evaluation_event_timestamp, evaluation_event_storage_id, materialization_event_storage_id)
    SELECT asset_key, check_name, partition, run_id, execution_status, evaluation_event,
      evaluation_event_timestamp, evaluation_event_storage_id, materialization_event_storage_id
    FROM told WHERE evaluation_event_storage_id NOT IN (SELECT told_id FROM planned)
    ORDER BY evaluation_event_storage_id
""")
# Numbered in the order in which they were told; the ids come back in any order.
EVENTS = db.text("""
    INSERT INTO event_logs (run_id, event, dagster_event_type, "timestamp", step_key, asset_key, partition)
    SELECT run_id, event, dagster_event_type, "timestamp", step_key, asset_key, partition FROM unnest(
      CAST(:run_id AS text[]), CAST(:event AS text[]), CAST(:dagster_event_type AS text[]), CAST(:timestamp AS timestamp[]),
      CAST(:step_key AS text[]), CAST(:asset_key AS text[]), CAST(:partition AS text[])
    ) WITH ORDINALITY AS t (run_id, event, dagster_event_type, "timestamp", step_key, asset_key, partition, at)
    ORDER BY at RETURNING id
""")
EVENT_COLUMNS = ("run_id", "event", "dagster_event_type", "timestamp", "step_key", "asset_key", "partition")
LATEST = ("last_materialization", "last_run_id", "last_materialization_timestamp")
_ASSET = postgresql.insert(AssetKeyTable)
ASSETS = _ASSET.on_conflict_do_update(
    index_elements=[AssetKeyTable.c.asset_key],
    set_={name: db.func.coalesce(_ASSET.excluded[name], AssetKeyTable.c[name]) for name in LATEST},
)
CHECK_COLUMNS = (
    "asset_key",
    "check_name",
    "partition",
    "run_id",
    "execution_status",
    "evaluation_event",
    "evaluation_event_timestamp",
    "evaluation_event_storage_id",
    "materialization_event_storage_id",
)


@dataclass(slots=True)
class Told:
    """An event that was told and is not (wholly) written; `id` is set as soon as its row of `event_logs` is there."""

    event: EventLogEntry
    id: int = 0
    row: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Its type as it is stored."""
        return kind_of(self.event)


def kind_of(event: EventLogEntry) -> str:
    """The event's type as it is stored; empty for a line of a log."""
    return event.dagster_event.event_type_value if event.dagster_event is not None else ""


def is_asset_event(event: EventLogEntry) -> bool:
    """Whether the event is kept with an asset too."""
    return kind_of(event) in OF_ASSETS and event.get_dagster_event().asset_key is not None


def event_row(event: EventLogEntry) -> dict[str, Any]:
    """The event's row of `event_logs`."""
    asset_key = partition = None
    step_key = event.step_key
    if event.dagster_event is not None:
        step_key, partition = event.dagster_event.step_key, event.dagster_event.partition or None
        if event.dagster_event.asset_key is not None:
            asset_key = event.dagster_event.asset_key.to_string()
    return {
        "run_id": event.run_id,
        "event": event_json(event),
        "dagster_event_type": kind_of(event) or None,
        "timestamp": datetime.fromtimestamp(event.timestamp, UTC).replace(tzinfo=None),
        "step_key": step_key,
        "asset_key": asset_key,
        "partition": partition,
    }


def event_json(event: EventLogEntry) -> str:
    """The event as Dagster stores it. What is alike in all events of a run is put together here: Dagster's own way packs each part anew."""
    told = event.dagster_event
    if told is None or event.error_info is not None:
        return serialize_value(event)
    named = {
        "event_type_value": told.event_type_value,
        "logging_tags": told.logging_tags,
        "message": told.message,
        "pid": told.pid,
        "pipeline_name": told.job_name,
    }
    end = {"step_key": told.step_key, "step_kind_value": told.step_kind_value}
    rest = {
        "error_info": None,
        "level": event.level,
        "message": "",
        "pipeline_name": event.job_name,
        "run_id": event.run_id,
        "step_key": event.step_key,
        "timestamp": event.timestamp,
        "user_message": event.user_message,
    }
    data = "null" if told.event_specific_data is None else serialize_value(told.event_specific_data)  # type: ignore[arg-type]
    return (
        '{"__class__": "EventLogEntry", "dagster_event": {"__class__": "DagsterEvent", "event_specific_data": '
        f"{data}, {_inside(named)}, "
        f'"solid_handle": {_handle(told.node_handle)}, "step_handle": {_handle(told.step_handle)}, {_inside(end)}}}, {_inside(rest)}}}'
    )


def _inside(values: dict[str, Any]) -> str:
    return json.dumps(values, sort_keys=True)[1:-1]


@lru_cache(maxsize=64, typed=True)
def _handle(handle: Any) -> str:
    return "null" if handle is None else serialize_value(handle)


def check_rows(each: Told) -> Iterator[dict[str, Any]]:
    """Rows of `asset_check_executions` that follow from an event of a check."""
    told: Any = each.event.get_dagster_event().event_specific_data
    row = {
        "asset_key": told.asset_key.to_string(),
        "check_name": told.check_name,
        "run_id": each.event.run_id,
        "evaluation_event": each.row["event"],
        "evaluation_event_timestamp": each.row["timestamp"],
        "evaluation_event_storage_id": each.id,
    }
    if each.kind == EVALUATION:
        status = AssetCheckExecutionRecordStatus.SUCCEEDED if told.passed else AssetCheckExecutionRecordStatus.FAILED
        target = told.target_materialization_data
        yield row | {
            "partition": told.partition,
            "execution_status": status.value,
            "materialization_event_storage_id": target.storage_id if target else None,
        }
        return
    planned = AssetCheckExecutionRecordStatus.PLANNED.value
    for partition in told.partitions_subset.get_partition_keys() if told.partitions_subset else [None]:
        yield row | {"partition": partition, "execution_status": planned}


def latest(each: Told, indexed: bool) -> dict[str, Any]:
    """What an asset keeps of its latest materialisation: the record of the event, which is serialised already."""
    record = f'{{"__class__": "EventLogRecord", "event_log_entry": {each.row["event"]}, "storage_id": {each.id}}}'
    found: dict[str, Any] = {"last_materialization": record, "last_run_id": each.event.run_id}
    return found | (
        {"last_materialization_timestamp": datetime_from_timestamp(each.event.timestamp)} if indexed else {}
    )
