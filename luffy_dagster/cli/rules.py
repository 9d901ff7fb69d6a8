"""`luffy mask …`, `luffy grouping …`: a service's own masks and grouping rules; they come into force by `luffy replay`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from luffy_dagster.cli import context, ui

mask_app = typer.Typer(no_args_is_help=True, help="Own masks: what counts as one value in a service's templates.")
grouping_app = typer.Typer(
    no_args_is_help=True, help="Own grouping rules: which exceptions of a service belong together."
)

Service = Annotated[str, typer.Argument(metavar="SERVICE", help="Of this service.", show_default=False)]
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="Its number, as list shows it.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into the root."""
    app.add_typer(mask_app, name="mask", rich_help_panel="Change")
    app.add_typer(grouping_app, name="grouping", rich_help_panel="Change")


@mask_app.command("add")
def mask_add(
    service: Service,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.", show_default=False)],
    pattern: Annotated[str, typer.Argument(metavar="PATTERN", help="Expression (Rust's).", show_default=False)],
    replacement: Annotated[str | None, typer.Option("--as", help="What stands for a match.  [default: <NAME>]")] = None,
    json_: ui.Json = False,
) -> None:
    """Add a mask; it is in force only after a replay.

    Example: [bold]luffy mask add payments order 'ORD-[A-Z]+'[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        store.services.get(conn, service)
        number = store.rules.add_mask(
            conn, service, name, pattern, replacement or f"<{name}>", actor=context.actor(), now=context.now()
        )
    _added(json_, "mask", number, f"luffy replay templates --service {service} --with {number}")


@mask_app.command("list")
def mask_list(service: Service, json_: ui.Json = False) -> None:
    """Masks of a service.

    Example: [bold]luffy mask list payments[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        store.services.get(conn, service)
        found = store.rules.list_masks(conn, service)
    rows = [(one.id, one.name, _state(one), f"{one.pattern}  →  {one.replacement}") for one in found]
    _list(json_, found, rows, "mask", f"luffy mask add {service} order 'ORD-[A-Z]+'")


@mask_app.command("remove")
def mask_remove(service: Service, number: Number, json_: ui.Json = False) -> None:
    """Remove a mask that is not in force (one that is: luffy replay templates --without NUMBER --activate).

    Example: [bold]luffy mask remove payments 3[/]
    """
    _remove("mask", "templates", service, number, json_)


@grouping_app.command("add")
def grouping_add(
    service: Service,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.", show_default=False)],
    match: Annotated[
        list[str],
        typer.Option(
            "--match", help="FIELD=VALUE or FIELD~EXPRESSION; type, message, culprit, language, trace. All must match."
        ),
    ],
    by: Annotated[
        str,
        typer.Option(
            "--by", help="Parts that must agree: type, message, culprit, exact; by commas. None: all are one."
        ),
    ] = "",
    json_: ui.Json = False,
) -> None:
    """Add a grouping rule; it is in force only after a replay.

    For example:

    [bold]luffy grouping add payments acquirer --match 'message~acquirer .* no answer'[/]

    [bold]luffy grouping add payments keys --match type=KeyError --by culprit,message[/]
    """
    from luffy_dagster import store

    matcher: dict[str, Any] = {}
    for text in match:
        at = min((text.find(sign) for sign in "=~" if sign in text), default=-1)
        if at < 1:
            ui.usage(f"--match takes FIELD=VALUE or FIELD~EXPRESSION, not {text!r}")
        matcher[text[:at].strip()] = {"is" if text[at] == "=" else "like": text[at + 1 :]}
    action = {"by": [part.strip() for part in by.split(",") if part.strip()]}
    with context.connection() as conn:
        store.services.get(conn, service)
        number = store.rules.add_grouping_rule(
            conn, service, name, matcher, action, actor=context.actor(), now=context.now()
        )
    _added(json_, "grouping rule", number, f"luffy replay clusters --service {service} --with {number}")


@grouping_app.command("list")
def grouping_list(service: Service, json_: ui.Json = False) -> None:
    """Grouping rules of a service.

    Example: [bold]luffy grouping list payments[/]
    """
    from luffy_dagster import store

    with context.connection() as conn:
        store.services.get(conn, service)
        found = store.rules.list_grouping_rules(conn, service)
    rows = []
    for one in found:
        tests = ", ".join(
            f"{name}{'=' if 'is' in test else '~'}{next(iter(test.values()))}" for name, test in one.matcher.items()
        )
        rows.append(
            (one.id, one.name, _state(one), f"{tests}  by {', '.join(one.action['by']) or 'nothing: all are one'}")
        )
    _list(json_, found, rows, "grouping rule", f"luffy grouping add {service} keys --match type=KeyError")


@grouping_app.command("remove")
def grouping_remove(service: Service, number: Number, json_: ui.Json = False) -> None:
    """Remove a rule that is not in force (one that is: luffy replay clusters --without NUMBER --activate).

    Example: [bold]luffy grouping remove payments 2[/]
    """
    _remove("grouping_rule", "clusters", service, number, json_)


def _state(one: Any) -> str:
    return "in force" if one.active else "to be tried"


def _added(json_: bool, what: str, number: int, command: str) -> None:
    if json_:
        ui.print_json({"id": number, "try": command})
    else:
        ui.note(f"[green]✓[/] {what} {number} added; see what it would change: [bold]{command}[/]")


def _list(json_: bool, found: list[Any], rows: list[tuple[Any, ...]], what: str, example: str) -> None:
    if json_:
        ui.print_json(found)
        return
    if not rows:
        ui.note(f"no {what}s; for example: [bold]{example}[/]")
        return
    from rich.text import Text

    table = ui.table("number", "name", "state", "what", right=("number",), wide=("what",))
    for number, name, state, text in rows:
        table.add_row(str(number), Text(name), state, Text(text))
    ui.out.print(table)


def _remove(kind: str, mapping: str, service: str, number: int, json_: bool) -> None:
    from luffy_dagster import store

    with context.connection() as conn:
        store.services.get(conn, service)
        listing = store.rules.list_masks if kind == "mask" else store.rules.list_grouping_rules
        found = next((one for one in listing(conn, service) if one.id == number), None)
        if found is None:
            ui.fail(f"{service} has no such rule {number}: list shows them")
        if found.active:
            ui.fail(
                f"{number} is in force: luffy replay {mapping} --service {service} --without {number} --activate takes it out"
            )
        store.rules.revoke(conn, kind, number, actor=context.actor(), now=context.now())
    if json_:
        ui.print_json({"id": number, "removed": True})
    else:
        ui.note(f"[green]✓[/] {number} removed")
