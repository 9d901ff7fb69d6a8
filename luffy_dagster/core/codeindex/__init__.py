"""Source files read as code: which files are worth it, their functions and classes, and the chunks that are searched.

Belongs here: choosing, outlining, chunking, lexical terms and fusing of rankings; values in, values out. Does not belong here:
embeddings and where chunks are kept (`adapters`, `flows.code`).
"""

from luffy_dagster.core.codeindex.choose import language_of, skip_content, skip_path
from luffy_dagster.core.codeindex.chunks import CHUNK_ALGORITHM, Chunk, chunk
from luffy_dagster.core.codeindex.outline import Symbol, innermost, outline

__all__ = [
    "CHUNK_ALGORITHM",
    "Chunk",
    "Symbol",
    "chunk",
    "innermost",
    "language_of",
    "outline",
    "skip_content",
    "skip_path",
]
