"""`luffy doctor`: every part and setting, whether it is well, and how to mend it."""

from __future__ import annotations

import typer

from luffy_dagster.cli import context, ui

SIGNS = {"ok": "[green]✓[/]", "warn": "[yellow]▲[/]", "fail": "[red]✕[/]", "off": "[dim]‖[/]"}


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into the root."""
    app.command("doctor", rich_help_panel="Upkeep")(doctor)


def doctor(json_: ui.Json = False) -> None:
    """Check every part and setting, and say how to mend each. Ends with 1 when something is broken. Starts nothing.

    Example: [bold]luffy doctor[/]
    """
    from luffy_dagster.cli.checks import run_checks

    with ui.doing("looking at every part …", quiet=json_):
        checks = run_checks(context.now())
    broken = [check for check in checks if check.state == "fail"]
    if json_:
        ui.print_json(checks)
    else:
        from rich.text import Text

        shown = ui.table("", "what", "state", wide=("state",))
        for check in checks:
            words = Text(check.detail)
            if check.remedy:
                words.append(f"\n→ {check.remedy}", style="bold" if check.state == "fail" else "")
            shown.add_row(SIGNS[check.state], check.what, words)
        ui.out.print(shown)
        weak = sum(check.state == "warn" for check in checks)
        ui.out.print(
            f"[red]{len(broken)} broken[/]" if broken else "[green]nothing is broken[/]",
            f"· {weak} to look at" if weak else "",
            highlight=False,
        )
    if broken:
        raise typer.Exit(1)
