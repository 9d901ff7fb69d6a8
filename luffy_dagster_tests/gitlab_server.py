"""A GitLab of the tests: the calls that Luffy makes, over HTTP on loopback, done on a real bare repository.

As GitLab's REST documentation describes them: paths, status codes and bodies of projects, issues, branches, commits (revert)
and merge requests. `fails` makes calls fail: {(method, part of the path): status, or "hang", "garbage", "redirect"}.
"""

import json
import os
import re
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

ENV = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent",
       **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "GitLab"), ("EMAIL", "gitlab@example.com"))}}


@dataclass
class GitLab:
    """State of the server."""

    repository: str
    token: str
    path: str = "team/pay"
    url: str = ""
    issues: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    fails: dict = field(default_factory=dict)
    calls: list = field(default_factory=list)

    def git(self, *args, cwd=None):
        return subprocess.run(["git", *args], cwd=cwd or self.repository, env=ENV, capture_output=True, text=True, check=False)

    def branch(self, name):
        found = self.git("rev-parse", "--verify", "-q", f"refs/heads/{name}")
        return {"name": name, "commit": {"id": found.stdout.strip()}} if found.returncode == 0 else None

    def revert(self, sha, branch):
        with tempfile.TemporaryDirectory() as folder:
            self.git("clone", "-q", "--branch", branch, self.repository, folder, cwd="/")
            done = self.git("revert", "--no-edit", sha, cwd=folder)
            if done.returncode:
                return None
            self.git("push", "-q", "origin", f"HEAD:refs/heads/{branch}", cwd=folder)
            return self.git("rev-parse", "HEAD", cwd=folder).stdout.strip()


class _Answers(BaseHTTPRequestHandler):
    gitlab: GitLab

    def log_message(self, *_):
        pass

    def _say(self, status, body=None, headers=None):
        raw = json.dumps(body).encode() if not isinstance(body, bytes) else body
        self.send_response(status)
        for key, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _answer(self):
        lab = self.gitlab
        parts = urlsplit(self.path)
        size = int(self.headers.get("Content-Length", 0) or 0)
        body = json.loads(self.rfile.read(size) or b"{}") if size else {}
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        lab.calls.append((self.command, parts.path, body))
        for (method, piece), how in lab.fails.items():
            if method == self.command and piece in parts.path:
                return self._fail(how, body)
        if self.headers.get("PRIVATE-TOKEN") != lab.token:
            return self._say(401, {"message": "401 Unauthorized"})
        match = re.fullmatch(r"/api/v4/projects/([^/]+)(/.*)?", parts.path)
        if not match or unquote(match[1]) not in (lab.path, "7"):
            return self._say(404, {"message": "404 Project Not Found"})
        return self._project(match[2] or "", body, query)

    do_GET = do_POST = do_DELETE = do_PUT = _answer

    def _fail(self, how, body):
        if how == "lost":  # done, but the answer never arrives
            kept = self.gitlab.requests
            kept.append({**body, "iid": 1, "state": "opened", "web_url": f"{self.gitlab.url}/{self.gitlab.path}/-/merge_requests/1"})
        if how in ("hang", "lost"):
            time.sleep(4)
            self.close_connection = True
            return None
        if how == "garbage":
            return self._say(200, b"<html>a proxy's page</html>", {"Content-Type": "text/html"})
        if how == "redirect":
            return self._say(302, {}, {"Location": "http://127.0.0.1:1/elsewhere"})
        return self._say(how, {"message": f"{how} as told"}, {"Retry-After": "3600"} if how == 429 else None)

    def _project(self, rest, body, query):
        lab = self.gitlab
        kind, _, name = rest.lstrip("/").partition("/")
        if not rest:
            head = lab.git("symbolic-ref", "--short", "HEAD").stdout.strip()
            return self._say(200, {"id": 7, "path_with_namespace": lab.path, "default_branch": head})
        if kind == "issues":
            return self._listed(lab.issues, "issues", body, lambda one: query.get("search", "") in one["description"])
        if kind == "merge_requests":
            if self.command == "POST" and any(r["source_branch"] == body["source_branch"] and r["state"] == "opened" for r in lab.requests):
                return self._say(409, {"message": ["Another open merge request already exists for this source branch"]})
            return self._listed(lab.requests, "merge_requests", body, lambda one: one["source_branch"] == query.get("source_branch") and one["state"] == query.get("state"))
        if rest.startswith("/repository/branches"):
            return self._branches(unquote(rest.removeprefix("/repository/branches").lstrip("/")), body)
        if rest == "/repository/compare":
            between = lab.git("rev-list", f"{query['from']}..{query['to']}").stdout.split()
            return self._say(200, {"commits": [{"id": sha} for sha in between], "diffs": []})
        undo = re.fullmatch(r"/repository/commits/([0-9a-f]+)/revert", rest)
        if undo and self.command == "POST":
            made = lab.revert(undo[1], body["branch"])
            if made is None:
                return self._say(400, {"message": "Sorry, we cannot revert this commit automatically.", "error_code": "conflict"})
            return self._say(201, {"id": made})
        return self._say(404, {"message": "404 Not Found"})

    def _listed(self, kept, what, body, fits):
        if self.command == "GET":
            return self._say(200, [one for one in kept if fits(one)])
        number = len(kept) + 1
        kept.append({**body, "iid": number, "id": 100 + number, "state": "opened", "web_url": f"{self.gitlab.url}/{self.gitlab.path}/-/{what}/{number}"})
        return self._say(201, kept[-1])

    def _branches(self, name, body):
        lab = self.gitlab
        if self.command == "POST":
            if lab.branch(body["branch"]):
                return self._say(400, {"message": "Branch already exists"})
            done = lab.git("branch", body["branch"], body["ref"])
            return self._say(201, lab.branch(body["branch"])) if done.returncode == 0 else self._say(400, {"message": "Invalid reference name"})
        found = lab.branch(name)
        if found is None:
            return self._say(404, {"message": "404 Branch Not Found"})
        if self.command == "DELETE":
            lab.git("branch", "-D", name)
            self.send_response(204)
            self.end_headers()
            return None
        return self._say(200, found)


@contextmanager
def serving_gitlab(repository, token):
    """A server over the bare repository; yields its state."""
    lab = GitLab(str(repository), token)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Answers", (_Answers,), {"gitlab": lab}))
    server.daemon_threads = True
    lab.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield lab
    finally:
        server.shutdown()
        server.server_close()
