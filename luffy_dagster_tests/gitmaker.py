"""Repositories made by tests: commits with given times, authors and files, by Git itself."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


class Made:
    """A work tree that tests write commits into."""

    def __init__(self, path: Path):
        self.path, self.count = path, 0
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *args, at=None, **kwargs):
        when = (at or START).isoformat()
        env = {
            "PATH": os.environ["PATH"], "HOME": str(self.path), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.test", "GIT_AUTHOR_DATE": when,
            "GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.test", "GIT_COMMITTER_DATE": when,
        }
        done = subprocess.run(["git", *args], cwd=self.path, env=env, capture_output=True, check=True, **kwargs)
        return done.stdout.decode().strip()

    def write(self, files):
        for name, text in files.items():
            target = self.path / name
            if text is None:
                target.unlink()
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text if isinstance(text, bytes) else text.encode())

    def commit(self, subject, files=None, at=None):
        self.write(files or {})
        self.git("add", "-A")
        self.count += 1
        self.git("commit", "-q", "--allow-empty", "-m", subject, at=at or START + timedelta(hours=self.count))
        return self.git("rev-parse", "HEAD")
