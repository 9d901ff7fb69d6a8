"""How a message can fail, in one line (what, why, remedy), never with an address or a secret in it."""

from __future__ import annotations

from datetime import timedelta


class NotifyError(Exception):
    """The receiver did not take the message, or it is not known whether it did.

    `uncertain`: it may have it; sending again, under the same key, may show it twice. `permanent`: trying again as it is helps
    nobody. `retry_after`: the receiver's own wish.
    """

    def __init__(
        self, reason: str, *, uncertain: bool = False, permanent: bool = False, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(reason)
        self.uncertain, self.permanent, self.retry_after = uncertain, permanent, retry_after
