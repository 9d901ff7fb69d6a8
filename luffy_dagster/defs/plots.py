"""Small plots for Dagster's page, drawn as SVG text: a data URI in Markdown, with no plotting library to load.

Only drawing belongs here; what is drawn comes in as numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

INLINE = 1000  # the page shows Markdown in place that has fewer characters than this, longer behind a button
LEVEL_COLOURS = {
    "fatal": "#7a1f3d",
    "error": "#d1453b",
    "warn": "#e8a33d",
    "info": "#4c8bd6",
    "debug": "#9fb3c8",
    "trace": "#c9d3de",
    "none": "#b8b8b8",
}
_SLOT, _BAR, _HIGH = 20, 16, 60
_BAD = ("error", "fatal")


def hours_plot(hours: Sequence[Mapping[str, int]]) -> str:
    """Markdown image of 24 bars: entries per hour (UTC), the errors among them in red. Short enough to be shown in place."""
    totals = [sum(hour.values()) for hour in hours]
    top = max(totals, default=0) or 1
    bad = [sum(hour.get(level, 0) for level in _BAD) for hour in hours]
    width = _SLOT * len(hours)
    body = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{_HIGH + 16}' font-size='11'>"
        f"{_bars(totals, top, '#4c8bd6')}{_bars(bad, top, '#d1453b')}"
        f"<text y='{_HIGH + 14}'>00:00 UTC</text><text x='{width // 2}' y='{_HIGH + 14}'>12:00</text>"
        f"<text x='{width}' y='{_HIGH + 14}' text-anchor='end'>max {top:,}</text></svg>"
    )
    errors = sum(bad)
    said = f"{sum(totals):,} entries, {errors:,} errors" if errors else f"{sum(totals):,} entries, no error"
    return f"![{said}](data:image/svg+xml,{quote(body, safe=PLAIN)})"


# What may stand as it is in the address of an image in Markdown.
PLAIN = "!$&'*+,-./:;=?@_~"


def _bars(counts: Sequence[int], top: int, colour: str) -> str:
    """One path of a bar per count; a count is never too small to be seen."""
    drawn = "".join(
        f"M{_SLOT * number + _BAR // 2},{_HIGH}v-{max(2, round(_HIGH * count / top))}"
        for number, count in enumerate(counts)
        if count
    )
    return f"<path stroke='{colour}' stroke-width='{_BAR}' d='{drawn}'/>" if drawn else ""
