"""The documents' time field as the indices map it: a date, or a number of seconds, milli-, micro- or nanoseconds. No requests here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class TimeField:
    """A time field; `per_second` is null for dates, else how many of its units make a second."""

    name: str
    per_second: int | None = None

    def bounds(self, start: datetime | None, end: datetime | None) -> dict[str, Any]:
        """A range query for [start, end), to the millisecond."""
        if self.per_second is None:
            limits: dict[str, Any] = {"format": "strict_date_optional_time"}
            limits |= {} if start is None else {"gte": iso(start)}
            limits |= {} if end is None else {"lt": iso(end)}
        else:
            limits = {} if start is None else {"gte": self._number(start)}
            limits |= {} if end is None else {"lt": self._number(end)}
        return {"range": {self.name: limits}}

    def _number(self, at: datetime) -> int:
        assert self.per_second is not None
        milliseconds = int(floor_ms(at).timestamp() * 1000 + 0.5)
        return -(-milliseconds * self.per_second // 1000)  # the first unit that is not before it

    def by_hour(self) -> dict[str, Any]:
        """An aggregation of documents per hour."""
        if self.per_second is None:
            return {"date_histogram": {"field": self.name, "fixed_interval": "1h", "min_doc_count": 1}}
        return {"histogram": {"field": self.name, "interval": 3600 * self.per_second, "min_doc_count": 1}}

    def hour_of(self, key: float) -> datetime:
        """The hour of a bucket of `by_hour`."""
        return datetime.fromtimestamp(key / (self.per_second or 1000), UTC)


def unit_of(largest: float) -> int:
    """Units per second of epoch numbers of which this is the largest: by magnitude, as times lie after 1973."""
    size = abs(largest)
    return 1 if size < 1e11 else 10**3 if size < 1e14 else 10**6 if size < 1e17 else 10**9


def floor_ms(at: datetime) -> datetime:
    """The start of its millisecond, UTC."""
    return at.astimezone(UTC).replace(microsecond=at.microsecond // 1000 * 1000)


def iso(at: datetime) -> str:
    """ISO 8601 to the millisecond, UTC."""
    return floor_ms(at).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
