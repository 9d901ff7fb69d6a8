"""A scripted server of Ollama's protocol on loopback: each call takes the next behaviour of the script."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Script:
    """What the server does: `steps` are taken one by one, the last one stays. Everything it was sent is kept."""

    def __init__(self, *steps, context=8192, models=("tiny:latest",)):
        self.steps = list(steps)
        self.context = context
        self.models = models
        self.bodies = []
        self.chats = 0
        self.wire = []

    def next(self):
        self.chats += 1
        return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]


def says(value, *, tokens=(40, 12), reason="stop", pieces=3, pause=0.0):
    return {"do": "say", "text": value if isinstance(value, str) else json.dumps(value), "tokens": tokens, "reason": reason, "pieces": pieces, "pause": pause}


def status(code, error):
    return {"do": "status", "code": code, "error": error}


CUT = {"do": "cut"}
MALFORMED = {"do": "malformed"}
HANG = {"do": "hang"}
CLOSE = {"do": "close"}
REDIRECT = {"do": "redirect"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    @property
    def script(self):
        return self.server.script

    def _json(self, value, code=200):
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self._json({"models": [{"model": m, "name": m} for m in self.script.models]})

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.script.wire.append(raw)
        body = json.loads(raw)
        if self.path == "/api/show":
            return self._json({"model_info": {"tiny.context_length": self.script.context}})
        self.script.bodies.append(body)
        step = self.script.next()
        getattr(self, f"_{step['do']}")(step)
        return None

    def _head(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _chunk(self, text):
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _say(self, step):
        self._head()
        text, n = step["text"], step["pieces"]
        size = max(1, len(text) // n)
        try:
            for i in range(0, len(text), size):
                self._chunk(json.dumps({"model": "tiny", "message": {"role": "assistant", "content": text[i : i + size]}, "done": False}) + "\n")
                time.sleep(step["pause"])
            end = {"model": "tiny", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": step["reason"]}
            end |= {"prompt_eval_count": step["tokens"][0], "eval_count": step["tokens"][1]}
            self._chunk(json.dumps(end) + "\n")
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass

    def _cut(self, _):
        self._head()
        self._chunk(json.dumps({"model": "tiny", "message": {"role": "assistant", "content": '{"cause": "di'}, "done": False}) + "\n")
        self.wfile.write(b"0\r\n\r\n")

    def _close(self, _):
        self._head()
        self._chunk(json.dumps({"model": "tiny", "message": {"role": "assistant", "content": '{"ca'}, "done": False}) + "\n")
        self.close_connection = True
        self.connection.close()

    def _malformed(self, _):
        self._head()
        self._chunk("this is no JSON\n")
        self.wfile.write(b"0\r\n\r\n")

    def _hang(self, _):
        self.server.stopping.wait(20)

    def _status(self, step):
        self._json({"error": step["error"]}, step["code"])

    def _redirect(self, _):
        self.send_response(307)
        self.send_header("Location", "http://192.0.2.1/api/chat")
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def serving(script):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.script = script
    server.stopping = threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
