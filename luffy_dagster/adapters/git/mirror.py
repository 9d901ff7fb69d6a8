"""Where repositories come from: one bare mirror per address, fetched under a lock; or a path of this host, only read."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from luffy_dagster.adapters.git.address import Address, AddressPolicy, check_host, parse_address
from luffy_dagster.adapters.git.errors import GitError, GitMissing, GitRefused, GitRepositoryMissing
from luffy_dagster.adapters.git.process import environment, run
from luffy_dagster.adapters.git.repository import GitRepository

_LOW_SPEED = {"http.lowSpeedLimit": "1000", "http.lowSpeedTime": "60"}


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to come in: a token (or password) for HTTP, or a private key for SSH."""

    token: str | None = None
    username: str | None = None
    ssh_key: str | None = None  # the key itself, PEM or OpenSSH
    known_hosts: str | None = None

    def __repr__(self) -> str:
        return f"Credentials(token={'…' if self.token else None}, ssh_key={'…' if self.ssh_key else None})"


def open_path(path: Path, *, cache: Path | None = None, timeout: float = 300) -> GitRepository:
    """The repository at a path of this host (a work tree, a bare one, or a folder inside of a work tree); only read.

    With `cache`, a folder of ours, its objects are read through an empty repository there that borrows them: it holds the
    index of history that makes blame and log quick, and its configuration is ours. Raises GitRepositoryMissing, GitMissing.
    """
    shown = str(path)
    try:
        from git import InvalidGitRepositoryError, NoSuchPathError, Repo
    except ImportError:
        raise GitMissing(shown, "git is not installed", "install git on this host") from None
    try:
        with Repo(path, search_parent_directories=True) as found:
            git_dir = Path(found.common_dir).absolute()
    except NoSuchPathError:
        raise GitRepositoryMissing(shown, "there is no such folder", "check the service's git_repo_path") from None
    except (InvalidGitRepositoryError, ValueError, OSError):
        if not _looks_bare(path):
            raise GitRepositoryMissing(
                shown, "this folder is no Git repository", "check the service's git_repo_path"
            ) from None
        git_dir = path.absolute()
    own = _borrow(git_dir, cache, shown, timeout) if cache is not None else git_dir
    return GitRepository(own, refs_dir=git_dir, place=shown, timeout=timeout, notes=_notes(git_dir))


def _borrow(git_dir: Path, cache: Path, place: str, timeout: float) -> Path:
    """A repository of ours that borrows the objects of `git_dir`, with the index of its history brought up to its branches."""
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = hashlib.sha256(str(git_dir.resolve()).encode()).hexdigest()[:24]
    own = cache / f"{name}.borrowed"
    env = environment()
    with _locked(cache / f"{name}.lock", place, timeout):
        kind = run(["rev-parse", "--show-object-format"], place=place, git_dir=git_dir, env=env).decode().strip()
        if not (own / "HEAD").exists():
            shutil.rmtree(own, ignore_errors=True)
            run(
                ["init", "--bare", "--quiet", "--template=", f"--object-format={kind}", "--", str(own)],
                place=place,
                env=env,
            )
        (own / "objects" / "info").mkdir(parents=True, exist_ok=True)
        (own / "objects" / "info" / "alternates").write_text(f"{git_dir.resolve() / 'objects'}\n")
        shallow = git_dir / "shallow"
        if shallow.exists():
            shutil.copyfile(shallow, own / "shallow")
        else:
            (own / "shallow").unlink(missing_ok=True)
        tips = run(
            ["for-each-ref", "--format=%(objectname)", "refs/heads", "refs/remotes"],
            place=place,
            git_dir=git_dir,
            env=env,
        )
        head = run(["rev-parse", "--verify", "--quiet", "HEAD"], place=place, git_dir=git_dir, env=env, ok=(0, 1, 128))
        known = own / "luffy-tips"
        if not known.exists() or known.read_bytes() != tips + head:
            _index(own, place, timeout, tips + head)
            known.write_bytes(tips + head)
    return own


def _index(git_dir: Path, place: str, timeout: float, tips: bytes | None = None) -> None:
    """Writes the commit graph: Bloom filters of changed paths make blame and log of one file many times faster.

    Where Git cannot (a shallow clone, an old version) all is read without, only slower.
    """
    which = ["--reachable"] if tips is None else ["--stdin-commits"]
    run(
        ["commit-graph", "write", *which, "--changed-paths", "--split"],
        place=place,
        git_dir=git_dir,
        timeout=timeout,
        stdin=tips,
        ok=(0, 1, 128),
    )


