"""`luffy anomalies`: what is abnormal, why, on which lines; feedback and plots. Thin: calls store and flows.

How a service's detectors are set, tried and fitted is `detectors`' topic.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from luffy_dagster.cli import context, ui

if TYPE_CHECKING:
    from luffy_dagster.store.anomalies import AnomalyRow, Asked, Tally

_NONE = "nothing abnormal in this time ([bold]luffy anomalies models SERVICE[/] says who is still learning)"

anomalies_app = typer.Typer(invoke_without_command=True, help="What is abnormal, and why.")
Service = Annotated[str, typer.Argument(help="The service.", show_default=False)]
Reason = Annotated[str | None, typer.Option("--reason", "-r", help="Why; kept with it.")]


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into the root."""
    app.add_typer(anomalies_app, name="anomalies", rich_help_panel="Read")


@anomalies_app.callback()
def anomalies(
    ctx: typer.Context,
    service: Annotated[str | None, typer.Option("--service", "-s", help="Only of this service.")] = None,
    since: Annotated[str, typer.Option("--from", help="30m, 2h, 7d (before now), or a time.")] = "24h",
    until: Annotated[str, typer.Option("--to", help="The same; the end is not included.")] = "now",
    kind: Annotated[list[str] | None, typer.Option("--kind", "-k", help="e.g. errors, latency, silence.")] = None,
    least: Annotated[str | None, typer.Option("--least", help="low, medium, high or critical, and above.")] = None,
    environment: Annotated[str | None, typer.Option("--environment", "-e", help="Only of this environment.")] = None,
    open_: Annotated[bool, typer.Option("--open", help="Only those that are not over.")] = False,
    by_score: Annotated[bool, typer.Option("--by-score", help="The strongest first, not the newest.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many.")] = 50,
    summary: Annotated[bool, typer.Option("--summary", help="How many per service, not each one.")] = False,
    json_: ui.Json = False,
) -> None:
    """Anomalies whose time touches the range, newest first.

    For example:

    [bold]luffy anomalies --service payments --from 7d --by-score[/]

    [bold]luffy anomalies --from 7d --summary[/]

    [bold]luffy anomalies show 3f9a[/]
    """
    if ctx.invoked_subcommand is not None:
        return
    from luffy_dagster import store
    from luffy_dagster.core.anomalies.model import Kind
    from luffy_dagster.core.model import Severity

    for one in kind or ():
        if one not in list(Kind):
            ui.usage(f"no kind {one!r}; kinds are {', '.join(Kind)}")
    if least is not None and least not in list(Severity):
        ui.usage(f"no severity {least!r}; there are {', '.join(Severity)}")
    moment = context.now()
    with context.connection() as conn:
        if service is not None:
            store.services.get(conn, service)
        asked: Asked = {
            "start": ui.parse_time(since, moment, "--from"),
            "end": ui.parse_time(until, moment, "--to"),
            "environment": environment,
            "kinds": kind,
            "least": Severity(least) if least else None,
            "open_only": open_,
        }
        if summary:
            _summary(store.anomalies.summary(conn, service, **asked), json_)
            return
        order = "score" if by_score else "fired_at"
        rows = store.anomalies.list_anomalies(conn, service, **asked, order=order, limit=limit)
    if json_:
        ui.print_json([_plain(row) for row in rows])
        return
    if not rows:
        ui.note(_NONE)
        return
    judged = any(row.verdict for row in rows)  # an empty column takes room from what matters
    heads = ("id", "service", "since", "lasted", "kind", "severity", "score", *(["said"] if judged else []), "what")
    shown = ui.table(*heads, right=("score",), wide=("what",))
    for row in rows:
        a = row.anomaly
        shown.add_row(
            row.id[:8],
            a.service,
            ui.ago(a.started_at, moment),
            "goes on" if a.ended_at is None else ui.lasted(a.started_at, a.ended_at, moment),
            str(a.kind),
            ui.styled(str(a.severity), ui.SEVERITY_STYLE),
            f"{a.score:.1f}",
            *([row.verdict or ""] if judged else []),
            a.description,
        )
    ui.out.print(shown)


def _summary(tallies: list[Tally], json_: bool) -> None:
    from luffy_dagster.core.model import Severity
    from luffy_dagster.store.anomalies import Whole

    whole = Whole.of(tallies)
    if json_:
        ui.print_json({**asdict(whole), "services": [asdict(one) for one in tallies]})
        return
    if not tallies:
        ui.note(_NONE)
        return
    told = ("severities", "kinds", *(["feedback"] if any(one.verdicts for one in tallies) else []))
    numbers = ("anomalies", "go on", "strongest")
    shown = ui.table("service", *numbers, *told, right=numbers, wide=told)
    for one in tallies:
        worst_first = sorted(one.severities.items(), key=lambda item: -Severity(item[0]).rank)
        most_first = sorted(one.kinds.items(), key=lambda item: -item[1])
        texts = [", ".join(f"{number} {word}" for word, number in pairs) for pairs in (worst_first, most_first)]
        judged = ", ".join(f"{number} {word}" for word, number in sorted(one.verdicts.items()))
        counts = (f"{one.total:,}", str(one.open or ""), f"{one.strongest:.1f}")
        shown.add_row(one.service_id, *counts, *[*texts, judged][: len(told)])
    ui.out.print(shown)
    if len(tallies) > 1:
        ui.note(f"{whole.total:,} in {len(tallies)} services")


