"""Releases: learnt from the log lines that name their version and from the repository's tags; and which contains a commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.flows.context import FlowContext

MOST_AT_ONCE = 50  # a field that has more values than this in one parse holds no versions
LONGEST = 120


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of a repository: its name, the commit it points at and when it was made."""

    name: str
    commit: str
    at: datetime


def learn(conn: Any, service: str, entries: pl.DataFrame) -> int:
    """Notes the versions that these entries name, from their earliest entry on; how many there are."""
    named = entries.filter(pl.col("version").is_not_null() & (pl.col("version") != ""))
    if named.is_empty():
        return 0
    first = named.group_by(pl.col("environment").fill_null(""), "version").agg(pl.col("event_time").min())
    if first.height > MOST_AT_ONCE:
        return 0
    for environment, version, at in first.sort("event_time", "version").iter_rows():
        if len(version) <= LONGEST:
            commit = version if _is_commit(version) else None
            store.releases.put(conn, service, environment, version, commit, at, "log")
    return first.height


def _is_commit(text: str) -> bool:
    return len(text) == 40 and all(c in "0123456789abcdef" for c in text)


def tags(repository: Path, limit: int = 200) -> list[Tag]:
    """The newest tags of a repository on this host, oldest first. Raises GitError."""
    from luffy_dagster.adapters.git.mirror import open_path

    form = "%(refname:short)%00%(*objectname)%00%(objectname)%00%(creatordate:unix)"
    with open_path(repository) as repo:
        order = ("--sort=-creatordate", f"--count={limit}", f"--format={form}")
        listed = repo.git("for-each-ref", *order, "refs/tags").decode("utf-8", "replace")
    found = []
    for line in listed.splitlines():
        name, peeled, own, seconds = line.split("\0")
        found.append(Tag(name, peeled or own, datetime.fromtimestamp(int(seconds or 0), UTC)))
    return found[::-1]


def sync_tags(ctx: FlowContext, service: str) -> list[Tag]:
    """Notes the tags of the service's repository as releases; the tags. Raises InvalidError when it names none on this host, GitError."""
    with store.begin(ctx.engine) as conn:
        found = store.services.get(conn, service)
    if not found.git_repo_path:
        raise store.errors.InvalidError("git_repo_path", f"service {service} names no repository on this host")
    known = tags(Path(found.git_repo_path))
    with store.begin(ctx.engine) as conn:
        for tag in known:
            store.releases.put(conn, service, found.environment, tag.name, tag.commit, tag.at, "tag")
    return known


def ancestry(ctx: FlowContext, service: Any) -> Callable[[str, str], bool | None]:
    """A function of (fix, commit): whether the commit is the fix or a descendant of it; None where nobody can tell."""
    del ctx
    repository = service.git_repo_path
    known: dict[tuple[str, str], bool | None] = {}

    def contains(fix: str, commit: str) -> bool | None:
        if fix and (commit.startswith(fix) or fix.startswith(commit)):
            return True
        if (fix, commit) not in known:
            known[fix, commit] = _is_ancestor(repository, fix, commit) if repository else None
        return known[fix, commit]

    return contains


def _is_ancestor(repository: str, fix: str, commit: str) -> bool | None:
    from luffy_dagster.adapters.git.errors import GitError
    from luffy_dagster.adapters.git.mirror import open_path

    try:
        with open_path(Path(repository)) as repo:
            if repo.resolve(fix) is None or repo.resolve(commit) is None:
                return None
            return repo.is_ancestor(repo.resolve(fix) or fix, repo.resolve(commit) or commit)
    except GitError:
        return None
