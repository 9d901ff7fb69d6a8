"""`luffy logs`: entries by filters, page by page, or as they come."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from luffy_dagster.cli import context, ui

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from luffy_dagster.flows import FlowContext, LogQuery

LEVELS = ("trace", "debug", "info", "warn", "error", "fatal")
FOLLOW_SECONDS = 5.0


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into the root."""
    app.command("logs", rich_help_panel="Read")(logs)


def logs(
    service: Annotated[
        list[str] | None, typer.Option("--service", "-s", help="Only of these services; all when left out.")
    ] = None,
    level: Annotated[
        list[str] | None, typer.Option("--level", "-l", help="e.g. error, or warn+ for it and above.")
    ] = None,
    since: Annotated[str, typer.Option("--from", help="30m, 2h, 7d (before now), or a time.")] = "24h",
    until: Annotated[str, typer.Option("--to", help="The same; the end is not included.")] = "now",
    text: Annotated[str | None, typer.Option("--text", "-t", help="Entries that hold this text.")] = None,
    regex: Annotated[str | None, typer.Option("--regex", help="Entries that match this expression.")] = None,
    environment: Annotated[str | None, typer.Option("--environment", "-e", help="Only of this environment.")] = None,
    trace: Annotated[str | None, typer.Option("--trace", help="Only of this trace id.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="Entries on a page.")] = 50,
    cursor: Annotated[
        str | None, typer.Option("--cursor", help="Go on after a page; the page before names it.")
    ] = None,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="From the oldest on.")] = False,
    whole: Annotated[
        bool, typer.Option("--whole", "-w", help="Whole entries with their traces, not only first lines.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay and show new entries.")] = False,
    json_: ui.Json = False,
) -> None:
    """Log entries, newest first. Filters combine; a page names the cursor of the next.

    For example:

    [bold]luffy logs -s payments -l warn+ --from 2h[/]

    [bold]luffy logs --text timeout --from 7d --json | jq '.rows[].message'[/]
    """
    from luffy_dagster.flows import LogQuery, query_logs

    if text and regex:
        ui.usage("--text and --regex exclude each other")
    flow = context.flows()
    moment = context.now()
    query = LogQuery(
        services=tuple(service or all_services(flow)),
        start=ui.parse_time(since, moment, "--from"),
        end=None if until == "now" else ui.parse_time(until, moment, "--to"),
        levels=parse_levels(level or []),
        text=regex or text,
        regex=regex is not None,
        environment=environment,
        trace_id=trace,
        limit=limit,
        cursor=cursor,
        order="asc" if oldest_first else "desc",
    )
    if service:
        check_services(flow, service)
    page = query_logs(flow, query)
    rows = page.rows.to_dicts()
    if json_ and not follow:
        ui.print_json({"rows": rows, "total": page.total, "next_cursor": page.next_cursor})
        return
    # a terminal is read downwards: the newest stands last
    for row in reversed(rows) if not oldest_first else rows:
        _show(row, whole=whole, as_json=json_, moment=moment)
    if follow:
        _follow(flow, query, rows, whole=whole, as_json=json_)
    elif not rows:
        ui.note(_nothing(query, len(query.services)))
    else:
        more = f"; next page: --cursor {page.next_cursor}" if page.next_cursor else ""
        ui.err.print(
            f"{ui.number(len(rows))} of {ui.number(page.total)} entries{more}",
            style="dim",
            markup=False,
            soft_wrap=True,
        )


def all_services(flow: FlowContext) -> list[str]:
    """The ids of all services that are not archived."""
    from luffy_dagster import store

    with store.begin(flow.engine) as conn:
        return [one.id for one in store.services.list_services(conn)]


def check_services(flow: FlowContext, names: list[str]) -> None:
    """End the command when a service does not exist."""
    from luffy_dagster import store

    with store.begin(flow.engine) as conn:
        for name in names:
            store.services.get(conn, name)


def parse_levels(given: list[str]) -> tuple[str, ...]:
    """Levels by name, `warn+` meaning it and all above; wrong usage for another word."""
    chosen: list[str] = []
    for word in given:
        name = {"warning": "warn", "critical": "fatal"}.get(word.rstrip("+").lower(), word.rstrip("+").lower())
        if name not in LEVELS:
            ui.usage(f"no level {word!r}; levels are {', '.join(LEVELS)}, and e.g. warn+")
        chosen += LEVELS[LEVELS.index(name) :] if word.endswith("+") else [name]
    return tuple(dict.fromkeys(chosen))


def _show(row: Mapping[str, Any], *, whole: bool, as_json: bool, moment: datetime) -> None:
    """One entry: time, level, service, message; a hint how many lines are folded below it."""
    if as_json:
        import json

        typer.echo(json.dumps(ui.plain(row), ensure_ascii=False))
        return
    from rich.text import Text

    level = row["level"] or "–"
    line = Text.assemble(
        (ui.when(row["event_time"], moment), "dim"),
        " ",
        (f"{level:5}", ui.LEVEL_STYLE.get(level, "")),
        " ",
        (row["service_id"], "cyan"),
        " ",
    )
    body = row["raw_line"] if whole else row["message"]
    line.append(body or "")
    if not whole and (row["lines"] or 1) > 1:
        line.append(f"  (+{row['lines'] - 1} lines)", style="dim")
    if whole or not ui.out.is_terminal:
        ui.out.print(line, soft_wrap=True)
    else:
        ui.out.print(line, no_wrap=True, overflow="ellipsis")


def _follow(flow: FlowContext, query: LogQuery, seen_rows: list[dict[str, Any]], *, whole: bool, as_json: bool) -> None:
    """Show entries as they are parsed, until Ctrl-C. Entries arrive when a fetch brings them: by the daemon, or `luffy fetch`."""
    from luffy_dagster.flows import query_logs

    ui.note("[dim]waiting for new entries (Ctrl-C ends it)[/]")
    seen = {row["entry_id"] for row in seen_rows}
    newest = max((row["event_time"] for row in seen_rows), default=query.start)
    try:
        while True:
            time.sleep(FOLLOW_SECONDS)
            page = query_logs(flow, replace(query, start=newest, end=None, order="asc", cursor=None, limit=1000))
            for row in page.rows.to_dicts():
                if row["entry_id"] not in seen:
                    seen.add(row["entry_id"])
                    newest = max(newest, row["event_time"]) if newest else row["event_time"]
                    _show(row, whole=whole, as_json=as_json, moment=context.now())
    except KeyboardInterrupt:
        return


def _nothing(query: LogQuery, services: int) -> str:
    """Which of the three empties it is: nothing set up, or nothing matched."""
    if services == 0:
        return "no services yet: [bold]luffy watch PATH --service NAME[/], or [bold]luffy demo[/]"
    filtered = query.levels or query.text or query.environment or query.trace_id
    return f"nothing matched since {ui.when(query.start)}: {'take filters away, or ' if filtered else ''}go further back with --from 7d"
