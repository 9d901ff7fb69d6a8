"""The profiles of a service's streams: settled from the first lines of a stream, stored, and settled anew while these are few.

How a profile is found is `core.parsing.profiles`' business. A profile is a function of a stream's first SAMPLE rows, whatever the
batches that brought them; only a counted failure of reading asks for another one later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.model import StreamProfile
from luffy_dagster.core.parsing import ParseOptions, parse_rows, settle_profile
from luffy_dagster.core.schemas import RAW_LOGS, RowFlag
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.rows import ordered
from luffy_dagster.store.cursors import StreamState

SAMPLE = 500  # rows of a stream that decide its profile
DOUBT = 0.3  # share of the latest entries that could not be read from which the profile is doubted
LONGEST_ENTRY = 100  # lines of one entry that are nobody's failure
_MOST_MOVED = 500_000  # rows of a stream that are read again for a better profile; of a longer one only what follows


def window(state: StreamState) -> int:
    """Entries after which a stream's profile is judged: twice as many after each judgement that changed nothing."""
    return SAMPLE << min(state.judged, 12)


def recent(before: StreamState | None, entries: int, failed: int) -> tuple[int, int, int]:
    """Latest entries of a stream, how many of them failed, fruitless judgements; they begin anew when its profile reads well."""
    entries += before.recent_entries if before else 0
    failed += before.recent_failed if before else 0
    judged = before.judged if before else 0
    if before is not None and entries >= window(before) and failed <= DOUBT * entries:
        return 0, 0, 0
    return entries, failed, judged


def _doubtful(state: StreamState) -> bool:
    return state.recent_entries >= window(state) and state.recent_failed > DOUBT * state.recent_entries


@dataclass
class Profiles:
    """The profiles of a service during one run: loaded once, settled where they must be, `changed` to be stored by the caller."""

    ctx: FlowContext
    service: str
    now: datetime
    known: dict[str, StreamProfile] = field(default_factory=dict)
    samples: dict[str, list[str]] = field(default_factory=dict)
    firm: set[str] = field(default_factory=set)
    changed: dict[str, StreamProfile] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)  # streams whose rows were read by another profile before

    def settle(self, frame: pl.DataFrame, zones: Mapping[str, str], *, by: Iterable[str]) -> dict[str, StreamProfile]:
        """A profile for every stream of `frame` (new rows: stream, source_id, body, and the columns `by` that order them)."""
        rows = frame.select("stream", "source_id", "body", *by)
        streams = rows.get_column("stream").unique(maintain_order=True).to_list()
        self._load([stream for stream in streams if stream not in self.known and stream not in self.samples])
        unsure = [stream for stream in streams if stream not in self.firm]
        if unsure:
            part = rows.filter(pl.col("stream").is_in(unsure)).sort("stream", *by, nulls_last=True)
            heads = part.group_by("stream", maintain_order=True).agg(
                pl.col("source_id").first(), pl.col("body").head(SAMPLE)
            )
            for stream, source, bodies in heads.iter_rows():
                self._settle(stream, bodies, zones.get(source, "UTC"))
        return {stream: self.known[stream] for stream in streams}

    def _settle(self, stream: str, bodies: list[str], zone: str) -> None:
        sample = self.samples.setdefault(stream, [])
        sample.extend(body or "" for body in bodies[: SAMPLE - len(sample)])
        profile = settle_profile(sample, assume_tz=zone, received_at=self.now)
        before = self.known.get(stream)
        if before is None or before.profile_id != profile.profile_id:
            self.known[stream] = self.changed[stream] = profile
            if before is not None:
                self.moved.add(stream)
        if len(sample) >= SAMPLE:
            self.firm.add(stream)
            self.samples[stream] = []

    def _load(self, streams: list[str]) -> None:
        """What the store knows of these streams; of those with few rows so far also their first lines."""
        if not streams:
            return
        with store.begin(self.ctx.engine) as conn:
            found = store.profiles.active(conn, self.service, streams)
            states = store.cursors.stream_states(conn, self.service, streams)
        self.known.update(found)
        few = []
        for stream in found:
            if stream in states and states[stream].rows >= SAMPLE:
                self.firm.add(stream)
                if _doubtful(states[stream]):
                    self._judge(stream)
            else:
                few.append(stream)
        if not few:
            return
        raw = self.ctx.lake.scan(
            "raw_logs", self.service, streams=few, columns=["stream", "event_time", "seq", "doc_id", "body"]
        ).collect()
        if raw.is_empty():
            return
        heads = ordered(raw).group_by("stream", maintain_order=True).agg(pl.col("body").head(SAMPLE))
        for stream, bodies in heads.iter_rows():
            self.samples[stream] = [body or "" for body in bodies]
            if len(bodies) >= SAMPLE:
                self.firm.add(stream)

    def _judge(self, stream: str) -> None:
        """Settles the profile of a stream that it reads badly of late anew, from its first rows and its latest."""
        with store.begin(self.ctx.engine) as conn:
            store.cursors.note_judgement(conn, self.service, stream)
        held = self.ctx.lake.scan("raw_logs", self.service, streams=[stream])
        keys = held.select("event_time", "seq", "doc_id").collect()
        if keys.is_empty():
            return
        places = ordered(keys.with_columns(pl.lit(stream).alias("stream"))).get_column("doc_id")
        wanted = pl.concat([places.head(SAMPLE // 2), places.tail(SAMPLE - SAMPLE // 2)]).unique()
        rows = ordered(held.filter(pl.col("doc_id").is_in(wanted.implode())).collect())
        before = self.known[stream]
        bodies = [body or "" for body in rows.get_column("body")]
        zone = str(before.spec.get("zone", "UTC"))
        profile = settle_profile(bodies, assume_tz=zone, received_at=self.now)
        if profile.profile_id == before.profile_id or _unread(rows, profile, self.now) >= _unread(
            rows, before, self.now
        ):
            return
        self.known[stream] = self.changed[stream] = profile
        if keys.height <= _MOST_MOVED:
            self.moved.add(stream)

    def store_changed(self, conn: Any) -> None:
        """Writes what was settled anew, inside the caller's transaction."""
        if self.changed:
            store.profiles.put(conn, self.service, self.changed, now=self.now)
            self.changed = {}


def read_and_failed(entries: pl.DataFrame) -> dict[str, tuple[int, int]]:
    """Per stream: how many entries, and how many of them a profile failed at.

    Failed are entries without a header that could be read, and each line past the hundredth of one entry: a format that the
    profile does not know is folded into the last entry that it knew.
    """
    surplus = (pl.col("lines") - LONGEST_ENTRY).clip(lower_bound=0)
    unparsed = (pl.col("flags") & int(RowFlag.UNPARSED)) != 0
    counted = entries.group_by("stream").agg(
        (pl.len() + surplus.sum()).cast(pl.Int64).alias("read"),
        (unparsed.sum() + surplus.sum()).cast(pl.Int64).alias("failed"),
    )
    return {stream: (read, failed) for stream, read, failed in counted.select("stream", "read", "failed").iter_rows()}


def _unread(rows: pl.DataFrame, profile: StreamProfile, now: datetime) -> int:
    """How much of the rows the profile fails at."""
    options = ParseOptions(now=now, shapes=False, exceptions=False)
    streams = dict.fromkeys(rows.get_column("stream").unique().to_list(), profile)
    parsed = parse_rows(rows.select([*RAW_LOGS]), streams, options)
    return sum(failed for _, failed in read_and_failed(parsed.entries).values())
