"""Words for numbers, for every sentence that a person reads: reports, notes, messages, commands."""

from __future__ import annotations


def many(count: int, one: str, more: str | None = None) -> str:
    """A count with its noun: `1 request`, `2 requests`, `1,000 entries`."""
    return f"{count:,} {one if count == 1 else more or f'{one}s'}"
