"""Checks that every door's input passes before it is stored, whatever the topic."""

from __future__ import annotations

import json
from typing import Any

from luffy_dagster.store.errors import InvalidError


def storable(field: str, value: Any) -> None:
    """Raises InvalidError for what PostgreSQL cannot keep: NUL, half characters, NaN, objects that are no JSON."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError, RecursionError):
        raise InvalidError(field, "cannot be written as JSON in UTF-8") from None
    if "\\u0000" in text:
        raise InvalidError(field, "must not hold a NUL character")
