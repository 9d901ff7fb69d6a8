"""`luffy alerts rules|targets|messages|silences|unsilence`: what becomes an alert, where messages go, whether they arrived."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import typer

from luffy_dagster.cli import context, ui
from luffy_dagster.cli.alerts import alerts_app

rules_app = typer.Typer(no_args_is_help=True, help="What becomes an alert.")
targets_app = typer.Typer(no_args_is_help=True, help="Where messages go beside what a service names itself.")


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into `luffy alerts`."""
    del app
    alerts_app.add_typer(rules_app, name="rules")
    alerts_app.add_typer(targets_app, name="targets")
    alerts_app.command("messages")(messages)
    alerts_app.command("silences")(silences)
    alerts_app.command("unsilence")(unsilence)


def silences(
    every: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False, json_: ui.Json = False
) -> None:
    """Silences with owner, reason, end, and what each hid.

    Example: [bold]luffy alerts silences --all[/]
    """
    from luffy_dagster import store

    moment = context.now()
    with context.connection() as conn:
        rows = store.mutes.silences(conn, since=None if every else moment)
        for row in rows:
            row["hid"] = [
                f"{h.service_id}: {h.title}" for h in store.mutes.hidden(conn, by_kind="silence", by_id=row["id"])
            ]
    if json_:
        ui.print_json(rows)
        return
    if not rows:
        ui.note("no silences")
        return
    table = ui.table("number", "what", "until", "owner", "reason", "hid", right=("number",), wide=("reason", "hid"))
    for row in rows:
        what = ", ".join(f"{name}={value}" for name, value in row["matchers"].items())
        hid = "\n".join(row["hid"]) or "nothing"
        table.add_row(str(row["id"]), what, ui.when(row["ends_at"], moment), row["owner"], row["reason"], hid)
    ui.out.print(table)


