"""`luffy anomalies propose, settings, models, …`: how a service's detectors are set, tried on history, put in force and fitted."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from typing import Annotated, Any

import typer

from luffy_dagster.cli import context, ui
from luffy_dagster.cli.anomalies import Reason, Service, anomalies_app, parse_day


def register(app: typer.Typer) -> None:
    """Hang the commands of this module below `luffy anomalies`, which is in the root already."""
    del app
    anomalies_app.command("propose")(propose)
    anomalies_app.command("rule")(rule)
    anomalies_app.command("settings")(settings)
    anomalies_app.command("budget")(budget)
    anomalies_app.command("activate")(activate)
    anomalies_app.command("reject")(reject)
    anomalies_app.command("models")(models)
    anomalies_app.command("rollback")(rollback)
    anomalies_app.command("fit")(fit)


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


def settings(service: Service, json_: ui.Json = False) -> None:
    """The versions of a service's detector setting, the newest first.

    Example: [bold]luffy anomalies settings payments[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        store.services.get(conn, service)
        rows = store.detectors.settings(conn, service)
    if not ui.listed(rows, json_, "the defaults are in force; nothing else was ever proposed"):
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
    from luffy_dagster import store

    with context.connection() as conn:
        store.services.get(conn, service)
        setting = replace(store.detectors.active_setting(conn, service), budget=alarms, version=0)
        row = store.detectors.propose(
            conn, service, setting, backtest={}, actor=context.actor(), reason=reason, now=context.now()
        )
    ui.done(row, json_, f"version {row.version} is proposed: [bold]luffy anomalies activate {service} {row.version}[/]")


def activate(
    service: Service,
    version: Annotated[int, typer.Argument(help="Version of the setting.", show_default=False)],
    json_: ui.Json = False,
) -> None:
    """Put a proposed (or an earlier) setting in force, from the next run on.

    Example: [bold]luffy anomalies activate payments 2[/]
    """
    _decide(service, version, activate=True, json_=json_)


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
    ui.done(row, json_, f"version {row.version} of {service} is {row.state}")


def models(service: Service, json_: ui.Json = False) -> None:
    """The fitted models of a service: on which history, since when, and what cannot be judged yet.

    Example: [bold]luffy anomalies models payments[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        store.services.get(conn, service)
        rows = store.detectors.models(conn, service)
    if not ui.listed(rows, json_, "learning: no model yet; a day of history is needed"):
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
    used = now_used.version if now_used else None
    text = f"{version} is out of use; in force: {used or 'none, nothing is judged'}"
    ui.done({"rolled_back": version, "in_force": used}, json_, text)


def fit(
    service: Service,
    week: Annotated[str | None, typer.Option("--week", help="A day of the week that it shall judge.")] = None,
    json_: ui.Json = False,
) -> None:
    """Fit a week's model anew, from the two weeks before its Monday.

    Example: [bold]luffy anomalies fit payments --week 2026-11-23[/]
    """
    from luffy_dagster.flows import fit_week

    day = parse_day(week) if week else context.now().date()
    with ui.doing("fitting", quiet=json_):
        found = fit_week(context.flows(), service, day - timedelta(days=day.weekday()))
    told = [{"version": m.version, "days": m.coverage.days, "thresholds": dict(m.thresholds)} for m in found]
    if not told and not json_:
        ui.fail(f"{service} has no windows before that week: fetch its logs first, luffy fetch {service}")
    ui.done(told, json_, "; ".join(f"{one['version']} on {one['days']:.1f} days" for one in told))
