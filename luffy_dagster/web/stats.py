"""`/stats/summary`: how many entries, of which levels and services, and how many anomalies, in a range of time. Reads only."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query

from luffy_dagster import store
from luffy_dagster.store.anomalies import Whole
from luffy_dagster.web.asking import Flow, TimeRange

router = APIRouter(tags=["stats"])
_HOUR = timedelta(hours=1)
_ERRORS = ("error", "fatal")


@router.get("/stats/summary")
def summary(
    flow: Flow,
    within: TimeRange,
    service: str | None = None,
    environment: str | None = None,
    top: Annotated[int, Query(ge=1, le=1_000, description="Services listed, those with most entries.")] = 10,
) -> dict[str, Any]:
    """Totals, by level, top services, anomalies. Entries are counted by the hour: the range is widened to whole hours, and says so."""
    start = within[0].replace(minute=0, second=0, microsecond=0)
    end = within[1].replace(minute=0, second=0, microsecond=0)
    end += _HOUR if end < within[1] else timedelta(0)
    with store.begin(flow.engine) as conn:
        if service is not None:
            store.services.get(conn, service)
        counts = store.counts.by_level(conn, service, start=start, end=end, environment=environment)
        found = store.anomalies.summary(conn, service, start=start, end=end, environment=environment)
    levels: Counter[str] = Counter()
    entries: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    for name, level, number in counts.select("service_id", "level", "count").iter_rows():
        levels[level or "none"] += number
        entries[name] += number
        errors[name] += number if level in _ERRORS else 0
    whole = Whole.of(found)
    of_service = {one.service_id: one.total for one in found}
    ranked = sorted({*entries, *of_service}, key=lambda name: (-entries[name], name))
    return {
        "from": start,
        "to": end,
        "total": entries.total(),
        "by_level": dict(levels.most_common()),
        "services": len(ranked),
        "top_services": [
            {
                "service": name,
                "total": entries[name],
                "errors": errors[name],
                "anomalies": of_service.get(name, 0),
            }
            for name in ranked[:top]
        ],
        "anomalies": {
            "total": whole.total,
            "open": whole.open,
            "by_severity": whole.severities,
            "by_kind": whole.kinds,
        },
    }
