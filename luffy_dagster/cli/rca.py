"""`luffy rca …` and `luffy health`: root causes, what persons say of them, and which link of a service is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from luffy_dagster.cli import context, ui
from luffy_dagster.core.wording import many

if TYPE_CHECKING:
    from collections.abc import Iterable

    from luffy_dagster.flows.rca import RcaOutcome
    from luffy_dagster.store.rca import RcaResult

rca_app = typer.Typer(no_args_is_help=True, help="Root causes of clusters: which commit, or what else, and why.")

_VERDICT_STYLE = {"culprit": "bold red", "no_code_cause": "yellow", "inconclusive": "dim"}

Service = Annotated[str | None, typer.Option("--service", "-s", help="Only of this service.")]
Cluster = Annotated[str, typer.Argument(metavar="CLUSTER", help="Id of the cluster.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into the root."""
    app.add_typer(rca_app, name="rca", rich_help_panel="Read")
    app.command("health", rich_help_panel="Read")(health)


@rca_app.command("list")
def list_(
    service: Service = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="At most so many.")] = 30,
    json_: ui.Json = False,
) -> None:
    """The newest report of each cluster.

    Example: [bold]luffy rca list --service payments[/]
    """
    from rich.text import Text

    from luffy_dagster import store

    moment = context.now()
    with context.connection() as conn:
        if service is not None:
            store.services.get(conn, service)
        found = store.rca.list_results(conn, service, limit=limit)
    if json_:
        ui.print_json([_row(r) for r in found])
        return
    if not found:
        ui.note(
            "no root causes yet: [bold]luffy rca run SERVICE[/] looks for them, [bold]luffy rca why-skipped[/] says why not"
        )
        return
    table = ui.table("cluster", "service", "verdict", "commit or cause", "made", wide=("commit or cause",))
    for r in found:
        what = (r.culprit_commit or "")[:12] or r.cause or (r.error or "")
        if r.report and r.report.get("culprit"):
            what += f"  {r.report['culprit']['subject']}"
        sure = f" {r.confidence:.2f}" if r.confidence is not None else ""
        table.add_row(
            r.cluster_id,
            r.service_id,
            ui.styled(r.verdict or r.status, _VERDICT_STYLE) + sure,
            Text(ui_safe(what)),
            ui.ago(r.rca_generated_at, moment),
        )
    ui.out.print(table)


def ui_safe(text: str) -> str:
    """Text of others without control characters, for a terminal."""
    from luffy_dagster.core.rca.safe import clean

    return " ".join(clean(text).split())


def _row(r: RcaResult) -> dict[str, Any]:
    import dataclasses

    row = dataclasses.asdict(r)
    for name in ("analysis", "evidence", "report"):
        row.pop(name)
    return row


@rca_app.command("show")
def show(
    cluster: Cluster,
    service: Service = None,
    plain: Annotated[bool, typer.Option("--markdown", help="The Markdown itself, not drawn.")] = False,
    json_: ui.Json = False,
) -> None:
    """The report of a cluster.

    Example: [bold]luffy rca show c-1a2b3c4d5e6f --service payments[/]
    """
    from luffy_dagster import store
    from luffy_dagster.cli.clusters import find_cluster

    with context.connection() as conn:
        found = find_cluster(conn, cluster, service)
        result = store.rca.latest(conn, found.service_id, found.cluster_id)
        last = store.rca.latest(conn, found.service_id, found.cluster_id, completed=False)
        said = store.rca.feedback(conn, result.id) if result else []
    if result is None:
        why = f": {last.error}" if last is not None and last.error else ""
        ui.fail(
            f"cluster {cluster} has no report{why}; luffy rca run {found.service_id} --cluster {found.cluster_id} makes one"
        )
    if json_:
        ui.print_json({"result": result, "feedback": said})
        return
    if plain:
        typer.echo(result.analysis)
    else:
        draw(result.analysis)
    for one in said:
        right = {True: ", right", False: ", wrong", None: ""}[one.validated]
        ui.out.print(f"[dim]rated {one.rating} of 5{right} by {one.actor}: {ui_safe(one.comment or '')}[/]")
    ui.note(f"[dim]report {result.id}; rate it: luffy rca feedback {result.id} 5 --right[/]")
    ways = [f"luffy rca issue {result.cluster_id}"] + [f"luffy rca revert {result.cluster_id}"] * bool(
        result.culprit_commit
    )
    ui.note(f"[dim]hand it on to GitLab (shown first): {', '.join(ways)}[/]")


