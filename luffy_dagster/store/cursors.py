"""How far the work has come: numbers of batches, the parse cursor, and where each stream of lines stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from luffy_dagster.store.schema import batch, stream_state
from luffy_dagster.store.schema import parse_cursor as _cursor


@dataclass(frozen=True, slots=True)
class StreamState:
    """Where parsing stands in one stream: its last row, and the rows of its last entries while these may go on."""

    stream: str
    source_id: str
    last_event_time: datetime | None = None
    last_seq: int | None = None
    last_doc_id: str | None = None
    open_entry_id: str | None = None
    open_event_time: datetime | None = None
    open_seq: int | None = None
    open_day: date | None = None
    open_received_at: datetime | None = None
    raw_batch: int = 0
    rows: int = 0
    failed: int = 0
    recent_entries: int = 0  # since the profile was last judged by how it reads
    recent_failed: int = 0
    judged: int = 0  # how often a judgement has changed nothing
    open_rows: tuple[str, ...] = ()  # doc_ids to be given to the parser again before the new rows
    tail_written: bool = False  # these entries were written already (closed by silence)


def last_batch(conn: Connection, service: str, kind: str) -> int:
    """Number of the last committed batch of that kind (0 for none); the next is one more, under the service's lock only."""
    query = select(func.max(batch.c.batch)).where(batch.c.service_id == service, batch.c.kind == kind)
    return conn.execute(query).scalar() or 0


def commit_batch(
    conn: Connection,
    service: str,
    kind: str,
    number: int,
    *,
    now: datetime,
    rows: int = 0,
    stats: Mapping[str, Any] | None = None,
    days: Sequence[date] = (),
) -> bool:
    """Marks a batch as committed; False when it was already."""
    values = {
        "service_id": service,
        "kind": kind,
        "batch": number,
        "rows": rows,
        "days": list(days),
        "stats": dict(stats or {}),
        "committed_at": now,
    }
    statement = insert(batch).values(values).on_conflict_do_nothing().returning(batch.c.batch)
    return conn.execute(statement).first() is not None


def parse_cursor(conn: Connection, service: str) -> int:
    """Highest number of a raw batch that was parsed (0 for none)."""
    return conn.execute(select(_cursor.c.raw_batch).where(_cursor.c.service_id == service)).scalar() or 0


def set_parse_cursor(conn: Connection, service: str, raw_batch: int, now: datetime) -> None:
    """Moves the parse cursor; it never goes back."""
    statement = insert(_cursor).values(service_id=service, raw_batch=raw_batch, updated_at=now)
    highest = func.greatest(_cursor.c.raw_batch, statement.excluded.raw_batch)
    conn.execute(
        statement.on_conflict_do_update(index_elements=["service_id"], set_={"raw_batch": highest, "updated_at": now})
    )


def _state(row: Any) -> StreamState:
    values = {f: row[f] for f in StreamState.__slots__}
    return StreamState(**{**values, "open_rows": tuple(row["open_rows"])})


def stream_states(conn: Connection, service: str, streams: Sequence[str] | None = None) -> dict[str, StreamState]:
    """States by stream; all of the service, or the named ones that have one."""
    query = select(stream_state).where(stream_state.c.service_id == service)
    if streams is not None:
        query = query.where(stream_state.c.stream.in_(list(streams)))
    return {row["stream"]: _state(row) for row in conn.execute(query).mappings()}


def put_stream_states(conn: Connection, service: str, states: Iterable[StreamState], now: datetime) -> None:
    """Writes whole states."""
    rows = [{"service_id": service, **asdict(s), "open_rows": list(s.open_rows), "updated_at": now} for s in states]
    if not rows:
        return
    statement = insert(stream_state)
    columns = {
        c.name: statement.excluded[c.name] for c in stream_state.columns if c.name not in ("service_id", "stream")
    }
    conn.execute(statement.on_conflict_do_update(index_elements=["service_id", "stream"], set_=columns), rows)


def note_judgement(conn: Connection, service: str, stream: str) -> None:
    """The stream's profile was judged: its failures are counted from here on, and the next judgement takes twice as many."""
    s = stream_state.c
    statement = update(stream_state).where(s.service_id == service, s.stream == stream)
    conn.execute(statement.values(recent_entries=0, recent_failed=0, judged=s.judged + 1))


def open_streams(conn: Connection, service: str) -> list[StreamState]:
    """Streams whose last entries are kept back and were not written yet."""
    query = select(stream_state).where(
        stream_state.c.service_id == service, stream_state.c.open_rows != [], ~stream_state.c.tail_written
    )
    return [_state(row) for row in conn.execute(query.order_by(stream_state.c.stream)).mappings()]


def delete_stream_states(conn: Connection, service: str, streams: Sequence[str]) -> None:
    """Forgets streams (their rows are gone)."""
    conn.execute(
        stream_state.delete().where(stream_state.c.service_id == service, stream_state.c.stream.in_(list(streams)))
    )
