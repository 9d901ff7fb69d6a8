"""Rows of WINDOWS as arrays over ticks of 30 seconds: what the detectors look at.

Here shapes become templates (a mapping that is passed in). Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import polars as pl

from luffy_dagster.core.anomalies.windows import TICK, TICKS

Array = np.ndarray
_ERROR_LEVELS = ("error", "fatal")
MOST_KEYS = 1_500  # templates, routes and fingerprints that are followed one by one; rarer ones only as lines


@dataclass(frozen=True)
class Slot:
    """Values of one number of a template, in order of time."""

    key: str  # "<template or route>/<position>"
    unit: str
    at: Array  # tick of each value
    values: Array


@dataclass(frozen=True)
class Ticks:
    """Counts per tick from `start` (epoch seconds, start of a window) on."""

    start: int
    size: int
    total: Array  # lines
    errors: Array  # of level error and fatal
    keys: tuple[str, ...]  # "t:<template>", "r:<route>", "f:<fingerprint>"
    levels: tuple[str, ...]  # of most lines of each key
    counts: Array  # keys × ticks, float32
    slots: tuple[Slot, ...] = ()
    place: Mapping[str, int] = field(default_factory=dict)  # key → row of counts

    @property
    def end(self) -> int:
        """Epoch seconds behind the last tick."""
        return self.start + self.size * TICK

    def times(self) -> Array:
        """Start of each tick, epoch seconds."""
        return self.start + TICK * np.arange(self.size)

    def at(self, tick: int) -> datetime:
        """The start of a tick."""
        return datetime.fromtimestamp(self.start + TICK * tick, UTC)

    def between(self, first: int, last: int) -> Ticks:
        """The ticks [first, last), with the keys that occur in them."""
        some = np.flatnonzero(self.counts[:, first:last].any(axis=1))
        keys = tuple(self.keys[i] for i in some)
        slots = []
        for slot in self.slots:
            a, b = np.searchsorted(slot.at, [first, last])
            slots.append(Slot(slot.key, slot.unit, slot.at[a:b] - first, slot.values[a:b]))
        return Ticks(
            self.start + TICK * first,
            last - first,
            self.total[first:last],
            self.errors[first:last],
            keys,
            tuple(self.levels[i] for i in some),
            self.counts[some, first:last],
            tuple(slots),
            {key: i for i, key in enumerate(keys)},
        )


def ticks_of(rows: pl.DataFrame, templates: Mapping[str, str], start: datetime, end: datetime) -> Ticks:
    """Arrays over [start, end) of the WINDOWS rows of one service and environment.

    Args:
        rows: event_time, feature, key, level, count, ticks, unit, values, value_ticks.
        templates: shape id → template id; a shape that has none stands for itself.
        start: a window's start.
        end: a tick's start; ticks without a row are zero.
    """
    first = int(start.timestamp())
    size = max(0, (int(end.timestamp()) - first) // TICK)
    rows = rows.filter((pl.col("event_time") >= start) & (pl.col("event_time") < end))
    total, errors = np.zeros(size), np.zeros(size)
    level_rows = rows.filter(pl.col("feature") == "level")
    for name, group in level_rows.group_by("key"):
        counted = _spread(group, first, size)
        total += counted
        if name[0] in _ERROR_LEVELS:
            errors += counted
    keyed = rows.filter(pl.col("feature").is_in(["shape", "route", "fingerprint"])).with_columns(_key(templates))
    per_key = keyed.group_by("name").agg(pl.col("count").sum())
    chosen = per_key.sort("count", "name", descending=[True, False]).head(MOST_KEYS)["name"].sort().to_list()
    place = {name: i for i, name in enumerate(chosen)}
    counts = np.zeros((len(chosen), size), dtype=np.float32)
    keyed = keyed.filter(pl.col("name").is_in(chosen))
    if keyed.height:
        which = keyed["name"].replace_strict(chosen, list(range(len(chosen))), return_dtype=pl.Int64).to_numpy()
        base = ((keyed["event_time"].dt.epoch("s") - first) // TICK).to_numpy()
        block = np.stack([keyed["ticks"].list.get(i).to_numpy() for i in range(TICKS)], axis=1)
        index = base[:, None] + np.arange(TICKS)[None, :]
        inside = (index >= 0) & (index < size)
        flat = (which[:, None] * size + index)[inside]
        found = np.bincount(flat, weights=block[inside], minlength=counts.size)
        counts = found.reshape(counts.shape).astype(np.float32)
    by_level = (
        keyed.group_by("name", "level").agg(pl.col("count").sum()).sort("count", "level", descending=[True, False])
    )
    level_of = dict(by_level.unique("name", keep="first", maintain_order=True).select("name", "level").iter_rows())
    levels = tuple(level_of.get(name) or "none" for name in chosen)
    return Ticks(first, size, total, errors, tuple(chosen), levels, counts, _slots(rows, templates, first, size), place)


def _key(templates: Mapping[str, str]) -> pl.Expr:
    shape = pl.col("key").replace(dict(templates)) if templates else pl.col("key")
    return (
        pl.when(pl.col("feature") == "shape")
        .then(pl.lit("t:") + shape)
        .when(pl.col("feature") == "route")
        .then(pl.lit("r:") + pl.col("key"))
        .otherwise(pl.lit("f:") + pl.col("key"))
        .alias("name")
    )


def _spread(rows: pl.DataFrame, first: int, size: int) -> Array:
    base = ((rows["event_time"].dt.epoch("s") - first) // TICK).to_numpy()
    out = np.zeros(size)
    for i in range(TICKS):
        index = base + i
        inside = (index >= 0) & (index < size)
        np.add.at(out, index[inside], rows["ticks"].list.get(i).to_numpy()[inside])
    return out


def _slots(rows: pl.DataFrame, templates: Mapping[str, str], first: int, size: int) -> tuple[Slot, ...]:
    numbers = rows.filter((pl.col("feature") == "number") & pl.col("values").is_not_null())
    if numbers.is_empty():
        return ()
    owner = pl.col("key").str.replace(r"/[^/]*$", "")
    place = pl.col("key").str.extract(r"/([^/]*)$", 1)
    numbers = numbers.with_columns(
        name=pl.concat_str(owner.replace(dict(templates)) if templates else owner, pl.lit("/"), place),
        base=(pl.col("event_time").dt.epoch("s") - first) // TICK,
    ).filter(pl.col("value_ticks").list.sum() == pl.col("values").list.len())
    numbers = numbers.sort("name", "event_time", "key")
    if numbers.is_empty():
        return ()
    per_tick = np.stack([numbers["value_ticks"].list.get(i).to_numpy() for i in range(TICKS)], axis=1)
    at = np.repeat((numbers["base"].to_numpy()[:, None] + np.arange(TICKS)[None, :]).ravel(), per_tick.ravel())
    values = numbers["values"].explode().drop_nulls().cast(pl.Float64).to_numpy()
    names, units = numbers["name"].to_list(), numbers["unit"].to_list()
    begins = [i for i, name in enumerate(names) if i == 0 or name != names[i - 1]]
    ends = np.concatenate([[0], np.cumsum(per_tick.sum(axis=1))])
    out = []
    for begin, end in zip(begins, [*begins[1:], len(names)], strict=True):
        own, mine = at[ends[begin] : ends[end]], values[ends[begin] : ends[end]]
        inside = (own >= 0) & (own < size)
        order = np.argsort(own[inside], kind="stable")
        out.append(Slot(str(names[begin]), units[begin] or "", own[inside][order], mine[inside][order]))
    return tuple(out)
