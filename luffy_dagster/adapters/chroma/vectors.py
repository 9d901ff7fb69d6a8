"""One collection of vectors: what is there, added, asked for, deleted. Keys are `owner/key`; the model's name is with each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import numpy as np

_BATCH = 5_000  # Chroma's own bound is 5,461


class VectorError(Exception):
    """Chroma cannot do it: what, why, remedy in one line."""


class MixedDimensionsError(VectorError):
    """Vectors of another length than those that are there."""


class Vectors:
    """The vectors of one kind ("code", "knowledge") made by one model."""

    def __init__(self, collection: Any, model: str, dimensions: int) -> None:
        self._collection, self.model, self.dimensions = collection, model, dimensions

    def missing(self, owner: str, keys: Sequence[str]) -> list[str]:
        """Those keys that have no vector yet, in their order."""
        have: set[str] = set()
        for start in range(0, len(keys), _BATCH):
            ids = [f"{owner}/{key}" for key in keys[start : start + _BATCH]]
            have.update(self._collection.get(ids=ids, include=[])["ids"])
        return [key for key in keys if f"{owner}/{key}" not in have]

    def add(
        self, owner: str, keys: Sequence[str], vectors: np.ndarray, about: Sequence[Mapping[str, str | int]]
    ) -> None:
        """Adds vectors, or puts them in the place of those with the same keys; raises MixedDimensionsError."""
        if len(keys) == 0:
            return
        if vectors.ndim != 2 or vectors.shape[1] != self.dimensions:
            raise MixedDimensionsError(
                f"vectors of {self.model} have {self.dimensions} dimensions, these have {vectors.shape[-1]}; "
                "index again in full after a change of model"
            )
        for start in range(0, len(keys), _BATCH):
            part = slice(start, start + _BATCH)
            self._collection.upsert(
                ids=[f"{owner}/{key}" for key in keys[part]],
                embeddings=vectors[part],
                metadatas=[
                    {**about_one, "owner": owner, "model": self.model, "dimensions": self.dimensions}
                    for about_one in about[part]
                ],
            )

    def drop(self, owner: str, keys: Sequence[str]) -> None:
        """Deletes the vectors of keys; those that are not there are no matter."""
        for start in range(0, len(keys), _BATCH):
            self._collection.delete(ids=[f"{owner}/{key}" for key in keys[start : start + _BATCH]])

    def nearest(self, owner: str, vector: np.ndarray, limit: int) -> list[tuple[str, float]]:
        """Keys of an owner's nearest vectors with their cosine similarity, best first. Raises VectorError when Chroma cannot say."""
        if vector.shape[-1] != self.dimensions:
            raise MixedDimensionsError(
                f"the question's vector has {vector.shape[-1]} dimensions, those of {self.model} have {self.dimensions}"
            )
        try:
            found = self._collection.query(
                query_embeddings=[vector], n_results=limit, where={"owner": owner}, include=["distances"]
            )
        except Exception as error:  # noqa: BLE001 - as where it is opened; seen while another process was writing
            said = " ".join(str(error).split())[:200]
            raise VectorError(f"Chroma could not answer: {said}; ask again, or index the service again") from None
        keys = [name.partition("/")[2] for name in found["ids"][0]]
        return [(key, 1.0 - float(d)) for key, d in zip(keys, found["distances"][0], strict=True)]


@lru_cache(maxsize=4)
def _client(folder: str | None, url: str | None) -> Any:
    import chromadb
    from chromadb.config import Settings

    quiet = Settings(anonymized_telemetry=False)
    if url is None:
        Path(folder or ".").mkdir(parents=True, exist_ok=True)
        return chromadb.PersistentClient(path=folder or ".", settings=quiet)
    parts = urlsplit(url)
    return chromadb.HttpClient(
        host=parts.hostname or "localhost", port=parts.port or 8000, ssl=parts.scheme == "https", settings=quiet
    )


def open_vectors(folder: Path, kind: str, model: str, dimensions: int, *, url: str | None = None) -> Vectors:
    """The vectors of a kind made by a model: embedded in `folder`, or on the server at `url`.

    Raises VectorError when Chroma does not answer, MixedDimensionsError when this model's vectors had another length before.
    """
    name = f"{kind}-{hashlib.sha256(model.encode()).hexdigest()[:16]}"
    try:
        collection = _client(None if url else str(folder), url).get_or_create_collection(
            name,
            embedding_function=None,
            metadata={"model": model, "dimensions": dimensions},
            configuration={"hnsw": {"space": "cosine"}},
        )
    except Exception as error:  # noqa: BLE001 - Chroma raises what it likes; the person needs the place and the remedy
        said = " ".join(str(error).split())[:200]
        raise VectorError(f"Chroma at {url or folder}: {said}; check LUFFY_CHROMA_URL or the folder") from None
    had = (collection.metadata or {}).get("dimensions", dimensions)
    if had != dimensions:
        raise MixedDimensionsError(
            f"vectors of {model} in Chroma have {had} dimensions, the model now makes {dimensions}; give the model another name"
        )
    return Vectors(collection, model, dimensions)
