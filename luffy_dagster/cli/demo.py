"""`luffy demo`: a real shop (or somebody's own logs) through Dagster, from nothing to its exceptions."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from luffy_dagster.cli import context, demo_messages, ui
from luffy_dagster.core.wording import many

if TYPE_CHECKING:
    from rich.progress import Progress

    from luffy_dagster.adapters.dagster_api import DagsterApi
    from luffy_dagster.cli.page import Page
    from luffy_dagster.demo.inbox import Inbox
    from luffy_dagster.demo.shop import Shop
    from luffy_dagster.flows import FlowContext
    from luffy_dagster.flows.rca import RcaOutcome
    from luffy_dagster.settings import Settings

RUN_TIMEOUT_S = 600.0
ENVIRONMENT = "production"


@dataclass(frozen=True, slots=True)
class Subject:
    """One service that the demo registers: what is written about it, and where its logs lie."""

    name: str
    globs: tuple[str, ...]
    format: str
    fields: dict[str, Any]


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into the root."""
    app.command("demo", rich_help_panel="Start and stop")(demo)


def demo(
    logs: Annotated[
        Path | None,
        typer.Option(
            "--logs", help="Your own logs instead of the shop: a file, or a folder; each subfolder is a service."
        ),
    ] = None,
    hours: Annotated[
        float, typer.Option("--hours", min=0.1, max=24, help="How many hours the shop has been running.")
    ] = 8.0,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, other customers (when the shop is made).")] = 7,
    calm: Annotated[
        bool, typer.Option("--calm", help="A day on which nothing happens (when the shop is made): nothing is told.")
    ] = False,
    port: Annotated[
        int,
        typer.Option("--port", "-p", min=1, max=65535, help="Port of Dagster's page; the next free one when taken."),
    ] = 3000,
    keep: Annotated[
        bool, typer.Option("--keep/--stop", help="Leave Dagster's page running at the end, or stop it.")
    ] = True,
    json_: ui.Json = False,
) -> None:
    """A real shop of three services runs, logs and fails; Dagster reads it; you see what broke and what was told. Again: it goes on.

    For example:

    [bold]luffy demo[/]

    [bold]luffy demo --logs ~/logs[/]
    """
    from luffy_dagster.cli.page import stop_page
    from luffy_dagster.demo import live

    began = time.monotonic()
    chosen = context.settings()
    with ui.progress(quiet=json_) as bar:
        task = bar.add_task("making the home", total=None)
        from luffy_dagster.cli.setup import make_home

        make_home(chosen, Path.cwd())
        _done(bar, task, f"home {chosen.home}")
        shop = inbox = None
        if logs is None:
            inbox, chosen = demo_messages.open_inbox(chosen)
            shop = _make_shop(bar, chosen, hours=hours, seed=seed, calm=calm)
        subjects = subjects_of(logs) if logs else _shop_subjects(shop, inbox)
        task = bar.add_task("registering the services", total=None)
        flow = context.flows()
        services = [_register(flow, subject) for subject in subjects]
        if inbox is not None:
            assert shop is not None
            demo_messages.point_to(flow, services, inbox)
            demo_messages.note_releases(flow, shop, ENVIRONMENT)
        _done(bar, task, f"{many(len(services), 'service')} registered: {', '.join(services)}")
        page, started = _page(bar, chosen, port)
        try:
            with context.dagster_api(chosen) as api:
                run_url = _run(bar, api, services)
                causes = _causes(bar, flow, api, services)
            if inbox is not None:
                task = bar.add_task("telling", total=None)
                demo_messages.tell(flow)
                _done(bar, task, f"{len(inbox.messages())} messages told")
        except BaseException:
            if started:
                stop_page(chosen, page)
                live.close(chosen.home / "demo")
            raise
    _show(
        flow, chosen, subjects, services, shop=shop, run_url=run_url, page=page, json_=json_, causes=causes, inbox=inbox
    )
    if not keep:
        stop_page(chosen, page)
        live.close(chosen.home / "demo")
    if not json_:
        ui.note(f"[dim]took {time.monotonic() - began:.0f} s[/]")


