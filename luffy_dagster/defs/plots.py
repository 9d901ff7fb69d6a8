"""Small plots for Dagster's page, drawn as SVG text: a data URI in Markdown, with no plotting library to load.

Only drawing belongs here; what is drawn comes in as numbers.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

LEVEL_COLOURS = {
    "fatal": "#7a1f3d",
    "error": "#d1453b",
    "warn": "#e8a33d",
    "info": "#4c8bd6",
    "debug": "#9fb3c8",
    "trace": "#c9d3de",
    "none": "#b8b8b8",
}
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 720, 190, 52, 26, 24


def hours_plot(hours: Sequence[Mapping[str, int]], title: str) -> str:
    """Markdown image of stacked bars: entries per hour (UTC), one colour per level."""
    top = max((sum(hour.values()) for hour in hours), default=0) or 1
    inner = _HEIGHT - _TOP - _BOTTOM
    slot = (_WIDTH - _LEFT - 8) / max(1, len(hours))
    shown = [level for level in LEVEL_COLOURS if any(hour.get(level) for hour in hours)]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" font-size="11">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
    ]
    for share in (0.0, 0.5, 1.0):
        y = _TOP + inner * (1 - share)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - 8}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e3e6ea"/>')
        parts.append(
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{_short(top * share)}</text>'
        )
    for number, hour in enumerate(hours):
        base = float(_TOP + inner)
        x = _LEFT + slot * number + slot * 0.1
        for level in reversed(shown):
            count = hour.get(level, 0)
            if count:
                height = inner * count / top
                base -= height
                parts.append(
                    f'<rect x="{x:.1f}" y="{base:.1f}" width="{slot * 0.8:.1f}" height="{max(height, 0.8):.1f}" '
                    f'fill="{LEVEL_COLOURS[level]}"/>'
                )
        if number % 3 == 0:
            parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 8}" fill="#555">{number:02d}:00</text>')
    left = _LEFT
    for level in shown:
        parts.append(f'<rect x="{left}" y="8" width="10" height="10" fill="{LEVEL_COLOURS[level]}"/>')
        parts.append(f'<text x="{left + 14}" y="17" fill="#333">{level}</text>')
        left += 70
    parts.append("</svg>")
    encoded = base64.b64encode("".join(parts).encode()).decode()
    return f"![{title}](data:image/svg+xml;base64,{encoded})"


def sparkline(counts: Sequence[int]) -> str:
    """One character per number, from `·` for none to `█` for the largest."""
    top = max(counts, default=0) or 1
    return "".join("▁▂▃▄▅▆▇█"[min(7, count * 8 // top)] if count else "·" for count in counts)


def _short(number: float) -> str:
    if number >= 1_000_000:
        return f"{number / 1_000_000:.1f}M"
    if number >= 10_000:
        return f"{number / 1000:.0f}k"
    return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"
