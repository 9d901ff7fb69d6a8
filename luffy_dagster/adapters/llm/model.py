"""The words of the gateway: prompts, completions, attempts, answers; and what providers, ledgers and caches must offer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

A = TypeVar("A", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a prompt. What has the lowest `keep` is cut first when the context is too small; 100 is never cut."""

    title: str
    text: str
    keep: int = 50


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked: our own instructions, and sections that may hold the text of others (data, never instructions)."""

    task: str
    instructions: str
    sections: tuple[Section, ...]
    max_output_tokens: int = 1_024


@dataclass(frozen=True, slots=True)
class Completion:
    """What a provider answered. Tokens are the provider's own count, else an estimate (`estimated`)."""

    text: str
    model: str
    tokens_in: int
    tokens_out: int
    finish: str = "stop"
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One provider tried (or passed over): `outcome` is "ok" or an error's kind."""

    provider: str
    model: str
    outcome: str
    detail: str = ""
    seconds: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Answer(Generic[A]):
    """A typed answer with how it came about: who was tried, what was cut from the prompt, what it cost."""

    value: A
    provider: str
    model: str
    attempts: tuple[Attempt, ...]
    cut: tuple[str, ...] = ()
    cached: str | None = None  # None | "exact" | "semantic"
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = 0.0


class Provider(Protocol):
    """One language model somewhere."""

    name: str
    local: bool

    @property
    def model(self) -> str:
        """Name of the model that is asked."""

    def context_tokens(self) -> int:
        """How many tokens it reads and writes at most together. Raises LLMError."""

    def complete(
        self, system: str, user: str, *, schema: Mapping[str, Any] | None, max_output: int, timeout: float
    ) -> Completion:
        """The answer to a prompt, of the JSON form `schema` where one is given. Raises LLMError within `timeout` seconds."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the ledger keeps it."""

    at: datetime
    task: str
    service: str | None
    provider: str
    model: str
    outcome: str
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = None
    seconds: float = 0.0
    cached: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent on one day."""

    tokens: int = 0
    cost_usd: float = 0.0


class Ledger(Protocol):
    """Keeps what every call cost. `reserve` counts the estimate at once, so that calls side by side cannot pass a cap together."""

    def reserve(self, call: Call, *, token_cap: int, cost_cap: float) -> int:
        """Writes a pending call and returns its number; raises ProviderOutOfBudget where a cap of its day would be passed."""

    def settle(self, number: int, call: Call) -> None:
        """Puts what the call really was in the place of the estimate."""

    def note(self, call: Call) -> None:
        """Writes a call that cost nothing (a hit of the cache, a provider passed over)."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an answer may be shared within: never between services, tasks or evidences."""

    service: str | None
    task: str
    evidence: str


class Cache(Protocol):
    """Answers given before."""

    def exact(self, key: str, now: datetime) -> tuple[str, str, str] | None:
        """(answer as JSON, provider, model) under a key, while it is young enough."""

    def near(self, scope: Scope, vector: list[float], least: float, now: datetime) -> tuple[str, str, str] | None:
        """The answer to the most similar question of the same scope, at least so similar."""

    def put(
        self, key: str, scope: Scope, answer: tuple[str, str, str], vector: list[float] | None, now: datetime
    ) -> None:
        """Keeps an answer."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens; None where nobody said."""

    tokens_in: float | None = 0.0
    tokens_out: float | None = 0.0

    def of(self, tokens_in: int, tokens_out: int) -> float | None:
        """What a call costs."""
        if self.tokens_in is None or self.tokens_out is None:
            return None
        return (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / 1e6


@dataclass(frozen=True, slots=True)
class Limits:
    """What the gateway keeps to."""

    timeout_seconds: float = 60.0
    context_tokens: int = 8_192
    tokens_per_day: int = 500_000
    cost_per_day_usd: float = 5.0
    local_only: bool = True
    cache: str = "exact"  # off | exact | semantic
    similar: float = 0.97
    prices: Mapping[str, Price] = field(default_factory=dict)  # "provider" or "provider/model"
