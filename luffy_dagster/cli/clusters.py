"""`luffy clusters`, `luffy clusters show ID`, `luffy templates`: what the entries fold into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from luffy_dagster.cli import context, ui
from luffy_dagster.core.showing import short_frame

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from luffy_dagster.store.clusters import ClusterRow

clusters_app = typer.Typer(invoke_without_command=True, help="Exceptions grouped by cause.")


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into the root."""
    app.add_typer(clusters_app, name="clusters", rich_help_panel="Read")
    app.command("templates", rich_help_panel="Read")(templates)


@clusters_app.callback()
def clusters(
    ctx: typer.Context,
    service: Annotated[str | None, typer.Option("--service", "-s", help="Only of this service.")] = None,
    state: Annotated[
        str, typer.Option("--state", help="active, all, new, ongoing, escalating, regressed, resolved, ignored.")
    ] = "active",
    environment: Annotated[str | None, typer.Option("--environment", "-e", help="Only of this environment.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="At most so many.")] = 30,
    offset: Annotated[int, typer.Option("--offset", min=0, help="Leave out so many.")] = 0,
    json_: ui.Json = False,
) -> None:
    """Clusters of exceptions with their counts of the last 24 hours and 7 days (rolling, by event time).

    For example:

    [bold]luffy clusters --service payments[/]

    [bold]luffy clusters show c12[/]
    """
    if ctx.invoked_subcommand is not None:
        return
    from luffy_dagster import store
    from luffy_dagster.core.model import ClusterState

    if state not in ("active", "all", *ClusterState):
        ui.usage(f"no state {state!r}; states are active, all, {', '.join(ClusterState)}")
    moment = context.now()
    wanted: Any = None if state == "all" else "active" if state == "active" else ClusterState(state)
    with context.connection() as conn:
        if service is not None:
            store.services.get(conn, service)
        found = store.clusters.list_clusters(
            conn, service, state=wanted, now=moment, environment=environment, limit=limit, offset=offset
        )
    if json_:
        ui.print_json(found)
    elif not found:
        ui.note("no clusters: nothing failed, or nothing was fetched yet ([bold]luffy fetch[/])")
    else:
        show_clusters(found)


def show_clusters(found: list[ClusterRow], title: str | None = None) -> None:
    """A table of clusters."""
    from rich.text import Text

    shown = ui.table(
        "cluster",
        "service",
        "state",
        "24 h",
        "7 d",
        "last seen",
        "what",
        title=title,
        right=("24 h", "7 d"),
        wide=("what",),
    )
    moment = context.now()
    for one in found:
        what = Text(one.title or one.type or "–", style="bold")
        if one.culprit:
            what.append(f"\n{short_frame(one.culprit)}", style="cyan")
        shown.add_row(
            one.cluster_id,
            one.service_id,
            ui.styled(str(one.state), ui.STATE_STYLE),
            ui.number(one.count_24h),
            ui.number(one.count_7d),
            ui.ago(one.last_seen, moment),
            what,
        )
    ui.out.print(shown)


@clusters_app.command("show")
def show(
    cluster: Annotated[str, typer.Argument(metavar="ID", help="Id of the cluster.", show_default=False)],
    service: Annotated[
        str | None, typer.Option("--service", "-s", help="Its service, where two have a cluster of that id.")
    ] = None,
    json_: ui.Json = False,
) -> None:
    """One cluster: counts, members and why they are in it, the earliest trace.

    Example: [bold]luffy clusters show c12[/]
    """
    from luffy_dagster import store

    moment = context.now()
    with context.connection() as conn:
        found = find_cluster(conn, cluster, service)
        members = store.clusters.members(conn, found.service_id, found.cluster_id)
        exemplars = store.fingerprints.exemplars(conn, found.service_id)
    traces = exemplars.filter(exemplars["cluster_id"] == found.cluster_id).to_dicts()
    if json_:
        ui.print_json({"cluster": found, "members": members, "exemplars": traces})
        return
    ui.out.print(f"[bold]{found.cluster_id}[/]  ", end="")
    ui.out.print(found.title or found.type or "", style="bold", markup=False, soft_wrap=True)
    ui.out.print(
        ui.pairs(
            [
                ("service", found.service_id),
                ("state", ui.styled(str(found.state), ui.STATE_STYLE)),
                ("severity", ui.styled(str(found.severity), ui.SEVERITY_STYLE)),
                ("failing frame", found.culprit),
                (
                    "counts",
                    f"{ui.number(found.count_24h)} in 24 h, {ui.number(found.count_7d)} in 7 d, {ui.number(found.count_total)} in all",
                ),
                ("first seen", ui.when(found.first_seen, moment)),
                ("last seen", f"{ui.when(found.last_seen, moment)} ({ui.ago(found.last_seen, moment)})"),
                ("root cause", found.rca_status or "not asked for yet"),
                ("owner", found.owner),
            ]
        )
    )
    if members:
        table = ui.table("fingerprint", "why it is in here", title="Members", wide=("why it is in here",))
        for member in members:
            table.add_row(member.fingerprint, f"{member.reason or '–'}{' (by hand)' if member.manual else ''}")
        ui.out.print(table)
    trace = traces[0].get("trace") if traces else found.example
    if trace:
        ui.out.print("[bold]Earliest trace[/]")
        ui.out.print(str(trace), markup=False, highlight=False, style="dim", soft_wrap=True)


def find_cluster(conn: Connection, cluster: str, service: str | None) -> ClusterRow:
    """The cluster of that id; where no service is named, the one service that has it."""
    from luffy_dagster import store
    from luffy_dagster.store.errors import NotFoundError

    if service is not None:
        return store.clusters.get(conn, service, cluster)
    found = []
    for one in store.services.list_services(conn, include_archived=True):
        try:
            found.append(store.clusters.get(conn, one.id, cluster))
        except NotFoundError:
            continue
    if not found:
        ui.fail(f"no cluster {cluster}: luffy clusters --state all lists them")
    if len(found) > 1:
        ui.fail(
            f"cluster {cluster} is in {', '.join(one.service_id for one in found)}: name the service with --service"
        )
    return found[0]


def templates(
    service: Annotated[str | None, typer.Option("--service", "-s", help="Only of this service.")] = None,
    since: Annotated[str, typer.Option("--from", help="Counts since: 30m, 2h, 7d (before now), or a time.")] = "24h",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many per service.")] = 30,
    json_: ui.Json = False,
) -> None:
    """Message templates with their counts, the most frequent first.

    Example: [bold]luffy templates --service payments --from 2h[/]
    """
    from rich.text import Text

    from luffy_dagster import store

    moment = context.now()
    start = ui.parse_time(since, moment, "--from")
    with context.connection() as conn:
        names = [service] if service else [one.id for one in store.services.list_services(conn)]
        if service:
            store.services.get(conn, service)
        rows = [row for name in names for row in template_rows(conn, name, start, moment)[:limit]]
    if json_:
        ui.print_json(rows)
        return
    if not rows:
        ui.note("no templates: nothing was fetched in this time ([bold]luffy fetch[/], or [bold]--from 7d[/])")
        return
    shown = ui.table("service", "count", "level", "template", right=("count",), wide=("template",))
    for row in rows:
        shown.add_row(
            row["service_id"], ui.number(row["count"]), ui.styled(row["level"], ui.LEVEL_STYLE), Text(row["template"])
        )
    ui.out.print(shown)


def template_rows(conn: Connection, service: str, start: Any, end: Any) -> list[dict[str, Any]]:
    """Templates of a service with counts between two times: template_id, template, count, level, example, shapes."""
    import polars as pl

    from luffy_dagster import store

    shapes = store.shapes.list_shapes(conn, service, since=start, until=end)
    mapping = store.shapes.templates(conn, service)
    if shapes.is_empty():
        return []
    joined = shapes.join(mapping.select("shape_id", "template_id", "template"), on="shape_id", how="left").with_columns(
        template_id=pl.coalesce("template_id", "shape_id"), template=pl.coalesce("template", "shape")
    )
    grouped = (
        joined.group_by("template_id")
        .agg(
            pl.col("template").first(),
            pl.col("count").sum(),
            pl.col("level").sort_by("count", descending=True).first(),
            pl.col("example").sort_by("count", descending=True).first(),
            pl.col("first_seen").min(),
            pl.col("last_seen").max(),
            shapes=pl.len(),
        )
        .filter(pl.col("count") > 0)
        .sort("count", "template_id", descending=[True, False])
        .with_columns(service_id=pl.lit(service))
    )
    return grouped.to_dicts()
