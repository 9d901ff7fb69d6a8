"""Deploying, starting and stopping the shop's services, each in a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import selectors
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from luffy_dagster.demo import history

START_TIMEOUT_S = 20.0


@dataclass(slots=True)
class Running:
    """The shop's services: which run, at which commit, where. Close it to stop them all."""

    repo: Path
    home: Path  # deployed files, a folder per service
    logs: Path  # where the services write, a file per service
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    connections: dict[str, http.client.HTTPConnection] = field(default_factory=dict)

    def log_of(self, service: str) -> Path:
        """The file that the service writes."""
        return self.logs / f"{service}.log"

    def prepare(self) -> None:
        """An empty folder of logs."""
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir(parents=True)

    def deploy(self, service: str, sha: str, at: datetime) -> None:
        """Put the service's files of commit `sha` in place and start it; stops the one that runs.

        Raises DemoError when it does not come up.
        """
        self.stop(service)
        folder = self.home / service
        history.export(self.repo, sha, ["shopkit", "services"], folder)
        port = self.ports.get(service, 0)
        log = self.log_of(service)
        # -S: the shop needs the standard library alone, and starts in half the time without the packages' hooks
        command = [sys.executable, "-S", "-m", f"services.{service}.app", "--port", str(port), "--log", str(log)]
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUTF8": "1",
            "SHOP_VERSION": sha,
            "SHOP_START_TIME": at.isoformat(),
            **{name.upper(): f"127.0.0.1:{number}" for name, number in self.ports.items()},
        }
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        self.processes[service] = process
        self.ports[service] = _ready(service, process)
        self.versions[service] = sha

    def stop(self, service: str) -> None:
        """Stop a service in good order; nothing happens when it does not run."""
        connection = self.connections.pop(service, None)
        if connection is not None:
            connection.close()
        process = self.processes.pop(service, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()

    def call(self, service: str, path: str, body: object, at: datetime, trace: str) -> tuple[int, datetime]:
        """Send a request as of the time `at`; the answer's status and the service's time when it was done."""
        connection = self.connections.get(service)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.ports[service], timeout=30)
            self.connections[service] = connection
        headers = {"Content-Type": "application/json", "X-Shop-Time": at.isoformat(), "X-Trace-Id": trace}
        connection.request("POST", path, json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        answer.read()
        ended = answer.headers.get("X-Shop-Time")
        return answer.status, datetime.fromisoformat(ended) if ended else at

    def close(self) -> None:
        """Stop everything."""
        for service in list(self.processes):
            self.stop(service)

    def __enter__(self) -> Self:
        self.prepare()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _ready(service: str, process: subprocess.Popen[bytes]) -> int:
    """The port that the service announces; raises DemoError with its last words when it ends or stays silent."""
    assert process.stdout is not None
    assert process.stderr is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(START_TIMEOUT_S):
            process.kill()
            raise history.DemoError(
                f"the demo's service {service} did not come up within {START_TIMEOUT_S:.0f} s: the machine is too busy; run luffy demo again"
            )
    words = process.stdout.readline().decode().split()
    if len(words) == 2 and words[0] == "ready":
        return int(words[1])
    process.kill()
    last = process.stderr.read().decode(errors="replace").strip().splitlines()[-1:]
    raise history.DemoError(f"the demo's service {service} ended at start ({' '.join(last)}): run luffy demo --debug")
