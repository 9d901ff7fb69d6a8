"""What the flows return: counts a person wants to read, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any

from luffy_dagster.core.anomalies.model import Anomaly


def _plain(value: Any) -> Any:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Anomaly):
        return value.as_json()
    if hasattr(value, "as_metadata"):
        return value.as_metadata()
    return value


class Result:
    """Base of all results."""

    __slots__ = ()

    def as_metadata(self) -> dict[str, Any]:
        """The fields as plain JSON-serialisable values."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}  # type: ignore[arg-type]


@dataclass(frozen=True)
class SourceResult(Result):
    """What one source gave. `empty`: it held nothing new; `capped`: more is there than was taken; `late`: documents came late."""

    source_id: str
    name: str = ""
    ok: bool = True
    rows: int = 0
    duplicates: int = 0
    window_start: datetime | None = None
    window_end: datetime | None = None
    error: str | None = None
    capped: bool = False
    empty: bool = True
    late: bool = False
    bad: Mapping[str, int] = field(default_factory=dict)
    bytes: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FetchResult(Result):
    """What all sources of a service gave; `batch` is the number of the last commit (0: nothing was written)."""

    service: str
    batch: int = 0
    rows: int = 0
    duplicates: int = 0
    days: tuple[date, ...] = ()
    per_day: Mapping[date, int] = field(default_factory=dict)
    sources: tuple[SourceResult, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every enabled source was read."""
        return all(source.ok for source in self.sources)

    @property
    def error(self) -> str | None:
        """The failures of the sources in one line, or None."""
        failed = [f"{source.name or source.source_id}: {source.error}" for source in self.sources if not source.ok]
        return "; ".join(failed) or None


@dataclass(frozen=True)
class DayCounts(Result):
    """What one parse wrote for one day."""

    rows: int = 0
    entries: int = 0
    exceptions: int = 0
    unparsed: int = 0


@dataclass(frozen=True)
class ParseResult(Result):
    """What was parsed. rows = raw rows read; entries, exceptions = rows written; open_rows = kept back, may go on."""

    service: str
    batch: int = 0
    rows: int = 0
    entries: int = 0
    exceptions: int = 0
    folded: int = 0
    unparsed: int = 0
    new_shapes: int = 0
    days: tuple[date, ...] = ()
    per_day: Mapping[date, DayCounts] = field(default_factory=dict)
    replaced_streams: int = 0
    open_rows: int = 0
    levels: Mapping[str, int] = field(default_factory=dict)
    redacted: int = 0
    new_templates: int = 0

    @property
    def parse_rate(self) -> float:
        """Share of the entries whose header was read (1 when there are none)."""
        return 1.0 - self.unparsed / self.entries if self.entries else 1.0

    def as_metadata(self) -> dict[str, Any]:
        """The fields and the parse rate."""
        return {**super().as_metadata(), "parse_rate": self.parse_rate}


@dataclass(frozen=True)
class ClusterResult(Result):
    """The mapping of fingerprints to clusters; `top` = (cluster id, title, occurrences in 24 h)."""

    service: str
    new_fingerprints: int = 0
    new_clusters: int = 0
    clusters: int = 0
    days: tuple[date, ...] = ()
    top: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True)
class DayAnomalies(Result):
    """One day judged: the score of each two-minute window (1 is the threshold), what was found, or why nothing was judged."""

    day: date
    score: tuple[float, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    model: str = ""
    missing: str = ""

    @property
    def open(self) -> int:
        """Anomalies that are not over."""
        return sum(each.ended_at is None for each in self.anomalies)


@dataclass(frozen=True)
class DetectResult(Result):
    """Windows made and days judged; `new` anomalies. `error`: detection failed, which stops nothing else."""

    service: str
    days: tuple[date, ...] = ()
    per_day: Mapping[date, DayAnomalies] = field(default_factory=dict)
    new: int = 0
    open: int = 0
    seconds: float = 0.0
    error: str | None = None


@dataclass(frozen=True)
class ServiceResult(Result):
    """One service's fetch, parse, clusters and anomalies together. `changed`: rows were written."""

    service: str
    ok: bool
    started_at: datetime
    seconds: float = 0.0
    fetch: FetchResult | None = None
    parse: ParseResult | None = None
    cluster: ClusterResult | None = None
    detect: DetectResult | None = None
    error: str | None = None
    days: tuple[date, ...] = ()
    changed: bool = False
    skipped: bool = False  # another run held the service's lock and the caller did not want to wait


@dataclass(frozen=True)
class ReconcileResult(Result):
    """Comparison of hourly counts with the sources: hours that differed, rows fetched again, hours that still differ."""

    service: str
    hours: int = 0
    differing: tuple[tuple[str, datetime, int, int], ...] = ()  # source, hour, there, here
    rows: int = 0
    unresolved: tuple[tuple[str, datetime, int, int], ...] = ()
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class RetentionResult(Result):
    """Rows removed per table, and files deleted."""

    service: str
    removed: Mapping[str, int] = field(default_factory=dict)
    files: int = 0
    raw_from: date | None = None
    entries_from: date | None = None


@dataclass(frozen=True)
class CompactionResult(Result):
    """Files joined per table and files deleted."""

    service: str
    joined: Mapping[str, int] = field(default_factory=dict)
    files: int = 0
