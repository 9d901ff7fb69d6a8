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
from luffy_dagster.core.parsing import settle_profile
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.rows import ordered

SAMPLE = 500  # rows of a stream that decide its profile


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

    def store_changed(self, conn: Any) -> None:
        """Writes what was settled anew, inside the caller's transaction."""
        if self.changed:
            store.profiles.put(conn, self.service, self.changed, now=self.now)
            self.changed = {}
