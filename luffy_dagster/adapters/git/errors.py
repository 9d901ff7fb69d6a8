"""What can go wrong with a repository: typed, one line each (what, why, remedy), never with a secret; and how it is told apart."""

from __future__ import annotations

import re


class GitError(Exception):
    """A repository cannot be read."""

    kind = "failed"

    def __init__(self, place: str, reason: str, remedy: str) -> None:
        super().__init__(f"repository {place}: {reason}; {remedy}")
        self.place, self.reason, self.remedy = place, reason, remedy


class GitMissing(GitError):  # noqa: N818 - the field's word for it
    """Git itself is not installed."""

    kind = "git_missing"


class GitRefused(GitError):  # noqa: N818
    """The address is of a kind that is not allowed."""

    kind = "refused"


class GitUnreachable(GitError):  # noqa: N818
    """Host unknown, port refused, no network."""

    kind = "unreachable"


class GitUnauthorised(GitError):  # noqa: N818
    """Token, user or key are wrong or lack the right."""

    kind = "unauthorised"


class GitCertificateInvalid(GitError):  # noqa: N818
    """The server's certificate is not trusted."""

    kind = "tls_certificate"


class GitHostKeyUnknown(GitError):  # noqa: N818
    """The SSH server's key is not known."""

    kind = "host_key"


class GitRepositoryMissing(GitError):  # noqa: N818
    """There is no repository, or it is not shown to this user."""

    kind = "missing"


class GitBranchMissing(GitError):  # noqa: N818
    """The repository lacks the branch."""

    kind = "branch_missing"


class GitTimeout(GitError):  # noqa: N818
    """Git took too long and was ended."""

    kind = "timeout"


_DENIED = (
    r"Permission denied \(|Authentication failed|Access denied|could not read (?:Username|Password)|"
    r"error: 40[13]|invalid credentials|terminal prompts disabled"
)
_UNREACHABLE = (
    r"Could not resolve host|Couldn't resolve|Name or service not known|Failed to connect|Connection refused|"
    r"Network is unreachable|No route to host|Connection timed out|Connection reset|Operation timed out|"
    r"Operation too slow|Recv failure|Empty reply|early EOF|unexpected disconnect|error: 5\d\d|Couldn't connect"
)
_SIGNS: tuple[tuple[str, type[GitError], str, str], ...] = (
    (
        r"transport '[^']*' not allowed|protocol '[^']*' is not supported|remote helper",
        GitRefused,
        "the transport is not allowed",
        "use https:// or ssh://, or allow it by LUFFY_GIT_PROTOCOLS",
    ),
    (
        r"SSL certificate|certificate verif|server certificate|self.signed",
        GitCertificateInvalid,
        "its certificate is not trusted",
        "give the host's CA to this machine",
    ),
    (
        r"Host key verification failed|no .* host key is known",
        GitHostKeyUnknown,
        "the SSH host key is not known",
        "add the host's key to known_hosts of the user that runs Luffy",
    ),
    (
        _DENIED,
        GitUnauthorised,
        "the token or key is missing, wrong, or lacks the right to read",
        "set it with `luffy code credential SERVICE`",
    ),
    (
        _UNREACHABLE,
        GitUnreachable,
        "its host does not answer",
        "check the network and the address; the next run tries again",
    ),
    (
        r"not found|does not exist|does not appear to be a git repository|not a git repository|No such file",
        GitRepositoryMissing,
        "there is no such repository, or the token may not see it",
        "check the address and the token's rights",
    ),
    (r"No space left", GitError, "the disk is full", "free space where LUFFY_HOME lies"),
)


def from_stderr(place: str, stderr: str) -> GitError:
    """The error that Git's own words mean; of an unknown one its last line, without any address."""
    for pattern, kind, reason, remedy in _SIGNS:
        if re.search(pattern, stderr, re.IGNORECASE):
            return kind(place, reason, remedy)
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "")
    return GitError(place, f"git failed: {scrub(said)[:200] or 'without a word'}", "look at the repository with git")


_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"]+", re.IGNORECASE)
_TOKEN = re.compile(r"(?i)\b(authorization|bearer|basic|token|password)\b[:= ]+\S+(?: \S+)?")


def scrub(text: str) -> str:
    """`text` without addresses and without what follows words of credentials."""
    return _TOKEN.sub(r"\1 …", _ADDRESS.sub("<address>", text))
