"""What a person reads on Dagster's page of a log asset: results of flows turned into counts, tables, a plot, links and commands.

Pure rendering: nothing is read or decided here. Log text is data: it stands in cells of tables, which show it as it is, or it is
escaped before it stands in Markdown. The page shows Markdown in place only when it is short (`plots.INLINE`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dagster import MetadataValue, TableColumn, TableRecord, TableSchema

from luffy_dagster.core.showing import partition_path, short_frame
from luffy_dagster.defs.plots import LEVEL_COLOURS, hours_plot

if TYPE_CHECKING:
    from luffy_dagster.defs.views import DayView
    from luffy_dagster.flows import ClusterResult, FetchResult, ParseResult, SourceResult

Metadata = dict[str, MetadataValue[Any]]
CELL = 160
ASSETS = ("raw_logs", "parsed_entries", "exception_clusters", "anomaly_windows")
_SAID = {
    "raw_logs": "raw rows",
    "parsed_entries": "entries",
    "exception_clusters": "clusters",
    "anomaly_windows": "anomalies",
}


def raw_logs(day: date, service: str, fetch: FetchResult | None, held: int | None = None) -> Metadata:
    """Of the fetch: rows of the day, what was left out, and every source with its state. `held`: rows of the day in the lake."""
    found: Metadata = {} if held is None else {"rows of this day": MetadataValue.int(held)}
    if fetch is None:
        found["new rows"] = MetadataValue.text("no source was asked: the rows were there already")
    else:
        found |= {
            "new rows of this day": MetadataValue.int(int(fetch.per_day.get(day, 0))),
            "new rows in this run": MetadataValue.int(int(fetch.rows)),
            "already there": MetadataValue.int(int(fetch.duplicates)),
            "sources": sources_table(fetch.sources),
        }
        if len(fetch.per_day) > 1:
            rows = [(str(each), int(count)) for each, count in sorted(fetch.per_day.items())]
            found["rows per day"] = cells(("day (UTC)", "rows"), rows)
    return found | _ways("raw_logs", service, day)


def parsed_entries(day: date, parse: ParseResult, view: DayView) -> Metadata:
    """Of the parse: entries of the day by level and hour, and its most frequent messages."""
    counts = parse.per_day.get(day)
    levels = view.levels
    found: Metadata = {
        "entries": MetadataValue.int(sum(levels.values())),
        "errors": MetadataValue.int(levels.get("error", 0) + levels.get("fatal", 0)),
    }
    if levels:
        total = sum(levels.values())
        rows = [
            (level, levels[level], f"{100 * levels[level] / total:.1f} %") for level in LEVEL_COLOURS if level in levels
        ]
        found["entries per hour"] = MetadataValue.md(hours_plot(view.hours))
        found["levels"] = cells(("level", "entries", "share"), rows)
    if view.messages:
        shown = [(row.count, row.level, row.shape, row.example) for row in view.messages]
        found["top messages"] = cells(("count", "level", "message", "example"), shown)
    found |= {
        "rows read in this run": MetadataValue.int(int(parse.rows)),
        "exceptions in this run": MetadataValue.int(int(counts.exceptions) if counts else 0),
        "lines folded into an entry": MetadataValue.int(int(parse.folded)),
        "lines without a header": MetadataValue.int(int(counts.unparsed) if counts else 0),
        "parse rate, %": MetadataValue.float(round(100 * parse.parse_rate, 2)),
        "new message shapes": MetadataValue.int(int(parse.new_shapes)),
    }
    return found | _ways("parsed_entries", view.service, day)


def exception_clusters(day: date, exceptions: int, cluster: ClusterResult | None, view: DayView) -> Metadata:
    """Of the grouping: how many clusters the day's exceptions belong to, and the largest."""
    found: Metadata = {
        "exceptions": MetadataValue.int(view.exceptions),
        "clusters on this day": MetadataValue.int(view.cluster_count),
    }
    if view.clusters:
        rows = [
            (
                row.count,
                row.title,
                f"{row.state}, {row.severity}",
                short_frame(row.culprit),
                f"luffy clusters show {row.cluster_id}",
            )
            for row in view.clusters
        ]
        found["top clusters"] = cells(("count", "cluster", "state", "where", "more"), rows)
        example = view.clusters[0].example
        if example:
            found["example of the largest"] = MetadataValue.md(fenced(_narrow(example), 900))
    else:
        found["top clusters"] = MetadataValue.text(f"no exceptions on {day}")
    found |= {
        "exceptions in this run": MetadataValue.int(exceptions),
        "new clusters in this run": MetadataValue.int(int(cluster.new_clusters) if cluster else 0),
        "clusters of the service": MetadataValue.int(int(cluster.clusters) if cluster else 0),
    }
    return found | _ways("exception_clusters", view.service, day)


def _ways(asset: str, service: str, day: date) -> Metadata:
    """Where to go on: the other assets of the same day on this page, and the command that shows the rows themselves."""
    links = [f"[{_SAID[other]}]({partition_path(other, service, day)})" for other in ASSETS if other != asset]
    command = (
        f"luffy clusters -s {service} --state all"
        if asset == "exception_clusters"
        else f"luffy logs -s {service} --from {day} --to {day + timedelta(days=1)}"
    )
    said = "all clusters" if asset == "exception_clusters" else "log lines"
    return {
        "this day's": MetadataValue.md(" · ".join(links)),
        "the service": MetadataValue.md(f"[runs of its own](/runs?q%5B0%5D=tag%3Aluffy%2Fservice%3D{quote(service)})"),
        said: MetadataValue.md(f"`{command}`"),
    }


def sources_table(sources: Iterable[SourceResult]) -> MetadataValue[Any]:
    """The sources that were read, each with its state."""
    rows = []
    for source in sources:
        window = ""
        if source.window_start and source.window_end:
            window = f"{source.window_start:%m-%d %H:%M} to {source.window_end:%m-%d %H:%M}"
        name = source.name or source.source_id
        rows.append((name, source_state(source), int(source.rows), int(source.duplicates), window))
    return cells(("source", "state", "new rows", "already there", "window (UTC)"), rows)


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


def cells(heads: Sequence[str], rows: Iterable[Sequence[str | int]]) -> MetadataValue[Any]:
    """A table that the page shows in place; texts are cut at 160 characters and never read as Markdown."""
    records = [TableRecord({head: _cell(value) for head, value in zip(heads, row, strict=True)}) for row in rows]
    kinds = {head: "int" if records and isinstance(records[0].data[head], int) else "string" for head in heads}
    return MetadataValue.table(records, schema=TableSchema([TableColumn(head, kinds[head]) for head in heads]))


def _cell(value: str | int) -> str | int:
    if isinstance(value, int):
        return value
    text = " ".join(value.replace("\0", "\ufffd").split())
    return text if len(text) <= CELL else text[: CELL - 1] + "…"


def _narrow(text: str, width: int = 110) -> str:
    """The text with long lines cut in their middle, where a path says least: the page's table grows as wide as a line."""
    half = width // 2
    return "\n".join(line if len(line) <= width else f"{line[:half]}…{line[-half:]}" for line in text.splitlines())


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
