"""Dagster's event log in PostgreSQL, which writes what a run tells in batches.

dagster-postgres writes each event with two to five statements of its own; a plain run tells 40 events. Here they are gathered
and written together: several rows by a statement. Nothing else belongs here, and nothing heavy may be imported (see `storage`).

What holds, whoever asks:

- who reads through this storage sees every event that was told to it; another process sees it at most `HELD_SECONDS` later;
- the end of a step and every change of a run's state are written before they are believed, with all that was told before;
- what cannot be written raises: at the event itself, at the next event of its run, or when its step ends. It is never dropped in
  silence. While the database is away, events are kept and written when it is back.

As in dagster-postgres the rows of `event_logs` are committed before those derived from them (assets, tags, checks): a long
transaction around both would let a reader that follows the ids pass one that is committed later. Who wants no more than the ids of
what a run has told (`materialised`) gets them without a query, and the derived rows follow with the next batch.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import weakref
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import dagster
import dagster._check as check
import sqlalchemy as db
from dagster import AssetKey
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.migration import ASSET_KEY_INDEX_COLS
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._time import datetime_from_timestamp
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.utils import DagsterPostgresException

from luffy_dagster.defs.event_rows import (
    ASSETS,
    AT_ONCE,
    CHECK_COLUMNS,
    ENDS,
    EVALUATED,
    EVENT_COLUMNS,
    EVENTS,
    LATEST,
    MATERIALIZATION,
    OF_CHECKS,
    RUN_EVENTS,
    Told,
    check_rows,
    event_row,
    is_asset_event,
    kind_of,
    latest,
)

if TYPE_CHECKING:
    from dagster._core.events.log import EventLogEntry
    from sqlalchemy import Connection

HELD_SECONDS = 0.3
MOST_HELD = 500
# What this module was written and tested against. With another version the events are written as dagster-postgres does it.
KNOWN_VERSION = "1.13."
PRIVATE_NAMES = (
    "_connect",
    "_event_to_row",
    "_get_asset_entry_values",
    "_store_asset_event",
    "_store_asset_event_tags",
    "index_transaction",
    "store_asset_check_event",
)
_LIMIT_EXCEEDED = "54"  # class of SQLSTATE: a value too large for an index, say, is refused today and tomorrow
# Id and time of a materialisation, by asset and partition.
Materialised = dict[tuple[AssetKey, str | None], tuple[int, float]]


class GatheringEventLogStorage(PostgresEventLogStorage):
    """PostgreSQL's event log that writes several events at once."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._told: dict[int, Told] = {}  # by identity: Dagster hands over an event again when its batch failed
        self._refused: dict[str, Exception] = {}  # by run: why an event of it could not be written
        self._made: dict[str, Materialised] = {}  # by run that has not ended
        self._lock = threading.RLock()
        self._writing = False
        self._timer: threading.Timer | None = None
        super().__init__(*args, **options)
        _alive.add(self)

    def store_event(self, event: EventLogEntry) -> None:
        """Takes an event; it is written now or soon (see the module)."""
        if not event.run_id:
            with self._lock:
                self.write()
                super().store_event(event)
            return
        self._take([event])
        self._tell_run([event])

    @property
    def handles_run_events_in_store_event(self) -> bool:
        """Whether the run's row is brought up to date here, so that Dagster does not read the run once more after it.

        Where runs are retried by themselves, it wants to.
        """
        return self.has_instance and not self._instance.run_retries_enabled

    def _tell_run(self, events: Iterable[EventLogEntry]) -> None:
        of_runs = [event for event in events if kind_of(event) in RUN_EVENTS]
        if of_runs and self.handles_run_events_in_store_event:
            for event in of_runs:
                at = datetime_from_timestamp(event.timestamp)
                self._instance.run_storage.handle_run_event(event.run_id, event.get_dagster_event(), at)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Takes several events."""
        taken = [event for event in events if not event.get_dagster_event().is_asset_failed_to_materialize]
        self._take(taken)
        self._tell_run(taken)

    def write(self) -> None:
        """Writes what was told up to now. Raises what the database says when it cannot be asked: everything is kept then."""
        with self._lock:
            if not self._told or self._writing:
                return
            self._writing = True
            try:
                try:
                    self._write_together()
                except Exception as error:
                    if _is_away(error):
                        raise
                    self._write_one_by_one()
            finally:
                self._writing = False

    def materialised(self, run_id: str) -> Materialised:
        """Id and time of the materialisations that a run has told through this storage, by asset and partition.

        Incomplete when the database refused some, and empty when the run has ended.
        """
        with self._lock:
            if not self._writing and any(not each.id for each in self._told.values()):
                self._writing = True
                try:
                    self._write_rows()
                except Exception as error:
                    if _is_away(error):
                        raise
                finally:
                    self._writing = False
                if any(not each.id for each in self._told.values()):
                    self.write()
            return dict(self._made.get(run_id, {}))

    def forget(self) -> None:
        """In a forked process: what was told is the parent's to write."""
        self._told, self._refused, self._made = {}, {}, {}
        self._lock, self._writing, self._timer = threading.RLock(), False, None

    def dispose(self) -> None:
        """Writes the rest and lets go."""
        try:
            self.write()
        finally:
            super().dispose()

    def _connect(self) -> AbstractContextManager[Connection]:
        # Everything that reads or changes what is stored comes through here.
        if self._told:
            self.write()
        return super()._connect()

    def _take(self, events: Sequence[EventLogEntry]) -> None:
        with self._lock:
            told = [self._told.setdefault(id(event), Told(event)) for event in events]
            try:
                self._raise_refused(events)
                if len(self._told) >= MOST_HELD or any(each.kind in AT_ONCE for each in told):
                    self.write()
                    self._raise_refused(events)
                else:
                    self._write_soon(HELD_SECONDS)
            except Exception:
                for each in told:  # who told them knows that they are not written
                    if not each.id:
                        self._told.pop(id(each.event), None)
                raise

    def _raise_refused(self, events: Iterable[EventLogEntry]) -> None:
        for run_id in {event.run_id for event in events}:
            refused = self._refused.pop(run_id, None)
            if refused is not None:
                raise refused

    def _write_soon(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = threading.Timer(seconds, self._write_now)
            self._timer.daemon = True
            self._timer.start()

    def _write_now(self) -> None:
        with self._lock:
            self._timer = None
            try:
                self.write()
            except Exception as error:  # noqa: BLE001  # kept; the next event or reader raises it when it stays so
                sys.stderr.write(f"Dagster's events could not be written, they are kept and tried again: {error}\n")
                self._write_soon(10 * HELD_SECONDS)

    def _event_to_row(self, event: EventLogEntry) -> dict[str, Any]:
        return event_row(event)

    def _write_rows(self) -> None:
        new = [each for each in self._told.values() if not each.id]
        if not new:
            return
        for each in new:
            each.row = each.row or self._event_to_row(each.event)
        with self._connect() as conn:
            columns = {name: [each.row[name] for each in new] for name in EVENT_COLUMNS}
            ids = sorted(conn.execute(EVENTS, columns).scalars())
        for each, number in zip(new, ids, strict=True):
            each.id = number
            if each.kind == MATERIALIZATION:
                event, made = each.event.get_dagster_event(), (number, each.event.timestamp)
                if event.asset_key is not None:
                    self._made.setdefault(each.event.run_id, {})[event.asset_key, event.partition] = made
            elif each.kind in ENDS:
                self._made.pop(each.event.run_id, None)

    def _write_together(self) -> None:
        self._write_rows()
        told = list(self._told.values())
        assets = [each for each in told if is_asset_event(each.event)]
        checks = [each for each in told if each.kind in OF_CHECKS]
        if assets or checks:
            with self.index_transaction() as conn:
                if assets:
                    self._write_assets(conn, assets)
                if checks:
                    self._write_checks(conn, checks)
        self._told.clear()

    def _write_one_by_one(self) -> None:
        """So that one event that the database refuses takes no other with it."""
        for key, each in list(self._told.items()):
            run_id = each.event.run_id
            try:
                # An end is not told of what is not written whole.
                if not (each.kind in AT_ONCE and run_id in self._refused):
                    self._write_one(each)
            except Exception as error:
                if _is_away(error):
                    raise
                sys.stderr.write(f"An event of run {run_id} could not be written: {error}\n")
                self._refused.setdefault(run_id, error)
            del self._told[key]

    def _write_one(self, each: Told) -> None:
        if not each.id:
            super().store_event(each.event)
            return
        if is_asset_event(each.event):
            with self.index_transaction() as conn:
                self._store_asset_event_tags(conn, [each.event], [each.id])
                self._store_asset_event(conn, each.event, each.id)
        if each.kind in OF_CHECKS:
            self.store_asset_check_event(each.event, each.id)

    def _write_assets(self, conn: Connection, told: Sequence[Told]) -> None:
        self._store_asset_event_tags(conn, [each.event for each in told], [each.id for each in told])
        indexed = self.has_secondary_index(ASSET_KEY_INDEX_COLS)
        rows: dict[str, dict[str, Any]] = {}
        for each in reversed(told):  # what was told last is what an asset keeps
            event = each.event.get_dagster_event()
            key = check.not_none(event.asset_key).to_string()
            row = rows.setdefault(key, {"asset_key": key, **dict.fromkeys(LATEST)})
            made = each.kind == MATERIALIZATION
            if made and row["last_materialization"] is not None:
                continue  # an older one, and long
            values = self._get_asset_entry_values(each.event, each.id, indexed) if not made else latest(each, indexed)
            for name, value in values.items():
                if row[name] is None:
                    row[name] = value
        # In one order, so that no two runs wait for each other.
        conn.execute(ASSETS, [rows[key] for key in sorted(rows)])

    def _write_checks(self, conn: Connection, told: Sequence[Told]) -> None:
        rows = [row for each in told for row in check_rows(each)]
        planned = [row for row in rows if row["execution_status"] == AssetCheckExecutionRecordStatus.PLANNED.value]
        if planned:
            conn.execute(AssetCheckExecutionsTable.insert(), planned)
        evaluated = {
            (row["asset_key"], row["check_name"], row["run_id"], row["partition"]): row
            for row in rows
            if row["execution_status"] != AssetCheckExecutionRecordStatus.PLANNED.value
        }
        if evaluated:
            conn.execute(EVALUATED, {name: [row[name] for row in evaluated.values()] for name in CHECK_COLUMNS})


def _is_away(error: Exception) -> bool:
    """Whether the database could not be asked, rather than that it refused what it was asked to write."""
    if isinstance(error, db.exc.OperationalError):
        return not str(getattr(error.orig, "pgcode", None) or "").startswith(_LIMIT_EXCEEDED)
    return isinstance(error, (db.exc.InterfaceError, db.exc.TimeoutError, DagsterPostgresException))


def event_storage(known: bool | None = None) -> type[PostgresEventLogStorage]:
    """The class that fits the installed Dagster: with another version than ours was made for, dagster-postgres' own."""
    fits = dagster.__version__.startswith(KNOWN_VERSION) if known is None else known
    has = all(hasattr(PostgresEventLogStorage, name) for name in PRIVATE_NAMES)
    return GatheringEventLogStorage if fits and has else PostgresEventLogStorage


_alive: weakref.WeakSet[GatheringEventLogStorage] = weakref.WeakSet()


def _forget() -> None:
    for storage in list(_alive):
        storage.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@atexit.register
def _write_the_rest() -> None:
    for storage in list(_alive):
        try:
            storage.write()
        except Exception as error:  # noqa: BLE001  # there is nobody left to raise it to
            sys.stderr.write(f"The last of Dagster's events could not be written: {error}\n")
