"""`luffy anomalies`: what is abnormal, why, on which lines; feedback, proposals, models. Thin: calls store and flows."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from luffy_dagster.cli import context, ui

if TYPE_CHECKING:
    from luffy_dagster.store.anomalies import AnomalyRow

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
    json_: ui.Json = False,
) -> None:
    """Anomalies whose time touches the range, newest first.

    For example:

    [bold]luffy anomalies --service payments --from 7d --by-score[/]

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
        rows = store.anomalies.list_anomalies(
            conn,
            service,
            start=ui.parse_time(since, moment, "--from"),
            end=ui.parse_time(until, moment, "--to"),
            environment=environment,
            kinds=kind,
            least=Severity(least) if least else None,
            open_only=open_,
            order="score" if by_score else "fired_at",
            limit=limit,
        )
    if json_:
        ui.print_json([_plain(row) for row in rows])
        return
    if not rows:
        ui.note("nothing abnormal in this time ([bold]luffy anomalies models SERVICE[/] says who is still learning)")
        return
    shown = ui.table(
        "id", "service", "began", "kind", "severity", "score", "said", "what", right=("score",), wide=("what",)
    )
    for row in rows:
        a = row.anomaly
        shown.add_row(
            row.id[:8],
            a.service,
            ui.when(a.started_at, moment) + (" …" if a.ended_at is None else ""),
            str(a.kind),
            ui.styled(str(a.severity), ui.SEVERITY_STYLE),
            f"{a.score:.1f}",
            row.verdict or "",
            a.description,
        )
    ui.out.print(shown)


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
    from luffy_dagster.flows import LogQuery, query_logs

    flow = context.flows()
    with store.begin(flow.engine) as conn:
        row = store.anomalies.get(conn, anomaly, service)
    a = row.anomaly
    lines: list[dict[str, Any]] = []
    if a.entry_ids:
        query = LogQuery(services=(a.service,), entry_ids=a.entry_ids, order="asc", limit=len(a.entry_ids))
        lines = query_logs(flow, query).rows.select("entry_id", "event_time", "level", "raw_line").to_dicts()
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
    if json_:
        ui.print_json({"id": row.id, "verdict": verdict})
    else:
        ui.note(f"noted; [bold]luffy anomalies propose {row.anomaly.service}[/] shows what would follow from it")


@anomalies_app.command("propose")
def propose(
    service: Service,
    days: Annotated[int, typer.Option("--days", min=1, max=60, help="History on which it is tried.")] = 14,
    json_: ui.Json = False,
) -> None:
    """A threshold that answers the feedback, tried on history; nothing changes until it is activated.

    Example: [bold]luffy anomalies propose payments --days 7[/]
    """
    from luffy_dagster.flows.feedback import propose as work

    with ui.doing("trying it on history", quiet=json_):
        row = work(context.flows(), service, actor=context.actor(), days=days)
    if row is None:
        ui.note("feedback asks for no other threshold: nothing was called noise, or it would silence what was useful")
        if json_:
            ui.print_json(None)
        return
    _proposed(row, json_)


@anomalies_app.command("rule")
def rule(
    service: Service,
    feature: Annotated[str, typer.Option("--feature", help="errors, lines, duration, template, …; * for all.")] = "*",
    absolute: Annotated[float | None, typer.Option("--absolute", help="|seen − expected| must reach this.")] = None,
    ratio: Annotated[
        float | None, typer.Option("--ratio", help="seen / expected (or its inverse) must reach this.")
    ] = None,
    direction: Annotated[str, typer.Option("--direction", help="above, below or both.")] = "both",
    days: Annotated[int, typer.Option("--days", min=1, max=60, help="History on which it is tried.")] = 14,
    json_: ui.Json = False,
) -> None:
    """Propose that smaller deviations, or those of the other direction, stay silent.

    Example: [bold]luffy anomalies rule payments --feature errors --absolute 10 --direction above[/]
    """
    from luffy_dagster import store
    from luffy_dagster.core.anomalies.model import Suppression
    from luffy_dagster.flows.feedback import try_setting

    if direction not in ("above", "below", "both"):
        ui.usage(f"no direction {direction!r}; say above, below or both")
    if absolute is None and ratio is None and direction == "both":
        ui.usage("a rule needs --absolute, --ratio or --direction")
    flow = context.flows()
    with store.begin(flow.engine) as conn:
        store.services.get(conn, service)
        active = store.detectors.active_setting(conn, service)
    added = Suppression(feature, absolute, ratio, direction)
    kept = tuple(one for one in active.suppressions if one.feature != feature)
    setting = replace(active, suppressions=(*kept, added), version=0)
    with ui.doing("trying it on history", quiet=json_):
        backtest = try_setting(flow, service, setting, days=days)
    with store.begin(flow.engine) as conn:
        row = store.detectors.propose(
            conn, service, setting, reason="rule", backtest=backtest, actor=context.actor(), now=context.now()
        )
    _proposed(row, json_)


