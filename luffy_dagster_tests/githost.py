"""A Git server of tests: `git http-backend` behind a token, on loopback, that keeps what the process list showed meanwhile."""

import base64
import os
import subprocess
import threading
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer


class _Guarded(BaseHTTPRequestHandler):
    """`git http-backend` behind a token."""

    def __init__(self, *args, root, token, seen, **kwargs):
        self.root, self.token, self.seen = root, token, seen
        super().__init__(*args, **kwargs)

    def log_message(self, *_):
        pass

    def _answer(self):
        self.seen.append(sorted(command_lines()))
        given = self.headers.get("Authorization", "")
        if given != "Basic " + base64.b64encode(f"oauth2:{self.token}".encode()).decode():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
               "QUERY_STRING": query, "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type", ""),
               "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", "")}
        done = subprocess.run(["git", "-c", "safe.directory=*", "http-backend"], input=body, env=env, capture_output=True, check=False)
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        self.send_response(200)
        for line in head.decode().split("\r\n"):
            self.send_header(*line.split(": ", 1))
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest)

    do_GET = do_POST = _answer


def command_lines():
    """The command line of every process of this machine: what `ps` shows to anybody."""
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    yield file.read()
            except OSError:
                continue


@contextmanager
def serving_git(source, root, token):
    """(host, port and path of the repository, command lines seen at each request)."""
    subprocess.run(["git", "clone", "-q", "--bare", str(source), str(root / "shop.git")], check=True)
    seen = []
    server = HTTPServer(("127.0.0.1", 0), partial(_Guarded, root=root, token=token, seen=seen))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}/shop.git", seen
    finally:
        server.shutdown()
        server.server_close()
