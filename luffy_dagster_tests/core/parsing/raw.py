"""Raw rows for the parser's tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl

from luffy_dagster.core import schemas

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def rows(
    bodies: Sequence[str | None], *, stream: str = "s", at: datetime = NOW, fields: Sequence[str | None] | None = None
) -> pl.DataFrame:
    """A frame of RAW_LOGS columns (without batch and day), one row per body."""
    n = len(bodies)
    data = {
        "doc_id": [f"{stream}:{i}" for i in range(n)],
        "source_id": ["src"] * n,
        "stream": [stream] * n,
        "seq": list(range(n)),
        "event_time": [at] * n,
        "received_at": [NOW] * n,
        "body": list(bodies),
        "fields": list(fields or [None] * n),
        "flags": [0] * n,
    }
    return pl.DataFrame(data, schema={k: v for k, v in schemas.RAW_LOGS.items() if k not in ("batch", "day")})
