"""A service's code: commits with their file changes, the chunks of its index with the words in them, and the index's state.

What a chunk or a word is, `core.codeindex` says; what was asked of them is ranked there too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from luffy_dagster.core.rca.model import CommitInfo, FileChange
from luffy_dagster.store.schema import code_change, code_chunk, code_commit, code_index

if TYPE_CHECKING:
    from luffy_dagster.core.codeindex import Chunk

MAX_HITS = 3_000  # chunks that are scored for one question


@dataclass(frozen=True, slots=True)
class CodeIndex:
    """What the index of a service holds and how it came about."""

    service_id: str
    repository: str
    branch: str
    subpath: str
    commit_sha: str
    committed_at: datetime | None
    algorithm: str
    model: str | None  # None: lexical only
    dimensions: int | None
    mode: str
    files: int
    chunks: int
    commits: int
    bytes: int
    skipped: dict[str, int]
    notes: list[str]
    seconds: float
    indexed_at: datetime


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk without its text, which is read at the commit."""

    id: int
    path: str
    symbol: str
    kind: str
    first: int
    last: int
    hash: str


def _clean(value: str) -> str:
    return value.replace("\0", "")


# ---- the index's state -----------------------------------------------------------------------------------------------


def state(conn: Connection, service: str) -> CodeIndex | None:
    """The state of a service's index, None before the first run."""
    row = conn.execute(select(code_index).where(code_index.c.service_id == service)).mappings().first()
    return None if row is None else CodeIndex(**{f: row[f] for f in CodeIndex.__slots__})


def put_state(conn: Connection, index: CodeIndex) -> None:
    """Sets the state of a service's index."""
    values = {f: getattr(index, f) for f in CodeIndex.__slots__}
    statement = insert(code_index).values(**values)
    conn.execute(statement.on_conflict_do_update(index_elements=["service_id"], set_=values))


# ---- chunks ----------------------------------------------------------------------------------------------------------


def blobs(conn: Connection, service: str) -> dict[str, str]:
    """Path to blob of every indexed file."""
    c = code_chunk.c
    return {r.path: r.blob for r in conn.execute(select(c.path, c.blob).where(c.service_id == service).distinct())}


def hashes(conn: Connection, service: str, *, paths: Sequence[str] | None = None) -> set[str]:
    """Hashes of the chunks of a service, or of some of its files."""
    c = code_chunk.c
    query = select(c.hash).where(c.service_id == service).distinct()
    if paths is not None:
        query = query.where(c.path == func.any(list(paths)))
    return set(conn.execute(query).scalars())


def known(conn: Connection, service: str, wanted: Collection[str]) -> set[str]:
    """Those of the hashes that a chunk of the service has."""
    c = code_chunk.c
    query = select(c.hash).where(c.service_id == service, c.hash == func.any(list(wanted))).distinct()
    return set(conn.execute(query).scalars()) if wanted else set()


def drop_paths(conn: Connection, service: str, paths: Sequence[str]) -> int:
    """Deletes the chunks of files; how many."""
    if not paths:
        return 0
    c = code_chunk.c
    return conn.execute(delete(code_chunk).where(c.service_id == service, c.path == func.any(list(paths)))).rowcount


def drop_all(conn: Connection, service: str) -> int:
    """Deletes all chunks of a service; how many."""
    return conn.execute(delete(code_chunk).where(code_chunk.c.service_id == service)).rowcount


def add_chunks(conn: Connection, service: str, rows: Iterable[tuple[Chunk, str, Mapping[str, int]]]) -> int:
    """Adds chunks, each with its file's blob and how often each word occurs in it; how many."""
    raw: Any = conn.connection.cursor()
    count = 0
    columns = "service_id, path, blob, symbol, kind, first, last, hash, terms, counts, length"
    with raw as cursor, cursor.copy(f"COPY code_chunk ({columns}) FROM STDIN") as copy:
        copy.set_types(["text"] * 5 + ["int4", "int4", "text", "text[]", "int2[]", "int4"])
        for chunk, blob, terms in rows:
            words = [(_clean(word), min(times, 32_000)) for word, times in terms.items()]
            copy.write_row(
                (
                    service,
                    _clean(chunk.path),
                    blob,
                    _clean(chunk.symbol),
                    chunk.kind,
                    chunk.first,
                    chunk.last,
                    chunk.hash,
                    [word for word, _ in words],
                    [times for _, times in words],
                    sum(times for _, times in words),
                )
            )
            count += 1
    return count


def counts(conn: Connection, service: str) -> tuple[int, int, float]:
    """Files, chunks, and words of a chunk on average."""
    c = code_chunk.c
    row = conn.execute(
        select(func.count(c.path.distinct()), func.count(), func.coalesce(func.avg(c.length), 1)).where(
            c.service_id == service
        )
    ).one()
    return int(row[0]), int(row[1]), float(row[2])


