"""The shop's Git repository, made from the series of patches in `series/`.

A patch is what `git diff` writes, below four lines: From, Age, Subject, and the message up to `---`. Age says how long
before the making of the demo the commit was made: `25wd 10:12` (working days back, time of day) or `2h50m`.
To change the history: apply the series, edit the repository with Git, write the diffs out again in this form.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

_HEAD = re.compile(r"From: (?P<name>.+) <(?P<mail>.+)>\nAge: (?P<age>.+)\nSubject: (?P<subject>.+)\n")
_WORKING_DAYS = re.compile(r"(\d+)wd (\d\d):(\d\d)")
_HOURS = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?")


class DemoError(Exception):
    """The demo cannot be made; the text says what, why and how to mend it."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One commit of the series before it is made; `number` counts from 1."""

    number: int
    name: str
    mail: str
    age: str
    message: str
    diff: str

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class MadeCommit:
    """One commit of the made repository."""

    number: int
    sha: str
    at: datetime
    author: str
    subject: str


def series() -> list[Patch]:
    """The patches, oldest first."""
    folder = resources.files(__package__) / "series"
    patches = []
    for number, entry in enumerate(sorted(folder.iterdir(), key=lambda item: item.name), 1):
        text = entry.read_text(encoding="utf-8")
        head = _HEAD.match(text)
        if head is None:
            raise DemoError(f"patch {entry.name} of the demo has no head of From, Age and Subject: install Luffy again")
        body, _, diff = text[head.end() :].partition("\n---\n")
        message = f"{head['subject']}\n\n{body.strip()}".strip() + "\n"
        patches.append(Patch(number, head["name"], head["mail"], head["age"], message, diff))
    return patches


def time_of(age: str, now: datetime) -> datetime:
    """The moment (UTC, whole seconds) that lies `age` before `now`; raises ValueError for an age of another form."""
    now = now.astimezone(UTC).replace(microsecond=0)
    if found := _WORKING_DAYS.fullmatch(age):
        left, hour, minute = (int(part) for part in found.groups())
        day = now
        while left:
            day -= timedelta(days=1)
            left -= day.weekday() < 5
        return day.replace(hour=hour, minute=minute, second=17)
    found = _HOURS.fullmatch(age)
    if found is None or not age:
        raise ValueError(f"no age: {age!r}")
    hours, minutes = (int(part or 0) for part in found.groups())
    return now - timedelta(hours=hours, minutes=minutes)


def make_repository(target: Path, now: datetime) -> list[MadeCommit]:
    """Make the repository at `target` (branch main, checked out) and return its commits, oldest first.

    An unfinished one is never left behind: it is made beside the target and moved there. Raises DemoError when Git is
    missing or refuses.
    """
    draft = target.with_name(target.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    git(draft, "init", "--quiet", "--initial-branch=main")
    made = []
    for patch in series():
        at = time_of(patch.age, now)
        who = {"GIT_AUTHOR_NAME": patch.name, "GIT_AUTHOR_EMAIL": patch.mail, "GIT_AUTHOR_DATE": at.isoformat()}
        who |= {key.replace("AUTHOR", "COMMITTER"): value for key, value in who.items()}
        git(draft, "apply", "--index", "--whitespace=nowarn", "-", feed=patch.diff)
        git(draft, "commit", "--quiet", "--file=-", feed=patch.message, extra=who)
        sha = git(draft, "rev-parse", "HEAD").strip()
        made.append(MadeCommit(patch.number, sha, at, f"{patch.name} <{patch.mail}>", patch.subject))
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
    return made


def read_repository(repo: Path) -> list[MadeCommit]:
    """The commits of a repository that was made before, oldest first."""
    lines = git(
        repo, "log", "--reverse", "--first-parent", "--format=%H%x09%ct%x09%an <%ae>%x09%s", "main"
    ).splitlines()
    made = []
    for number, line in enumerate(lines, 1):
        sha, seconds, author, subject = line.split("\t", 3)
        made.append(MadeCommit(number, sha, datetime.fromtimestamp(int(seconds), UTC), author, subject))
    return made


def export(repo: Path, sha: str, folders: Sequence[str], target: Path) -> None:
    """Write the files of `folders` at commit `sha` to `target` (replacing it), without touching the work tree."""
    import io
    import tarfile

    packed = subprocess.run(
        ["git", "-C", str(repo), "archive", sha, *folders], check=True, capture_output=True, env=_environment()
    ).stdout
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        # Our own archive of our own repository. Python before 3.11.4 (Debian 12 has 3.11.2) knows no filters yet.
        if hasattr(tarfile, "data_filter"):
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(target)  # noqa: S202 - written by git archive a moment ago


def git(repo: Path, *arguments: str, feed: str | None = None, extra: dict[str, str] | None = None) -> str:
    """Run Git in `repo` apart from the user's own settings; raises DemoError with Git's last line."""
    try:
        done = subprocess.run(
            ["git", "-C", str(repo), *arguments],
            check=True,
            capture_output=True,
            input=None if feed is None else feed.encode(),
            env=_environment() | (extra or {}),
        )
    except FileNotFoundError as error:
        raise DemoError("the demo needs Git, which is not installed: install it (e.g. apt install git)") from error
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise DemoError(
            f"git {arguments[0]} failed in {repo}: {' '.join(last)}: delete the folder and try again"
        ) from error
    return done.stdout.decode()


def _environment() -> dict[str, str]:
    # A user's hooks, signing and templates have no business in a made-up history.
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return kept | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8"}
