"""Processes of ours that outlive the command that started them: found again by a note in a file, ended in good order.

A process is the leader of a session of its own (`start_new_session`), so that its children end with it.
"""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_BY_FORCE = 2.0  # seconds that the system may take for what nobody can refuse


def keep(note: Path, pid: int, **said: Any) -> None:
    """Writes down that the process runs, with whatever is to be known of it later."""
    note.write_text(json.dumps({"pid": pid, **said}), encoding="utf-8")


def running(note: Path, program: str) -> dict[str, Any] | None:
    """What the note says, if the process runs and `program` stands in its command line; else None."""
    try:
        said: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        pid = int(said["pid"])
        os.kill(pid, 0)
        # A pid may have been given to another program since; one that has just ended has no command line any more.
        if Path("/proc/self").exists() and program.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes():
            return None
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return said


def end(pid: int, *, by: signal.Signals = signal.SIGTERM, within: float = 20.0) -> None:
    """Ends the process with all its children; by force when they are not gone `within` seconds."""
    _signal(pid, by)
    if not _gone(pid, within):
        _signal(pid, signal.SIGKILL)
        _gone(pid, _BY_FORCE)


def _gone(group: int, within: float) -> bool:
    """Waits for the end of a group; False when it is still there after `within` seconds."""
    deadline = time.monotonic() + within
    while alive := _alive(group):
        if time.monotonic() >= deadline:
            break
        time.sleep(0.1)
    return not alive


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


def _alive(group: int) -> bool:
    with suppress(ChildProcessError):
        os.waitpid(group, os.WNOHANG)  # takes leave of our own child; another's is not ours to wait for
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
