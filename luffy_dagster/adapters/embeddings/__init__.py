"""Texts to vectors: the bundled MiniLM on numpy, any sentence-transformers model, or Ollama's, by the setting's name.

`open_embedder` gives one, or None where the setting says "off" or the model's package is not installed (search is then
lexical, and says so). Where vectors are kept is `adapters.chroma`'s business.
"""

from luffy_dagster.adapters.embeddings.choose import Embedder, EmbeddingError, open_embedder, why_lexical

__all__ = ["Embedder", "EmbeddingError", "open_embedder", "why_lexical"]