def _plain(row: AnomalyRow) -> dict[str, Any]:
    from luffy_dagster.core.anomalies.explain import window_link

    return {
        "id": row.id,
        **row.anomaly.as_json(),
        "day": row.day.isoformat(),
        "verdict": row.verdict,
        "setting_version": row.setting_version,
        "log": window_link(row.anomaly),
    }


@anomalies_app.command("show")
def show(
    anomaly: Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it.", show_default=False)],
    service: Annotated[str | None, typer.Option("--service", "-s", help="Its service, where two share it.")] = None,
    json_: ui.Json = False,
) -> None:
    """One anomaly: what was expected and what was seen, by which detectors, and the lines that show it.

    Example: [bold]luffy anomalies show 3f9a[/]
    """
    from luffy_dagster import store
    from luffy_dagster.core.anomalies.explain import window_link
    from luffy_dagster.flows import entries_of

    flow = context.flows()
    with store.begin(flow.engine) as conn:
        row = store.anomalies.get(conn, anomaly, service)
    a = row.anomaly
    lines = entries_of(flow, a.service, a.entry_ids)
    if json_:
        ui.print_json({**_plain(row), "lines": lines})
        return
    moment = context.now()
    ui.out.print(f"{a.service}: {a.description}", style="bold", markup=False, highlight=False)
    ui.out.print(
        ui.pairs(
            [
                ("id", row.id),
                ("kind", str(a.kind)),
                ("severity", str(a.severity)),
                ("score", f"{a.score:.2f} (1 is the threshold)"),
                ("began", ui.when(a.started_at, moment)),
                ("fired", ui.when(a.fired_at, moment)),
                ("ended", "not over" if a.ended_at is None else ui.when(a.ended_at, moment)),
                ("environment", a.environment),
                ("names", ", ".join(f"{name} {count}×" for name, count in a.mentions)),
                ("model", a.model_version),
                ("feedback", row.verdict),
                ("its log", window_link(a)),
            ]
        )
    )
    table = ui.table(
        "feature",
        "expected",
        "seen",
        "over",
        "score",
        "threshold",
        "detector",
        "of",
        right=("expected", "seen"),
        wide=("of",),
    )
    for f in a.features:
        expected, seen = ("–" if v is None else f"{v:,.4g} {f.unit}" for v in (f.expected, f.actual))
        table.add_row(
            f.name,
            expected,
            seen,
            f"{f.span_seconds / 60:g} min",
            f"{f.score:.1f}",
            f"{f.threshold:.1f}",
            f.detector,
            f.text or f.subject or "",
        )
    ui.out.print(table)
    for line in lines:
        ui.out.print(f"  {str(line['raw_line']).splitlines()[0][:300]}", markup=False, highlight=False, soft_wrap=True)


@anomalies_app.command("feedback")
def feedback(
    anomaly: Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it.", show_default=False)],
    verdict: Annotated[str, typer.Argument(help="useful or noise.", show_default=False)],
    reason: Reason = None,
    json_: ui.Json = False,
) -> None:
    """Say whether an anomaly was worth telling. [bold]luffy anomalies propose SERVICE[/] makes a setting of it.

    Example: [bold]luffy anomalies feedback 3f9a noise --reason 'load test'[/]
    """
    from luffy_dagster import store

    if verdict not in ("useful", "noise"):
        ui.usage(f"say useful or noise, not {verdict!r}")
    with context.connection() as conn:
        row = store.anomalies.get(conn, anomaly)
        store.anomalies.give_feedback(
            conn, row.anomaly.service, row.id, verdict, actor=context.actor(), reason=reason, now=context.now()
        )
    text = f"noted; [bold]luffy anomalies propose {row.anomaly.service}[/] shows what would follow from it"
    ui.done({"id": row.id, "verdict": verdict}, json_, text)


@anomalies_app.command("plot")
def plot(
    service: Service,
    out: Annotated[Path, typer.Option("--out", "--plot", help="File ending in .png or .svg.")],
    day: Annotated[str | None, typer.Option("--day", help="UTC day; today when left out.")] = None,
    json_: ui.Json = False,
) -> None:
    """Draw a day's score with its anomalies.

    Example: [bold]luffy anomalies plot payments --day 2026-11-24 --out day.svg[/]
    """
    from luffy_dagster.cli.plotting import timeline
    from luffy_dagster.flows.judging import judge_day
    from luffy_dagster.flows.windows import start_of

    if out.suffix not in (".png", ".svg"):
        ui.usage(f"--out must end in .png or .svg, not {out.name!r}")
    flow = context.flows()
    from luffy_dagster import store

    with store.begin(flow.engine) as conn:
        store.services.get(conn, service)
        settings = store.detectors.active_setting(conn, service)
    chosen = parse_day(day) if day else context.now().date()
    judged, missing = judge_day(
        flow,
        service,
        chosen,
        until=min(context.now(), start_of(chosen) + timedelta(days=1)),
        settings=settings,
        now=context.now(),
    )
    if not judged:
        ui.fail(f"{service} on {chosen} cannot be drawn: {missing or 'there is nothing of it'}")
    timeline(judged, out, title=f"{service}, {chosen} (UTC)", begin=start_of(chosen))
    if json_:
        ui.print_json({"written": out, "anomalies": [a.anomaly_id for each in judged for a in each.anomalies]})
    else:
        ui.note(f"written: {out}")


def parse_day(text: str) -> date:
    """A day as it is typed; what is none ends the command."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return ui.usage(f"{text!r} is no day; write 2026-11-24")
