"""Files beside the tables: fitted models. Written whole or not at all, read by their path below the lake's root.

Tables are `tables.py`'s business.
"""

from __future__ import annotations

import os
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luffy_dagster.lake.errors import LakeError

if TYPE_CHECKING:
    from luffy_dagster.lake.tables import Lake

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}\Z")


def put_file(lake: Lake, path: str, data: bytes) -> None:
    """Writes `data` under `path` ("models/web-app/x.npz"); what was there is replaced. Raises LakeError."""
    _check(path)
    try:
        if lake.local:
            target = Path(lake.root) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
            beside.write_bytes(data)
            os.replace(beside, target)  # noqa: PTH105 - replaces atomically
            return
        with _remote(lake).open_output_stream(path) as stream:
            stream.write(data)
    except OSError as error:
        raise LakeError(path, str(error), "see to the rights and the room of the lake's folder") from error


def get_file(lake: Lake, path: str) -> bytes:
    """What lies under `path`; raises LakeError."""
    _check(path)
    try:
        if lake.local:
            return (Path(lake.root) / path).read_bytes()
        with _remote(lake).open_input_file(path) as stream:
            return bytes(stream.read())
    except OSError as error:
        raise LakeError(path, str(error), "fit the model again: luffy anomalies fit SERVICE") from error


def drop_file(lake: Lake, path: str) -> None:
    """Removes what lies under `path`; nothing happens when there is none. Raises LakeError."""
    _check(path)
    try:
        if lake.local:
            (Path(lake.root) / path).unlink(missing_ok=True)
            return
        remote = _remote(lake)
        if remote.get_file_info(path).is_file:
            remote.delete_file(path)
    except OSError as error:
        raise LakeError(path, str(error), "see to the rights of the lake's folder") from error


def _remote(lake: Lake) -> Any:
    from deltalake.fs import DeltaStorageHandler
    from pyarrow.fs import PyFileSystem

    return PyFileSystem(DeltaStorageHandler(lake.root, lake.storage_options or None))


def _check(path: str) -> None:
    if not all(_PART.match(part) for part in path.split("/")):
        message = f"{path!r} is no path of a file in the lake"
        raise ValueError(message)
