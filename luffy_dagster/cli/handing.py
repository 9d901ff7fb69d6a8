"""`luffy rca issue` and `luffy rca revert`: a report handed on to GitLab, shown first and written only on confirmation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from luffy_dagster.cli import context, ui
from luffy_dagster.cli.rca import Cluster, Service, rca_app, ui_safe

if TYPE_CHECKING:
    from luffy_dagster.core.rca.handing import Proposal
    from luffy_dagster.flows.rca.handing import Earlier

Confirm = Annotated[
    str | None,
    typer.Option("--confirm", metavar="CODE", help="Write it: the code that stands below what is shown without this."),
]
Again = Annotated[bool, typer.Option("--again", help="Also where one was written for this cluster before.")]


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into `luffy rca`."""
    del app
    rca_app.command("issue")(issue)
    rca_app.command("revert")(revert)


def issue(
    cluster: Cluster, service: Service = None, confirm: Confirm = None, again: Again = False, json_: ui.Json = False
) -> None:
    """Hand a report on as an issue of the service's GitLab project. Without --confirm it is only shown.

    Example: [bold]luffy rca issue c-1a2b3c4d5e6f --service payments[/]
    """
    _hand("issue", cluster, service, confirm, again=again, json_=json_)


def revert(
    cluster: Cluster, service: Service = None, confirm: Confirm = None, again: Again = False, json_: ui.Json = False
) -> None:
    """Propose to undo the guilty commit by a merge request on a branch of its own. Without --confirm it is only shown.

    Example: [bold]luffy rca revert c-1a2b3c4d5e6f --service payments[/]
    """
    _hand("revert", cluster, service, confirm, again=again, json_=json_)


def _hand(kind: str, cluster: str, service: str | None, confirm: str | None, *, again: bool, json_: bool) -> None:
    from luffy_dagster.adapters.git.errors import GitError
    from luffy_dagster.adapters.gitlab import GitLabError
    from luffy_dagster.cli.clusters import find_cluster
    from luffy_dagster.flows.code import CodeError
    from luffy_dagster.flows.rca import handing

    with context.connection() as conn:
        found = find_cluster(conn, cluster, service)
    flow = context.flows()
    try:
        if confirm is None:
            _show(*handing.propose(flow, found.service_id, found.cluster_id, kind), json_=json_)
            return
        done = handing.carry_out(
            flow, found.service_id, found.cluster_id, kind, confirm, actor=context.actor(), again=again
        )
    except (handing.HandingError, GitLabError, GitError, CodeError) as error:
        ui.fail(str(error))
    if json_:
        ui.print_json({"kind": kind, "cluster": found.cluster_id, "url": done.url, "new": done.new})
        return
    ui.out.print("[green]✓[/] " + ("written: " if done.new else "was there already: "), end="")
    ui.out.print(ui_safe(done.url), markup=False, highlight=False)


def _show(proposal: Proposal, earlier: Earlier | None, *, json_: bool) -> None:
    if json_:
        fields = (
            "kind",
            "service",
            "cluster_id",
            "report_id",
            "place",
            "title",
            "sha",
            "branch",
            "target",
            "diff",
            "code",
        )
        told = {name: getattr(proposal, name) for name in fields} | {"description": proposal.signed}
        ui.print_json(told | {"written": False, "earlier": earlier})
        return
    rows = [("project", proposal.place), ("title", proposal.title)]
    if proposal.kind == "revert":
        rows += [("undoes", proposal.sha), ("branch", f"{proposal.branch} (new), into {proposal.target}")]
    ui.out.print(ui.pairs([(name, ui_safe(value)) for name, value in rows]))
    ui.out.print()
    ui.out.print(_plain(proposal.signed), markup=False, highlight=False)
    if proposal.diff:
        ui.out.print("\n[bold]What undoing it changes[/]\n")
        ui.out.print(_plain(proposal.diff), markup=False, highlight=False)
    if earlier is not None:
        ui.note(f"one was written for this cluster before, by {ui_safe(earlier.actor)}: {ui_safe(earlier.url)}")
    command = f"luffy rca {proposal.kind} {proposal.cluster_id} --service {proposal.service} --confirm {proposal.code}"
    ui.note(f"Nothing was written. To write exactly this: [bold]{command}[/]")


def _plain(text: str) -> str:
    from luffy_dagster.core.rca.safe import clean

    return clean(text)
