"""`luffy alerts listen`: a small door for other systems' alerts, on this machine only, until the REST API is there.

Takes Alertmanager's webhook (version 4) at /alertmanager. Whoever sends must know the token; what is too large, too slow or no
such payload is refused with the reason.
"""

from __future__ import annotations

import hmac
import os
import secrets
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from luffy_dagster.cli import context, ui
from luffy_dagster.cli.alerts import alerts_app

if TYPE_CHECKING:
    from luffy_dagster.flows import FlowContext

TIMEOUT_S = 10.0
SIDE_BY_SIDE = 8
PATH = "/alertmanager"


def register(app: typer.Typer) -> None:
    """The command hangs in `luffy alerts`."""
    del app


def token_of(file: Path) -> str:
    """The token in the file, made at the first time; readable by its owner alone."""
    if file.exists():
        found = file.read_text(encoding="ascii").strip()
        if found:
            return found
    made = secrets.token_urlsafe(32)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(made + "\n")
    return made


def make_server(flow: FlowContext, token: str, port: int) -> ThreadingHTTPServer:
    """The server on loopback, not yet serving."""
    from luffy_dagster.flows.receiving import MOST_BYTES, receive_alertmanager

    free = threading.BoundedSemaphore(SIDE_BY_SIDE)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = TIMEOUT_S
        server_version = "Luffy"
        sys_version = ""

        def do_POST(self) -> None:
            if not free.acquire(blocking=False):
                self._say(503, "busy: try again", again=True)
                return
            try:
                self._post()
            finally:
                free.release()

        def _post(self) -> None:
            given = self.headers.get("Authorization") or ""
            if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
                self._say(401, "the token is wrong or missing: send Authorization: Bearer …")
                return
            if self.path != PATH:
                self._say(404, f"there is only {PATH}")
                return
            size = self.headers.get("Content-Length") or ""
            if not (size.isascii() and size.isdigit()):
                self._say(411, "the length is missing")
                return
            if int(size) > MOST_BYTES:
                self._say(413, f"at most {MOST_BYTES:,} bytes")
                return
            body = self.rfile.read(int(size))
            if len(body) < int(size):
                self._say(400, "the body ended early")
                return
            try:
                done = receive_alertmanager(flow, body)
            except ValueError as error:
                self._say(400, str(error))
            except Exception as error:  # noqa: BLE001 - Alertmanager tries again what is answered with 5xx
                self._say(500, f"not taken: {type(error).__name__}", again=True)
            else:
                more = f"; {done.left_out} left out: {done.why}" if done.left_out else ""
                self._say(200, f"{done.firing} firing, {done.over} over, {done.own} of ours{more}")

        def _say(self, status: int, text: str, *, again: bool = False) -> None:
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            if status >= 400:
                self.close_connection = True
                self.send_header("Connection", "close")
            if again:
                self.send_header("Retry-After", "10")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """What came in is in the store; addresses and tokens are written nowhere."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    return server


@alerts_app.command("listen")
def listen(
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="On 127.0.0.1; 0: any.")] = 9099,
    json_: ui.Json = False,
) -> None:
    """Take alerts of an Alertmanager on this machine; they are judged, grouped and told with ours. Ctrl-C ends it.

    Example: [bold]luffy alerts listen --port 9099[/]
    """
    chosen = context.require_setup()
    file = chosen.home / "alertmanager.token"
    try:
        server = make_server(context.flows(), token_of(file), port)
    except OSError as error:
        ui.fail(f"cannot listen on 127.0.0.1:{port}: {error.strerror}; choose another port with --port")

    def end(*_: object) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    url = f"http://127.0.0.1:{server.server_port}{PATH}"
    if json_:
        ui.print_json({"url": url, "token_file": file})
    else:
        ui.note(f"[green]✓[/] listening on [bold]{url}[/]; in alertmanager.yml:")
        ui.note(
            "  webhook_configs:\n"
            f"    - url: {url}\n"
            "      send_resolved: true\n"
            "      http_config:\n"
            f"        authorization: {{credentials_file: {file}}}"
        )
    server.serve_forever(poll_interval=0.2)
    server.server_close()
