"""`luffy clusters propose`, `luffy clusters similar ID`: what may be one, and what was like it before."""

from __future__ import annotations

from typing import Annotated

import typer

from luffy_dagster.cli import context, ui
from luffy_dagster.cli.clusters import clusters_app, find_cluster


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into `luffy clusters`."""
    del app
    clusters_app.command("propose")(propose)
    clusters_app.command("similar")(similar)


def propose(
    service: Annotated[str, typer.Option("--service", "-s", help="Of this service.", show_default=False)],
    method: Annotated[str, typer.Option("--method", help="hdbscan or kmeans.")] = "hdbscan",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="At most so many.")] = 20,
    json_: ui.Json = False,
) -> None:
    """Clusters that may be one, by the words of type, message and frames (TF-IDF); nothing is merged.

    Example: [bold]luffy clusters propose --service payments[/]
    """
    from rich.text import Text

    from luffy_dagster.flows.proposals import propose as proposing

    if method not in ("hdbscan", "kmeans"):
        ui.usage(f"there is no method {method!r}: take hdbscan or kmeans")
    with ui.doing("comparing the clusters", quiet=json_):
        found = proposing(context.flows(), service, method=method)  # type: ignore[arg-type]
    rows = found.rows.head(limit).to_dicts()
    if json_:
        fields = {name: getattr(found, name) for name in ("service", "method", "silhouette", "noise")}
        ui.print_json({**fields, "rows": rows})
        return
    if not rows:
        ui.note("nothing to propose: no two clusters are alike enough")
        return
    table = ui.table("like", "older", "newer", "what", right=("like",), wide=("what",))
    for row in rows:
        what = Text(f"{row['title_a']}\n{row['title_b']}")
        table.add_row(f"{row['similarity']:.2f}", row["cluster_a"], row["cluster_b"], what)
    ui.out.print(table)
    trust = "" if found.silhouette is None else f"silhouette {found.silhouette:.2f}, "
    ui.note(
        f"{trust}{(found.noise or 0):.0%} are like no other; merge two with [bold]luffy cluster merge OLDER NEWER[/]"
    )


def similar(
    cluster: Annotated[str, typer.Argument(metavar="ID", help="Id of the cluster.", show_default=False)],
    service: Annotated[str | None, typer.Option("--service", "-s", help="Its service, where two have that id.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="At most so many.")] = 5,
    json_: ui.Json = False,
) -> None:
    """Clusters of any service, past ones too, that say nearly the same, and what became of them.

    Example: [bold]luffy clusters similar c-3f9a --limit 3[/]
    """
    from rich.text import Text

    from luffy_dagster.flows.proposals import similar as finding

    with context.connection() as conn:
        found = find_cluster(conn, cluster, service)
    rows = finding(context.flows(), found.service_id, found.cluster_id, most=limit)
    if json_:
        ui.print_json(rows)
        return
    if not rows:
        ui.note("no other cluster says anything like it")
        return
    table = ui.table("like", "cluster", "service", "state", "owner", "what", right=("like",), wide=("what",))
    for row in rows:
        table.add_row(
            f"{row['similarity']:.2f}", str(row["cluster_id"]), str(row["service_id"]),
            ui.styled(str(row["state"]), ui.STATE_STYLE), str(row["owner"] or "–"), Text(str(row["title"])),
        )  # fmt: skip
    ui.out.print(table)