def having(conn: Connection, service: str, words: Sequence[str]) -> dict[str, int]:
    """In how many chunks of the service each word occurs."""
    found: dict[str, int] = {}
    for word in words:
        query = "SELECT count(*) FROM code_chunk WHERE service_id = :service AND terms @> ARRAY[:word]"
        found[word] = int(conn.execute(text(query), {"service": service, "word": word}).scalar() or 0)
    return found


def with_words(conn: Connection, service: str, words: Sequence[str]) -> list[tuple[StoredChunk, int, dict[str, int]]]:
    """Chunks that hold any of the words: chunk, its length, how often each of the words occurs. At most MAX_HITS."""
    query = text(
        """
        SELECT id, path, symbol, kind, first, last, hash, length,
               ARRAY(SELECT u.term || ' ' || u.times FROM unnest(terms, counts) AS u(term, times) WHERE u.term = ANY(:words)) AS hits
        FROM code_chunk WHERE service_id = :service AND terms && CAST(:words AS text[]) ORDER BY id LIMIT :most
        """
    )
    found = []
    for r in conn.execute(query, {"service": service, "words": list(words), "most": MAX_HITS}):
        times = {word: int(n) for word, _, n in (hit.rpartition(" ") for hit in r.hits)}
        found.append((StoredChunk(r.id, r.path, r.symbol, r.kind, r.first, r.last, r.hash), r.length, times))
    return found


def by_hash(conn: Connection, service: str, wanted: Sequence[str]) -> dict[str, StoredChunk]:
    """The chunk of each hash (of several alike the first)."""
    c = code_chunk.c
    query = select(c.id, c.path, c.symbol, c.kind, c.first, c.last, c.hash)
    query = query.where(c.service_id == service, c.hash == func.any(list(wanted))).order_by(c.id)
    found: dict[str, StoredChunk] = {}
    for row in conn.execute(query):
        found.setdefault(row.hash, StoredChunk(*row))
    return found


# ---- commits ---------------------------------------------------------------------------------------------------------


def put_commits(conn: Connection, service: str, newest_first: Sequence[CommitInfo], *, replace: bool, keep: int) -> int:
    """Adds commits above those that are there, or puts them in their place; at most `keep` newest stay. How many were added."""
    if replace:
        conn.execute(delete(code_commit).where(code_commit.c.service_id == service))
    top = conn.execute(select(func.max(code_commit.c.place)).where(code_commit.c.service_id == service)).scalar() or 0
    rows = [
        {
            "service_id": service,
            "sha": c.sha,
            "place": top + at + 1,
            "parents": list(c.parents),
            "author": _clean(c.author),
            "author_email": _clean(c.author_email),
            "authored_at": c.authored_at,
            "committed_at": c.committed_at,
            "subject": _clean(c.subject),
            "body": _clean(c.body),
        }
        for at, c in enumerate(reversed(newest_first))
    ]
    if rows:
        conn.execute(insert(code_commit).on_conflict_do_nothing(), rows)
    changes = [
        {
            "service_id": service,
            "sha": c.sha,
            "path": _clean(x.path),
            "status": x.status,
            "old_path": x.old_path,
            "added": x.added,
            "removed": x.removed,
        }
        for c in newest_first
        for x in c.changes
    ]
    for start in range(0, len(changes), 5_000):
        conn.execute(insert(code_change).on_conflict_do_nothing(), changes[start : start + 5_000])
    conn.execute(
        delete(code_commit).where(code_commit.c.service_id == service, code_commit.c.place <= top + len(rows) - keep)
    )
    return len(rows)


def count_commits(conn: Connection, service: str) -> int:
    """How many commits of a service are kept."""
    query = select(func.count()).select_from(code_commit).where(code_commit.c.service_id == service)
    return int(conn.execute(query).scalar() or 0)


def commits(
    conn: Connection,
    service: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    path: str | None = None,
    limit: int = 50,
) -> list[CommitInfo]:
    """Commits of a service, newest first, with their file changes; `path` asks for those that changed a file or folder."""
    c, x = code_commit.c, code_change.c
    query = select(code_commit).where(c.service_id == service)
    if since is not None:
        query = query.where(c.committed_at >= since)
    if until is not None:
        query = query.where(c.committed_at <= until)
    if path is not None:
        under = path.rstrip("/")
        touching = select(x.sha).where(
            x.service_id == service, (x.path == under) | x.path.startswith(f"{under}/", autoescape=True)
        )
        query = query.where(c.sha.in_(touching))
    rows = conn.execute(query.order_by(c.place.desc()).limit(limit)).mappings().all()
    changes: dict[str, list[FileChange]] = {}
    wanted = [row["sha"] for row in rows]
    for r in conn.execute(
        select(code_change).where(x.service_id == service, x.sha == func.any(wanted)).order_by(x.path)
    ):
        changes.setdefault(r.sha, []).append(FileChange(r.path, r.status, r.old_path, r.added, r.removed))
    return [
        CommitInfo(
            row["sha"], tuple(row["parents"]), row["author"], row["author_email"], row["authored_at"], row["committed_at"],
            row["subject"], row["body"], tuple(changes.get(row["sha"], ())),
        )
        for row in rows
    ]  # fmt: skip
