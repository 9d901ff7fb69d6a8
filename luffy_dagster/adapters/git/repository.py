"""Reading one repository by object ids: tree, files, log, blame, diff, each kept by what it is the same for.

Does not fetch (`mirror`), does not change anything, and judges nothing.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from luffy_dagster.adapters.git import records
from luffy_dagster.adapters.git.errors import GitBranchMissing, GitError, GitMissing
from luffy_dagster.adapters.git.process import environment, run
from luffy_dagster.core.rca.model import BlameLine, CommitInfo, FileChange, TreeFile

MAX_FILE = 2_000_000  # bytes of a file that is read as text
MAX_DIFF = 400_000  # bytes of a diff that are read
MAX_HITS = 5_000  # lines of a search that are read
MAX_KEPT = 4096  # answers kept in memory
_LFS = "version https://git-lfs.github.com/spec/"
_HEX = re.compile(r"[0-9a-f]{4,64}\Z")
_IGNORED = re.compile(r"^\s*([0-9a-f]{40}|[0-9a-f]{64})\s*(?:#.*)?$", re.MULTILINE)
IGNORE_REVS = ".git-blame-ignore-revs"


class GitRepository:
    """A repository that is read and never changed. Answers are kept in memory by object id; safe for threads. Close it."""

    def __init__(
        self,
        git_dir: Path,
        *,
        place: str,
        refs_dir: Path | None = None,
        timeout: float = 300,
        notes: tuple[str, ...] = (),
    ) -> None:
        """Reads the objects of `git_dir`; branches and tags are those of `refs_dir` where that is given."""
        self.git_dir, self.refs_dir, self.place, self._timeout = git_dir, refs_dir or git_dir, place, timeout
        self.notes = notes  # what a reader must know: "history is cut short", "could not be fetched: …"
        self._kept: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._lock = threading.RLock()
        self._cat: subprocess.Popen[bytes] | None = None
        self._ignored: dict[str, Path] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the reading process and removes what was written for it."""
        with self._lock:
            cat, self._cat = self._cat, None
            if cat is not None:
                for stream in (cat.stdin, cat.stdout):
                    if stream is not None:
                        stream.close()
                cat.terminate()
                cat.wait()
            for path in self._ignored.values():
                path.unlink(missing_ok=True)
            self._ignored.clear()

    def git(self, *args: str, stdin: bytes | None = None, ok: Sequence[int] = (0,)) -> bytes:
        """What a reading Git command prints; raises GitError."""
        return run(args, place=self.place, git_dir=self.git_dir, timeout=self._timeout, stdin=stdin, ok=ok)

    def _refs(self, *args: str, ok: Sequence[int] = (0,)) -> str:
        return run(args, place=self.place, git_dir=self.refs_dir, timeout=self._timeout, ok=ok).decode(
            "utf-8", "replace"
        )

    def _once(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        return self._keep(key, make())

    def _keep(self, key: tuple[Any, ...], value: Any) -> Any:
        with self._lock:
            self._kept[key] = value
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return value

    # ---- commits ------------------------------------------------------------------------------------------------------

    def resolve(self, ref: str) -> str | None:
        """Full id of the commit that a branch, tag or (short) id means; None when there is none."""
        if not ref or ref.startswith("-") or any(c in ref for c in "\0\n ~^:?*[\\") or ".." in ref or "@{" in ref:
            return None
        names = [ref] if _HEX.match(ref) else []
        names = [f"refs/heads/{ref}", f"refs/tags/{ref}", f"refs/remotes/origin/{ref}", *names]
        if ref == "HEAD" or ref.startswith("refs/"):
            names = [ref]
        if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", ref):
            return self._once(("resolve", ref), lambda: self._verify(ref)) or None
        return next((sha for name in names if (sha := self._verify(name))), None)

    def _verify(self, name: str) -> str:
        found = self._refs("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", ok=(0, 1, 128))
        return (found.strip().splitlines() or [""])[-1]

    def head(self, branch: str) -> str:
        """The commit of a branch; raises GitBranchMissing, which names the branches that are there."""
        found = self.resolve(branch)
        if found is None:
            there = self.branches()
            named = ", ".join(there[:5]) + (f" and {len(there) - 5} more" if len(there) > 5 else "")
            raise GitBranchMissing(
                self.place,
                f"it has no branch {branch!r}" + (f" (it has {named})" if there else " and is empty"),
                "set the service's git_branch" if there else "push a commit",
            )
        return found

    def branches(self) -> list[str]:
        """Names of the branches, those worked on last first."""
        wanted = ("refs/heads", "refs/remotes/origin")
        listed = self._refs("for-each-ref", "--sort=-committerdate", "--format=%(refname)", *wanted)
        names = [line.removeprefix("refs/heads/").removeprefix("refs/remotes/") for line in listed.splitlines()]
        return list(dict.fromkeys(n.removeprefix("origin/") for n in names if not n.endswith("/HEAD")))

    def commit_before(self, ref: str, at: datetime) -> str | None:
        """The newest commit on the first-parent line of `ref` that was committed at `at` or before."""
        tip = self.resolve(ref)
        if tip is None:
            return None
        found = self.git("rev-list", "--first-parent", "-n", "1", f"--before={int(at.timestamp())}", tip)
        return found.decode().strip() or None

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `older` is in the history of `newer` (False when either is not there)."""
        if self.resolve(older) is None or self.resolve(newer) is None:
            return False
        shared = self.git("merge-base", "--", older, newer, ok=(0, 1, 128)).decode().strip()
        return shared == self.resolve(older)

    def commit(self, sha: str) -> CommitInfo | None:
        """One commit with its file changes and their line counts (of a merge: the files that it changed itself, uncounted)."""
        return self.commits([sha]).get(sha)

    def commits(self, shas: Sequence[str]) -> dict[str, CommitInfo]:
        """Several commits at once, with file changes and line counts; those that are not there are left out."""
        wanted = [sha for sha in dict.fromkeys(shas) if re.fullmatch(r"[0-9a-f]{40,64}", sha)]
        with self._lock:
            have = {sha: self._kept[("commit", sha)] for sha in wanted if ("commit", sha) in self._kept}
        missing = [sha for sha in wanted if sha not in have]
        if missing:
            checked = self.git("cat-file", "--batch-check", stdin="\n".join(missing).encode() + b"\n").decode()
            there = [line.split()[0] for line in checked.splitlines() if " commit " in line]
            if there:
                output = self.git(
                    "log", "-z", "--no-walk=unsorted", "--stdin", "--raw", "--numstat", "--no-abbrev", "-M", "-l200",
                    "--no-ext-diff", "--no-textconv", records.LOG_FORMAT,
                    stdin="\n".join(there).encode() + b"\n",
                )  # fmt: skip
                for found in records.read_log(output):
                    known = self._with_own(found) if len(found.parents) > 1 else found
                    have[found.sha] = self._keep(("commit", found.sha), known)
        return {sha: have[sha] for sha in wanted if sha in have}

    def _with_own(self, merge: CommitInfo) -> CommitInfo:
        """A merge with what it changed itself, in resolving a conflict: the files that are as in none of its parents."""
        listed = self.git("diff-tree", "--no-commit-id", "-r", "-c", "-z", "--name-only", merge.sha).split(b"\0")
        paths = (path for raw in listed if raw and (path := records.path_of(raw)) is not None)
        return replace(merge, changes=tuple(FileChange(path, "M") for path in paths))

    def log(
        self,
        commit: str,
        *,
        paths: Sequence[str] = (),
        since: datetime | None = None,
        limit: int | None = None,
        counts: bool = False,
        after: str | None = None,
        renames: bool = False,
    ) -> Sequence[CommitInfo]:
        """History up to `commit`, newest first, merges left out; with file changes (all of the commit), and line counts if asked.

        `after` leaves out that commit and its history.
        """
        key = ("log", commit, tuple(paths), since, limit, counts, after, renames)

        def make() -> tuple[CommitInfo, ...]:
            tip = self.resolve(commit)
            if tip is None:
                return ()
            args = ["log", "-z", "--no-merges", "--raw", "--no-abbrev", "--no-ext-diff", "--no-textconv", "--full-diff"]
            args += ["-M", "-l200"] if renames else ["--no-renames"]
            args += ["--numstat"] if counts else []
            args += [f"--since={int(since.timestamp())}"] if since else []
            args += [f"--max-count={limit}"] if limit else []
            args += [records.LOG_FORMAT, tip, *([f"^{after}"] if after else []), "--", *paths]
            return tuple(records.read_log(self.git(*args)))

        return self._once(key, make)

    # ---- files --------------------------------------------------------------------------------------------------------

    def files(self, commit: str) -> Sequence[TreeFile]:
        """All files of the commit's tree, submodules and links left out."""
        return tuple(self._tree(commit).values())

    def _tree(self, commit: str) -> dict[str, TreeFile]:
        def make() -> dict[str, TreeFile]:
            tip = self.resolve(commit)
            if tip is None:
                return {}
            return {f.path: f for f in records.read_tree(self.git("ls-tree", "-r", "-z", "--long", tip))}

        return self._once(("tree", commit), make)

    def read(self, commit: str, path: str) -> str | None:
        """Text of a file at a commit; None when it is not there, binary, too large or kept elsewhere (see `problem`)."""
        found = self._tree(commit).get(path)
        return None if found is None else self.text(found)

    def text(self, file: TreeFile) -> str | None:
        """Text of a file of a tree; None when it is binary, too large or kept elsewhere."""
        if file.size > MAX_FILE:
            return None
        raw = self.blob(file.blob)
        if raw is None or b"\0" in raw[:8192]:
            return None
        text = raw.decode("utf-8", "replace")
        return None if text.startswith(_LFS) else text

    def problem(self, commit: str, path: str) -> str | None:
        """Why a file of a commit cannot be read, in one line with the remedy; None when it can."""
        found = self._tree(commit).get(path)
        if found is None:
            return f"{path} is not in commit {commit[:10]}; links and submodules are not followed"
        if found.size > MAX_FILE:
            return f"{path} has {found.size:,} bytes and is not read (limit {MAX_FILE:,})"
        raw = self.blob(found.blob)
        if raw is None:
            return f"{path} is missing in this clone (a partial one); fetch it whole"
        if raw.startswith(_LFS.encode()):
            return f"{path} is kept in Git LFS; only its pointer is here, and it is not read"
        return f"{path} is binary" if b"\0" in raw[:8192] else None

    def blob(self, oid: str) -> bytes | None:
        """Bytes of an object; None when it is not in this clone."""
        with self._lock:
            cat = self._reading()
            if cat.stdin is None or cat.stdout is None:
                raise GitError(self.place, "git cat-file has no pipes", "try again")
            try:
                cat.stdin.write(oid.encode() + b"\n")
                cat.stdin.flush()
                head = cat.stdout.readline().split()
                if len(head) != 3:
                    return None
                raw = cat.stdout.read(int(head[2]))
                cat.stdout.read(1)
            except (OSError, ValueError):
                self.close()
                raise GitError(self.place, "git cat-file ended in between", "look at it with `git fsck`") from None
            return raw

    def _reading(self) -> subprocess.Popen[bytes]:
        if self._cat is None or self._cat.poll() is not None:
            try:
                self._cat = subprocess.Popen(
                    ["git", f"--git-dir={self.git_dir}", "cat-file", "--batch"],
                    env=environment(),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except FileNotFoundError:
                raise GitMissing(self.place, "git is not installed", "install git on this host") from None
        return self._cat

    # ---- history of lines -----------------------------------------------------------------------------------------------

    def blame(
        self, commit: str, path: str, first: int = 1, last: int | None = None, since: datetime | None = None
    ) -> Sequence[BlameLine]:
        """Who last changed each of the lines `first` to `last`, white space and `.git-blame-ignore-revs` left out.

        History before `since` is not walked: a line that is older has some commit from before it.
        """
        found = self._tree(commit).get(path)
        if found is None or found.size > MAX_FILE or found.size == 0:
            return ()

        with self._lock:  # one walk through the history of a file answers for all of its lines
            whole: Sequence[BlameLine] = self._kept.get(("blame", commit, path, 1, None, None), ())
        if whole and last is not None:
            return tuple(line for line in whole if first <= line.line <= last)

        def make() -> tuple[BlameLine, ...]:
            ignored = self._ignore_revs(commit)
            args = ["blame", "--porcelain", "-w", "--no-textconv", "--no-ignore-revs-file"]
            args += [f"--ignore-revs-file={ignored}"] if ignored else []
            args += [f"--since={int(since.timestamp())}"] if since else []
            args += [f"-L{max(first, 1)},{'' if last is None else max(last, first, 1)}", commit, "--", path]
            try:
                return tuple(records.read_blame(self.git(*args)))
            except GitError as error:
                if "has only" in error.reason:
                    return ()
                raise

        return self._once(("blame", commit, path, first, last, since), make)

    def _ignore_revs(self, commit: str) -> Path | None:
        """A file with the commits that blame looks through, as the repository lists them at that commit."""
        text = self.read(commit, IGNORE_REVS)
        if not text:
            return None
        oid = self._tree(commit)[IGNORE_REVS].blob
        with self._lock:
            if oid not in self._ignored:
                with tempfile.NamedTemporaryFile("w", prefix="luffy-revs-", delete=False) as file:
                    file.write("\n".join(_IGNORED.findall(text)) + "\n")
                self._ignored[oid] = Path(file.name)
            return self._ignored[oid]

    def grep(self, commit: str, pattern: str, endings: Sequence[str]) -> Sequence[tuple[str, int, str]]:
        """`(path, line, text)` of the lines that match a POSIX extended expression in files of these endings, at most MAX_HITS."""

        def make() -> tuple[tuple[str, int, str], ...]:
            if self.resolve(commit) is None:
                return ()
            args = ["grep", "-n", "-z", "-I", "-E", "--full-name", "--no-color", "--no-textconv", "-e", pattern, commit]
            # Every other command takes paths literally; here endings are asked for, which are the product's own.
            globs = environment(GIT_LITERAL_PATHSPECS="0", GIT_GLOB_PATHSPECS="1", LC_ALL="C")
            raw = run(
                [*args, "--", *(f"**/*{end}" for end in endings)],
                place=self.place, git_dir=self.git_dir, timeout=self._timeout, env=globs, ok=(0, 1),
            )  # fmt: skip
            return tuple(records.read_grep(raw, commit, MAX_HITS))

        return self._once(("grep", commit, pattern, tuple(endings)), make)

    def diff(self, commit: str, path: str | None = None) -> str:
        """What a commit changed against its first parent (of one path, or all of it) as a unified diff, cut at MAX_DIFF bytes.

        Of a merge only the files that it changed itself: the commits that it brought speak for the rest.
        """

        def make() -> str:
            paths = [path] if path else []
            known = None if path else self.commit(self.resolve(commit) or "")
            if known is not None and len(known.parents) > 1:
                paths = [change.path for change in known.changes]
                if not paths:
                    return ""
            raw = self.git(
                "show", "--format=", "--first-parent", "-M", "--no-ext-diff", "--no-textconv", "--end-of-options", commit,
                "--", *paths,
            )  # fmt: skip
            text = raw[:MAX_DIFF].decode("utf-8", "replace")
            return text + ("\n(cut)" if len(raw) > MAX_DIFF else "")

        return self._once(("diff", commit, path), make)