def subjects_of(path: Path) -> list[Subject]:
    """The services that somebody's own logs mean: a file or a flat folder is one, each subfolder with logs is one."""
    from luffy_dagster.cli.work import LOG_GLOBS, globs_of, slug_of

    whole = path.expanduser().absolute()
    if not whole.is_dir():
        return [Subject(slug_of(whole.name.split(".")[0]), tuple(globs_of(whole)), "", {})]
    found = []
    flat = tuple(str(whole / pattern) for pattern in LOG_GLOBS if any(whole.glob(pattern)))
    if flat:
        found.append(Subject(slug_of(whole.name), flat, "", {}))
    found += [
        Subject(slug_of(folder.name), tuple(globs_of(folder)), "", {})
        for folder in sorted(whole.iterdir())
        if folder.is_dir() and any(any(folder.rglob(pattern)) for pattern in LOG_GLOBS)
    ]
    if not found:
        ui.fail(f"no log files in {whole} ({', '.join(LOG_GLOBS[:4])}, …): give a file or a folder that holds some")
    return found


def _make_shop(bar: Progress, chosen: Settings, *, hours: float, seed: int, calm: bool) -> Shop:
    from luffy_dagster.demo import live
    from luffy_dagster.demo.shop import make_shop

    task = bar.add_task("the shop", total=1.0)

    def tell(share: float, text: str) -> None:
        bar.update(task, completed=share, description=text)

    # a shop that runs is closed, brought up to now, and goes on afterwards
    live.stop(chosen.home / "demo")
    shop = make_shop(
        chosen.home / "demo", now=context.now(), seed=seed, hours=hours, past=True, calm=calm, progress=tell
    )
    live.start(chosen.home / "demo")
    written = sum(shop.lines.values())
    bar.update(
        task, completed=1.0, description=f"the shop ran: {len(shop.commits)} commits, {written:,} new lines of log"
    )
    return shop


def _shop_subjects(shop: Shop | None, inbox: Inbox | None) -> list[Subject]:
    assert shop is not None
    assert inbox is not None
    return [
        Subject(
            name=one.name,
            globs=(one.log_glob,),
            format=one.format,
            fields={
                "preset": "critical",
                "environment": ENVIRONMENT,
                "team": "shop",
                "git_repo_path": str(shop.repo),
                "git_branch": "main",
                "git_subpath": one.subpath,
                "notification_webhook_url": inbox.url,  # the demo tells nobody but its own receiver
            },
        )
        for one in shop.services
    ]


def _register(flow: FlowContext, subject: Subject) -> str:
    from luffy_dagster.cli.work import ensure_file_source, ensure_service

    slug = ensure_service(flow, subject.name, **subject.fields)
    ensure_file_source(flow, slug, subject.globs, environment=subject.fields.get("environment"))
    return slug


def _page(bar: Progress, chosen: Settings, port: int) -> tuple[Page, bool]:
    """Dagster's page for this home: the one that runs, or one started now. And whether it was started."""
    from luffy_dagster.cli.page import free_port, running_page, start_page, wait_for_page

    page = running_page(chosen)
    if page is not None:
        return page, False
    task = bar.add_task("starting Dagster", total=None)
    log = chosen.home / "dagster" / "page.log"
    page, process = start_page(chosen, host="127.0.0.1", port=free_port("127.0.0.1", port), log=log)
    try:
        wait_for_page(page, process)
    except BaseException:
        _stop_child(chosen, page, process)
        raise
    _done(bar, task, f"Dagster runs: {page.url}")
    return page, True


def _stop_child(chosen: Settings, page: Page, process: subprocess.Popen[bytes]) -> None:
    from luffy_dagster.cli.page import stop_page

    if process.poll() is None:
        stop_page(chosen, page)


def _run(bar: Progress, api: DagsterApi, services: list[str]) -> str:
    """Let Dagster process the services; the page of the run. Ends the command when it failed."""
    task = bar.add_task("Dagster reads the logs", total=None)
    for service in services:
        api.add_service(service)
    run_id = api.launch_services(services, actor=context.actor())
    url = api.run_url(run_id)
    state = api.wait(run_id, timeout=RUN_TIMEOUT_S)
    if not state.succeeded:
        ui.fail(f"Dagster's run failed: {state.error or state.status}; {url} shows where")
    _done(bar, task, "Dagster fetched, parsed and grouped the logs")
    return url


