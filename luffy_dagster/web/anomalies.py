"""`/anomalies`: what is abnormal, with filters, and one anomaly with its lines. Reads only."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from luffy_dagster import store
from luffy_dagster.core.anomalies.explain import window_link
from luffy_dagster.core.anomalies.model import Kind
from luffy_dagster.core.model import Severity
from luffy_dagster.flows import entries_of
from luffy_dagster.store.anomalies import AnomalyRow, Asked
from luffy_dagster.web.asking import Flow, TimeRange

router = APIRouter(tags=["anomalies"])


@router.get("/anomalies")
def list_anomalies(
    flow: Flow,
    within: TimeRange,
    service: str | None = None,
    environment: str | None = None,
    kind: Annotated[list[Kind] | None, Query()] = None,
    severity: Annotated[Severity | None, Query(description="This one and above.")] = None,
    open: Annotated[bool, Query(description="Only those that are not over.")] = False,  # noqa: A002 - its name in the address
    order: Annotated[str, Query(pattern="^(score|time)$")] = "score",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> dict[str, Any]:
    """Anomalies whose time touches [from, to), the strongest first (`order=time`: the newest), and how many there are in all."""
    asked: Asked = {
        "start": within[0],
        "end": within[1],
        "environment": environment,
        "kinds": kind,
        "least": severity,
        "open_only": open,
    }
    with store.begin(flow.engine) as conn:
        if service is not None:
            store.services.get(conn, service)
        total = sum(one.total for one in store.anomalies.summary(conn, service, **asked))
        by = "score" if order == "score" else "fired_at"
        rows = store.anomalies.list_anomalies(conn, service, **asked, order=by, limit=limit, offset=offset)
    return {
        "from": within[0],
        "to": within[1],
        "total": total,
        "limit": limit,
        "offset": offset,
        "items": [_plain(row) for row in rows],
    }


@router.get("/anomalies/{anomaly_id}")
def show(flow: Flow, anomaly_id: str, service: str | None = None) -> dict[str, Any]:
    """One anomaly, by its id or an unambiguous beginning of it, with the lines that show it."""
    with store.begin(flow.engine) as conn:
        row = store.anomalies.get(conn, anomaly_id, service)
    return {**_plain(row), "lines": entries_of(flow, row.anomaly.service, row.anomaly.entry_ids)}


def _plain(row: AnomalyRow) -> dict[str, Any]:
    """An anomaly as it is answered: window, score, features, description, and what else is known of it."""
    values = row.anomaly.as_json()
    return {
        "id": row.id,
        "window": {"start": values.pop("started_at"), "end": values.pop("ended_at")},
        **values,
        "verdict": row.verdict,
        "setting_version": row.setting_version,
        "log": window_link(row.anomaly),
    }
