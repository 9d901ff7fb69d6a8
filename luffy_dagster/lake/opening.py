"""Opening tables: where one lies, whether it is there, the list of its files as it stands.

What is read from a table is `reading`'s business, what is written to it `writing`'s.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from luffy_dagster.core.schemas import TABLES
from luffy_dagster.lake.errors import LakeError

if TYPE_CHECKING:
    from deltalake import DeltaTable

_TRUSTED = 3_600  # seconds
METADATA_KEY = "luffy"  # of a commit: JSON with its batch and what the caller needs to finish it
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\Z")


def transaction(kind: str, service: str) -> str:
    """Name of the application transaction that carries a table's batch number."""
    return f"luffy:{kind}:{service}"


@dataclass(slots=True)
class Table:
    """An opened table with the list of its files, kept as long as its version stands."""

    delta: DeltaTable
    lock: threading.RLock = field(default_factory=threading.RLock)
    read: float = field(default_factory=time.monotonic)  # when the log was last read
    files_version: int = -1
    files: pl.DataFrame = field(default_factory=pl.DataFrame)


class Opening:
    """The tables under one folder or object store URL, opened when asked for."""

    def __init__(self, root: str | Path, storage_options: Mapping[str, str] | None = None) -> None:
        """`root`: a folder, or s3://, gs://, az:// with its `storage_options` (names as object stores call them)."""
        self.root = str(root).rstrip("/")
        self.storage_options = dict(storage_options or {})
        if self.root.startswith("s3://"):  # two writers exclude each other by the store's own conditional put
            self.storage_options.setdefault("aws_conditional_put", "etag")
        self._tables: dict[tuple[str, str], Table] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """The root without its options, which may be secret."""
        return f"Lake({self.root!r})"

    # ---- opening

    def uri(self, kind: str, service: str) -> str:
        """Where the table lies (raises KeyError for an unknown kind, ValueError for a service that is no slug)."""
        if kind not in TABLES:
            raise KeyError(kind)
        if not _SLUG.match(service):
            message = f"{service!r} is no slug of a service"
            raise ValueError(message)
        return f"{self.root}/{kind}/{service}"

    @property
    def local(self) -> bool:
        """Whether the lake is a folder of this machine."""
        return "://" not in self.root

    def exists(self, kind: str, service: str) -> bool:
        """Whether anything was ever written to the table."""
        return self._open(kind, service) is not None

    def services(self, kind: str) -> list[str]:
        """Services that have a table of this kind (folders only: an object store is not listed)."""
        folder = Path(self.root) / kind
        if not self.local or not folder.is_dir():
            return sorted({service for known, service in self._tables if known == kind})
        return sorted(entry.name for entry in folder.iterdir() if (entry / "_delta_log").is_dir())

    def _open(self, kind: str, service: str, *, fresh: bool = True) -> Table | None:
        uri = self.uri(kind, service)
        with self._lock:
            table = self._tables.get((kind, service))
        if table is not None:
            if fresh:
                with table.lock, table_errors(kind, service):
                    self._follow(table, uri)
            return table
        from deltalake import DeltaTable

        if self.local and not (Path(uri) / "_delta_log").is_dir():
            return None
        with table_errors(kind, service):
            if not DeltaTable.is_deltatable(uri, self.storage_options or None):
                return None
            table = Table(DeltaTable(uri, storage_options=self.storage_options or None))
        with self._lock:
            return self._tables.setdefault((kind, service), table)

    def _follow(self, table: Table, uri: str) -> None:
        """Reads what was committed since. In a folder a look for the next commit comes first: a hundredth of reading.

        Commits leave the log only days later, so that a look is trusted for an hour.
        """
        if self.local and time.monotonic() - table.read < _TRUSTED:
            following = Path(uri) / "_delta_log" / f"{table.delta.version() + 1:020}.json"
            if not following.exists():
                return
        table.delta.update_incremental()
        table.read = time.monotonic()

    def _files(self, table: Table, kind: str, service: str) -> pl.DataFrame:
        with table.lock, table_errors(kind, service):
            version = table.delta.version()
            if table.files_version != version:
                table.files = pl.DataFrame(table.delta.get_add_actions(flatten=True))
                table.files_version = version
            return table.files


@contextmanager
def table_errors(kind: str, service: str) -> Iterator[None]:
    """Turns the storage library's errors into one LakeError."""
    from deltalake.exceptions import CommitFailedError, DeltaError

    table = f"{kind}/{service}"
    try:
        yield
    except CommitFailedError as error:
        raise LakeError(table, str(error), "another process wrote to it meanwhile: run again") from None
    except (DeltaError, OSError) as error:
        raise LakeError(
            table,
            str(error) or type(error).__name__,
            "check that LUFFY_LAKE_URL (or LUFFY_HOME) is reachable and has room",
        ) from None
