"""Our log tables: Delta Lake tables raw_logs, entries, exceptions and windows, one per kind and service, partitioned by day.

Belongs here: how rows are appended, replaced, read, compacted and removed. What a column means is in `core/schemas.py`;
when something is written, by whom and in which order against PostgreSQL is decided in `flows/`.
"""

from luffy_dagster.lake.errors import LakeError
from luffy_dagster.lake.files import drop_file, get_file, put_file
from luffy_dagster.lake.predicates import Span
from luffy_dagster.lake.reading import Commit, Size
from luffy_dagster.lake.tables import Lake

__all__ = ["Commit", "Lake", "LakeError", "Size", "Span", "drop_file", "get_file", "put_file"]
