"""The root of the command, and how it ends: exit codes and errors.

0 is success, 1 a failure, 2 wrong usage, 130 an interruption. An error is one line on stderr (what, why, remedy);
`--debug` anywhere on the line shows the stack below it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import click
import typer

from luffy_dagster.cli import (
    alarms,
    alerts,
    anomalies,
    clusters,
    code,
    demo,
    detectors,
    doctor,
    evaluate,
    handing,
    listening,
    logs,
    patterns,
    proposals,
    rca,
    replay,
    rules,
    services,
    serving,
    setup,
    sources,
    telling,
    triage,
    ui,
    work,
)

app = typer.Typer(
    name="luffy",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Reads the logs of all your services, groups what fails, names the cause, and tells the right people once.\n\n"
    "Start with [bold]luffy demo[/], or with your own logs: [bold]luffy watch /var/log/app --service app[/]",
)
for topic in (
    setup,
    demo,
    services,
    sources,
    work,
    logs,
    clusters,
    anomalies,
    detectors,
    code,
    proposals,
    rca,
    handing,
    patterns,
    alarms,
    alerts,
    telling,
    listening,
    serving,
    triage,
    rules,
    replay,
    doctor,
    evaluate,
):
    topic.register(app)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and end.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the stack of an error (anywhere on the line).")] = False,
) -> None:
    """Reads the logs of all your services, groups what fails, names the cause, and tells the right people once."""
    del debug  # taken off the line by run()
    if version:
        from importlib.metadata import version as version_of

        ui.out.print(f"luffy {version_of('luffy-dagster')}", highlight=False)
        raise typer.Exit


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; errors are shown on stderr, never raised."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    debug = "--debug" in arguments[:cut] or bool(os.environ.get("LUFFY_DEBUG"))
    kept = [argument for at, argument in enumerate(arguments) if argument != "--debug" or at > cut]
    try:
        code = typer.main.get_command(app).main(kept, prog_name="luffy", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" ({context.command_path} --help shows the options)" if context is not None else ""
        if "Did you mean" in error.message:  # said by Typer; Click would say it again
            error.possibilities = None  # type: ignore[attr-defined]
        ui.complain(f"{error.format_message().rstrip('.')}{hint}")
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        ui.complain("interrupted; what was finished is kept, run it again to go on")
        return 130
    except BrokenPipeError:  # `luffy logs | head`
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - only stops the flush at exit
        return 0
    except Exception as error:  # noqa: BLE001 - the last place before the person
        if debug:
            import traceback

            traceback.print_exc()
        ui.complain(ui.one_line(error))
        return 1
    return code if isinstance(code, int) else 0
