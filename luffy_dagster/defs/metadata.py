"""What a person reads on Dagster's page of a log asset: results of flows turned into counts, tables, a plot and commands.

Pure rendering: nothing is read or decided here. Log text is data: it is escaped before it stands in Markdown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from dagster import MetadataValue

from luffy_dagster.defs.plots import LEVEL_COLOURS, hours_plot, sparkline

if TYPE_CHECKING:
    from luffy_dagster.defs.views import DayView
    from luffy_dagster.flows import ClusterResult, FetchResult, ParseResult, SourceResult

Metadata = dict[str, MetadataValue[Any]]
CELL = 160


def raw_logs(day: date, service: str, fetch: FetchResult | None, held: int | None = None) -> Metadata:
    """Of the fetch: rows of the day, what was left out, and every source with its state. `held`: rows of the day in the lake."""
    found: Metadata = {} if held is None else {"rows of this day": MetadataValue.int(held)}
    found["log lines"] = MetadataValue.md(_command(f"luffy logs -s {service} {_range(day)}"))
    if fetch is None:
        return found | {"new rows": MetadataValue.text("no source was asked: the rows were there already")}
    found |= {
        "new rows of this day": MetadataValue.int(int(fetch.per_day.get(day, 0))),
        "new rows in this run": MetadataValue.int(int(fetch.rows)),
        "already there": MetadataValue.int(int(fetch.duplicates)),
        "sources": MetadataValue.md(sources_table(fetch.sources)),
    }
    if len(fetch.per_day) > 1:
        rows = [(str(each), f"{count:,}") for each, count in sorted(fetch.per_day.items())]
        found["rows per day"] = MetadataValue.md(table(("day (UTC)", "rows"), rows))
    return found


def parsed_entries(day: date, parse: ParseResult, view: DayView) -> Metadata:
    """Of the parse: entries of the day by level and hour, and its most frequent messages."""
    counts = parse.per_day.get(day)
    levels = view.levels
    found: Metadata = {
        "entries": MetadataValue.int(sum(levels.values())),
        "exceptions": MetadataValue.int(int(counts.exceptions) if counts else 0),
        "rows read": MetadataValue.int(int(parse.rows)),
        "lines folded into an entry": MetadataValue.int(int(parse.folded)),
        "lines without a header": MetadataValue.int(int(counts.unparsed) if counts else 0),
        "parse rate": MetadataValue.text(f"{100 * parse.parse_rate:.2f} %"),
        "new message shapes": MetadataValue.int(int(parse.new_shapes)),
        "log lines": MetadataValue.md(_command(f"luffy logs -s {view.service} {_range(day)}")),
    }
    if levels:
        ordered = [level for level in LEVEL_COLOURS if level in levels]
        total = sum(levels.values())
        rows = [(level, f"{levels[level]:,}", f"{100 * levels[level] / total:.1f} %") for level in ordered]
        found["levels"] = MetadataValue.md(table(("level", "entries", "share"), rows))
        found["entries per hour, 00 to 23 UTC"] = MetadataValue.text(
            sparkline([sum(hour.values()) for hour in view.hours])
        )
        found["plot of entries per hour"] = MetadataValue.md(hours_plot(view.hours, f"entries per hour on {day}, UTC"))
    if view.messages:
        shown = [(f"{row.count:,}", row.level, row.shape, row.example) for row in view.messages]
        found["top messages"] = MetadataValue.md(table(("count", "level", "message", "example"), shown))
    return found


def exception_clusters(day: date, exceptions: int, cluster: ClusterResult | None, view: DayView) -> Metadata:
    """Of the grouping: how many clusters the day's exceptions belong to, and the largest."""
    found: Metadata = {
        "exceptions": MetadataValue.int(exceptions),
        "clusters on this day": MetadataValue.int(len(view.clusters)),
        "new clusters in this run": MetadataValue.int(int(cluster.new_clusters) if cluster else 0),
        "clusters of the service": MetadataValue.int(int(cluster.clusters) if cluster else 0),
        "all clusters": MetadataValue.md(_command(f"luffy clusters -s {view.service} --state all")),
    }
    if view.clusters:
        rows = [
            (f"{row.count:,}", row.title, row.state, row.severity, row.culprit, row.cluster_id) for row in view.clusters
        ]
        heads = ("count", "cluster", "state", "severity", "where", "id")
        found["top clusters"] = MetadataValue.md(table(heads, rows))
        example = view.clusters[0].example
        if example:
            found["example of the largest"] = MetadataValue.md(fenced(example))
            found["more about the largest"] = MetadataValue.md(
                _command(f"luffy clusters show {view.clusters[0].cluster_id}")
            )
    else:
        found["top clusters"] = MetadataValue.text(f"no exceptions on {day}")
    return found


def sources_table(sources: Iterable[SourceResult]) -> str:
    """Markdown table of the sources that were read."""
    rows = []
    for source in sources:
        window = ""
        if source.window_start and source.window_end:
            window = f"{source.window_start:%m-%d %H:%M} to {source.window_end:%m-%d %H:%M}"
        rows.append(
            (
                source.name or source.source_id,
                source_state(source),
                f"{source.rows:,}",
                f"{source.duplicates:,}",
                window,
            )
        )
    return table(("source", "state", "new rows", "already there", "window (UTC)"), rows)


def source_state(source: SourceResult) -> str:
    """One source's state in a few words."""
    if not source.ok:
        return f"FAILED: {source.error}"
    notes = [
        word
        for word, given in (
            ("partial: cap reached", source.capped),
            ("late", source.late),
            ("nothing new", source.empty),
        )
        if given
    ]
    notes += [f"{count:,} × {kind}" for kind, count in sorted((source.bad or {}).items()) if count]
    return "; ".join(notes) or "ok"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose cells are shown as they are, cut at 160 characters."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(escaped(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


_SPECIAL = {ord(char): f"\\{char}" for char in "\\`*_{}[]()#+!|~"} | {
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord("&"): "&amp;",
    ord("\n"): " ",
    ord("\r"): " ",
    ord("\t"): " ",
    0: "\ufffd",
}


def escaped(text: str, limit: int = CELL) -> str:
    """`text` so that Markdown shows it and obeys nothing in it."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return cut.translate(_SPECIAL).replace("://", "&#58;//").replace("www.", "www&#46;")


def fenced(text: str, limit: int = 3000) -> str:
    """`text` as a block of code that no run of backticks in it can end."""
    cut = text if len(text) <= limit else text[:limit] + "\n…"
    fence = "```"
    while fence in cut:
        fence += "`"
    return f"{fence}text\n{cut.replace(chr(0), chr(0xFFFD))}\n{fence}"


def checked(values: Mapping[str, object]) -> dict[str, MetadataValue[Any]]:
    """Plain numbers, texts and lists as metadata of a check."""
    found: dict[str, MetadataValue[Any]] = {}
    for key, value in values.items():
        if isinstance(value, bool):
            found[key] = MetadataValue.bool(value)
        elif isinstance(value, int):
            found[key] = MetadataValue.int(value)
        elif isinstance(value, float):
            found[key] = MetadataValue.float(value)
        else:
            found[key] = MetadataValue.text(str(value))
    return found


def _command(command: str) -> str:
    return f"`{command}`"


def _range(day: date) -> str:
    return f"--from {day} --to {day + timedelta(days=1)}"
