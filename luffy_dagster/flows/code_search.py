"""Search over a service's indexed code: by words (BM25), by names, by vectors where there are any, fused by ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from luffy_dagster import store
from luffy_dagster.core.codeindex.terms import bm25, fuse, idf, words
from luffy_dagster.flows.code import CodeError
from luffy_dagster.flows.context import FlowContext

if TYPE_CHECKING:
    from luffy_dagster.core.rca.reading import CodeSearch
    from luffy_dagster.store.code import CodeIndex, StoredChunk

MAX_WORDS = 16
_COMMON = 0.25  # a word in more of the chunks than this says little, unless all do
_DEPTH = 100  # hits of each ranking that are fused


@dataclass(frozen=True, slots=True)
class CodeHit:
    """A found chunk: where it is at `commit`, and by which rankings it was found."""

    path: str
    symbol: str
    kind: str
    first: int
    last: int
    commit: str
    score: float
    ways: tuple[str, ...]  # words, name, vector


@dataclass(frozen=True, slots=True)
class CodeHits:
    """The answer to a question, with what the reader must know of it."""

    query: str
    hits: tuple[CodeHit, ...]
    notes: tuple[str, ...]


def search_code(ctx: FlowContext, service: str, query: str, limit: int = 10) -> CodeHits:
    """The chunks of a service's code that answer best. Raises CodeError when nothing is indexed."""
    with store.begin(ctx.engine) as conn:
        index = store.code.state(conn, service)
        if index is None:
            store.services.get(conn, service)
            raise CodeError(f"service {service} has no code index yet; make it with `luffy code index {service}`")
        known: dict[int, StoredChunk] = {}
        rankings: dict[str, list[int]] = {"words": [], "name": [], "vector": []}
        asked = list(dict.fromkeys(words(query)))[:MAX_WORDS]
        files, total, average = store.code.counts(conn, service)
        del files
        having = store.code.having(conn, service, asked)
        weights = {w: idf(total, n) for w, n in having.items() if n}
        rare = {w: weights[w] for w in weights if having[w] <= max(total * _COMMON, 20)} or weights
        scored = []
        for chunk, length, times in store.code.with_words(conn, service, list(rare)) if rare else ():
            known[chunk.id] = chunk
            scored.append((bm25(times, length, average, rare), chunk.id))
        rankings["words"] = [one for _, one in sorted(scored, key=lambda pair: (-pair[0], pair[1]))[:_DEPTH]]
        wanted = query.strip().removesuffix("()").replace("::", ".").replace("#", ".").lower()
        rankings["name"] = [
            one
            for one in rankings["words"]
            if known[one].symbol.lower() == wanted or known[one].symbol.lower().endswith(f".{wanted}")
        ]
        notes: list[str] = []
        near = _nearest(ctx, index, service, query, notes)
        found = store.code.by_hash(conn, service, [key for key, _ in near])
        for key, _ in near:
            if key in found:
                known[found[key].id] = found[key]
                rankings["vector"].append(found[key].id)
    fused = fuse([rankings["words"], rankings["name"], rankings["vector"]], [1.0, 2.0, 1.0])
    hits = tuple(
        CodeHit(
            known[one].path,
            known[one].symbol,
            known[one].kind,
            known[one].first,
            known[one].last,
            index.commit_sha,
            round(score, 5),
            tuple(way for way, ranking in rankings.items() if one in ranking),
        )
        for one, score in fused[:limit]
    )
    return CodeHits(query, hits, tuple(notes))


def _nearest(ctx: FlowContext, index: CodeIndex, service: str, query: str, notes: list[str]) -> list[tuple[str, float]]:
    from luffy_dagster.adapters.chroma import VectorError, open_vectors
    from luffy_dagster.adapters.embeddings import open_embedder, why_lexical

    settings = ctx.settings
    why = why_lexical(settings.embedding_model)
    if why is not None:
        notes.append(why)
        return []
    if index.model is None:
        notes.append("search is lexical only: the index was made without embeddings; `luffy code index` adds them")
        return []
    embedder = open_embedder(settings.embedding_model, ollama_url=settings.ollama_url)
    if embedder is None:
        return []
    if embedder.model != index.model:
        notes.append(
            f"search is lexical only: the index has vectors of {index.model}, the setting says {embedder.model}"
        )
        return []
    try:
        vectors = open_vectors(
            settings.home / "chroma", "code", embedder.model, embedder.dimensions, url=settings.chroma_url
        )
        return vectors.nearest(service, embedder.embed([query])[0], 40)
    except VectorError as error:  # words and names still find what they find: no report fails for want of a neighbour
        notes.append(f"search is lexical only: {error}")
        return []


def searcher(ctx: FlowContext, service: str) -> CodeSearch | None:
    """Search as the ranking of suspects wants it; None when the service has no index."""
    with store.begin(ctx.engine) as conn:
        if store.code.state(conn, service) is None:
            return None

    def search(query: str, limit: int) -> Sequence[tuple[str, str, float]]:
        return [(hit.path, hit.symbol, hit.score) for hit in search_code(ctx, service, query, limit).hits]

    return search
