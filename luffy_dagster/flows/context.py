"""What a flow works with: settings, store, lake, clock and the factory of sources, made once and passed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from luffy_dagster import store
from luffy_dagster.lake import Lake
from luffy_dagster.settings import Settings, get_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from luffy_dagster.adapters.source_model import LogSource, SourceConfig


@dataclass(frozen=True)
class FlowContext:
    """Everything outside of a flow. `open_source` turns a source's configuration into something that can be read."""

    settings: Settings
    engine: Engine
    lake: Lake
    now: Callable[[], datetime]
    open_source: Callable[[SourceConfig], LogSource]
    piece_rows: int = 200_000  # rows that one commit holds and one parse works on: what bounds memory


def wall_clock() -> datetime:
    """Now, UTC."""
    return datetime.now(UTC)


def make_context(
    settings: Settings | None = None,
    *,
    now: Callable[[], datetime] | None = None,
    open_source: Callable[[SourceConfig], LogSource] | None = None,
) -> FlowContext:
    """The context of this installation: store (started on demand), lake, the real sources, the wall clock."""
    settings = settings or get_settings()
    if open_source is None:
        from luffy_dagster.adapters.sources import open_source as real

        open_source = real
    options = {name: value.get_secret_value() for name, value in settings.lake_options.items()}
    return FlowContext(settings, store.engine(settings), Lake(settings.lake, options), now or wall_clock, open_source)