def _causes(bar: Progress, flow: FlowContext, api: DagsterApi, services: list[str]) -> list[RcaOutcome]:
    """The root causes of the services' clusters, looked for by Dagster, so that its page has the reports; a model puts them in words
    where one answers on this machine.
    """
    from luffy_dagster import store
    from luffy_dagster.flows.gateway import make_gateway
    from luffy_dagster.flows.rca import run_rca
    from luffy_dagster.flows.rca.investigate import outcome_of
    from luffy_dagster.flows.rca.pending import judged

    task = bar.add_task("naming the causes", total=None)
    wanted: dict[str, list[str]] = {}
    for service in services:
        with store.begin(flow.engine) as conn:
            found = store.services.get(conn, service)
        # also those that Dagster's sensor was quicker with: their reports are there, and are shown
        wanted[service] = [
            row.cluster_id
            for row, t in judged(flow, found, flow.now())
            if t.run or row.rca_status in ("pending", "completed")
        ]
    for service, clusters in wanted.items():  # one after the other: each is a process of its own
        if clusters and not api.wait(api.launch_causes(service, clusters), timeout=RUN_TIMEOUT_S).succeeded:
            # a machine so busy that Dagster gives a run up: the causes are found all the same, only its page lacks them
            run_rca(flow, service, clusters=clusters, trigger="manual", gateway=make_gateway(flow))
    causes = []
    with store.begin(flow.engine) as conn:
        for service, clusters in wanted.items():
            for cluster in clusters:
                row = store.rca.latest(conn, service, cluster)
                if row is not None and row.report is not None:
                    causes.append(outcome_of(row, None))
    _done(bar, task, f"{len(causes)} root causes looked for")
    return causes


def _done(bar: Progress, task: Any, text: str) -> None:
    bar.update(task, total=1, completed=1, description=text)


def _show(
    flow: FlowContext,
    chosen: Settings,
    subjects: list[Subject],
    services: list[str],
    *,
    shop: Shop | None,
    run_url: str,
    page: Page,
    json_: bool,
    causes: list[RcaOutcome],
    inbox: Inbox | None,
) -> None:
    """What was found, and where to go from here."""
    from luffy_dagster.cli.report import find, show_report

    abnormal = demo_messages.anomalies(flow, services)
    if json_:
        found = find(flow, services)
        ui.print_json(
            {
                "services": found.services,
                "clusters": found.clusters,
                "run_url": run_url,
                "page": page.url,
                "repository": shop.repo if shop else None,
                "planted_commit": shop.culprit_commit if shop else None,
                **demo_messages.as_json(abnormal, inbox),
                "causes": [
                    {
                        "service": o.service,
                        "cluster": o.cluster_id,
                        "verdict": o.report.verdict,
                        "cause": o.report.cause,
                        "culprit": o.report.culprit.sha if o.report.culprit else None,
                        "confidence": o.report.confidence,
                    }
                    for o in causes
                    if o.report is not None
                ],
            }
        )
        return
    formats = {service: subject.format for service, subject in zip(services, subjects, strict=True)}
    found = show_report(flow, services, formats=formats if shop else None)
    _show_causes(causes)
    if inbox is not None:
        demo_messages.show(abnormal, inbox)
    rows = [("Dagster's page", page.url), ("this run", run_url)]
    with context.dagster_api(chosen) as api:
        today = context.now().date()
        rows += [(f"{service}, today", api.asset_url("exception_clusters", service, today)) for service in services[:5]]
        told = dict.fromkeys(o.service for o in causes)
        rows += [(f"causes, {service}"[:16], api.asset_url("rca_reports", service)) for service in list(told)[:5]]
    if shop is not None:
        rows.append(("the shop's code", str(shop.repo)))
    for name, value in rows:
        ui.out.print(f"[bold]{name:16}[/] {value}", soft_wrap=True, highlight=False)
    # with its service: two services that fail alike have clusters of one id
    first = f"{found.clusters[0].cluster_id} -s {found.clusters[0].service_id}" if found.clusters else "ID"
    steps = {
        f"luffy rca show {first}": "why: verdict, evidence, suspects, what was ruled out",
        f"luffy clusters show {first}": "the trace, counts, members",
        "luffy logs -l error": "the lines",
        "luffy demo --logs PATH": "the same with your own logs",
        "luffy down": "stops all of it",
    }
    ui.out.print()
    for number, (command, words) in enumerate(steps.items()):
        ui.out.print(f"{'' if number else 'Go on:':6} [bold]{command:44}[/] {words}", highlight=False)


def _show_causes(causes: list[RcaOutcome]) -> None:
    """The verdicts, and the sentence that says why."""
    from luffy_dagster.cli.rca import verdicts

    if causes:
        ui.out.print("[bold]Root causes[/]")
    verdicts(causes)
    ui.out.print()
