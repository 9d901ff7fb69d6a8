"""Vectors in Chroma, embedded or on a server: a collection per kind and model, so that vectors of two models never meet."""

from luffy_dagster.adapters.chroma.vectors import MixedDimensionsError, VectorError, Vectors, open_vectors

__all__ = ["MixedDimensionsError", "VectorError", "Vectors", "open_vectors"]
