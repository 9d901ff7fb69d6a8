"""What GitLab may refuse: one line with the call, why, and what to do; never with a token."""

from __future__ import annotations

from typing import Any


class GitLabError(Exception):
    """A call of GitLab failed. `kind` is a word for programs, `status` the HTTP status where there was one."""

    def __init__(
        self, place: str, call: str, reason: str, remedy: str, *, kind: str = "failed", status: int | None = None
    ) -> None:
        super().__init__(f"GitLab project {place}: could not {call}: {reason}; {remedy}")
        self.place, self.call, self.reason, self.remedy = place, call, reason, remedy
        self.kind, self.status = kind, status


_BY_STATUS = {
    401: ("unauthorised", "the token is not accepted", "give one that is valid, with the scope api: luffy code credential"),
    403: ("forbidden", "the token lacks the right", "its user must be Developer of the project at least, its scope api"),
    404: ("missing", "there is no such project, or it is not shown to this token", "check the repository's address and the token's user"),
    409: ("conflict", "it is there already or stands in the way", "look at the project, then try again"),
    429: ("rate_limited", "too many calls", "try again later"),
}  # fmt: skip


def of_status(place: str, call: str, status: int, said: str) -> GitLabError:
    """The error that an answer of GitLab means. `said`: its own words, cut and on one line."""
    words = " ".join(said.split())[:200]
    if status in _BY_STATUS:
        kind, reason, remedy = _BY_STATUS[status]
    elif status in (400, 422):
        kind, reason, remedy = "refused", "GitLab refuses it", "see its words"
    elif status >= 500:
        kind, reason, remedy = "unavailable", "GitLab itself failed", "try again later; nothing is written twice"
    else:
        kind, reason, remedy = "failed", "an answer that was not expected", "check the address"
    return GitLabError(
        place, call, f"{reason} (HTTP {status}{f': {words}' if words else ''})", remedy, kind=kind, status=status
    )


def of_exception(place: str, call: str, error: Any) -> GitLabError:
    """The error that a failure without an answer means: time-out, refused port, unknown host, certificate."""
    name = type(error).__name__
    text = str(error)
    if "Timeout" in name or "timed out" in text:
        return GitLabError(place, call, "no answer in time", "try again; nothing is written twice", kind="timeout")
    if "Redirect" in name:
        return GitLabError(
            place,
            call,
            "it sends elsewhere, and a token is not taken along",
            "give the address where GitLab answers (LUFFY_GITLAB_URL)",
            kind="redirect",
        )
    if "SSL" in name or "CERTIFICATE" in text.upper():
        return GitLabError(
            place,
            call,
            "its certificate is not trusted",
            "set REQUESTS_CA_BUNDLE to your authority",
            kind="tls_certificate",
        )
    return GitLabError(
        place, call, "it cannot be reached", "check address and network (LUFFY_GITLAB_URL)", kind="unreachable"
    )
