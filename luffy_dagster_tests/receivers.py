"""Real receivers on loopback for the tests: an HTTP server and an SMTP server that behave as they are told."""

from __future__ import annotations

import email
import json
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Receiver:
    """`behaviour`: a list of what to do with the next requests: a status, (status, headers), "slow", "hang", "drop"."""

    behaviour: list = field(default_factory=list)
    requests: list = field(default_factory=list)  # (path, headers, body), whole ones
    accepted: list = field(default_factory=list)  # bodies that it answered with 200, or took before it hung
    server: ThreadingHTTPServer | None = None
    hold: float = 3.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hook/secret-path"

    def keys(self):
        return [headers.get("Idempotency-Key") for _, headers, _ in self.requests]


@contextmanager
def http_receiver(port: int = 0):
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parsed = json.loads(body) if body else None
            receiver.requests.append((self.path, dict(self.headers), parsed))
            todo = receiver.behaviour.pop(0) if receiver.behaviour else 200
            headers = {}
            if isinstance(todo, tuple):
                todo, headers = todo
            if todo == "drop":
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            if todo == "hang":  # took it, and never answers
                receiver.accepted.append(parsed)
                time.sleep(receiver.hold)
                self.close_connection = True
                return
            if todo == "hold500":  # is about to refuse it
                time.sleep(0.7)
                todo = 500
            if todo == "slow":
                time.sleep(0.7)
                todo = 200
            if todo == 200:
                receiver.accepted.append(parsed)
            answer = b"ok" if todo == 200 else b"no"
            self.send_response(todo)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    receiver.server = server
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass
class Mailbox:
    """`behaviour`: what to answer to the next mails' DATA: an SMTP line, or "hang"; none: it is taken."""

    behaviour: list = field(default_factory=list)
    mails: list = field(default_factory=list)
    tried: int = 0
    port: int = 0
    hold: float = 3.0


@contextmanager
def smtp_receiver():
    from aiosmtpd.controller import Controller

    box = Mailbox()

    class Handler:
        async def handle_DATA(self, server, session, envelope):
            import asyncio

            box.tried += 1
            todo = box.behaviour.pop(0) if box.behaviour else None
            if todo is not None and todo != "hang":
                return todo
            box.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
            if todo == "hang":
                await asyncio.sleep(box.hold)
            return "250 taken"

    controller = Controller(Handler(), hostname="127.0.0.1", port=free_port())
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
