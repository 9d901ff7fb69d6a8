"""Which embedder a setting means, and why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from luffy_dagster.adapters.embeddings import minilm

if TYPE_CHECKING:
    import numpy as np

DEFAULT = "all-MiniLM-L6-v2"
_OFF = ("off", "none", "")


class EmbeddingError(Exception):
    """A text cannot be embedded: what, why, remedy in one line."""


class Embedder(Protocol):
    """Texts to vectors; `model` is stored with every vector, vectors of two models are never compared."""

    @property
    def model(self) -> str:
        """Name of the model."""

    @property
    def dimensions(self) -> int:
        """Length of its vectors."""

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """One normalised float32 vector per text. Raises EmbeddingError."""


@dataclass(frozen=True)
class _Local:
    """A model in this process."""

    model: str
    dimensions: int
    run: Any

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        return self.run(texts)


@dataclass(frozen=True)
class _Ollama:
    """A model of an Ollama server."""

    name: str
    url: str
    dimensions: int

    @property
    def model(self) -> str:
        return f"ollama:{self.name}"

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        return _normalised(_ask_ollama(self.url, self.name, texts))


def why_lexical(name: str) -> str | None:
    """Why search by this setting is lexical only, with the remedy; None when vectors can be made."""
    if name.lower() in _OFF:
        return "search is lexical only: embeddings are switched off (LUFFY_EMBEDDING_MODEL)"
    if name == DEFAULT and minilm.folder() is None and find_spec("sentence_transformers") is None:
        return (
            "search is lexical only: no embedding model is installed; `make setup EXTRAS=minilm` adds the bundled one"
        )
    if name != DEFAULT and not name.startswith("ollama:") and find_spec("sentence_transformers") is None:
        return f"search is lexical only: the model {name} needs the extra `semantic` (`make setup EXTRAS=semantic`)"
    return None


def open_embedder(name: str, *, ollama_url: str = "http://127.0.0.1:11434") -> Embedder | None:
    """The embedder that a setting's name means; None where `why_lexical` says why. Raises EmbeddingError when it fails to load."""
    if why_lexical(name) is not None:
        return None
    if name.startswith("ollama:"):
        bare = name.partition(":")[2]
        return _Ollama(bare, ollama_url, int(_ask_ollama(ollama_url, bare, ["dimensions"]).shape[1]))
    return _local(name)


@lru_cache(maxsize=2)
def _local(name: str) -> Embedder:
    folder = minilm.folder() if name == DEFAULT else None
    if folder is not None:
        try:
            bundled = minilm.MiniLM(folder)
        except (ValueError, OSError, KeyError) as error:
            raise EmbeddingError(f"embedding model {name}: {error}; install its package again") from None
        return _Local(name, minilm.DIMENSIONS, bundled.embed)
    try:
        from sentence_transformers import SentenceTransformer

        loaded = SentenceTransformer(name)
    except Exception as error:  # noqa: BLE001 - whatever the library says, the person needs the name and the remedy
        said = " ".join(str(error).split())[:200]
        raise EmbeddingError(f"embedding model {name} cannot be loaded: {said}; check LUFFY_EMBEDDING_MODEL") from None
    dimensions = int(loaded.get_sentence_embedding_dimension() or 0)
    return _Local(name, dimensions, lambda texts: _normalised(loaded.encode(list(texts), show_progress_bar=False)))


def _ask_ollama(url: str, name: str, texts: Sequence[str]) -> np.ndarray:
    import numpy as np
    from ollama import Client, ResponseError

    try:
        answer = Client(host=url, timeout=120).embed(model=name, input=list(texts), truncate=True)
    except (ResponseError, ConnectionError, OSError) as error:
        said = " ".join(str(error).split())[:200]
        raise EmbeddingError(f"embedding model ollama:{name} at {url}: {said}; is it pulled and running?") from None
    return np.asarray(answer.embeddings, dtype=np.float32)


def _normalised(vectors: Any) -> np.ndarray:
    import numpy as np

    found = np.asarray(vectors, dtype=np.float32)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
