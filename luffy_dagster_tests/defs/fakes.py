"""A LuffyResource over values in memory: what the doors of Dagster are tried with where the flows are not the subject."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from luffy_dagster.core.anomalies.model import Anomaly
from luffy_dagster.core.anomalies.model import Kind as Kind_
from luffy_dagster.core.model import Severity
from luffy_dagster.core.scheduling import Due, Kind
from luffy_dagster.defs.resources import LuffyResource, resources
from luffy_dagster.defs.views import ClusterRow, DayView, MessageRow
from luffy_dagster.flows import DayAnomalies, DetectResult

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TODAY = NOW.date()


class World:
    """What the fake works on."""

    def __init__(self) -> None:
        self.services: list[str] = []
        self.due: list[str] = []
        self.failing: dict[str, str] = {}
        self.broken: dict[str, str] = {}
        self.quiet: set[str] = set()
        self.days: tuple[date, ...] = (TODAY,)
        self.calls: list[tuple[Any, ...]] = []
        self.maintenance_breaks: set[str] = set()
        self.alerting_breaks = False


WORLD = World()


def source_result(**changes: Any) -> SimpleNamespace:
    fields = {
        "source_id": "s1", "name": "orders", "ok": True, "rows": 120, "duplicates": 3, "window_start": NOW - timedelta(hours=1),
        "window_end": NOW, "error": None, "capped": False, "empty": False, "late": False, "bad": {}, "bytes": 1,
    }  # fmt: skip
    return SimpleNamespace(**(fields | changes))


def detected(service: str, days: tuple[date, ...]) -> DetectResult:
    found = Anomaly(
        service=service, environment="", started_at=NOW, fired_at=NOW, ended_at=None, kind=Kind_.ERRORS, score=2.5,
        severity=Severity.HIGH, description="40 errors in 10 min, about 0.5 expected <b>|",
    )  # fmt: skip
    score = tuple(2.5 if i == 360 else 0.987 for i in range(720))
    told = {day: DayAnomalies(day, score, (found,), "anomalies-2026-11/20261123T0000") for day in days}
    return DetectResult(service, days, told, new=len(days), open=len(days), seconds=0.1)


def service_result(service: str, days: tuple[date, ...], error: str | None = None, changed: bool = True) -> Any:
    ok = error is None
    fetch = SimpleNamespace(
        service=service, batch=1, rows=120 * len(days) if changed and ok else 0, duplicates=3, days=days,
        per_day={day: 120 for day in days} if changed and ok else {},
        sources=(source_result(ok=ok, error=error, empty=not changed, rows=120 if changed else 0),),
    )  # fmt: skip
    counts = {day: SimpleNamespace(entries=100, exceptions=4, unparsed=2, rows=120) for day in days}
    parse = SimpleNamespace(
        service=service, rows=120, entries=100, exceptions=4, folded=18, unparsed=2, parse_rate=0.98, new_shapes=5, days=days,
        per_day=counts, replaced_streams=(), open_rows=0, levels={"info": 90, "error": 10},
    )  # fmt: skip
    cluster = SimpleNamespace(service=service, new_fingerprints=1, new_clusters=1, clusters=2, days=days, top=())
    active = changed and ok
    return SimpleNamespace(
        service=service, ok=ok, started_at=NOW, seconds=0.1, fetch=fetch, parse=parse if active else None,
        cluster=cluster if active else None, detect=detected(service, days) if active else None, error=error, days=days if active else (), changed=active, skipped=False,
    )  # fmt: skip


class FakeLuffy(LuffyResource):
    """Answers from WORLD."""

    def now(self) -> datetime:
        return NOW

    def due(self, now: datetime) -> list[Due]:
        return [Due(service, Kind.LOG_FETCH, now, 1) for service in WORLD.due]

    def judge_silence(self, now: datetime) -> int:
        WORLD.calls.append(("judge_silence", now))
        return 0

    def tick(self, due: Any, on_result: Callable[[Any], None]) -> list[Any]:
        results = []
        for each in due:
            result = service_result(
                each.service, WORLD.days, WORLD.broken.get(each.service), changed=each.service not in WORLD.quiet
            )
            on_result(result)
            results.append(result)
        return results

    def alerting(self, budget_seconds: float = 20.0) -> Any:
        WORLD.calls.append(("alerting",))
        if WORLD.alerting_breaks:
            raise ValueError("the store is gone")
        judged = SimpleNamespace(skipped=False, firing=2, incidents=1, hidden=0, errors={})
        delivered = SimpleNamespace(sent=1, waiting=0, failed=0, given_up=0, errors={})
        return SimpleNamespace(judged=judged, delivered=delivered)

    def rebuild(self, service: str, day: date, refetch: bool | None) -> Any:
        WORLD.calls.append(("rebuild", service, day, refetch))
        return service_result(service, (day,), WORLD.broken.get(service))

    def cluster(self, service: str) -> Any:
        WORLD.calls.append(("cluster", service))
        return service_result(service, (TODAY,)).cluster

    def detect(self, service: str, day: date) -> DetectResult:
        WORLD.calls.append(("detect", service, day))
        return detected(service, (day,))

    def fit_week(self, service: str, monday: date) -> Any:
        WORLD.calls.append(("fit_week", service, monday))
        return []

    def maintain(self, service: str) -> Any:
        if service in WORLD.maintenance_breaks:
            raise ValueError("the lake is gone")
        return (SimpleNamespace(as_metadata=lambda: {"hours compared": 24}),)

    def view(self, service: str, day: date) -> DayView:
        hours = tuple({"info": 4, "error": hour % 3} for hour in range(24))
        messages = (MessageRow("order <num> of <id> | <b>", "info", 90, "order 7 of a|b <script>"),)
        clusters = (
            ClusterRow("c1", "KeyError: 'EUR'", "new", "high", "fees.py:fee_of", 4, "Traceback …\nKeyError: 'EUR'"),
        )
        return DayView(service, day, hours, messages, clusters, exceptions=4, cluster_count=1)

    def rows_held(self, service: str, day: date) -> int:
        return 120

    def settle_horizon(self) -> bool:
        return False

    def service_keys(self) -> list[str]:
        return WORLD.services

    def active_services(self) -> list[str]:
        return WORLD.services

    def failing(self) -> dict[str, str]:
        return WORLD.failing

    def record_outcome(self, service: str, reason: str | None) -> bool:
        before = WORLD.failing.pop(service, None)
        if reason is not None:
            WORLD.failing[service] = reason
        return before != reason


def fake_luffy() -> FakeLuffy:
    return FakeLuffy(**{name: part for name, part in resources().items() if name != "luffy"})
