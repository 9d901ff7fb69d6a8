"""Of a cluster that is news: when its rise began, whose requests it met, and which services its lines name.

A state is judged after the fact, in hours; people and the correlation of incidents want the first occurrence of the rise. Read from
the lake when a cluster becomes news and for some minutes after, then kept with its alerts.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.anomalies.explain import ENTRY_COLUMNS, mentions, trace_ids
from luffy_dagster.core.clustering.states import rise_start
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.lake import LakeError

_GROWS = timedelta(minutes=10)  # so long after it became news its lines are read again
_BACK = timedelta(hours=24)  # the widest window of an escalation
_BASE = timedelta(hours=3)  # before the last hours it is as usual
_LINES = 200
_PER_LINES = timedelta(minutes=30)  # from its start on: the lines that are looked at


@dataclass(frozen=True, slots=True)
class Rise:
    """First occurrence, ids of the requests that met it, and other services named in its lines with how often."""

    started_at: datetime
    trace_ids: tuple[str, ...] = ()
    mentions: tuple[tuple[str, int], ...] = ()


def rise_of(ctx: FlowContext, conn: Any, row: dict[str, Any], names: Collection[str], now: datetime) -> Rise:
    """The rise of a cluster that is new or escalating; `row` is its row, `names` are the services."""
    service, cluster_id, state = row["service_id"], row["cluster_id"], row["state"]
    since = row["first_seen"] if state == "new" else row["state_since"] or row["first_seen"]
    kind, key = f"rise:{cluster_id}", f"{state} {since.isoformat()}"
    held = store.alerts.cached_of(conn, service, kind)
    if held is not None and held[1]["of"] == key and held[0] - since > _GROWS:
        return Rise(
            datetime.fromisoformat(held[1]["started_at"]),
            tuple(held[1]["trace_ids"]),
            tuple((name, count) for name, count in held[1]["mentions"]),
        )
    try:
        found = _read(ctx, conn, row, since, names, now)
    except (LakeError, OSError, pl.exceptions.PolarsError):
        return Rise(since)  # an alert without its lines is better than none; the next look reads them again
    value = {
        "of": key,
        "started_at": found.started_at.isoformat(),
        "trace_ids": list(found.trace_ids),
        "mentions": [list(one) for one in found.mentions],
    }
    store.alerts.cache(conn, service, kind, value, now)
    return found


def _read(
    ctx: FlowContext, conn: Any, row: dict[str, Any], since: datetime, names: Collection[str], now: datetime
) -> Rise:
    service = row["service_id"]
    prints = [one.fingerprint for one in store.clusters.members(conn, service, row["cluster_id"])]
    begin = since if row["state"] == "new" else since - _BACK
    occurrences = (
        ctx.lake.scan("exceptions", service, start=begin, end=now, columns=["event_time", "entry_id", "fingerprint"])
        .filter(pl.col("fingerprint").is_in(prints))
        .sort("event_time")
        .collect()
    )
    started = since
    if row["state"] == "escalating":
        times = [at.timestamp() for at in occurrences["event_time"].to_list() if at <= since]
        usual = sum(at < (since - _BASE).timestamp() for at in times) / ((_BACK - _BASE).total_seconds() / 3600)
        found = rise_start(times, usual, since.timestamp())
        started = since if found is None else datetime.fromtimestamp(found, since.tzinfo)
    mine = occurrences.filter((pl.col("event_time") >= started) & (pl.col("event_time") < started + _PER_LINES))
    if mine.is_empty():
        return Rise(started)
    first: Any = mine["event_time"].min()
    last: Any = mine["event_time"].max()
    entries = (
        ctx.lake.scan("entries", service, start=first, end=last + timedelta(milliseconds=1), columns=ENTRY_COLUMNS)
        .filter(pl.col("entry_id").is_in(mine["entry_id"].head(_LINES).to_list()))
        .sort("event_time", "entry_id")
        .collect()
    )
    return Rise(started, trace_ids(entries), mentions(entries, names, service))
