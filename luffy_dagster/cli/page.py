"""Dagster's page and daemon as one child process: started, awaited, found again, stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from luffy_dagster.adapters import processes
from luffy_dagster.cli import ui

if TYPE_CHECKING:
    from luffy_dagster.settings import Settings

START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Page:
    """A running page: the leader of its process group, its port and what is written where."""

    pid: int
    port: int
    url: str
    log: str


def page_file(chosen: Settings) -> Path:
    """Where `luffy up` notes the page that it runs."""
    return chosen.home / "dagster" / "page.json"


def running_page(chosen: Settings) -> Page | None:
    """The page that runs for this home, by its note; None when there is none or it died."""
    said = processes.running(page_file(chosen), "dagster")
    if said is None or {*said} != {one.name for one in fields(Page)}:
        return None
    return Page(**said)


def start_page(chosen: Settings, *, host: str, port: int, log: Path | None) -> tuple[Page, subprocess.Popen[bytes]]:
    """Start webserver, daemon and code server; output goes to `log`, or to this terminal when None."""
    if not port_is_free(host, port):
        ui.fail(
            f"port {port} is taken by another program: choose another with --port, e.g. luffy up --port {free_port(host, port + 1)}"
        )
    from dotenv import dotenv_values

    home = chosen.home / "dagster"
    root = Path(__file__).resolve().parents[2]
    workspace = root / "workspace.yaml"
    where = ["-w", str(workspace)] if workspace.exists() else ["-m", "luffy_dagster.definitions"]
    command = [sys.executable, "-m", "dagster", "dev", *where, "-h", host, "-p", str(port)]
    # Dagster puts the `.env` of its working folder over the environment, and that may be another home's: so it works in
    # its own folder and gets what this folder's `.env` says only where the environment says nothing.
    said = {name: value for name, value in dotenv_values(Path.cwd() / ".env").items() if value is not None}
    environment = {**said, **os.environ} | {
        "DAGSTER_HOME": str(home),
        "LUFFY_HOME": str(chosen.home),
        "LUFFY_DAGSTER_URL": f"http://{host}:{port}",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    output = log.open("ab") if log is not None else None
    try:
        process = subprocess.Popen(
            command,
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            start_new_session=True,
        )
    finally:
        if output is not None:
            output.close()
    page = Page(process.pid, port, f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}", str(log or ""))  # noqa: S104 - only compared
    processes.keep(page_file(chosen), **asdict(page))
    return page, process


def wait_for_page(page: Page, process: subprocess.Popen[bytes], tell: Callable[[float], None] | None = None) -> None:
    """Wait until the page answers; ends the command with the log's last error when it dies."""
    from luffy_dagster.adapters.dagster_api import DagsterApi

    began = time.monotonic()
    with DagsterApi(page.url, timeout=3.0) as api:
        while time.monotonic() - began < START_TIMEOUT_S:
            if process.poll() is not None:
                ui.fail(f"Dagster ended while starting (exit code {process.returncode}): {_last_words(page)}")
            if api.is_up():
                return
            if tell is not None:
                tell(time.monotonic() - began)
            time.sleep(0.25)
    ui.fail(f"Dagster did not answer on {page.url} within {START_TIMEOUT_S:.0f} s: {_last_words(page)}")


def stop_page(chosen: Settings, page: Page) -> None:
    """Stop the page in good order, with all its children; by force after 30 s."""
    processes.end(page.pid, by=signal.SIGINT, within=STOP_TIMEOUT_S)
    page_file(chosen).unlink(missing_ok=True)


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str, first: int) -> int:
    """The first free port from `first` on (at most a hundred are tried)."""
    port = next((one for one in range(first, first + 100) if port_is_free(host, one)), None)
    if port is None:
        ui.fail(f"no free port between {first} and {first + 99}: choose one with --port")
    return port


def _last_words(page: Page) -> str:
    if not page.log:
        return "see the output above"
    lines = Path(page.log).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    errors = [line for line in lines[-200:] if "Error" in line]
    return f"{(errors or lines or ['no output'])[-1].strip()[:300]} (the whole: {page.log})"
