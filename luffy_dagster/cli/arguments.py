"""Arguments that several commands take: a service, settings as `name=value`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from luffy_dagster.cli import ui

Slug = Annotated[str, typer.Argument(metavar="SERVICE", help="Id of the service, e.g. web-app.", show_default=False)]


def parse_value(text: str) -> Any:
    """A value of `--set name=value`: JSON where it is JSON (numbers, true, lists), else the text itself."""
    import json

    try:
        return json.loads(text)
    except ValueError:
        return text


def parse_settings(given: list[str]) -> dict[str, Any]:
    """`name=value` pairs as a mapping; wrong usage when one has no `=`."""
    fields = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            ui.usage(f"write a setting as name=value, not {pair!r}")
        fields[name.strip()] = parse_value(value)
    return fields
