"""Circuit breakers: a provider that keeps failing is left alone for a while, then tried with one call (half-open).

Pure but for the lock; the clock is passed in. States are kept by the caller (`load`, `save`), so that runs in other processes know them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

FAILURES = 3  # in a row, until it opens
PAUSE = timedelta(seconds=30)
LONGEST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class State:
    """One provider's breaker. `until` is when a probe is allowed; `probing` that one is under way."""

    failures: int = 0
    opened: int = 0  # times it opened in a row
    until: datetime | None = None
    reason: str = ""
    probing_since: datetime | None = None

    def name(self, now: datetime) -> str:
        """closed, open or half-open."""
        if self.until is None:
            return "closed"
        return "open" if now < self.until else "half-open"


class Breakers:
    """The breakers of all providers. `states` may be any mapping, also one that is stored."""

    def __init__(
        self, states: MutableMapping[str, State] | None = None, *, probe: timedelta = timedelta(minutes=2)
    ) -> None:
        self._states: MutableMapping[str, State] = {} if states is None else states
        self._probe = probe
        self._lock = threading.Lock()

    def state(self, provider: str) -> State:
        """The state of a provider's breaker."""
        return self._states.get(provider, State())

    def allows(self, provider: str, now: datetime) -> str | None:
        """None when a call may go through (the probe is then taken); else why not."""
        with self._lock:
            state = self.state(provider)
            if state.until is None:
                return None
            if now < state.until:
                return f"left alone until {state.until:%H:%M:%S} UTC: {state.reason}"
            if state.probing_since is not None and now - state.probing_since < self._probe:
                return f"being probed by another call: {state.reason}"
            self._states[provider] = replace(state, probing_since=now)
            return None

    def succeeded(self, provider: str) -> None:
        """Closes the breaker."""
        with self._lock:
            if self.state(provider) != State():
                self._states[provider] = State()

    def failed(self, provider: str, kind: str, reason: str, now: datetime) -> None:
        """Counts a failure: it opens after three in a row, at once for a probe, a missing budget or a wrong key."""
        with self._lock:
            before = self.state(provider)
            failures = before.failures + 1
            if kind == "budget":
                tomorrow = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
                self._states[provider] = State(failures, before.opened + 1, tomorrow, reason)
            elif kind in {"unauthorised", "model_missing"} or before.until is not None or failures >= FAILURES:
                pause = min(PAUSE * 2**before.opened, LONGEST)
                self._states[provider] = State(failures, before.opened + 1, now + pause, reason)
            else:
                self._states[provider] = replace(before, failures=failures, reason=reason)


@dataclass
class StoredStates(MutableMapping[str, State]):
    """States kept elsewhere as plain values: `load()` gives all, `save(all)` keeps them."""

    load: Callable[[], dict[str, dict[str, object]]]
    save: Callable[[dict[str, dict[str, object]]], None]

    def __getitem__(self, key: str) -> State:
        """The state under a provider's name."""
        raw = self.load()[key]

        def moment(name: str) -> datetime | None:
            value = raw.get(name)
            return datetime.fromisoformat(str(value)) if value else None

        return State(
            int(str(raw.get("failures", 0))), int(str(raw.get("opened", 0))), moment("until"), str(raw.get("reason", "")),
            moment("probing_since"),
        )  # fmt: skip

    def __setitem__(self, key: str, value: State) -> None:
        """Keeps a state."""
        states = self.load()
        states[key] = {
            "failures": value.failures,
            "opened": value.opened,
            "until": value.until.isoformat() if value.until else None,
            "reason": value.reason,
            "probing_since": value.probing_since.isoformat() if value.probing_since else None,
        }
        self.save(states)

    def __delitem__(self, key: str) -> None:
        """Forgets a state."""
        states = self.load()
        del states[key]
        self.save(states)

    def __iter__(self):  # noqa: ANN204
        """The names of the providers."""
        return iter(self.load())

    def __len__(self) -> int:
        """How many are known."""
        return len(self.load())