def unsilence(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Of the silence.", show_default=False)],
    json_: ui.Json = False,
) -> None:
    """End a silence now.

    Example: [bold]luffy alerts unsilence 3[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        store.mutes.end_silence(conn, number, actor=context.actor(), now=context.now())
    _done(json_, {"silence": number, "ended": True}, f"silence {number} is over")


def messages(
    failed: Annotated[
        bool, typer.Option("--failed", help="Only those that were given up or wait for another try.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="At most so many.")] = 30,
    again: Annotated[int | None, typer.Option("--again", help="Queue this message, given up, once more.")] = None,
    json_: ui.Json = False,
) -> None:
    """What was told: each message, where to, how often it was tried, and why it did not arrive.

    Example: [bold]luffy alerts messages --failed[/]
    """
    from luffy_dagster import store

    moment = context.now()
    with context.connection() as conn:
        if again is not None:
            store.outbox.again(conn, again, actor=context.actor(), now=moment)
        found = store.outbox.list_items(conn, limit=limit, undelivered=failed)
    if json_:
        ui.print_json([{**ui.plain(one), "payload": None} for one in found])
        return
    if not found:
        ui.note("no messages")
        return
    table = ui.table(
        "number", "state", "to", "tries", "when", "incidents", "why not", right=("number", "tries"), wide=("why not",)
    )
    for one in found:
        at = one.sent_at or one.created_at
        incidents = ", ".join(each[:10] for each in one.incidents)
        table.add_row(
            str(one.id), one.state, one.target, str(one.attempts), ui.ago(at, moment), incidents, one.last_error or ""
        )
    ui.out.print(table)


@rules_app.command("list")
def rules_list(json_: ui.Json = False) -> None:
    """Rules in the order in which they are asked; the first that matches decides.

    Example: [bold]luffy alerts rules list[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        found = store.alert_rules.rules(conn)
    if json_:
        ui.print_json([store.alert_rules.as_dict(rule) for rule in found])
        return
    table = ui.table("rule", "on", "of", "what", "from", "after", "over after", wide=("what",))
    for rule in found:
        kinds = ", ".join(rule.kinds) or "all"
        if rule.metric is not None and rule.threshold is not None:
            kinds = f"{rule.metric} {'under' if rule.below else 'over'} {rule.threshold:g} an hour"
        table.add_row(
            rule.id, "yes" if rule.enabled else "no", rule.service or "all", f"{rule.source}: {kinds}",
            str(rule.severity or rule.least), _span(rule.pending), _span(rule.resolve_after),
        )  # fmt: skip
    ui.out.print(table)


@rules_app.command("set")
def rules_set(
    rule_id: Annotated[
        str, typer.Argument(metavar="RULE", help="One that is there, or a new one.", show_default=False)
    ],
    on: Annotated[bool | None, typer.Option("--on/--off", help="Switch it on or off.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Of a new rule: anomaly, cluster, count, …")] = None,
    service: Annotated[str | None, typer.Option("--service", "-s", help="Only of this service.")] = None,
    least: Annotated[str | None, typer.Option("--least", help="From this severity on.")] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", help="Of a count rule: errors, lines, level:error, … per hour.")
    ] = None,
    threshold: Annotated[float | None, typer.Option("--threshold", help="Of a count rule.")] = None,
    below: Annotated[bool | None, typer.Option("--below/--above", help="Fire under the threshold.")] = None,
    no_data: Annotated[str | None, typer.Option("--no-data", help="ok, alert or keep.")] = None,
    clear: Annotated[
        float | None,
        typer.Option("--clear", help="Of a count rule: over only past this; a fifth inside the threshold by default."),
    ] = None,
    kinds: Annotated[
        list[str] | None, typer.Option("--kind", "-k", help="Only of this kind: latency, new, … Repeat it.")
    ] = None,
    environment: Annotated[str | None, typer.Option("--environment", "-e", help="Only of this environment.")] = None,
    severity: Annotated[
        str | None, typer.Option("--severity", help="Of its alerts, in place of the finding's.")
    ] = None,
    pending: Annotated[str | None, typer.Option("--after", help="Only after so long: 5m.")] = None,
    resolve_after: Annotated[str | None, typer.Option("--over-after", help="Over after so long a quiet: 10m.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take your rule away; a default is in force again.")] = False,
    json_: ui.Json = False,
) -> None:
    """Change a rule, make one, or take one away.

    For example:

    [bold]luffy alerts rules set payments-errors --source count --metric errors --threshold 200 -s payments[/]

    [bold]luffy alerts rules set cluster-new --off[/]
    """
    from dataclasses import replace

    from luffy_dagster import store
    from luffy_dagster.core.alerting.model import Rule, Source
    from luffy_dagster.core.model import Severity

    moment = context.now()
    with context.connection() as conn:
        if remove:
            store.alert_rules.remove(conn, rule_id, actor=context.actor(), now=moment)
            _done(json_, {"rule": rule_id, "removed": True}, f"{rule_id} removed")
            return
        known = {rule.id: rule for rule in store.alert_rules.rules(conn)}
        if rule_id not in known and source is None:
            ui.fail(f"there is no rule {rule_id}: a new one needs --source; luffy alerts rules list shows them")
        for word, allowed in ((source, Source), (least, Severity), (severity, Severity)):
            if word is not None and word not in list(allowed):
                ui.usage(f"there is no {allowed.__name__.lower()} {word!r}: {', '.join(allowed)}")
        try:
            base = known.get(rule_id) or Rule(rule_id, Source(source or ""))
            given: dict[str, Any] = {
                "source": Source(source) if source else None,
                "enabled": on,
                "service": service,
                "least": Severity(least) if least else None,
                "metric": metric,
                "threshold": threshold,
                "clear": clear,
                "kinds": tuple(kinds) if kinds else None,
                "environment": environment,
                "severity": Severity(severity) if severity else None,
                "below": below,
                "no_data": no_data,
                "pending": _duration(pending, "--after"),
                "resolve_after": _duration(resolve_after, "--over-after"),
            }
        except ValueError as error:
            ui.usage(str(error))
        rule = replace(base, **{name: value for name, value in given.items() if value is not None})
        stored = store.alert_rules.put(conn, rule, actor=context.actor(), now=moment)
    _done(json_, store.alert_rules.as_dict(stored), f"rule {rule_id} is {'on' if stored.enabled else 'off'}")


