"""OpenAI-compatible servers and Anthropic through pydantic-ai, imported when one of them is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luffy_dagster.adapters.llm import errors
from luffy_dagster.adapters.llm.model import Completion
from luffy_dagster.adapters.llm.ollama import is_loopback

ANTHROPIC_URL = "https://api.anthropic.com"
OPENAI_URL = "https://api.openai.com/v1"


class RemoteProvider:
    """A model behind pydantic-ai: `kind` is "openai" (any server that speaks its protocol) or "anthropic"."""

    def __init__(self, kind: str, model: str, *, key: str, url: str = "", context: int = 32_768) -> None:
        self.name = kind
        self.kind = kind
        self._model = model
        self._key = key
        self.url = url or (ANTHROPIC_URL if kind == "anthropic" else OPENAI_URL)
        self.local = is_loopback(self.url)
        self._context = context

    @property
    def model(self) -> str:
        """The model that is asked."""
        return self._model

    def context_tokens(self) -> int:
        """As set: these servers do not say."""
        return self._context

    def complete(
        self, system: str, user: str, *, schema: Mapping[str, Any] | None, max_output: int, timeout: float
    ) -> Completion:
        """One request, without retries of the client's own: the gateway decides who is asked next."""
        import asyncio

        return asyncio.run(self._complete(system, user, schema, max_output, timeout))

    async def _complete(
        self, system: str, user: str, schema: Mapping[str, Any] | None, max_output: int, seconds: float
    ) -> Completion:
        import httpx
        from pydantic_ai import exceptions
        from pydantic_ai.direct import model_request
        from pydantic_ai.messages import ModelRequest, SystemPromptPart, UserPromptPart
        from pydantic_ai.settings import ModelSettings

        text = user
        if schema is not None:
            import json

            text += f"\n\nAnswer with one JSON object of this schema and nothing else:\n{json.dumps(schema)}"
        model, client = self._of_pydantic_ai(seconds)
        async with client:
            try:
                answer = await model_request(
                    model,
                    [ModelRequest(parts=[SystemPromptPart(content=system), UserPromptPart(content=text)])],
                    model_settings=ModelSettings(max_tokens=max_output, temperature=0.0, timeout=seconds),
                )
            except exceptions.AgentRunError as error:
                raise _ours(error, self) from None
            except (httpx.HTTPError, OSError) as error:
                raise errors.ProviderUnavailable(
                    f"{self.name} at {self.url} cannot be reached: {type(error).__name__}"
                ) from None
            except (ValueError, TypeError, AttributeError, KeyError) as error:
                raise errors.AnswerInvalid(
                    f"{self.name} does not answer as its protocol says: {type(error).__name__}"
                ) from None
        said = answer.text or ""
        usage = answer.usage
        return Completion(
            said, answer.model_name or self._model, int(usage.input_tokens or 0), int(usage.output_tokens or 0),
            str(answer.finish_reason or "stop"), estimated=not usage.input_tokens,
        )  # fmt: skip

    def _of_pydantic_ai(self, seconds: float) -> tuple[Any, Any]:
        """The model and its HTTP client: no redirects, no retries of its own, no proxy on the way to this machine."""
        options: dict[str, Any] = {"timeout": seconds, "follow_redirects": False, "trust_env": not self.local}
        if self.kind == "anthropic":
            from anthropic import AsyncAnthropic
            from anthropic import DefaultAsyncHttpxClient as AnthropicHttp
            from pydantic_ai.models.anthropic import AnthropicModel
            from pydantic_ai.providers.anthropic import AnthropicProvider

            http: Any = AnthropicHttp(**options)
            own = AsyncAnthropic(api_key=self._key, base_url=self.url, http_client=http, max_retries=0)
            return AnthropicModel(self._model, provider=AnthropicProvider(anthropic_client=own)), http
        from openai import AsyncOpenAI
        from openai import DefaultAsyncHttpxClient as OpenAIHttp
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai import OpenAIProvider

        http = OpenAIHttp(**options)
        own_ = AsyncOpenAI(api_key=self._key or "none", base_url=self.url, http_client=http, max_retries=0)
        return OpenAIChatModel(self._model, provider=OpenAIProvider(openai_client=own_)), http


def _ours(error: Any, provider: RemoteProvider) -> errors.LLMError:
    """pydantic-ai's error as ours; bodies of answers are not repeated (they may hold the prompt)."""
    from pydantic_ai import exceptions as theirs

    who = f"{provider.name} ({provider.model})"
    table: tuple[tuple[type[BaseException], type[errors.LLMError], str], ...] = (
        (theirs.ModelQuotaExceededError, errors.ProviderOutOfBudget, "has no credit left"),
        (theirs.ModelRateLimitError, errors.ProviderBusy, "limits the rate of calls"),
        (theirs.ModelContextWindowExceededError, errors.ContextOverflow, "cannot read a prompt of this length"),
        (theirs.ModelAuthenticationError, errors.ProviderUnauthorised, "refuses the key"),
        (theirs.ModelNotFoundError, errors.ModelMissing, "does not have the model"),
        (theirs.ModelTimeoutError, errors.ProviderTimeout, "did not answer in time"),
        (theirs.ModelRequestTimeout, errors.ProviderTimeout, "did not answer in time"),
        (theirs.ContentFilterError, errors.AnswerRefused, "refused by its filter"),
        (theirs.ModelConnectionError, errors.ProviderUnavailable, "cannot be reached"),
        (theirs.OutputTokenLimitExceeded, errors.AnswerCutOff, "answered more than was allowed"),
        (theirs.UnexpectedModelBehavior, errors.AnswerInvalid, "does not answer as its protocol says"),
    )
    status = getattr(error, "status_code", None)
    for kind, own, said in table:
        if isinstance(error, kind):
            return own(f"{who} {said}" + (f" ({status})" if status else ""))
    return errors.ProviderUnavailable(f"{who} failed" + (f" ({status})" if status else ""))
