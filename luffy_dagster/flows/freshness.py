"""Alarms of silence: judged at every tick over all services, apart from runs; opened, kept and cleared in one transaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from luffy_dagster import store
from luffy_dagster.core.freshness import AlarmKind, Finding, judge

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from luffy_dagster.store.alarms import Alarm

_JUDGED = frozenset({AlarmKind.LATE, AlarmKind.NEVER_STARTED, AlarmKind.EMPTY})
_CAP_STANDS = timedelta(days=1)  # how long a day that had too many shapes is spoken of
_OF_SOURCES = frozenset({AlarmKind.FAILED, AlarmKind.CAPPED})


def judge_freshness(engine: Engine, now: datetime) -> list[Alarm]:
    """Brings the alarms of late, never started and silent fetches up to `now`; gives all alarms that are open then.

    An alarm of a service or source that is not worked on any more (maintenance, pause, archive, monitoring off) is cleared.
    """
    with store.begin(engine) as conn:
        services = store.freshness.watched(conn)
        found = {(f.service, f.kind.value, f.source_id): f for f in judge(services, now)}
        opened = {(a.service_id, a.kind, a.source_id): a for a in store.alarms.open_alarms(conn)}
        fresh = {f.service for key, f in found.items() if f.kind is AlarmKind.EMPTY and key not in opened}
        if fresh:  # is this silence out of the ordinary?
            usual = store.freshness.rhythms(conn, sorted(fresh), now)
            unusual = judge([s for s in services if s.service in fresh], now, usual)
            found = {key: f for key, f in found.items() if key in opened or f.service not in fresh or f in unusual}
        for key, finding in found.items():
            if key not in opened:
                _raise(conn, finding, now)
        read = {(s.service, source.source_id) for s in services for source in s.sources}
        at_work = {s.service for s in services if s.sources}
        for key, alarm in opened.items():
            judged = alarm.kind in _JUDGED and key not in found
            unread = alarm.kind in _OF_SOURCES and (alarm.service_id, alarm.source_id) not in read
            past = alarm.kind == AlarmKind.SHAPES_CAPPED and now - alarm.last_seen_at >= _CAP_STANDS
            if judged or unread or past or alarm.service_id not in at_work:
                store.alarms.clear_alarm(conn, alarm.service_id, alarm.kind, now, source_id=alarm.source_id)
        return store.alarms.open_alarms(conn)


def _raise(conn: Connection, finding: Finding, now: datetime) -> None:
    store.alarms.raise_alarm(
        conn, finding.service, finding.kind.value, finding.detail, now, source_id=finding.source_id
    )
