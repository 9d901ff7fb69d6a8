"""Templates: the mapping from a service's distinct shapes to templates, made anew when there are new shapes."""

from __future__ import annotations

from datetime import datetime

from luffy_dagster import store
from luffy_dagster.flows.context import FlowContext

_MOST = 50_000  # shapes mined together, the most frequent ones: bounds the cost whatever a service logs


def map_templates(ctx: FlowContext, service: str, *, now: datetime) -> int:
    """Mines templates over all shapes of the service and stores the mapping; returns how many shapes moved or are new."""
    from luffy_dagster.core.parsing.templates import TEMPLATE_ALGORITHM, mine_templates

    with store.begin(ctx.engine) as conn:
        shapes = store.shapes.list_shapes(conn, service, limit=_MOST)
    if shapes.is_empty():
        return 0
    mapping = mine_templates(shapes)
    with store.begin(ctx.engine) as conn:
        change = store.shapes.put_templates(conn, service, mapping, algorithm=TEMPLATE_ALGORITHM, now=now)
    return change.moved + change.new
