"""What several routes ask alike: the installation behind them, and a range of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, HTTPException, Query, Request

from luffy_dagster.flows import FlowContext

DAY = timedelta(hours=24)
Range = tuple[datetime, datetime]


def flow_of(request: Request) -> FlowContext:
    """The installation that the application was made for."""
    found = request.app.state.flow
    assert isinstance(found, FlowContext)
    return found


Flow = Annotated[FlowContext, Depends(flow_of)]


def range_of(
    flow: Flow,
    from_: Annotated[datetime | None, Query(alias="from", description="ISO 8601; without a zone: UTC.")] = None,
    to: Annotated[datetime | None, Query(description="The end, not included.")] = None,
) -> Range:
    """[from, to) in UTC; the last 24 hours when nothing is said. 422 when it is empty."""
    end = _utc(to) if to else flow.now()
    start = _utc(from_) if from_ else end - DAY
    if start >= end:
        raise HTTPException(422, f"the range is empty: {start.isoformat()} is not before {end.isoformat()}")
    return start, end


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


TimeRange = Annotated[Range, Depends(range_of)]
