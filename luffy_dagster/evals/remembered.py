"""A repository whose answers are kept in a file, so that a case that is ranked several times asks Git only once.

Belongs here: what `localisation --leave-out` needs to pass over its cases once per kind of suspect. Does not belong here: the product's own
caches (`adapters.git`).
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Remembered:
    """Answers like `repository`, which is only asked what the file `kept` does not hold yet. A file is of one case."""

    def __init__(self, kept: Path, repository: object) -> None:
        """Reads what is kept."""
        self._kept, self._repository = kept, repository
        self._answers: dict[tuple[str, str], Any] = pickle.loads(kept.read_bytes()) if kept.exists() else {}  # noqa: S301 - our own file of this run
        self._new = False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """A method of the repository; what it is asked with must have a stable `repr`."""

        def ask(*args: Any, **named: Any) -> Any:
            key = (name, repr((args, sorted(named.items()))))
            if key not in self._answers:
                self._answers[key] = getattr(self._repository, name)(*args, **named)
                self._new = True
            return self._answers[key]

        return ask

    def keep(self) -> None:
        """Writes what was asked anew."""
        if self._new:
            self._kept.write_bytes(pickle.dumps(self._answers, pickle.HIGHEST_PROTOCOL))
