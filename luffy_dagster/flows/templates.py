"""Templates: the mapping from a service's distinct shapes to templates, made anew when there are new shapes."""

from __future__ import annotations

from datetime import datetime

from luffy_dagster import store
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.mapping import MOST_SHAPES, templates_in_force


def map_templates(ctx: FlowContext, service: str, *, now: datetime) -> int:
    """Mines templates over all shapes of the service and stores the mapping; returns how many shapes moved or are new."""
    with store.begin(ctx.engine) as conn:
        shapes = store.shapes.list_shapes(conn, service, limit=MOST_SHAPES)
        if shapes.is_empty():
            return 0
        recipe, mapping = templates_in_force(conn, service, shapes)
    with store.begin(ctx.engine) as conn:
        change = store.shapes.put_templates(conn, service, mapping, algorithm=recipe, now=now)
    return change.moved + change.new
