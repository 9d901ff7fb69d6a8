"""From raw rows to entries, exceptions and shapes: unwrapping, headers, folding, redaction, shapes, stack traces.

Pure: frames in, frames out; the caller passes clock and settings. `parse_rows` is the one way in for every door.
"""

from luffy_dagster.core.parsing.dating import date_lines
from luffy_dagster.core.parsing.engine import ParsedRows, ParseOptions, ParseStats, parse_rows
from luffy_dagster.core.parsing.profiles import PROFILE_ALGORITHM, settle_profile

__all__ = [
    "PROFILE_ALGORITHM",
    "ParseOptions",
    "ParseStats",
    "ParsedRows",
    "date_lines",
    "parse_rows",
    "settle_profile",
]
