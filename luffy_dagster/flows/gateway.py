"""The gateway of this installation: providers by settings, ledger, cache and breakers in the store."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from luffy_dagster import store
from luffy_dagster.adapters.llm.errors import ProviderOutOfBudget
from luffy_dagster.adapters.llm.model import Call, Limits, Price, Provider, Scope
from luffy_dagster.flows.context import FlowContext

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from luffy_dagster.adapters.llm.gateway import Gateway
    from luffy_dagster.settings import Settings

_BREAKERS = "llm.breakers"


def _values(call: Call) -> dict[str, Any]:
    values = asdict(call)
    values["service_id"] = values.pop("service")
    return values


@dataclass
class StoredLedger:
    """What calls cost, in the store: its caps hold over all processes."""

    engine: Engine

    def reserve(self, call: Call, *, token_cap: int, cost_cap: float) -> int:
        """See `Ledger`."""
        with store.begin(self.engine) as conn:
            try:
                return store.llm_calls.reserve(conn, _values(call), token_cap=token_cap, cost_cap=cost_cap)
            except store.llm_calls.CapReachedError as error:
                raise ProviderOutOfBudget(str(error)) from None

    def settle(self, number: int, call: Call) -> None:
        """See `Ledger`."""
        with store.begin(self.engine) as conn:
            store.llm_calls.settle(conn, number, _values(call))

    def note(self, call: Call) -> None:
        """See `Ledger`."""
        with store.begin(self.engine) as conn:
            store.llm_calls.note(conn, _values(call))


@dataclass
class StoredCache:
    """Answers in the store, given again for `hours`."""

    engine: Engine
    hours: int = 24

    def exact(self, key: str, now: datetime) -> tuple[str, str, str] | None:
        """See `Cache`."""
        with store.begin(self.engine) as conn:
            return store.llm_calls.exact(conn, key, now - timedelta(hours=self.hours))

    def near(self, scope: Scope, vector: list[float], least: float, now: datetime) -> tuple[str, str, str] | None:
        """See `Cache`: vectors are compared by their cosine."""
        with store.begin(self.engine) as conn:
            rows = store.llm_calls.near(
                conn, scope.service, scope.task, scope.evidence, now - timedelta(hours=self.hours)
            )
        best = max(((_cosine(vector, own), answer) for own, answer in rows), default=None, key=lambda pair: pair[0])
        return best[1] if best is not None and best[0] >= least else None

    def put(
        self, key: str, scope: Scope, answer: tuple[str, str, str], vector: list[float] | None, now: datetime
    ) -> None:
        """See `Cache`."""
        values = {
            "key": key, "service_id": scope.service, "task": scope.task, "evidence": scope.evidence,
            "answer": answer[0], "provider": answer[1], "model": answer[2], "vector": vector, "at": now,
        }  # fmt: skip
        with store.begin(self.engine) as conn:
            store.llm_calls.keep(conn, values)


def _cosine(a: list[float], b: list[float]) -> float:
    if len(a) != len(b):
        return 0.0
    norm = (sum(x * x for x in a) * sum(x * x for x in b)) ** 0.5
    return sum(x * y for x, y in zip(a, b, strict=True)) / norm if norm else 0.0


def providers_of(settings: Settings) -> list[Provider]:
    """The providers in their order; one that lacks its model or key is left out. Raises ValueError for a name that is none."""
    from luffy_dagster.adapters.llm.ollama import OllamaProvider
    from luffy_dagster.adapters.llm.remote import RemoteProvider

    found: list[Provider] = []
    for name in (part.strip().lower() for part in settings.llm_providers.split(",") if part.strip()):
        if name == "ollama":
            found.append(
                OllamaProvider(settings.ollama_url, settings.ollama_model, context=settings.llm_context_tokens)
            )
        elif name in ("openai", "anthropic"):
            key = getattr(settings, f"{name}_api_key")
            model, url = getattr(settings, f"{name}_model"), settings.openai_url if name == "openai" else ""
            if model and (key or url):
                secret = key.get_secret_value() if key else ""
                found.append(RemoteProvider(name, model, key=secret, url=url, context=settings.llm_context_tokens))
        else:
            raise ValueError(f"LUFFY_LLM_PROVIDERS names {name!r}; there are ollama, openai, anthropic")
    return found


def prices_of(text: str) -> dict[str, Price]:
    """The prices that the setting says. Raises ValueError."""
    if not text.strip():
        return {}
    try:
        return {str(k): Price(float(v[0]), float(v[1])) for k, v in json.loads(text).items()}
    except (ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
        raise ValueError(
            f'LUFFY_LLM_PRICES must be JSON like {{"openai/gpt": [0.4, 1.6]}} ({type(error).__name__})'
        ) from None


def make_gateway(ctx: FlowContext) -> Gateway | None:
    """The gateway by the settings; None where no provider is named."""
    from luffy_dagster.adapters.llm.breaker import Breakers, StoredStates
    from luffy_dagster.adapters.llm.gateway import Gateway
    from luffy_dagster.store.crypto import pseudonym_key

    settings = ctx.settings
    providers = providers_of(settings)
    if not providers:
        return None

    def load() -> dict[str, dict[str, object]]:
        with store.begin(ctx.engine) as conn:
            return dict(store.kv.get(conn, _BREAKERS, {}) or {})

    def save(states: dict[str, dict[str, object]]) -> None:
        with store.begin(ctx.engine) as conn:
            store.kv.put(conn, _BREAKERS, states, ctx.now())

    limits = Limits(
        timeout_seconds=settings.llm_timeout_seconds,
        context_tokens=settings.llm_context_tokens,
        tokens_per_day=settings.llm_tokens_per_day,
        cost_per_day_usd=settings.llm_cost_per_day_usd,
        local_only=settings.llm_local_only,
        cache=settings.llm_cache,
        prices=prices_of(settings.llm_prices),
    )
    return Gateway(
        providers,
        pseudonym_key(settings),
        ctx.now,
        ledger=StoredLedger(ctx.engine),
        cache=StoredCache(ctx.engine, settings.llm_cache_hours),
        limits=limits,
        breakers=Breakers(StoredStates(load, save)),
        embed=_embedder(settings) if settings.llm_cache == "semantic" else None,
    )


def _embedder(settings: Settings) -> Any:
    """The embedding of a text by the configured model, loaded at the first call."""
    loaded: list[Any] = []

    def embed(text: str) -> list[float] | None:
        if not loaded:
            from luffy_dagster.adapters.embeddings import open_embedder

            loaded.append(open_embedder(settings.embedding_model, ollama_url=settings.ollama_url))
        if loaded[0] is None:
            return None
        return [float(x) for x in loaded[0].embed([text])[0]]

    return embed
