"""What a person sees: consoles, tables, progress, times, JSON. No command's own logic."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import click
import typer
from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress
    from rich.table import Table

out = Console(soft_wrap=False)
err = Console(stderr=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

LEVEL_STYLE = {"fatal": "bold red", "error": "red", "warn": "yellow", "info": "green", "debug": "dim", "trace": "dim"}
STATE_STYLE = {
    "new": "bold red",
    "regressed": "bold red",
    "escalating": "bold red",
    "ongoing": "yellow",
    "resolved": "green",
    "ignored": "dim",
}
SEVERITY_STYLE = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}
_ROOMY = 100  # characters of a terminal
_RELATIVE = re.compile(r"(\d+)\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class CliError(Exception):
    """A command cannot do what was asked; the text is the whole line: what, why, remedy."""


def fail(what: str) -> NoReturn:
    """End the command with one line of error (exit code 1)."""
    raise CliError(what)


def usage(what: str) -> NoReturn:
    """End the command because it was called wrongly (exit code 2)."""
    raise click.UsageError(what, click.get_current_context(silent=True))


def complain(text: str) -> None:
    """One line of error on stderr."""
    err.print("[bold red]error:[/] ", end="")
    err.print(text, markup=False, soft_wrap=True)


def note(text: str) -> None:
    """A line for the person on stderr, so that stdout stays data."""
    err.print(text, soft_wrap=True)


def one_line(error: BaseException) -> str:
    """An error as one line; one that is not ours is called by its type and says how to see more."""
    text = " ".join(str(error).split())
    if type(error).__module__.startswith("luffy_dagster."):
        return text or type(error).__name__
    return f"unexpected {type(error).__name__}: {text[:300]} (the same command with --debug shows the stack)"


def plain(value: Any) -> Any:
    """A value as JSON knows it: dataclasses as objects, times in ISO 8601, secrets masked."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Path):
        return str(value)
    return str(value)


def print_json(value: Any) -> None:
    """One JSON value on stdout, nothing else."""
    click.echo(json.dumps(plain(value), ensure_ascii=False, indent=None if isinstance(value, str) else 2))


def listed(rows: Sequence[Any], json_: bool, nothing: str) -> bool:
    """Whether there are rows to be shown as a table: with `--json` they are printed here, and without any it is said so."""
    if json_:
        print_json(rows)
        return False
    if not rows:
        note(nothing)
    return bool(rows)


def done(value: Any, json_: bool, text: str) -> None:
    """What a command did: the value for a program, a line for a person."""
    print_json(value) if json_ else note(text)


def table(*columns: str, title: str | None = None, right: Sequence[str] = (), wide: Sequence[str] = ()) -> Table:
    """An empty table; the columns of `right` hold numbers, those of `wide` may be folded over several lines."""
    from rich import box
    from rich.table import Table

    made = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold"
    )
    # What may not be wrapped keeps its width and takes all from what may: in a narrow terminal texts give way together.
    firm = set(columns) - set(wide) if out.width >= _ROOMY else set(right)
    for column in columns:
        made.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="ellipsis" if column in firm else "fold",
            no_wrap=column in firm,
            ratio=1 if column in wide else None,
        )
    return made


def pairs(rows: Iterable[tuple[str, Any]]) -> Table:
    """A table of names and values without a head; empty values are left out."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        if value not in (None, "", (), [], {}):
            made.add_row(name, value if isinstance(value, Text) else Text(str(value)))
    return made


def styled(word: str | None, styles: Mapping[str, str]) -> Any:
    """A word in the style of its meaning."""
    from rich.text import Text

    return Text(word or "–", style=styles.get(word or "", ""))


def number(value: float | None) -> str:
    """A count with separators, "–" for none."""
    return "–" if value is None else f"{value:,}"


def when(moment: datetime | None, now: datetime | None = None) -> str:
    """A time in the reader's zone; of today only the time of day."""
    if moment is None:
        return "never"
    local = moment.astimezone()
    today = (now or datetime.now(UTC)).astimezone().date()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%Y-%m-%d %H:%M}"


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago, in the largest unit that fits."""
    if moment is None:
        return "never"
    seconds = (now - moment).total_seconds()
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {name} ago"
    return "just now" if seconds < 10 else f"{seconds:.0f} s ago"


def lasted(start: datetime, end: datetime | None, now: datetime) -> str:
    """How long something lasted, or that it goes on."""
    seconds = ((end or now) - start).total_seconds()
    size, name = next(((s, n) for s, n in ((86400, "d"), (3600, "h"), (60, "min")) if seconds >= 1.5 * s), (1, "s"))
    return f"{seconds / size:.0f} {name}" + ("" if end is not None else ", goes on")


def parse_time(text: str, now: datetime, option: str) -> datetime:
    """A moment: `2h` (before now), `now`, or ISO 8601 (without zone: the reader's). Wrong usage when it is neither."""
    if text == "now":
        return now
    if found := _RELATIVE.fullmatch(text):
        return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        usage(f"{option} is no time: {text!r}; write 30m, 2h, 7d, or 2026-11-24T09:30")
    return moment.astimezone(UTC)


def progress(*, quiet: bool = False) -> Progress:
    """A progress display on stderr (nothing when quiet or not at a terminal)."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    return Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        TimeElapsedColumn(),
        console=err,
        disable=quiet,
    )


@contextmanager
def doing(text: str, *, quiet: bool = False) -> Iterator[None]:
    """A spinner while something without measurable progress goes on."""
    if quiet or not err.is_terminal:
        yield
        return
    with err.status(text):
        yield
