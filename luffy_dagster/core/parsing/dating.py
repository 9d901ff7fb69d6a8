"""Times of lines that come without one from their source (files, uploads): read from wrapper and header."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from luffy_dagster.core.model import StreamProfile
from luffy_dagster.core.parsing.profiles import reading
from luffy_dagster.core.parsing.rows import read_lines


def date_lines(
    bodies: pl.Series, profile: StreamProfile, *, assume_tz: str = "UTC", received_at: pl.Series | datetime
) -> pl.Series:
    """UTC time of each line by the stream's profile; null where a line has none of its own (continuation, plain text).

    A time without a year, or without a day, is the latest that is not in the future of its receipt.
    """
    return read_lines(bodies.fill_null(""), reading(profile), assume_tz=assume_tz, received_at=received_at)[
        "time"
    ].alias("event_time")
