"""What root causes read of a repository: a protocol, so that core stays pure and tests may give values.

`adapters.git.GitRepository` implements it. Every method reads by commit id, and sees nothing newer than that commit. Nothing
here changes a repository.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from luffy_dagster.core.rca.model import BlameLine, CommitInfo, TreeFile


class Repository(Protocol):
    """Reading one repository. Paths are relative to its root with forward slashes. What does not exist gives None or ()."""

    def resolve(self, ref: str) -> str | None:
        """Full id of the commit that a branch, tag or (short) id means."""

    def commit_before(self, ref: str, at: datetime) -> str | None:
        """The newest commit on the first-parent line of `ref` that was committed at `at` or before."""

    def files(self, commit: str) -> Sequence[TreeFile]:
        """All files of the commit's tree, submodules and links left out."""

    def read(self, commit: str, path: str) -> str | None:
        """Text of a file at a commit; None when it is not there, binary, too large or kept elsewhere (LFS)."""

    def commit(self, sha: str) -> CommitInfo | None:
        """One commit with its file changes (of a merge: the files that it changed itself, in resolving a conflict)."""

    def commits(self, shas: Sequence[str]) -> dict[str, CommitInfo]:
        """Several commits at once, with their file changes; those that are not there are left out."""

    def log(
        self,
        commit: str,
        *,
        paths: Sequence[str] = (),
        since: datetime | None = None,
        limit: int | None = None,
        counts: bool = False,
        renames: bool = False,
    ) -> Sequence[CommitInfo]:
        """History up to `commit`, newest first, merges left out; with file changes (all of a commit that touched `paths`).

        `counts` adds the changes' lines, `renames` tells renamed files from new ones; both cost.
        """

    def blame(
        self, commit: str, path: str, first: int = 1, last: int | None = None, since: datetime | None = None
    ) -> Sequence[BlameLine]:
        """Who last changed each of the lines `first` to `last`, white space and `.git-blame-ignore-revs` left out.

        History before `since` is not walked, which is quicker: a line that is older has some commit from before it.
        """

    def grep(self, commit: str, pattern: str, endings: Sequence[str]) -> Sequence[tuple[str, int, str]]:
        """`(path, line, text)` of the lines of a commit's files that match a POSIX extended expression, in order of paths.

        Only files whose name ends with one of `endings`; no more lines than a person would read.
        """

    def diff(self, commit: str, path: str | None = None) -> str:
        """What a commit changed against its first parent (of one path, or all of it; of a merge what it changed itself) as a unified diff."""


class CodeSearch(Protocol):
    """Hybrid search over the indexed code of a service; absent where nothing is indexed."""

    def __call__(self, query: str, limit: int) -> Sequence[tuple[str, str, float]]:
        """`(path, symbol, score)` of the chunks that answer best, best first."""
