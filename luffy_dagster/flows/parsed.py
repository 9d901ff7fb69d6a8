"""Writing what a parse made: entries and exceptions to the lake first, then everything else in one transaction.

A parse that was killed in between is taken back by the next: its raw rows are still behind the cursor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.parsing import ParsedRows
from luffy_dagster.core.schemas import RowFlag
from luffy_dagster.flows.again import Redone
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.counts import recount
from luffy_dagster.flows.facts import past_the_cap, store_facts, tell_of_cap
from luffy_dagster.flows.profiles import read_and_failed, recent
from luffy_dagster.flows.releases import learn
from luffy_dagster.flows.tails import Tail
from luffy_dagster.flows.work import ENTRIES, EXCEPTIONS, Parsing
from luffy_dagster.lake import Span
from luffy_dagster.store.cursors import StreamState

_KEPT_OPEN = int(RowFlag.KEPT_OPEN)


def write(
    work: Parsing,
    parsed: ParsedRows,
    fresh: pl.DataFrame,
    redone: Sequence[Redone],
    tails: dict[str, Tail],
    states: Mapping[str, StreamState],
    new: pl.DataFrame,
    cursor: int | None,
) -> None:
    """Entries and exceptions to the lake, then everything else in one transaction."""
    ctx, slug, now = work.ctx, work.slug, work.now
    batch = _next_batch(ctx, slug)
    shapes = pl.concat([parsed.shapes, *(piece.parsed.shapes for piece in redone)])
    cap = ctx.settings.shapes_per_day
    with store.begin(ctx.engine) as conn:
        passed = past_the_cap(conn, slug, shapes, cap)
    hours: set[datetime] = set()
    replaced: set[str] = set()  # fingerprints that were there and may be no more
    written_entries, written_exceptions = [], []
    for piece in redone:
        entries, exceptions = _numbered(piece.parsed, passed.bucketed(piece.entries), batch)
        hours |= _hours_of_spans(ctx, slug, piece.spans) | _hours(entries)
        replaced |= _fingerprints_of_spans(ctx, slug, piece.spans)
        if piece.spans:
            ctx.lake.replace(ENTRIES, slug, entries, spans=piece.spans, batch=batch)
            ctx.lake.replace(EXCEPTIONS, slug, exceptions, spans=piece.spans, batch=batch)
        else:
            ctx.lake.append(ENTRIES, slug, entries, batch=batch)
            ctx.lake.append(EXCEPTIONS, slug, exceptions, batch=batch)
        written_entries.append(entries)
        written_exceptions.append(exceptions)
        work.replaced |= {span.stream or "*" for span in piece.spans}
        for stream, tail in piece.tails.items():
            if stream not in tails or piece.day >= tails[stream].last[0].date():
                tails[stream] = tail
    entries, exceptions = _numbered(parsed, passed.bucketed(fresh), batch)
    hours |= _hours(entries)
    ctx.lake.append(ENTRIES, slug, entries, batch=batch)
    ctx.lake.append(EXCEPTIONS, slug, exceptions, batch=batch)
    written_entries.append(entries)
    written_exceptions.append(exceptions)
    all_entries, all_exceptions = pl.concat(written_entries), pl.concat(written_exceptions)
    seen = dict(new.group_by("stream").len().iter_rows())
    read = read_and_failed(all_entries)
    days = _tally(work, parsed, redone, all_entries, all_exceptions, new)
    with store.begin(ctx.engine) as conn:
        if hours:
            recount(ctx, conn, slug, hours, batch=batch, entries=all_entries, exceptions=all_exceptions)
        learn(conn, slug, all_entries)
        work.new_shapes += store_facts(conn, work.service, passed.kept(shapes), all_exceptions, now=now)
        tell_of_cap(conn, slug, passed, all_entries, cap, now)
        replaced -= set(all_exceptions.get_column("fingerprint").to_list())
        if replaced:
            store.fingerprints.withdraw(conn, slug, sorted(replaced))
        store.cursors.put_stream_states(conn, slug, _states(tails, states, seen, read), now)
        work.profiles.store_changed(conn)
        if all_entries.height or redone:
            stats = {"entries": all_entries.height, "exceptions": all_exceptions.height}
            store.cursors.commit_batch(conn, slug, "parse", batch, now=now, rows=new.height, stats=stats, days=days)
            work.batch = batch
        if cursor is not None:
            store.cursors.set_parse_cursor(conn, slug, cursor, now)
    work.open_rows = sum(len(tail.rows) for tail in tails.values() if tail.held)


def _numbered(parsed: ParsedRows, entries: pl.DataFrame, batch: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Entries to be written and the exceptions in them, with their batch; none of them is open any more."""
    number = pl.lit(batch).alias("batch")
    kept = entries.with_columns((pl.col("flags") & ~_KEPT_OPEN).cast(pl.Int32), number)
    exceptions = parsed.exceptions
    if kept.height < parsed.entries.height:
        exceptions = exceptions.join(kept.select("entry_id"), on="entry_id", how="semi")
    return kept, exceptions.with_columns(number)


