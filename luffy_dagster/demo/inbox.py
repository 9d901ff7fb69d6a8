"""The demo's receiver: a real HTTP server on loopback that takes messages as Slack's webhook does and keeps them in a file.

It runs as a process of its own (`python -m luffy_dagster.demo.inbox FILE PORT`), so that what Dagster sends later arrives as
well; `luffy down` stops it.
"""

from __future__ import annotations

import html
import json
import os
import re
import selectors
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from luffy_dagster.adapters import processes
from luffy_dagster.demo.history import DemoError

HOST = "127.0.0.1"
MOST_BYTES = 1_000_000
_WAIT_S = 20.0
_NOTE = "inbox.json"


@dataclass(frozen=True, slots=True)
class Inbox:
    """A running receiver."""

    pid: int
    port: int
    file: Path

    @property
    def url(self) -> str:
        """Where a service's webhook points."""
        return f"http://{HOST}:{self.port}/services/demo"

    def messages(self) -> list[dict[str, Any]]:
        """What has arrived, oldest first: `key` (idempotency key) and `body`."""
        if not self.file.exists():
            return []
        return [json.loads(line) for line in self.file.read_text(encoding="utf-8").splitlines()]


def running(folder: Path) -> Inbox | None:
    """The receiver that runs for this folder, or None."""
    said = processes.running(folder / _NOTE, "luffy_dagster.demo.inbox")
    return None if said is None else Inbox(int(said["pid"]), int(said["port"]), folder / "inbox.jsonl")


def start(folder: Path) -> Inbox:
    """The receiver of this folder, started when it does not run; on the port it had before, if that is free. Raises DemoError."""
    found = running(folder)
    if found is not None:
        return found
    folder.mkdir(parents=True, exist_ok=True)
    before = 0
    with suppress(OSError, ValueError, KeyError):
        before = int(json.loads((folder / _NOTE).read_text(encoding="utf-8"))["port"])
    for port in dict.fromkeys((before, 0)):
        process = subprocess.Popen(
            [sys.executable, "-m", "luffy_dagster.demo.inbox", str(folder / "inbox.jsonl"), str(port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            said = process.stdout.readline().decode().strip() if selector.select(_WAIT_S) else ""
        process.stdout.close()
        if said.isdigit():
            processes.keep(folder / _NOTE, process.pid, port=int(said))
            return Inbox(process.pid, int(said), folder / "inbox.jsonl")
        process.kill()
        process.wait()
    raise DemoError("the demo's receiver of messages did not start: the machine is too busy; run luffy demo again")


def stop(folder: Path) -> bool:
    """Ends the receiver of this folder; whether one ran. Its file stays, and its port is remembered."""
    found = running(folder)
    if found is None:
        return False
    processes.end(found.pid, within=5.0)
    return True


def text_of(body: dict[str, Any]) -> str:
    """A Slack payload as plain text."""
    blocks = [b.get("text", {}).get("text", "") for b in body.get("blocks", ()) if b.get("type") == "section"]
    whole = "\n".join(blocks or [str(body.get("text", ""))])
    # stars and backticks are markup, but for those that the sender has put a mark before
    return html.unescape(re.sub("(?<!\u200b)\\*|```", "", whole)).replace("\u200b", "")


def _serve(file: Path, port: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            status, answer = 200, b"ok"
            if not 0 < size <= MOST_BYTES:
                status, answer = 413, b"too large"
                self.close_connection = True
            else:
                try:
                    body = json.loads(self.rfile.read(size))
                    line = json.dumps({"key": self.headers.get("Idempotency-Key"), "body": body}, ensure_ascii=False)
                    with file.open("a", encoding="utf-8") as kept:
                        kept.write(line + "\n")
                except ValueError:
                    status, answer = 400, b"no JSON"
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nothing is written but the messages."""

    server = ThreadingHTTPServer((HOST, port), Handler)
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.close()
    sys.stdout = None  # type: ignore[assignment]  # the pipe's other end has read all it wants
    server.serve_forever()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), int(sys.argv[2]))
