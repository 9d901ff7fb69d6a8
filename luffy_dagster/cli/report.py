"""What was found in services' logs, on one screen: after `luffy demo` and `luffy watch`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from luffy_dagster.cli import context, ui
from luffy_dagster.core.showing import short_frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from luffy_dagster.flows import FlowContext
    from luffy_dagster.store.clusters import ClusterRow

CLUSTERS_SHOWN = 12
TEMPLATES_SHOWN = 3  # of each service
_VALUES = 60  # characters of the values of an example


@dataclass(frozen=True, slots=True)
class ServiceFound:
    """What the lake and the store hold of one service."""

    service: str
    lines: int
    entries: int
    exceptions: int
    templates: int
    clusters: int
    errors_24h: int


@dataclass(frozen=True, slots=True)
class TemplateFound:
    """A frequent message of a service, and the values that one of its lines has in its holes."""

    service: str
    template: str
    count: int
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in all services asked for; clusters by their count of 24 hours."""

    services: list[ServiceFound]
    templates: list[TemplateFound]
    clusters: list[ClusterRow]
    subpaths: dict[str, str]


def find(flow: FlowContext, services: Sequence[str]) -> Found:
    """Count what is there."""
    from luffy_dagster import store
    from luffy_dagster.cli.clusters import template_rows

    now = context.now()
    found, messages, clusters = [], [], []
    subpaths = {}
    with store.begin(flow.engine) as conn:
        for name in services:
            subpaths[name] = store.services.get(conn, name).git_subpath or ""
            rows = {kind: _rows(flow, kind, name) for kind in ("raw_logs", "entries", "exceptions")}
            levels = store.counts.by_level(conn, name, start=now - timedelta(hours=24), end=now)
            errors = levels.filter(levels["level"].is_in(["error", "fatal"]))["count"].sum()
            mine = store.clusters.list_clusters(conn, name, state=None, now=now, limit=1000)
            templates = template_rows(conn, name, now - timedelta(days=365), now)
            found.append(
                ServiceFound(
                    name, rows["raw_logs"], rows["entries"], rows["exceptions"], len(templates), len(mine), int(errors)
                )
            )
            messages += _frequent(name, templates[:TEMPLATES_SHOWN])
            clusters += mine
    clusters.sort(key=lambda one: (-one.count_24h, -one.count_total, one.service_id, one.cluster_id))
    return Found(found, messages, clusters, subpaths)


def _frequent(service: str, rows: Sequence[Mapping[str, Any]]) -> list[TemplateFound]:
    import polars as pl

    from luffy_dagster.core.parsing.shapes import shape_messages

    examples = pl.Series("message", [row["example"] for row in rows], dtype=pl.Utf8)
    values = shape_messages(examples).get_column("variables").to_list()
    return [
        TemplateFound(service, row["template"], int(row["count"]), tuple(own or ()))
        for row, own in zip(rows, values, strict=True)
    ]


def _rows(flow: FlowContext, kind: str, service: str) -> int:
    days = flow.lake.days(kind, service)
    return 0 if days.is_empty() else int(days["rows"].sum())


def show_report(flow: FlowContext, services: Sequence[str], *, formats: dict[str, str] | None = None) -> Found:
    """Print what was found, and return it."""
    found = find(flow, services)
    numbers = ("lines", "entries", "templates", "errors", "clusters")
    shown = ui.table(
        "service", *(("format",) if formats else ()), *numbers, title="Services (errors: of 24 hours)", right=numbers
    )
    for one in found.services:
        cells: list[Any] = [f"[bold]{one.service}[/]"]
        if formats:
            cells.append(formats.get(one.service, ""))
        cells += [ui.number(count) for count in (one.lines, one.entries, one.templates, one.errors_24h, one.clusters)]
        shown.add_row(*cells)
    ui.out.print(shown)
    show_templates(found.templates)
    if found.clusters:
        show_exceptions(found.clusters[:CLUSTERS_SHOWN], found.subpaths)
        rest = len(found.clusters) - CLUSTERS_SHOWN
        if rest > 0:
            ui.note(f"and {rest} more: [bold]luffy clusters --state all[/]")
    else:
        ui.out.print("No exceptions were found in these logs.")
    return found


def show_templates(templates: Sequence[TemplateFound]) -> None:
    """The most frequent messages of each service, with the values of one line."""
    from rich.text import Text

    if not templates:
        return
    wide = ("template", "what varies, for example")
    shown = ui.table("count", "service", *wide, title="Messages by template", right=("count",), wide=wide)
    for one in templates:
        values = " · ".join(one.values)
        values = values if len(values) <= _VALUES else f"{values[: _VALUES - 1]}…"
        shown.add_row(ui.number(one.count), one.service, Text(one.template), Text(values, style="cyan"))
    ui.out.print(shown)


def show_exceptions(clusters: Sequence[ClusterRow], subpaths: Mapping[str, str]) -> None:
    """The clusters: how often, where, since when, what. `subpaths` are the services' folders in their repositories."""
    from rich.text import Text

    now = context.now()
    wide = "what failed, and the failing frame"
    shown = ui.table(
        "24 h",
        "service",
        wide,
        "first seen",
        "cluster",
        title="Exceptions, grouped by cause",
        right=("24 h",),
        wide=(wide,),
    )
    for one in clusters:
        what = Text(one.title or one.type or "–", style="bold")
        if one.culprit:
            what.append(f"\n{short_frame(one.culprit, subpaths.get(one.service_id))}", style="cyan")
        shown.add_row(
            f"[bold red]{ui.number(one.count_24h)}[/]",
            one.service_id,
            what,
            ui.ago(one.first_seen, now),
            one.cluster_id,
        )
    ui.out.print(shown)