def _proposed(row: Any, json_: bool) -> None:
    if json_:
        ui.print_json(row)
        return
    tried = row.backtest
    ui.out.print(
        f"version {row.version}: {tried['before']} anomalies in {tried['days']} days would have been {tried['after']}; "
        f"noise silenced {tried['noise_silenced']}, useful lost {tried['useful_lost']}",
        markup=False,
        highlight=False,
    )
    for one in tried["lost"]:
        ui.out.print(
            f"  silent: {one['id'][:8]} {one['what']} ({one['verdict'] or 'no feedback'})",
            markup=False,
            highlight=False,
        )
    for one in tried["gained"]:
        ui.out.print(f"  new:    {one['id'][:8]} {one['what']}", markup=False, highlight=False)
    ui.note(f"in force after [bold]luffy anomalies activate {row.service_id} {row.version}[/]")


@anomalies_app.command("settings")
def settings(service: Service, json_: ui.Json = False) -> None:
    """The versions of a service's detector setting, the newest first.

    Example: [bold]luffy anomalies settings payments[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        store.services.get(conn, service)
        rows = store.detectors.settings(conn, service)
    if json_:
        ui.print_json(rows)
        return
    if not rows:
        ui.note("the defaults are in force; nothing else was ever proposed")
        return
    shown = ui.table("version", "state", "sensitivity", "budget", "rules", "why", "by", "at", wide=("rules",))
    for row in rows:
        rules = "; ".join(
            f"{s.feature}: " + ", ".join(f"{k} {v}" for k, v in asdict(s).items() if k != "feature" and v is not None)
            for s in row.setting.suppressions
        )
        shown.add_row(
            str(row.version),
            row.state,
            f"{row.setting.sensitivity:g}",
            f"{row.setting.budget:g}",
            rules,
            row.reason or "",
            row.actor,
            ui.when(row.at),
        )
    ui.out.print(shown)


@anomalies_app.command("budget")
def budget(
    service: Service,
    alarms: Annotated[
        float, typer.Argument(metavar="ALARMS", min=0.001, max=100, help="False alarms a day.", show_default=False)
    ],
    reason: Reason = None,
    json_: ui.Json = False,
) -> None:
    """Propose how many false alarms a day this service may raise (0.1 by default); `activate` puts it in force.

    Example: [bold]luffy anomalies budget payments 0.02 --reason "nobody is on call at night"[/]
    """
    from dataclasses import replace

    from luffy_dagster import store

    with context.connection() as conn:
        store.services.get(conn, service)
        setting = replace(store.detectors.active_setting(conn, service), budget=alarms, version=0)
        row = store.detectors.propose(
            conn, service, setting, backtest={}, actor=context.actor(), reason=reason, now=context.now()
        )
    if json_:
        ui.print_json(row)
    else:
        ui.note(f"version {row.version} is proposed: [bold]luffy anomalies activate {service} {row.version}[/]")


@anomalies_app.command("activate")
def activate(
    service: Service,
    version: Annotated[int, typer.Argument(help="Version of the setting.", show_default=False)],
    json_: ui.Json = False,
) -> None:
    """Put a proposed (or an earlier) setting in force, from the next run on.

    Example: [bold]luffy anomalies activate payments 2[/]
    """
    _decide(service, version, activate=True, json_=json_)


@anomalies_app.command("reject")
def reject(
    service: Service,
    version: Annotated[int, typer.Argument(help="Version of the setting.", show_default=False)],
    json_: ui.Json = False,
) -> None:
    """Turn a proposal down.

    Example: [bold]luffy anomalies reject payments 2[/]
    """
    _decide(service, version, activate=False, json_=json_)


def _decide(service: str, version: int, *, activate: bool, json_: bool) -> None:
    from luffy_dagster import store

    with context.connection() as conn:
        row = store.detectors.decide(
            conn, service, version, activate=activate, actor=context.actor(), now=context.now()
        )
    if json_:
        ui.print_json(row)
    else:
        ui.note(f"version {row.version} of {service} is {row.state}")


@anomalies_app.command("models")
def models(service: Service, json_: ui.Json = False) -> None:
    """The fitted models of a service: on which history, since when, and what cannot be judged yet.

    Example: [bold]luffy anomalies models payments[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        store.services.get(conn, service)
        rows = store.detectors.models(conn, service)
    if json_:
        ui.print_json(rows)
        return
    if not rows:
        ui.note("learning: no model yet; a day of history is needed")
        return
    shown = ui.table(
        "version",
        "environment",
        "days",
        "lines",
        "state",
        "not judged yet",
        right=("days", "lines"),
        wide=("not judged yet",),
    )
    for row in rows:
        learning = "learning" if row.coverage.get("learning") else "in use"
        shown.add_row(
            row.version,
            row.environment,
            f"{row.coverage.get('days', 0):.1f}",
            ui.number(row.lines),
            "rolled back" if row.rolled_back_at else learning,
            "; ".join(row.coverage.get("missing", ())),
        )
    ui.out.print(shown)


@anomalies_app.command("rollback")
def rollback(
    service: Service,
    version: Annotated[str, typer.Argument(help="Version of the model, as `models` shows it.", show_default=False)],
    environment: Annotated[str, typer.Option("--environment", "-e", help="Its environment.")] = "",
    reason: Reason = None,
    json_: ui.Json = False,
) -> None:
    """Take a model out of use: the one before it judges from then on.

    Example: [bold]luffy anomalies rollback payments anomalies-2026-11/20261123T0000 --reason 'fitted on a load test'[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        now_used = store.detectors.roll_back(
            conn, service, environment, version, actor=context.actor(), reason=reason, now=context.now()
        )
    if json_:
        ui.print_json({"rolled_back": version, "in_force": now_used.version if now_used else None})
    else:
        ui.note(f"{version} is out of use; in force: {now_used.version if now_used else 'none, nothing is judged'}")


@anomalies_app.command("fit")
def fit(
    service: Service,
    week: Annotated[str | None, typer.Option("--week", help="A day of the week that it shall judge.")] = None,
    json_: ui.Json = False,
) -> None:
    """Fit a week's model anew, from the two weeks before its Monday.

    Example: [bold]luffy anomalies fit payments --week 2026-11-23[/]
    """
    from luffy_dagster.flows import fit_week

    day = _day(week) if week else context.now().date()
    with ui.doing("fitting", quiet=json_):
        found = fit_week(context.flows(), service, day - timedelta(days=day.weekday()))
    told = [{"version": m.version, "days": m.coverage.days, "thresholds": dict(m.thresholds)} for m in found]
    if json_:
        ui.print_json(told)
    elif not told:
        ui.fail(f"{service} has no windows before that week: fetch its logs first, luffy fetch {service}")
    else:
        ui.note("; ".join(f"{one['version']} on {one['days']:.1f} days" for one in told))


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
    from luffy_dagster.flows.detect import judge_day
    from luffy_dagster.flows.windows import start_of

    if out.suffix not in (".png", ".svg"):
        ui.usage(f"--out must end in .png or .svg, not {out.name!r}")
    flow = context.flows()
    from luffy_dagster import store

    with store.begin(flow.engine) as conn:
        store.services.get(conn, service)
        settings = store.detectors.active_setting(conn, service)
    chosen = _day(day) if day else context.now().date()
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


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return ui.usage(f"{text!r} is no day; write 2026-11-24")