def draw(markdown: str) -> None:
    """Markdown on the terminal; raw markup of the console in it means nothing."""
    from rich.markdown import Markdown

    from luffy_dagster.core.rca.safe import clean

    ui.out.print(Markdown(clean(markdown), hyperlinks=False))


@rca_app.command("run")
def run(
    service: Annotated[str, typer.Argument(help="Id of the service.", show_default=False)],
    cluster: Annotated[
        list[str] | None,
        typer.Option("--cluster", "-c", help="This cluster, whether it qualifies or not; may be repeated."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also where the same evidence was judged before.")] = False,
    model: Annotated[
        bool, typer.Option("--model/--no-model", help="Let a language model put it in words, where one answers.")
    ] = True,
    json_: ui.Json = False,
) -> None:
    """Look for the root causes of a service's clusters now.

    Example: [bold]luffy rca run payments[/]
    """
    from luffy_dagster.flows.gateway import make_gateway
    from luffy_dagster.flows.rca import run_rca

    flow = context.flows()
    gateway = make_gateway(flow) if model else None
    with ui.progress(quiet=json_) as bar:
        task = bar.add_task("looking for root causes", total=None)

        def tell(one: RcaOutcome) -> None:
            bar.update(task, description=f"{one.cluster_id}: {one.report.verdict if one.report else one.error}")

        done = run_rca(
            flow,
            service,
            clusters=tuple(cluster or ()),
            trigger="manual",
            gateway=gateway,
            notify=notifier(flow),
            force=force,
            on_outcome=tell,
        )
        bar.update(task, total=1, completed=1, description=f"{many(len(done.outcomes), 'cluster')} looked at")
    if json_:
        ui.print_json(
            {
                "service": service,
                "reports": [
                    {
                        "cluster": o.cluster_id,
                        "result": o.result_id,
                        "verdict": o.report.verdict if o.report else None,
                        "culprit": o.report.culprit.sha if o.report and o.report.culprit else None,
                        "confidence": o.report.confidence if o.report else None,
                        "repeated": o.repeated,
                        "tokens": o.tokens,
                    }
                    for o in done.outcomes
                ],
                "failed": [{"cluster": c, "reason": r} for c, r in done.failed],
                "skipped": [{"cluster": c, "reason": r} for c, r in done.skipped],
                "left": done.left,
            }
        )
    else:
        told(done)
    if not done.ok:
        raise typer.Exit(1)


def notifier(flow: Any) -> Any:
    """What tells people of a report; None where nothing is set up for it."""
    from luffy_dagster.flows.rca import telling

    return telling.teller(flow)


def verdicts(outcomes: Iterable[RcaOutcome], *, tell_repeats: bool = False) -> None:
    """Each verdict with the sentence that says why; of one that repeats an earlier one also that, where asked for."""
    from luffy_dagster.core.rca.report import plain

    for o in outcomes:
        if o.report is None:
            continue
        again = " [dim](the same evidence as before: nothing was spent)[/]" if o.repeated and tell_repeats else ""
        ui.out.print(f"[bold]{o.cluster_id}[/]  ", end="")
        ui.out.print(ui_safe(o.report.title)[:100], markup=False, highlight=False)
        ui.out.print(f"  {ui.styled(o.report.verdict, _VERDICT_STYLE)} {o.report.confidence:.2f}  ", end="")
        ui.out.print(ui_safe(plain(o.report.headline)), markup=False, highlight=False, end="")
        ui.out.print(again)


def told(done: Any) -> None:
    """A run's verdicts, and what failed."""
    verdicts(done.outcomes, tell_repeats=True)
    for cluster, reason in done.failed:
        ui.out.print(f"[bold]{cluster}[/]  [red]failed:[/] {ui_safe(reason)}")
    if done.skipped:
        ui.note(
            f"[dim]{many(len(done.skipped), 'cluster')} without a report: luffy rca why-skipped --service {done.service} says why[/]"
        )
    if done.left:
        ui.note(f"{done.left} more are due: run it again")


@rca_app.command("why-skipped")
def why_skipped(service: Service = None, json_: ui.Json = False) -> None:
    """Active clusters that get no report now, each with the reason.

    Example: [bold]luffy rca why-skipped --service payments[/]
    """
    from luffy_dagster.flows.rca import why_skipped as ask

    found = ask(context.flows(), service)
    if json_:
        ui.print_json([dict(zip(("service", "cluster", "title", "reason"), row, strict=True)) for row in found])
        return
    if not found:
        ui.note("every active cluster qualifies or there is none")
        return
    table = ui.table("cluster", "service", "why not", "what", wide=("what",))
    for own, cluster, title, reason in found:
        table.add_row(cluster, own, reason, ui_safe(title)[:120])
    ui.out.print(table)


@rca_app.command("feedback")
def feedback(
    report: Annotated[int, typer.Argument(help="Number of the report (luffy rca show tells it).", show_default=False)],
    rating: Annotated[int, typer.Argument(min=1, max=5, help="1 (useless) to 5 (it was that).", show_default=False)],
    right: Annotated[
        bool | None, typer.Option("--right/--wrong", help="Whether the cause was found to be right.")
    ] = None,
    comment: Annotated[str | None, typer.Option("--comment", help="A few words.")] = None,
    json_: ui.Json = False,
) -> None:
    """Rate a report, and say whether its cause was right.

    Example: [bold]luffy rca feedback 12 5 --right --comment "it was the fee table"[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        store.rca.give_feedback(
            conn, report, rating, validated=right, comment=comment, actor=context.actor(), now=context.now()
        )
        summary = store.rca.feedback_summary(conn)
    if json_:
        ui.print_json({"report": report, "rating": rating, "validated": right, "summary": summary})
    else:
        ui.out.print(f"[green]✓[/] report {report} rated {rating} of 5")


@rca_app.command("cost")
def cost(
    service: Service = None,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How many days back.")] = 7,
    json_: ui.Json = False,
) -> None:
    """Tokens and cost of language models, by day, service and provider.

    Example: [bold]luffy rca cost --days 30[/]
    """
    from datetime import timedelta

    from luffy_dagster import store

    moment = context.now()
    with context.connection() as conn:
        rows = store.llm_calls.spending(conn, moment - timedelta(days=days), moment + timedelta(days=1), service)
    if json_:
        ui.print_json(rows)
        return
    if not rows:
        ui.note("no language model was asked")
        return
    table = ui.table(
        "day",
        "service",
        "provider",
        "calls",
        "failed",
        "cached",
        "tokens in",
        "tokens out",
        "USD",
        right=("calls", "failed", "cached", "tokens in", "tokens out", "USD"),
    )
    for r in rows:
        table.add_row(
            f"{r.day:%Y-%m-%d}",
            r.service_id or "–",
            f"{r.provider}/{r.model}",
            ui.number(r.calls),
            ui.number(r.failed),
            ui.number(r.cached),
            ui.number(r.tokens_in),
            ui.number(r.tokens_out),
            f"{r.cost_usd:.4f}",
        )
    ui.out.print(table)


def health(
    service: Annotated[str, typer.Argument(help="Id of the service.", show_default=False)], json_: ui.Json = False
) -> None:
    """The links of a service in order: active, sources, fetch, root causes, indexing; each broken one with its remedy.

    Ends with 1 when one is broken. Example: [bold]luffy health payments[/]
    """
    from luffy_dagster.flows.rca.health import first_broken, health_tree

    links = health_tree(context.flows(), service)
    broken = first_broken(links)
    if json_:
        ui.print_json(
            {"service": service, "healthy": broken is None, "first": broken.name if broken else None, "links": links}
        )
    else:
        if broken is not None:
            ui.out.print(f"[bold red]{broken.question}[/] No: {ui_safe(broken.detail)}", highlight=False)
            ui.out.print(f"  remedy: [bold]{broken.remedy}[/]", highlight=False)
            ui.out.print()
        for link in links:
            mark = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[dim]–[/]"}[link.ok]
            ui.out.print(f"{mark} {link.question:32} ", end="", highlight=False)
            ui.out.print(ui_safe(link.detail), markup=False, highlight=False)
            if link.ok is False and link is not broken:
                ui.out.print(f"    remedy: [bold]{link.remedy}[/]", highlight=False)
    if broken is not None:
        raise typer.Exit(1)
