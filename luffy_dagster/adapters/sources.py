"""The one way in to log sources: the adapter of a configuration."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from luffy_dagster.adapters.errors import SourceMisconfigured

if TYPE_CHECKING:
    from luffy_dagster.adapters.source_model import LogSource, SourceConfig


def _now() -> datetime:
    return datetime.now(UTC)


def open_source(
    config: SourceConfig, *, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], datetime] = _now
) -> LogSource:
    """The adapter of a source; nothing is connected yet. Raises SourceMisconfigured for an unknown type."""
    if config.type == "file":
        from luffy_dagster.adapters.files.source import FileSource

        return FileSource(config, clock=clock)
    if config.type in ("opensearch", "elasticsearch"):
        from luffy_dagster.adapters.opensearch.source import SearchSource

        return SearchSource(config, sleep=sleep, clock=clock)
    raise SourceMisconfigured(
        config.id, f"type {config.type!r} is not known", "choose opensearch, elasticsearch or file"
    )


def rewound(state: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A state that reads everything again under the same identities (for an old day of a file source)."""
    if not state:
        return None
    files = {ident: {**entry, "offset": 0, "seen": None} for ident, entry in (state.get("files") or {}).items()}
    return {**state, "files": files}
