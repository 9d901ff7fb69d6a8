"""When a message that was not accepted is tried again, and when it is given up."""

from __future__ import annotations

from datetime import datetime, timedelta

FIRST = timedelta(seconds=10)
FACTOR = 3
LONGEST = timedelta(minutes=5)
MOST_ASKED = timedelta(hours=1)  # a receiver that asks for a longer pause is asked again sooner


def next_attempt(
    attempts: int, created_at: datetime, now: datetime, *, asked: timedelta | None, give_up_after: timedelta
) -> datetime | None:
    """The time of the next attempt after `attempts` failed ones; None: no more.

    The pause grows from ten seconds threefold to five minutes; a receiver's own wish (`asked`, Retry-After) is a lower bound.
    """
    pause = min(LONGEST, FIRST * FACTOR ** min(attempts - 1, 10))
    if asked is not None:
        pause = max(pause, min(asked, MOST_ASKED))
    at = now + pause
    return at if at <= created_at + give_up_after else None
