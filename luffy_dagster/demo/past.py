"""The days before the demo: the shop's own code answers its customers in one process, without sockets, on a clock of the past.

The same handlers, the same loggers and the same traces as in `running`, some ten times as fast, so that there are days of
history to learn from. This file runs by itself inside the deployed files (`python -S past.py`, standard library only): it
takes a request a line and answers each; `Past` is the other end of the pipe.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
from datetime import datetime
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any


class Past:
    """The shop's services in one process, to be called as `running.Running` is. Close it to end it."""

    def __init__(self, folder: Path, logs: Path, services: tuple[str, ...], sha: str, at: datetime) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-S", __file__, str(logs), *services],
            cwd=folder,
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONPATH": str(folder),
                "PYTHONUTF8": "1",
                "SHOP_VERSION": sha,
                "SHOP_START_TIME": at.isoformat(),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def call(self, service: str, path: str, body: object, at: datetime, trace: str) -> tuple[int, datetime]:
        """The answer's status and the service's time when it was done; raises OSError when the process has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([service, path, body, at.isoformat(), trace]).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise OSError("the process of the shop's past has ended")
        status, ended = json.loads(line)
        return status, datetime.fromisoformat(ended)

    def close(self) -> None:
        """End it, with all its lines written."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class _Up(Exception):  # noqa: N818 - no error: it hands the server over
    """A service's main has come as far as serving."""


class _Answer:
    """What a client reads of an answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def read(self) -> bytes:
        """The body."""
        return self.body


def _main(logs: str, services: list[str]) -> None:
    http: Any = importlib.import_module("shopkit.http")
    clock: Any = importlib.import_module("shopkit.clock")
    trace_header = importlib.import_module("shopkit.trace").HEADER
    handlers: dict[str, Any] = {}
    out, sys.stdout = sys.stdout, StringIO()  # the services say that they are ready

    def up(server: Any, **_: object) -> None:
        raise _Up(server)

    def ask(client: Any, _connection: object, method: str, path: str, body: object, headers: dict[str, str]) -> _Answer:
        return answer(client.name, method, path, json.dumps(body).encode(), headers)

    def answer(service: str, method: str, path: str, raw: bytes, headers: dict[str, str]) -> _Answer:
        kind = handlers[service]
        handler = kind.__new__(kind)
        handler.path, handler.rfile, handler.wfile = path, BytesIO(raw), BytesIO()
        handler.headers = {**headers, "Content-Length": str(len(raw))}
        told: dict[str, str] = {}
        status: list[int] = []
        handler.send_response = status.append
        handler.send_header = told.__setitem__
        handler.end_headers = lambda: None
        handler.answer(method)
        return _Answer(status[0], told, handler.wfile.getvalue())

    http.ThreadingHTTPServer.serve_forever = up
    http.Client.connect = lambda client: client
    http.Client.ask = ask
    for service in services:
        sys.argv = [service, "--port", "0", "--log", f"{logs}/{service}.log"]
        try:
            importlib.import_module(f"services.{service}.app").main()
        except _Up as found:
            server = found.args[0]
            server.server_close()
            handlers[service] = server.RequestHandlerClass
    threading.current_thread().name = "worker-1"
    for line in sys.stdin:
        service, path, body, at, trace = json.loads(line)
        done = answer(service, "POST", path, json.dumps(body).encode(), {clock.HEADER: at, trace_header: trace})
        out.write(json.dumps([done.status, done.headers[clock.HEADER]]) + "\n")
        out.flush()


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2:])
