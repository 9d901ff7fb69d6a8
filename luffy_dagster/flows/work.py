"""One parse of a service under way: its settings and clock, what must be parsed again, and the sums of its result."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.parsing import ParseOptions
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.profiles import Profiles
from luffy_dagster.flows.results import DayCounts, ParseResult

RAW, ENTRIES, EXCEPTIONS = "raw_logs", "entries", "exceptions"


@dataclass
class Again:
    """Streams of one day to be parsed again: stream → from which time on (None: the whole day); None as a whole: every stream."""

    since: dict[str, datetime | None] | None = field(default_factory=dict)

    def add(self, stream: str, since: datetime | None) -> None:
        """From that time on, or from an earlier one when that was asked for already."""
        if self.since is None:
            return
        before = self.since.get(stream, since)
        self.since[stream] = None if since is None or before is None else min(since, before)


@dataclass
class Parsing:
    """One parse of a service under way: settings, clock, and the sums of its result."""

    ctx: FlowContext
    service: Any
    now: datetime
    close: bool
    options: ParseOptions
    profiles: Profiles
    rows: int = 0
    folded: int = 0
    unparsed: int = 0
    redacted: int = 0
    batch: int = 0
    new_shapes: int = 0
    new_templates: int = 0
    open_rows: int = 0
    replaced: set[str] = field(default_factory=set)
    days: dict[date, list[int]] = field(default_factory=dict)
    levels: Counter[str] = field(default_factory=Counter)

    @property
    def slug(self) -> str:
        """The service's id."""
        return str(self.service.id)

    @property
    def quiet(self) -> timedelta:
        """Silence after which a stream's last entries end."""
        return timedelta(seconds=self.ctx.settings.open_entry_seconds)

    def result(self) -> ParseResult:
        """The sums so far."""
        per_day = {day: DayCounts(*counts) for day, counts in sorted(self.days.items())}
        return ParseResult(
            service=self.slug,
            batch=self.batch,
            rows=self.rows,
            entries=sum(counts.entries for counts in per_day.values()),
            exceptions=sum(counts.exceptions for counts in per_day.values()),
            folded=self.folded,
            unparsed=sum(counts.unparsed for counts in per_day.values()),
            new_shapes=self.new_shapes,
            days=tuple(per_day),
            per_day=per_day,
            replaced_streams=len(self.replaced),
            open_rows=self.open_rows,
            levels=dict(self.levels),
            redacted=self.redacted,
            new_templates=self.new_templates,
        )


def profiles_of(work: Parsing, rows: pl.DataFrame) -> dict[str, Any]:
    """The profile of every stream; one that has none (its fetch was killed before it was stored) gets it now."""
    streams = rows.get_column("stream").unique().to_list()
    missing = [stream for stream in streams if stream not in work.profiles.known]
    if missing:
        with store.begin(work.ctx.engine) as conn:
            work.profiles.known.update(store.profiles.active(conn, work.slug, missing))
    bare = [stream for stream in missing if stream not in work.profiles.known]
    if bare:
        raw = work.ctx.lake.scan(RAW, work.slug, streams=bare).collect()
        work.profiles.settle(raw, work.options.assume_tz, by=("event_time", "seq", "doc_id"))
    return {stream: work.profiles.known[stream] for stream in streams}
