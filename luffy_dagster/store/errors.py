"""What can go wrong between us and the store, as types that a door turns into an exit code or an HTTP status.

Each message is one line: what, why, remedy. None ever carries a secret.
"""

from __future__ import annotations

from collections.abc import Sequence


class StoreError(Exception):
    """Something the store refuses or cannot do."""


# Where the names and numbers of things are to be seen.
_LISTS = {
    "anomaly": "luffy anomalies --from 7d",
    "incident": "luffy incidents list --all",
    "alert": "luffy alerts list --all",
    "rule": "luffy alerts rules list",
    "silence in force": "luffy alerts silences",
    "window that is not over": "luffy maintenance list",
    "target": "luffy alerts targets list",
    "service": "luffy service list",
}


class NotFoundError(StoreError):
    """The thing asked for does not exist (HTTP 404)."""

    def __init__(self, kind: str, key: object) -> None:
        known = _LISTS.get(kind)
        super().__init__(f"{kind} {key!s} does not exist" + (f": {known} shows those that do" if known else ""))
        self.kind, self.key = kind, key


class DuplicateError(StoreError):
    """The name or id is taken (HTTP 409)."""

    def __init__(self, kind: str, key: object, reason: str) -> None:
        super().__init__(f"{kind} {key!s}: {reason}")
        self.kind, self.key, self.reason = kind, key, reason


class IllegalMoveError(StoreError):
    """The lifecycle knows no such move (HTTP 409)."""

    def __init__(self, service: str, current: str, wanted: str, allowed: Sequence[str]) -> None:
        moves = ", ".join(allowed) if allowed else "none"
        super().__init__(f"service {service} cannot move from {current} to {wanted}; allowed: {moves}")
        self.service, self.current, self.wanted, self.allowed = service, current, wanted, tuple(allowed)


class InvalidError(StoreError):
    """A field has a value that is refused (HTTP 422)."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason = field, reason


class LockTimeoutError(StoreError):
    """Another run held the service's lock for longer than we were told to wait."""

    def __init__(self, service: str, seconds: float) -> None:
        super().__init__(f"service {service} is being worked on by another run; waited {seconds:g} s, try again later")
        self.service, self.seconds = service, seconds


class UnavailableError(StoreError):
    """PostgreSQL cannot be reached or started."""


NotFound = NotFoundError
Duplicate = DuplicateError
IllegalMove = IllegalMoveError
Invalid = InvalidError
LockTimeout = LockTimeoutError
Unavailable = UnavailableError
