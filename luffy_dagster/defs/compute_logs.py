"""Where Dagster keeps what a run prints: in files, as its own local manager does, without the four processes that cost more than they show.

Named in `dagster.yaml`, so Dagster loads this module before any code location: nothing heavy may be imported.

Dagster's manager echoes a run's output to the terminal while it runs, by a `tail` and a watcher (an interpreter of its own) for
each of stdout and stderr. Here the same is echoed when the run ends. What a run prints is on its page at once either way, and
stays there when the process dies.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from dagster import Field, StringSource
from dagster._config.config_schema import UserConfigSchema
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.local_compute_log_manager import IO_TYPE_EXTENSION, LocalComputeLogManager
from dagster._serdes import ConfigurableClassData
from dagster._utils import ensure_file, touch_file

from luffy_dagster.settings import Settings

try:  # private: with a version that calls it otherwise, output is captured as Dagster does it
    from dagster._core.execution.compute_logs import redirect_to_file
except ImportError:
    redirect_to_file = None  # type: ignore[assignment]


class FileComputeLogManager(LocalComputeLogManager):
    """Keeps what a run prints in files, and echoes it when the run ends."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """`base_dir`: the folder of the files; by default Dagster's own, `storage` in its home."""
        return {"base_dir": Field(StringSource, is_required=False)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> FileComputeLogManager:
        """The manager (the base class would make one of its own class here)."""
        folder = config_value.get("base_dir")
        if not folder:
            home = os.environ.get("DAGSTER_HOME")
            folder = str((Path(home) if home else Settings().home / "dagster") / "storage")
        return cls(folder, inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        """Sends stdout and stderr of this process, and of what it starts, to the files of `log_key`."""
        if redirect_to_file is None:
            with super().capture_logs(log_key) as captured:
                yield captured
            return
        streams = ((sys.stdout, ComputeIOType.STDOUT), (sys.stderr, ComputeIOType.STDERR))
        begun: list[tuple[Any, str, int]] = []
        with ExitStack() as stack:
            for stream, kind in streams:
                path = self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[kind])
                ensure_file(path)
                begun.append((stream, path, Path(path).stat().st_size))
                stack.enter_context(redirect_to_file(stream, path))
            yield CapturedLogContext(log_key)
        touch_file(self.complete_artifact_path(log_key))
        for stream, path, start in begun:
            _echo(stream, path, start)


def _echo(stream: Any, path: str, start: int) -> None:
    """What was added to a file since it was `start` bytes long, for whoever reads the terminal."""
    with Path(path).open("rb") as file:
        file.seek(start)
        for line in file:
            stream.write(line.decode("utf-8", "replace"))
    stream.flush()
