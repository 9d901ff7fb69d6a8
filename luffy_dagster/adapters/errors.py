"""What can go wrong with other people's systems: typed, one line each (what, why, remedy), never with a secret."""

from __future__ import annotations


class SourceError(Exception):
    """A log source cannot be read."""

    kind = "unavailable"

    def __init__(self, source: str, reason: str, remedy: str, *, kind: str | None = None) -> None:
        super().__init__(f"source {source}: {reason}; {remedy}")
        self.source, self.reason, self.remedy = source, reason, remedy
        if kind is not None:
            self.kind = kind


class SourceUnavailable(SourceError):  # noqa: N818 - the field's word for it
    """Host unknown, port refused, time-out, or the server says it cannot now."""


class SourceCertificateInvalid(SourceError):  # noqa: N818
    """The server's certificate is not trusted, or one side speaks TLS and the other does not."""

    kind = "tls_certificate"


class SourceUnauthorised(SourceError):  # noqa: N818
    """User or password are wrong (HTTP 401)."""

    kind = "unauthorised"


class SourceForbidden(SourceError):  # noqa: N818
    """The user is known but lacks the right (HTTP 403)."""

    kind = "forbidden"


class SourceIndexMissing(SourceError):  # noqa: N818
    """No index matches the pattern."""

    kind = "index_missing"


class SourceMisconfigured(SourceError):  # noqa: N818
    """The query, the mapping or the paths are wrong."""

    kind = "misconfigured"


class SourceIncomplete(SourceError):  # noqa: N818
    """The answer is not whole (some shards failed); nothing is taken of it."""

    kind = "incomplete"
