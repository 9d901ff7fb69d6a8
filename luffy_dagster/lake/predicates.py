"""Which rows of a table a replacement removes, and the SQL text of it that Delta's engine understands.

Text only: nothing here reads or writes a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime


@dataclass(frozen=True, slots=True)
class Span:
    """Rows of one UTC day: all of them, those of one stream, or those of one stream from an event time on (inclusive)."""

    day: date
    stream: str | None = None
    since: datetime | None = None


def text_literal(value: str) -> str:
    """`value` as an SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def time_literal(value: datetime) -> str:
    """An aware time as an SQL literal with microseconds, UTC."""
    return text_literal(value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))


def of_span(span: Span) -> str:
    """The predicate of one span."""
    parts = [f"day = '{span.day.isoformat()}'"]
    if span.stream is not None:
        parts.append(f"stream = {text_literal(span.stream)}")
    if span.since is not None:
        parts.append(f"event_time >= {time_literal(span.since)}")
    return " AND ".join(parts)


def of_spans(spans: Sequence[Span]) -> str:
    """The predicate of all spans together (raises ValueError when there are none: that would mean every row)."""
    if not spans:
        message = "no span given: a replacement must say which rows it replaces"
        raise ValueError(message)
    return " OR ".join(f"({of_span(span)})" for span in spans)