def _looks_bare(path: Path) -> bool:
    return (path / "HEAD").is_file() and (path / "objects").is_dir()


def open_mirror(
    url: str,
    folder: Path,
    *,
    credentials: Credentials | None = None,
    policy: AddressPolicy | None = None,
    max_age: float = 0,
    timeout: float = 600,
    offline: bool = False,
) -> GitRepository:
    """The mirror of `url` below `folder`, fetched unless it was within `max_age` seconds.

    With `offline`, a fetch that fails is a note of the repository rather than an error, where there is a mirror: history as it
    was last time says more than none.
    Raises GitError (its kinds say what to do).
    """
    policy = policy or AddressPolicy()
    address = parse_address(url, policy)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    git_dir = folder / f"{address.key}.git"
    notes: tuple[str, ...] = ()
    with _locked(folder / f"{address.key}.lock", address.shown, timeout):
        done = git_dir / "luffy-fetched"
        fresh = done.exists() and time.time() - done.stat().st_mtime < max_age
        if not fresh:
            try:
                check_host(address, policy)
                _fetch(address, git_dir, credentials, policy, timeout)
                done.touch()
            except GitRefused:
                raise
            except GitError as error:
                if not offline or not done.exists():
                    raise
                notes = (f"not fetched, as it was at the last fetch: {error}",)
    return GitRepository(git_dir, place=address.shown, timeout=timeout, notes=(*notes, *_notes(git_dir)))


@contextmanager
def _locked(path: Path, place: str, timeout: float) -> Iterator[None]:
    """The lock of a mirror: other processes wait for it, at most `timeout` seconds."""
    with path.open("w") as file:
        until = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise GitError(
                        place, "another process has been fetching it for long", "try again when it is done"
                    ) from None
                time.sleep(0.1)
        yield


def _fetch(
    address: Address, git_dir: Path, credentials: Credentials | None, policy: AddressPolicy, timeout: float
) -> None:
    credentials = credentials or Credentials()
    token, user = credentials.token or address.secret, credentials.username or address.user
    plain = environment()
    if not (git_dir / "HEAD").exists():
        shutil.rmtree(git_dir, ignore_errors=True)
        run(["init", "--bare", "--quiet", "--template=", "--", str(git_dir)], place=address.shown, env=plain)
    for left in ("shallow.lock", "packed-refs.lock", "HEAD.lock"):
        (git_dir / left).unlink(missing_ok=True)  # of a process that was killed: we hold the mirror's lock
    config = dict(_LOW_SPEED)
    if not policy.private:
        config["http.followRedirects"] = "false"
    if token and address.protocol in ("https", "http"):
        parts = urlsplit(address.url)
        pair = base64.b64encode(f"{user or 'oauth2'}:{token}".encode()).decode()
        config[f"http.{parts.scheme}://{parts.netloc}/.extraHeader"] = f"Authorization: Basic {pair}"
    with tempfile.TemporaryDirectory(prefix="luffy-git-") as scratch:
        more = {"GIT_SSH_COMMAND": _ssh(credentials, Path(scratch))} if address.protocol == "ssh" else {}
        env = environment(config, protocols=policy.protocols, **more)
        run(
            [
                "fetch", "--quiet", "--prune", "--force", "--update-shallow", "--no-recurse-submodules", "--no-tags",
                "--no-write-fetch-head", "--end-of-options", address.url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*",
            ],
            place=address.shown,
            git_dir=git_dir,
            env=env,
            timeout=timeout,
        )  # fmt: skip
    _index(git_dir, address.shown, timeout)


def _ssh(credentials: Credentials, scratch: Path) -> str:
    """The command for SSH: no prompts, no agent's or user's configuration beyond what is given."""
    command = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-o", "PermitLocalCommand=no"]
    if credentials.ssh_key:
        key = scratch / "key"
        handle = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(credentials.ssh_key.strip() + "\n")
        command += ["-o", "IdentitiesOnly=yes", "-i", str(key)]
    if credentials.known_hosts:
        hosts = scratch / "known_hosts"
        hosts.write_text(credentials.known_hosts.strip() + "\n")
        command += ["-o", f"UserKnownHostsFile={hosts}"]
    command += ["-o", "StrictHostKeyChecking=yes"]
    return " ".join(command)


def _notes(git_dir: Path) -> tuple[str, ...]:
    """What a reader must know about a clone."""
    notes = []
    if (git_dir / "shallow").exists() and (git_dir / "shallow").stat().st_size:
        notes.append(
            "history is cut short (a shallow clone): blame ends at its border; `git fetch --unshallow` brings the rest"
        )
    return tuple(notes)