@targets_app.command("add")
def targets_add(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="slack, email, apprise or alertmanager.", show_default=False)
    ],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.", show_default=False)],
    service: Annotated[str | None, typer.Option("--service", "-s", help="Only for this service; else for all.")] = None,
    least: Annotated[str, typer.Option("--least", help="From this severity on.")] = "low",
    address: Annotated[
        str | None, typer.Option("--address", help="Where to; asked for without an echo when left away.")
    ] = None,
    json_: ui.Json = False,
) -> None:
    """Add a place that messages go to; its address is kept encrypted and never shown.

    Example: [bold]luffy alerts targets add slack ops --least high[/]
    """
    from luffy_dagster import store
    from luffy_dagster.core.model import Severity

    if least not in list(Severity):
        ui.usage(f"there is no severity {least!r}: {', '.join(Severity)}")
    where = address or typer.prompt("address", hide_input=True, err=True)
    _check(kind, where)
    with context.connection() as conn:
        number = store.outbox.add_target(
            conn, kind, name, where, service=service, least=Severity(least), actor=context.actor(), now=context.now()
        )
    _done(json_, {"target": number}, f"target {number} added")


@targets_app.command("list")
def targets_list(json_: ui.Json = False) -> None:
    """Targets, without their addresses.

    Example: [bold]luffy alerts targets list[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        found = store.outbox.targets(conn)
    if json_:
        names = ("id", "kind", "name", "service_id", "least", "enabled")
        ui.print_json([{name: getattr(one, name) for name in names} for one in found])
        return
    if not found:
        ui.note("no targets; services tell where their webhook and e-mail say ([bold]luffy service set[/])")
        return
    table = ui.table("number", "kind", "name", "service", "from", right=("number",))
    for one in found:
        table.add_row(str(one.id), one.kind, one.name, one.service_id or "all", str(one.least))
    ui.out.print(table)


@targets_app.command("remove")
def targets_remove(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Of the target.", show_default=False)],
    json_: ui.Json = False,
) -> None:
    """Remove a target; messages that wait for it are given up.

    Example: [bold]luffy alerts targets remove 2[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        store.outbox.remove_target(conn, number, actor=context.actor(), now=context.now())
    _done(json_, {"target": number, "removed": True}, f"target {number} removed")


@targets_app.command("test")
def targets_test(
    place: Annotated[
        str, typer.Argument(metavar="TARGET", help="Number of a target, or a service.", show_default=False)
    ],
    json_: ui.Json = False,
) -> None:
    """Send a test message there now, past the outbox, and say what came of it.

    Example: [bold]luffy alerts targets test payments[/]
    """
    from luffy_dagster.flows.delivery import try_targets

    results = try_targets(context.flows(), place)
    if json_:
        ui.print_json([{"target": name, "accepted": why is None, "error": why} for name, why in results])
    else:
        for name, why in results:
            ui.out.print(f"{'✓' if why is None else '✕'} {name}: {why or 'accepted'}", markup=False, soft_wrap=True)
    if any(why is not None for _, why in results):
        raise typer.Exit(1)


def _check(kind: str, address: str) -> None:
    """Ends the command when an address cannot be one of its kind; the address itself is shown nowhere."""
    from urllib.parse import urlsplit

    from luffy_dagster.adapters.notify import apprise
    from luffy_dagster.core.alerting.model import MAIL_ADDRESS

    if kind in ("slack", "alertmanager") and not (
        urlsplit(address).scheme in ("http", "https") and urlsplit(address).hostname
    ):
        ui.fail(f"the address of a target of kind {kind} must be a whole URL: https://…")
    if kind == "email" and not MAIL_ADDRESS.fullmatch(address):
        ui.fail("the address of a target of kind email must be one of mail: team@example.com")
    if kind == "apprise":
        apprise.check(address)


def _duration(text: str | None, option: str) -> timedelta | None:
    if text is None:
        return None
    moment = context.now()
    return moment - ui.parse_time(text, moment, option)


def _span(span: timedelta) -> str:
    minutes = span.total_seconds() / 60
    return "at once" if not minutes else f"{minutes:g} min"


def _done(json_: bool, value: Any, text: str) -> None:
    if json_:
        ui.print_json(value)
    else:
        ui.note(f"[green]✓[/] {text}")
