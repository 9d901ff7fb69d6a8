"""Other people's Git: mirrors of remote repositories, and reading them without ever changing or running anything of theirs.

`open_mirror` fetches a bare mirror of an address (one per address, under a lock), `open_path` reads a repository that lies on
this host. Both give a `GitRepository`, which implements `core.rca.reading.Repository`. What to do with history and code is
decided in `core/`.
"""

from luffy_dagster.adapters.git.address import Address, AddressPolicy, parse_address
from luffy_dagster.adapters.git.errors import (
    GitBranchMissing,
    GitCertificateInvalid,
    GitError,
    GitHostKeyUnknown,
    GitMissing,
    GitRefused,
    GitRepositoryMissing,
    GitTimeout,
    GitUnauthorised,
    GitUnreachable,
)
from luffy_dagster.adapters.git.mirror import Credentials, open_mirror, open_path
from luffy_dagster.adapters.git.repository import GitRepository

__all__ = [
    "Address",
    "AddressPolicy",
    "Credentials",
    "GitBranchMissing",
    "GitCertificateInvalid",
    "GitError",
    "GitHostKeyUnknown",
    "GitMissing",
    "GitRefused",
    "GitRepository",
    "GitRepositoryMissing",
    "GitTimeout",
    "GitUnauthorised",
    "GitUnreachable",
    "open_mirror",
    "open_path",
    "parse_address",
]
