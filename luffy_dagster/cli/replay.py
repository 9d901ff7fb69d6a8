"""`luffy replay templates|clusters`: another mapping tried on history, its difference shown, put in force on confirmation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from luffy_dagster.cli import context, ui

if TYPE_CHECKING:
    from rich.text import Text

    from luffy_dagster.core.mappings import Change, Part
    from luffy_dagster.flows.replay import Replay

replay_app = typer.Typer(
    no_args_is_help=True, help="Try the newest algorithm, a mask or a grouping rule on history before it is in force."
)
_SHOWN = 8  # changes of a kind, and parts of a change, that a person is shown

Service = Annotated[str, typer.Option("--service", "-s", help="Of this service.", show_default=False)]
Since = Annotated[str | None, typer.Option("--from", help="Compare only what occurred since: 7d, 24h, or a time.")]
With = Annotated[
    list[str] | None, typer.Option("--with", help="Number of a mask or rule to try beside those in force; repeatable.")
]
Without = Annotated[list[str] | None, typer.Option("--without", help="Number of one in force to leave away.")]
Activate = Annotated[bool, typer.Option("--activate", help="Ask whether to put it in force after showing it.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="With --activate: do not ask.")]


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into the root."""
    app.add_typer(replay_app, name="replay", rich_help_panel="Change")


@replay_app.command("templates")
def templates(
    service: Service,
    since: Since = None,
    with_: With = None,
    without: Without = None,
    activate: Activate = False,
    yes: Yes = False,
    json_: ui.Json = False,
) -> None:
    """What the newest algorithm and masks would change in the service's templates.

    For example:

    [bold]luffy replay templates --service payments --from 7d --with 3[/]

    [bold]luffy replay templates --service payments --with 3 --activate[/]
    """
    _run("templates", service, since, with_, without, activate, yes, json_)


@replay_app.command("clusters")
def clusters(
    service: Service,
    since: Since = None,
    with_: With = None,
    without: Without = None,
    activate: Activate = False,
    yes: Yes = False,
    json_: ui.Json = False,
) -> None:
    """What the newest algorithm and grouping rules would change in the service's clusters.

    For example:

    [bold]luffy replay clusters --service payments --with 2[/]
    """
    _run("clusters", service, since, with_, without, activate, yes, json_)


def _numbers(texts: list[str] | None, option: str) -> tuple[int, ...]:
    numbers = []
    for text in texts or []:
        number = text.rpartition(":")[2]
        if not number.isdigit():
            ui.usage(f"{option} takes the number of a mask or rule, not {text!r}: luffy mask list, luffy grouping list")
        numbers.append(int(number))
    return tuple(numbers)


def _run(
    kind: str,
    service: str,
    since: str | None,
    with_: list[str] | None,
    without: list[str] | None,
    activate: bool,
    yes: bool,
    json_: bool,
) -> None:
    from luffy_dagster.flows import activate_replay, preview_replay
    from luffy_dagster.flows.replay import Wanted

    flows = context.flows()
    start = ui.parse_time(since, flows.now(), "--from") if since else None
    wanted = Wanted(_numbers(with_, "--with"), _numbers(without, "--without"))
    with ui.doing("computing the mapping over history", quiet=json_):
        found = preview_replay(flows, service, kind, wanted, start=start)
    if not json_:
        show(found)
    if activate and not yes and (json_ or not typer.confirm("Put this mapping in force?", default=False)):
        if json_:
            ui.usage("--activate with --json needs --yes: nobody is asked")
        ui.note("nothing was changed")
        return
    if activate:
        found = activate_replay(
            flows, service, kind, wanted, start=start, confirmed=found.digest, actor=context.actor()
        )
        if not json_:
            ui.note(
                f"[green]✓[/] in force: {found.recipe} ({ui.number(found.moved)} moved); luffy audit keeps who and when"
            )
    if json_:
        ui.print_json(found)
    elif not activate:
        ui.note("nothing was changed; the same command with [bold]--activate[/] puts it in force")


def show(found: Replay) -> None:
    """The difference, the largest changes first."""
    from rich.text import Text

    change = found.difference
    ui.out.print(
        ui.pairs(
            [
                ("in force", found.before or "nothing yet"),
                ("tried", found.recipe + (f"  with {', '.join(found.rules)}" if found.rules else "")),
                (
                    "over",
                    f"{ui.number(change.members)} {'shapes' if found.kind == 'templates' else 'fingerprints'}, "
                    f"{ui.number(change.count)} occurrences"
                    + (f" since {ui.when(found.start)}" if found.start else ""),
                ),
                (found.kind, f"{ui.number(change.groups_before)} → {ui.number(change.groups_after)}"),
                ("same", ui.number(change.same)),
                ("moved", f"{ui.number(change.moved)} ({ui.number(change.moved_count)} occurrences)"),
            ]
        )
    )
    if change.empty and not change.renamed:
        ui.out.print("[green]no difference[/]: what is in force says the same")
        return
    _changes("merged: several become one", change.merged, "becomes")
    _changes("split: one becomes several", change.split, "was")
    if change.new:
        table = ui.table("count", "new", title=f"New ({len(change.new)})", right=("count",), wide=("new",))
        for part in change.new[:_SHOWN]:
            table.add_row(ui.number(part.count), _part(part))
        ui.out.print(table)
    if change.renamed:
        table = ui.table(
            "count", "was", "is", title=f"Renamed ({len(change.renamed)})", right=("count",), wide=("was", "is")
        )
        for was, now, count in change.renamed[:_SHOWN]:
            table.add_row(ui.number(count), Text(was), Text(now))
        ui.out.print(table)


def _changes(title: str, changes: tuple[Change, ...], word: str) -> None:
    from rich.text import Text

    if not changes:
        return
    table = ui.table("count", word, "parts", title=f"{title} ({len(changes)})", right=("count",), wide=(word, "parts"))
    for change in changes[:_SHOWN]:
        parts = Text("\n").join(_part(part) for part in change.parts[:_SHOWN])
        if len(change.parts) > _SHOWN:
            parts.append(f"\n… and {len(change.parts) - _SHOWN} more", style="dim")
        table.add_row(ui.number(change.count), Text(change.label, style="bold"), parts)
    ui.out.print(table)
    if len(changes) > _SHOWN:
        ui.out.print(f"… and {len(changes) - _SHOWN} more ([bold]--json[/] has them all)")


def _part(part: Part) -> Text:
    from rich.text import Text

    line = Text(f"{part.count:>7,}  ", style="dim")
    line.append(part.label, style="default")
    line.append(f"\n         e.g. {part.example.splitlines()[0][:160] if part.example else '–'}", style="dim")
    return line