def _states(
    tails: Mapping[str, Tail],
    states: Mapping[str, StreamState],
    seen: Mapping[str, int],
    read: Mapping[str, tuple[int, int]],
) -> list[StreamState]:
    result = []
    for stream, tail in tails.items():
        before = states.get(stream)
        at, seq, doc = tail.last
        fresh = before is None or before.last_event_time is None
        entries, failed = read.get(stream, (0, 0))
        counts = recent(None if fresh else before, entries, failed)
        result.append(
            StreamState(
                stream=stream,
                source_id=before.source_id if before else stream.partition("/")[0],
                last_event_time=at,
                last_seq=seq,
                last_doc_id=doc,
                open_entry_id=tail.entry_ids[0] if tail.entry_ids else None,
                open_event_time=tail.first_time,
                open_day=tail.first_time.date(),
                open_rows=tail.rows,
                tail_written=not tail.held,
                rows=(0 if fresh or before is None else before.rows) + seen.get(stream, 0),
                failed=(0 if fresh or before is None else before.failed) + failed,
                recent_entries=counts[0],
                recent_failed=counts[1],
                judged=counts[2],
            )
        )
    return result


def _hours(entries: pl.DataFrame) -> set[datetime]:
    return set(entries.get_column("event_time").dt.truncate("1h").unique().to_list())


def _hours_of_spans(ctx: FlowContext, service: str, spans: Sequence[Span]) -> set[datetime]:
    """Hours of the entries that are about to be replaced."""
    if not spans:
        return set()
    streams = [span.stream for span in spans if span.stream is not None]
    whole = any(span.stream is None for span in spans)
    frame = ctx.lake.scan(
        ENTRIES,
        service,
        days=[*{span.day for span in spans}],
        streams=None if whole else streams,
        columns=["event_time"],
    ).select(pl.col("event_time").dt.truncate("1h").unique())
    return set(frame.collect().get_column("event_time").to_list())


def _fingerprints_of_spans(ctx: FlowContext, service: str, spans: Sequence[Span]) -> set[str]:
    """Fingerprints of the exceptions that are about to be replaced."""
    if not spans:
        return set()
    streams = None if any(span.stream is None for span in spans) else [str(span.stream) for span in spans]
    days = [*{span.day for span in spans}]
    frame = ctx.lake.scan(EXCEPTIONS, service, days=days, streams=streams, columns=["fingerprint"]).unique().collect()
    return set(frame.get_column("fingerprint").to_list())


def _tally(
    work: Parsing,
    parsed: ParsedRows,
    redone: Sequence[Redone],
    entries: pl.DataFrame,
    exceptions: pl.DataFrame,
    new: pl.DataFrame,
) -> list[date]:
    unparsed = entries.filter((pl.col("flags") & int(RowFlag.UNPARSED)) != 0)
    for position, frame in enumerate((new, entries, exceptions, unparsed)):
        for day, count in frame.group_by("day").len().iter_rows():
            work.days.setdefault(day, [0, 0, 0, 0])[position] += count
    for level, count in entries.group_by("level").len().iter_rows():
        work.levels[level or "none"] += count
    work.rows += new.height
    work.folded += int((entries.get_column("lines") - 1).sum() or 0)
    work.redacted += parsed.stats.redacted + sum(piece.parsed.stats.redacted for piece in redone)
    return sorted(set(entries.get_column("day").unique().to_list()) | {piece.day for piece in redone})


def _next_batch(ctx: FlowContext, service: str) -> int:
    with store.begin(ctx.engine) as conn:
        last = store.cursors.last_batch(conn, service, "parse")
    return max([last, *(commit.batch for commit in commits(ctx, service))]) + 1


def commits(ctx: FlowContext, service: str) -> list[Any]:
    """The last commits of a parse to entries and exceptions."""
    found = (ctx.lake.last_batch(kind, service) for kind in (ENTRIES, EXCEPTIONS))
    return [commit for commit in found if commit is not None]


def take_back(ctx: FlowContext, service: str, now: datetime) -> int:
    """Removes the rows of a parse that was killed between lake and store: its raw rows are still behind the cursor.

    Returns the number of rows removed.
    """
    with store.begin(ctx.engine) as conn:
        last = store.cursors.last_batch(conn, service, "parse")
    newest = max((commit.batch for commit in commits(ctx, service)), default=0)
    if newest <= last:
        return 0
    removed = sum(ctx.lake.delete_batches(kind, service, last) for kind in (ENTRIES, EXCEPTIONS))
    with store.begin(ctx.engine) as conn:
        store.cursors.commit_batch(
            conn,
            service,
            "parse",
            newest,
            now=now,
            rows=0,
            stats={"taken back": removed, "why": "killed before its end"},
        )
    return removed
