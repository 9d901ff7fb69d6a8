"""A service's code: its repository opened and fetched, its index brought up to the branch, its commits kept.

What a chunk is, `core.codeindex` says. Search is in `flows.code_search`. The index of a service is worked on under a lock of its own,
so that logs go on meanwhile.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.codeindex import CHUNK_ALGORITHM, Chunk, chunk, skip_content, skip_path
from luffy_dagster.core.codeindex.terms import terms_of
from luffy_dagster.core.rca.model import CommitInfo, TreeFile
from luffy_dagster.core.redaction import SECRETS, redact
from luffy_dagster.core.scheduling import Kind
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.store.crypto import pseudonym_key

if TYPE_CHECKING:
    from luffy_dagster.adapters.embeddings import Embedder
    from luffy_dagster.adapters.git import GitRepository
    from luffy_dagster.store.code import CodeIndex

EMBED_PER_RUN = 2_000  # chunks that one run embeds; the next ones go on, and search is lexical for the rest meanwhile
COUNTED = 500  # commits of a first run whose changes are counted in lines
_EMBED_BATCH = 256
_NO_VECTOR = "chunks have no vector yet"
_REDACT_BATCH = 2_000  # chunks whose secrets are looked for at once
_EMBED_CHARS = 1_200


class CodeError(Exception):
    """A service's code cannot be read: what, why, remedy in one line."""


@dataclass(frozen=True, slots=True)
class CodeIndexResult:
    """What one indexing did. `mode`: full, incremental or unchanged."""

    service: str
    mode: str
    commit: str
    branch: str
    files: int  # in the index now
    chunks: int
    changed_files: int
    deleted_files: int
    new_chunks: int
    embedded: int
    without_vector: int
    new_commits: int
    skipped: dict[str, int]
    model: str | None
    notes: tuple[str, ...]
    seconds: float


def open_repository(ctx: FlowContext, service: Any, *, offline: bool = False, max_age: float = 0) -> GitRepository:
    """The repository of a service (`store.services` row), fetched unless that was within `max_age` seconds; close it.

    With `offline` a fetch that fails is only noted where there is a mirror. Raises CodeError when the service has none,
    GitError when it cannot be read.
    """
    from luffy_dagster.adapters.git import AddressPolicy, Credentials, open_mirror, open_path

    settings = ctx.settings
    folder = settings.home / "git"
    if service.git_repo_path:
        return open_path(Path(service.git_repo_path), cache=folder, timeout=settings.git_timeout_seconds)
    if not service.repository_url:
        raise CodeError(
            f"service {service.id} has no repository; set one with `luffy services set {service.id} --repository URL`"
        )
    with store.begin(ctx.engine) as conn:
        found = store.git_credentials.get(conn, service.id)
    credentials = None
    if found is not None:
        secret = found.secret.reveal()
        token, key = (secret, None) if found.kind == "token" else (None, secret)
        credentials = Credentials(token, found.username, key, found.known_hosts)
    protocols = tuple(p.strip() for p in settings.git_protocols.split(",") if p.strip())
    return open_mirror(
        service.repository_url,
        folder,
        credentials=credentials,
        policy=AddressPolicy(protocols, settings.git_private_addresses),
        max_age=max_age,
        timeout=settings.git_timeout_seconds,
        offline=offline,
    )


def index_code(ctx: FlowContext, service_id: str, *, full: bool = False) -> CodeIndexResult:
    """Brings a service's index and commits up to the head of its branch; `full` makes it anew.

    Raises CodeError, GitError, EmbeddingError, VectorError; the index then stays as it was.
    """
    started, clock = ctx.now(), time.perf_counter()
    with store.begin(ctx.engine) as conn:
        service = store.services.get(conn, service_id)
    with store.service_lock(ctx.engine, f"code/{service_id}"), open_repository(ctx, service) as repository:
        work = _Work(ctx, service, repository, full=full)
        result = work.run(clock)
        with store.begin(ctx.engine) as conn:
            store.schedule.record_success(conn, service_id, Kind.CODE_INDEX, started, result.commit)
        return result


