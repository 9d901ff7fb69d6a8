"""Real servers for benchmarks and tests, started on loopback: each with its own data folder and port, stopped at the end.

Nothing of the system itself belongs here.
"""

from luffy_dagster.evals.parts.fetching import PartMissingError
from luffy_dagster.evals.parts.go_programs import alertmanager, minio
from luffy_dagster.evals.parts.search import Part, bulk, elasticsearch, opensearch

__all__ = ["Part", "PartMissingError", "alertmanager", "bulk", "elasticsearch", "minio", "opensearch"]
