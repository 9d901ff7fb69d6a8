"""The shop goes on while its demo is looked at: customers come in real time until `luffy down`, so that its silence is none.

A process of its own (`python -m luffy_dagster.demo.live HOME`): it takes the shop up where its logs end, catches up, and then
waits for each customer. What it wrote up to is kept in the shop's state, so that `make_shop` goes on from there.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from luffy_dagster.adapters import processes
from luffy_dagster.demo import history, inbox, traffic
from luffy_dagster.demo.running import Running
from luffy_dagster.demo.shop import SERVICES, deployments_of, keep_state, serve, version_at

_NOTE = "live.json"
_AHEAD = timedelta(days=2)  # so long at most


class _Live(Running):
    """Running services that write where the sources look."""

    started: datetime

    def log_of(self, service: str) -> Path:
        """A file of its own for each time the shop is taken up."""
        path = self.logs / service / f"{service}-{self.started:%Y%m%dT%H%M%S}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def prepare(self) -> None:
        """The logs that are there stay."""


def running(home: Path) -> int | None:
    """The process id of the shop that runs for this home, or None."""
    said = processes.running(home / _NOTE, "luffy_dagster.demo.live")
    return None if said is None else int(said["pid"])


def start(home: Path) -> None:
    """Lets the shop go on, unless it does already."""
    if running(home) is not None:
        return
    process = subprocess.Popen(
        [sys.executable, "-m", "luffy_dagster.demo.live", str(home)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    processes.keep(home / _NOTE, process.pid)


def stop(home: Path) -> bool:
    """Closes the shop; whether it ran."""
    pid = running(home)
    if pid is None:
        return False
    processes.end(pid)
    return True


def close(home: Path) -> bool:
    """Closes the shop and the receiver of its messages; whether one of them ran."""
    ended = [stop(home), inbox.stop(home)]
    return any(ended)


class _Closed(Exception):  # noqa: N818 - the way to say that it is enough
    """SIGTERM has come."""


def _close(*_: object) -> None:
    raise _Closed


def run(home: Path) -> None:
    """Serves customers until SIGTERM. Raises DemoError when a service does not come up."""
    state = json.loads((home / "state.json").read_text(encoding="utf-8"))
    commits = history.read_repository(home / "repo")
    begin = datetime.fromisoformat(state["until"])
    until = begin
    deployments = deployments_of(commits, datetime.fromisoformat(state["made_at"]), calm=state["calm"])
    live = _Live(home / "repo", home / "run", home / "logs")
    live.started = begin
    signal.signal(signal.SIGTERM, _close)
    try:
        with live:
            for service in SERVICES:
                live.deploy(service, version_at(service, begin, commits, deployments), begin)
            for request in traffic.requests(begin, begin + _AHEAD, f"{state['seed']}/{state['runs']}"):
                wait = (request.at - datetime.now(UTC)).total_seconds()
                if wait > 0:
                    time.sleep(wait)
                serve(live, request, request.at + timedelta(minutes=1))
                until = request.at
    except _Closed:
        pass
    finally:
        keep_state(home, {**state, "until": max(until, begin).isoformat(), "runs": state["runs"] + 1})
        (home / _NOTE).unlink(missing_ok=True)


if __name__ == "__main__":
    run(Path(sys.argv[1]))