class _Work:
    """One indexing under way."""

    def __init__(self, ctx: FlowContext, service: Any, repository: GitRepository, *, full: bool) -> None:
        self.ctx, self.service, self.repository = ctx, service, repository
        self.subpath = (service.git_subpath or "").strip("/")
        self.notes = list(repository.notes)
        self.head = repository.head(service.git_branch)
        with store.begin(ctx.engine) as conn:
            self.before = store.code.state(conn, service.id)
        self.embedder = self._embedder()
        self.full = full or self._must_be_full(self.before)
        self.skipped: Counter[str] = Counter()

    def _embedder(self) -> Embedder | None:
        from luffy_dagster.adapters.embeddings import open_embedder, why_lexical

        why = why_lexical(self.ctx.settings.embedding_model)
        if why is not None:
            self.notes.append(why)
        return open_embedder(self.ctx.settings.embedding_model, ollama_url=self.ctx.settings.ollama_url)

    def _must_be_full(self, before: CodeIndex | None) -> bool:
        if before is None:
            return True
        if (before.repository, before.branch, before.subpath) != (
            self.repository.place,
            self.service.git_branch,
            self.subpath,
        ):
            self.notes.append("indexed in full: the service's repository, branch or path was changed")
            return True
        if before.algorithm != CHUNK_ALGORITHM:
            self.notes.append("indexed in full: chunks are made in a new way")
            return True
        if before.commit_sha != self.head and not self.repository.is_ancestor(before.commit_sha, self.head):
            self.notes.append(
                f"indexed in full: the last indexed commit {before.commit_sha[:10]} is no longer in the branch (a force-push)"
            )
            return True
        return False

    def run(self, clock: float) -> CodeIndexResult:
        tree = {f.path: f for f in self.repository.files(self.head) if self._mine(f.path)}
        before = {} if self.full or self.before is None else self._tree_before()
        changed = [f for f in tree.values() if before.get(f.path) != f.blob]
        deleted = [path for path in before if path not in tree]
        replaced = [*deleted, *(f.path for f in changed if f.path in before)]
        with store.begin(self.ctx.engine) as conn:
            gone = store.code.hashes(conn, self.service.id, paths=None if self.full else replaced)
            if self.full:
                store.code.drop_all(conn, self.service.id)
            rows = self._rows(changed)
            if not self.full:  # few: what of them is new is asked before they are added
                few = list(rows)
                rows = iter(few)
                fresh_hashes = {one.hash for one, _, _ in few}
                fresh_hashes -= store.code.known(conn, self.service.id, fresh_hashes)
            store.code.drop_paths(conn, self.service.id, replaced)
            store.code.add_chunks(conn, self.service.id, rows)
            if self.full:
                fresh_hashes = store.code.hashes(conn, self.service.id) - gone
            gone -= store.code.known(conn, self.service.id, gone)
            new_commits = self._commits(conn)
            files, chunks, _ = store.code.counts(conn, self.service.id)
            fresh = self.full or changed or deleted
            mode = "full" if self.full else "incremental" if fresh or new_commits else "unchanged"
            skipped = dict(
                sorted((self.skipped if self.full or self.before is None else _kept(self.before, self.skipped)).items())
            )
            head = self.repository.commit(self.head)
            index = store.code.CodeIndex(
                service_id=self.service.id,
                repository=self.repository.place,
                branch=self.service.git_branch,
                subpath=self.subpath,
                commit_sha=self.head,
                committed_at=head.committed_at if head else None,
                algorithm=CHUNK_ALGORITHM,
                model=self.embedder.model if self.embedder else None,
                dimensions=self.embedder.dimensions if self.embedder else None,
                mode=mode,
                files=files,
                chunks=chunks,
                commits=store.code.count_commits(conn, self.service.id),
                bytes=sum(f.size for f in tree.values()),
                skipped=skipped,
                notes=[*self.notes, *([f"{len(fresh_hashes)} {_NO_VECTOR}"] if self.embedder and fresh_hashes else [])],
                seconds=time.perf_counter() - clock,
                indexed_at=self.ctx.now(),
            )
            store.code.put_state(conn, index)
        # after the commit: it may take minutes, and search goes by words meanwhile
        embedded, without = self._embed(tree, fresh_hashes)
        self._forget(sorted(gone))
        if (
            self.embedder is not None
        ):  # the note that vectors are to come is taken away, or says how many are still to come
            with store.begin(self.ctx.engine) as conn:
                store.code.put_state(conn, replace(index, notes=self.notes))
        return CodeIndexResult(
            self.service.id, mode, self.head, self.service.git_branch, files, chunks, len(changed), len(deleted),
            len(fresh_hashes), embedded, without, new_commits, skipped, index.model, tuple(self.notes),
            round(time.perf_counter() - clock, 3),
        )  # fmt: skip

    def _mine(self, path: str) -> bool:
        return not self.subpath or path.startswith(f"{self.subpath}/")

    def _tree_before(self) -> dict[str, str]:
        assert self.before is not None
        return {f.path: f.blob for f in self.repository.files(self.before.commit_sha) if self._mine(f.path)}

    def _rows(self, files: Sequence[TreeFile]) -> Iterator[tuple[Chunk, str, Mapping[str, int]]]:
        batch: list[tuple[Chunk, str]] = []
        for file in files:
            why = skip_path(file.path, file.size)
            text = self.repository.text(file) if why is None else None
            if why is None:
                why = "unreadable" if text is None else skip_content(text)
            if why is not None or text is None:
                self.skipped[why or "unreadable"] += 1
                continue
            batch += [(one, file.blob) for one in chunk(file.path, text)]
            if len(batch) >= _REDACT_BATCH:
                yield from self._worded(batch)
                batch = []
        yield from self._worded(batch)

    def _worded(self, batch: list[tuple[Chunk, str]]) -> Iterator[tuple[Chunk, str, Mapping[str, int]]]:
        """Chunks with their words; a secret in the code is none of them."""
        texts = self._without_secrets([one.text for one, _ in batch])
        for (one, blob), text in zip(batch, texts, strict=True):
            yield one, blob, terms_of(one if text == one.text else replace(one, text=text))

    def _without_secrets(self, texts: Sequence[str]) -> list[str]:
        return redact(pl.Series(texts, dtype=pl.Utf8), SECRETS, key=pseudonym_key(self.ctx.settings)).texts.to_list()

    def _commits(self, conn: Any) -> int:
        keep = self.ctx.settings.code_commits_kept
        after = None if self.full or self.before is None else self.before.commit_sha
        if after == self.head:
            return 0
        paths = (self.subpath,) if self.subpath else ()
        # Line counts cost a diff of each file: the newest have them, older ones only say what was changed.
        new = min(keep, COUNTED)
        found = list(self.repository.log(self.head, paths=paths, limit=new, after=after, counts=True, renames=True))
        if len(found) == new < keep:
            found += self.repository.log(self.head, paths=paths, limit=keep, after=after)[new:]
        return store.code.put_commits(conn, self.service.id, self._redacted(found), replace=after is None, keep=keep)

    def _redacted(self, commits: Sequence[CommitInfo]) -> list[CommitInfo]:
        """Commits without the secrets that somebody wrote into their messages; names and addresses are as Git has them."""
        subjects, bodies = (self._without_secrets([getattr(c, part) for c in commits]) for part in ("subject", "body"))
        return [replace(c, subject=s, body=b) for c, s, b in zip(commits, subjects, bodies, strict=True)]

    def _vectors(self) -> Any:
        from luffy_dagster.adapters.chroma import open_vectors

        assert self.embedder is not None
        settings = self.ctx.settings
        return open_vectors(
            settings.home / "chroma", "code", self.embedder.model, self.embedder.dimensions, url=settings.chroma_url
        )

    def _embed(self, tree: Mapping[str, TreeFile], fresh: Collection[str]) -> tuple[int, int]:
        """Embeds chunks that have no vector, functions before the rest: how many, and how many are left.

        Where all had one after the last run, only the `fresh` ones are looked at.
        """
        if self.embedder is None:
            return 0, 0
        vectors = self._vectors()
        with store.begin(self.ctx.engine) as conn:
            whole = self.full or not self._all_had_vectors()
            asked = store.code.hashes(conn, self.service.id) if whole else fresh
            wanted = store.code.by_hash(conn, self.service.id, sorted(asked))
        order = sorted(wanted, key=lambda h: (wanted[h].kind == "top", wanted[h].id))
        missing = vectors.missing(self.service.id, order)
        now = missing[:EMBED_PER_RUN]
        by_path: dict[str, list[str]] = {}
        for one in now:
            by_path.setdefault(wanted[one].path, []).append(one)
        said: list[tuple[str, str]] = []
        for path, hashes in by_path.items():
            text = self.repository.text(tree[path]) if path in tree else None
            here = {c.hash: c for c in chunk(path, text)} if text is not None else {}
            said += [(h, here[h].said[:_EMBED_CHARS]) for h in hashes if h in here]
        for start in range(0, len(said), _EMBED_BATCH):
            part = said[start : start + _EMBED_BATCH]
            about = [
                {
                    "path": wanted[h].path,
                    "symbol": wanted[h].symbol,
                    "first": wanted[h].first,
                    "last": wanted[h].last,
                    "commit": self.head,
                }
                for h, _ in part
            ]
            texts = self._without_secrets([text for _, text in part])
            vectors.add(self.service.id, [h for h, _ in part], self.embedder.embed(texts), about)
        left = len(missing) - len(said)
        if left:
            self.notes.append(f"{left} {_NO_VECTOR}: the next runs go on, until then they are found by words only")
        return len(said), left

    def _all_had_vectors(self) -> bool:
        before = self.before
        return (
            before is not None
            and self.embedder is not None
            and before.model == self.embedder.model
            and not any(_NO_VECTOR in note for note in before.notes)
        )

    def _forget(self, hashes: Sequence[str]) -> None:
        """Vectors of chunks that are gone; should this not be reached, search leaves them out all the same."""
        if self.embedder is not None and hashes:
            self._vectors().drop(self.service.id, hashes)


def _kept(before: CodeIndex, now: Counter[str]) -> Counter[str]:
    """What was left out: of an incremental run the files that changed are not counted twice, so the larger counts stay."""
    return Counter({why: max(before.skipped.get(why, 0), now.get(why, 0)) for why in {*before.skipped, *now}})
