"""`luffy eval NAME DATA` and `luffy bench NAME`: hand over to the module of that name in `luffy_dagster.evals`.

The module's `run` says by its parameters which options it takes: `repos: Path` is `--repos DIR`, `lines: int = 1000` is
`--lines N`, `fast: bool = False` is `--fast`. Its progress goes to stderr, its figures are the last line of stdout.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import types
import typing
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from luffy_dagster.cli import ui

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import click

_EXTRA = {"allow_extra_args": True, "ignore_unknown_options": True}
# What others use and no command names.
_NOT_EVALS = {"parts", "common", "remembered", "suspect_weights", "history_cases"}


class _Named(TyperCommand):
    """A command whose help lists the names that may be given, with what each is; looked up only when help is wanted."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The command's help and the names below it."""
        there = available(bench_=self.name == "bench")
        width = max(map(len, there), default=0)
        lines = [f"[bold cyan]{name:<{width}}[/]  {said.replace('[', chr(92) + '[')}" for name, said in there.items()]
        self.epilog = "\n\n".join(["[bold]Names[/]", *lines])
        super().format_help(ctx, formatter)


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into the root."""
    app.command("eval", cls=_Named, context_settings=_EXTRA, rich_help_panel="Measure")(eval_)
    app.command("bench", cls=_Named, context_settings=_EXTRA, rich_help_panel="Measure")(bench)


def eval_(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Which evaluation; `list` shows them.", show_default=False)],
    data: Annotated[Path | None, typer.Argument(help="File or folder of labelled data.", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the predictions here, one JSON object a line.")
    ] = None,
    json_: ui.Json = False,
) -> None:
    """Run the system's own code over labelled data; the figures are the last line, as JSON.

    Example: [bold]luffy eval templates data/loghub --out predictions.jsonl[/]
    """
    _given_by_name("evaluation", name, bench_=False, json_=json_)
    if data is None:
        ui.usage(f"luffy eval {name} needs DATA, a file or folder of labelled data")
    if not data.exists():
        ui.fail(f"there is no {data}: give the file or folder of labelled data")
    _run(name, bench_=False, fixed={"data": data, "out": out}, extra=ctx.args)


def bench(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Which benchmark; `list` shows them.", show_default=False)],
    json_: ui.Json = False,
) -> None:
    """Measure speed against a yardstick in the same run; the figures are the last line, as JSON.

    Example: [bold]luffy bench mining --lines 200000[/]
    """
    _given_by_name("benchmark", name, bench_=True, json_=json_)
    _run(name, bench_=True, fixed={}, extra=ctx.args)


def available(*, bench_: bool) -> dict[str, str]:
    """What evaluations or benchmarks are there, by name, with the first sentence of each; none is imported."""
    folder = Path(__file__).resolve().parents[1] / "evals"
    files = {path.stem: path for path in folder.glob("*.py")}
    files |= {path.parent.name: path for path in folder.glob("*/__init__.py")}
    found = {
        stem.removeprefix("bench_").replace("_", "-"): path
        for stem, path in files.items()
        if not stem.startswith("_") and stem not in _NOT_EVALS and stem.startswith("bench_") == bench_
    }
    return {name: _said(path) for name, path in sorted(found.items())}


def _said(path: Path) -> str:
    """The first line of a module's docstring without the command that it begins with."""
    with path.open(encoding="utf-8") as handle:
        first = handle.readline().strip().strip('"')
    return re.sub(r"^`luffy [^`]*`: ", "", first).rstrip(".")


def _given_by_name(kind: str, name: str, *, bench_: bool, json_: bool) -> None:
    """End the command for `list` or a name that is not there."""
    there = available(bench_=bench_)
    if name == "list":
        if json_:
            ui.print_json(there)
            raise typer.Exit
        for one in there:
            ui.out.print(one, highlight=False)
        raise typer.Exit
    if name not in there:
        ui.usage(f"no {kind} {name!r}; there are {', '.join(there) or 'none'}")


def _run(name: str, *, bench_: bool, fixed: dict[str, Any], extra: Sequence[str]) -> None:
    """Call the module's run; what it prints goes to stderr, its figures to stdout."""
    stem = name.replace("-", "_")
    function = import_module(f"luffy_dagster.evals.{'bench_' if bench_ else ''}{stem}").run
    options = parse_options(function, extra, taken=set(fixed))
    try:
        with redirect_stdout(sys.stderr):
            figures = function(**fixed, **options)
    except (ValueError, FileNotFoundError) as error:  # options that do not go together, data that is not there
        raise ui.CliError(str(error)) from error
    typer.echo(json.dumps(ui.plain(figures), ensure_ascii=False))


def parse_options(function: Callable[..., Any], given: Sequence[str], *, taken: set[str]) -> dict[str, Any]:
    """`--name value` pairs as arguments of the function, in the types it states; wrong usage for what it does not take."""
    hints = typing.get_type_hints(function)
    known = {name: parameter for name, parameter in inspect.signature(function).parameters.items() if name not in taken}
    options: dict[str, Any] = {}
    words = list(given)
    while words:
        word = words.pop(0)
        key, equals, value = word.removeprefix("--").partition("=")
        name = key.replace("-", "_")
        if not word.startswith("--") or name not in known:
            there = ", ".join(f"--{one.replace('_', '-')}" for one in known) or "none"
            ui.usage(f"no option {word!r} here; options are {there}")
        kind = hints.get(name, str)
        if kind is bool and not equals:
            options[name] = True
            continue
        if not equals:
            if not words:
                ui.usage(f"--{key} needs a value")
            value = words.pop(0)
        options[name] = _convert(key, value, kind)
    missing = [
        name
        for name, parameter in known.items()
        if parameter.default is inspect.Parameter.empty and name not in options
    ]
    if missing:
        ui.usage(f"--{missing[0].replace('_', '-')} is needed")
    return options


def _convert(key: str, value: str, kind: Any) -> Any:
    """A value in the type of its parameter."""
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        kind = next(one for one in typing.get_args(kind) if one is not type(None))
    try:
        if kind is bool:
            return {"true": True, "false": False}[value.lower()]
        if kind in (int, float):
            return kind(value.replace("_", ""))
    except (KeyError, ValueError):
        ui.usage(f"--{key} must be {'true or false' if kind is bool else 'a number'}, not {value!r}")
    return Path(value) if kind is Path else value
