"""What can go wrong with a table of the lake, as one typed error."""

from __future__ import annotations

import re

_PREVIEW = re.compile(r"Preview of invalid data.*", re.DOTALL)
_LIMIT = 300


class LakeError(Exception):
    """A table could not be read or written: which table, why, and what to do. Never holds log text."""

    def __init__(self, table: str, why: str, remedy: str) -> None:
        """`why` may be the message of the storage library; rows that it previews are cut off."""
        reason = " ".join(_PREVIEW.sub("", why).split())[:_LIMIT]
        super().__init__(f"lake table {table}: {reason}; {remedy}")
        self.table = table
