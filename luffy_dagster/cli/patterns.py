"""`luffy compare`, `luffy patterns`, `luffy sessions`: what differs, what is new, what has gone silent, which requests are odd."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from luffy_dagster.cli import context, ui

if TYPE_CHECKING:
    from luffy_dagster.core.model import TimeRange

KIND_STYLE = {"new": "bold red", "vanished": "bold yellow", "more": "red", "less": "yellow", "same": "dim"}


def register(app: typer.Typer) -> None:
    """Hang the commands of this module into the root."""
    app.command("compare", rich_help_panel="Read")(compare)
    app.command("patterns", rich_help_panel="Read")(patterns)
    app.command("sessions", rich_help_panel="Read")(sessions)


def parse_range(text: str, now: datetime, name: str) -> TimeRange:
    """`FROM..TO`, each a time or how long ago; TO may be left away and is now then."""
    from luffy_dagster.core.model import TimeRange

    start, dots, end = text.partition("..")
    if not start or (dots and not end):
        ui.usage(f"{name} is no range: {text!r}; write 24h..1h, 2h..now, or 2026-11-24T09:00..2026-11-24T10:00")
    return TimeRange(ui.parse_time(start, now, name), ui.parse_time(end or "now", now, name))


def compare(
    baseline: Annotated[str, typer.Argument(metavar="BASELINE", help="The quiet range: FROM..TO.", show_default=False)],
    incident: Annotated[
        str, typer.Argument(metavar="INCIDENT", help="The range in question: FROM..TO.", show_default=False)
    ],
    service: Annotated[str, typer.Option("--service", "-s", help="Of this service.", show_default=False)],
    by: Annotated[str, typer.Option("--by", help="templates, clusters, levels or loggers.")] = "templates",
    environment: Annotated[str | None, typer.Option("--environment", "-e", help="Only of this environment.")] = None,
    shares: Annotated[
        bool, typer.Option("--shares", help="Compare shares of all lines, not lines per second.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Also what did not change.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many.")] = 20,
    json_: ui.Json = False,
) -> None:
    """Rank what differs between two time ranges: new, gone, more, less.

    For example, the last half hour against the day before it:

    [bold]luffy compare 24h..30m 30m..now --service payments[/]
    """
    from rich.text import Text

    from luffy_dagster.flows import compare_ranges

    flows = context.flows()
    moment = flows.now()
    first, second = parse_range(baseline, moment, "BASELINE"), parse_range(incident, moment, "INCIDENT")
    found = compare_ranges(flows, service, first, second, by=by, environment=environment, shares=shares)
    rows = found.rows.to_dicts()
    changed = [row for row in rows if every or row["kind"] != "same"]
    if json_:
        fields = {name: getattr(found, name) for name in ("service", "by", "baseline", "incident", "statistic")}
        ui.print_json({**fields, "baseline_entries": found.baseline_entries, "incident_entries": found.incident_entries, "rows": changed[:limit]})  # fmt: skip
        return
    ui.out.print(
        ui.pairs(
            [
                ("baseline", f"{_span(first, moment)}: {ui.number(found.baseline_entries)} {by}' lines"),
                ("incident", f"{_span(second, moment)}: {ui.number(found.incident_entries)}"),
                (
                    "statistic",
                    f"{found.statistic}; {len(rows) - len([r for r in rows if r['kind'] != 'same'])} unchanged",
                ),
            ]
        )
    )
    if not changed:
        if not found.baseline_entries and not found.incident_entries:
            ui.note("neither range holds a line: [bold]luffy logs[/] shows where there are some")
        else:
            ui.note("nothing differs beyond chance ([bold]--all[/] shows everything)")
        return
    table = ui.table(
        "z",
        "what",
        "before /h",
        "now /h",
        "factor",
        by[:-1],
        right=("z", "before /h", "now /h", "factor"),
        wide=(by[:-1],),
    )
    for row in changed[:limit]:
        factor = "" if row["kind"] in ("new", "vanished") else f"× {row['ratio']:.2g}"
        scale = 3600 if not shares else 100
        table.add_row(
            f"{row['statistic']:+.1f}",
            ui.styled(row["kind"], KIND_STYLE),
            f"{row['baseline_rate'] * scale:,.4g}",
            f"{row['incident_rate'] * scale:,.4g}",
            factor,
            Text(str(row["label"]).splitlines()[0][:300]),
        )
    ui.out.print(table)
    if shares:
        ui.note("rates are per hundred lines")
    if len(changed) > limit:
        ui.note(f"… and {len(changed) - limit} more (--limit)")


def _span(span: TimeRange, moment: datetime) -> str:
    return f"{ui.when(span.start, moment)} to {ui.when(span.end, moment)}"


def patterns(
    service: Annotated[str, typer.Option("--service", "-s", help="Of this service.", show_default=False)],
    since: Annotated[str, typer.Option("--from", help="Since: 30m, 2h, 7d (before now), or a time.")] = "24h",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many of each kind.")] = 15,
    json_: ui.Json = False,
) -> None:
    """Templates never seen before, steady ones that have stopped, and shares that changed against the week before.

    Example: [bold]luffy patterns --service payments --from 6h[/]
    """
    from luffy_dagster.core.model import TimeRange
    from luffy_dagster.flows import find_patterns

    flows = context.flows()
    moment = flows.now()
    found = find_patterns(flows, service, TimeRange(ui.parse_time(since, moment, "--from"), moment))
    parts: dict[str, list[dict[str, Any]]] = {
        "new": found.new.to_dicts(),
        "vanished": found.vanished.to_dicts(),
        "changed": found.changed.to_dicts(),
    }
    if json_:
        ui.print_json(
            {"service": service, "range": found.range, **{name: rows[:limit] for name, rows in parts.items()}}
        )
        return
    if not any(parts.values()):
        ui.note("nothing new, nothing silent, no share changed")
        return
    _table("Never seen before", parts["new"], limit, ("count", "first seen", "template"), lambda r: (ui.number(r["count"]), ui.when(r["first_seen"], moment), r["template"]))  # fmt: skip
    _table("Steady, and silent now", parts["vanished"], limit, ("per hour", "silent since", "template"), lambda r: (f"{r['rate']:.1f}", ui.when(r["last_hour"], moment), r["template"]))  # fmt: skip
    _table("Share of lines changed", parts["changed"], limit, ("before %", "now %", "template"), lambda r: (f"{r['baseline_rate'] * 100:.3g}", f"{r['incident_rate'] * 100:.3g}", r["label"] or r["template_id"]))  # fmt: skip


def _table(title: str, rows: list[dict[str, Any]], limit: int, names: tuple[str, ...], cells: Any) -> None:
    from rich.text import Text

    if not rows:
        return
    table = ui.table(*names, title=f"{title} ({len(rows)})", right=names[:1], wide=names[-1:])
    for row in rows[:limit]:
        *first, last = cells(row)
        table.add_row(*first, Text(str(last)))
    ui.out.print(table)


def sessions(
    service: Annotated[str, typer.Option("--service", "-s", help="Of this service.", show_default=False)],
    since: Annotated[str, typer.Option("--from", help="Since: 30m, 2h, 7d (before now), or a time.")] = "24h",
    until: Annotated[str, typer.Option("--to", help="Until: how long ago, or a time.")] = "now",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many.")] = 15,
    json_: ui.Json = False,
) -> None:
    """Requests, orders, blocks, … whose lines differ from those of all others: a step missing, too often, or hardly ever seen.

    Lines belong together by their trace id, or by the identifier in the messages that tells most of them apart.

    Example: [bold]luffy sessions --service payments --from 6h[/]
    """
    from luffy_dagster.core.model import TimeRange
    from luffy_dagster.flows import find_abnormal_sessions

    flows = context.flows()
    moment = flows.now()
    span = TimeRange(ui.parse_time(since, moment, "--from"), ui.parse_time(until, moment, "--to"))
    if span.end <= span.start:
        ui.usage("--to lies before --from")
    found = find_abnormal_sessions(flows, service, span)
    if json_:
        ui.print_json({**ui.plain(found), "abnormal": ui.plain(found.abnormal[:limit])})
        return
    if found.key is None:
        ui.note("no identifier tells these lines apart: log a trace id, or the number of the order, request or job")
        return
    ui.out.print(
        ui.pairs(
            [
                ("told apart by", found.key),
                ("sessions", f"{ui.number(found.sessions)}, {len(found.abnormal)} of them abnormal"),
                ("lines", f"{ui.number(found.lines)}, {found.covered:.0%} in a session" + (", only the latest" if found.cut else "")),
            ]
        )
    )  # fmt: skip
    if found.learning:
        ui.note(f"learning: {found.sessions} sessions are too few to call anything usual")
    elif not found.abnormal:
        ui.note("each session is like the others")
    else:
        _sessions(found.abnormal[:limit], moment)
        if len(found.abnormal) > limit:
            ui.note(f"… and {len(found.abnormal) - limit} more (--limit)")


def _sessions(rows: list[dict[str, Any]], moment: datetime) -> None:
    from rich.text import Text

    table = ui.table(
        "score", "session", "lines", "since", "what differs", right=("score", "lines"), wide=("what differs",)
    )
    for row in rows:
        told = [_told(one) for one in row["evidence"][:4]]
        more = len(row["evidence"]) - 4
        lines = "\n".join([*told, *([f"… and {more} more"] if more > 0 else [])])
        table.add_row(
            f"{row['score']:.1f}", row["session"], ui.number(row["lines"]), ui.when(row["first"], moment), Text(lines)
        )
    ui.out.print(table)


def _told(one: dict[str, Any]) -> str:
    template = str(one["template"]).splitlines()[0][:200]
    if one["kind"] == "rare":
        return f"hardly ever ({one['share']:.1%}): {template}"
    if one["kind"] == "missing":
        return f"missing: {template}"
    return f"{one['seen']} times, else {one['usual']}: {template}"
