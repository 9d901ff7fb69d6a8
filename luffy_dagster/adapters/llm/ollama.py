"""Ollama, the local model server, by its own protocol: answers are streamed under one deadline, nothing half is taken."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from luffy_dagster.adapters.llm import errors
from luffy_dagster.adapters.llm.model import Completion

_SHOWN = 200


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine by itself (no name is looked up)."""
    host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class OllamaProvider:
    """A model of an Ollama server. Without a name the first one that the server has is asked."""

    name = "ollama"

    def __init__(self, url: str, model: str = "", *, context: int = 8_192) -> None:
        self.url = url
        self.local = is_loopback(url)
        self._wanted = model
        self._context = context

    @cached_property
    def _client(self) -> Any:
        import httpx
        from ollama import Client

        # No proxy of the environment and no redirect: what is meant for this machine must not leave it.
        return Client(self.url, follow_redirects=False, trust_env=False, timeout=httpx.Timeout(10.0))

    @property
    def model(self) -> str:
        """The model that is asked; empty while none is known."""
        return self._wanted

    def _choose(self) -> str:
        if not self._wanted:
            with _told(self.url, "its list of models"):
                found = self._client.list().models
            if not found:
                raise errors.ModelMissing(
                    f"Ollama at {self.url} has no model; ollama pull one, or set LUFFY_OLLAMA_MODEL"
                )
            self._wanted = str(found[0].model)
        return self._wanted

    @cached_property
    def _length(self) -> int:
        with _told(self.url, self._choose()):
            info = self._client.show(self._choose()).modelinfo or {}
        own = [int(value) for key, value in info.items() if str(key).endswith(".context_length")]
        return min(own[0], self._context) if own else self._context

    def context_tokens(self) -> int:
        """The smaller of the model's own length and the setting."""
        return self._length

    def complete(
        self, system: str, user: str, *, schema: Mapping[str, Any] | None, max_output: int, timeout: float
    ) -> Completion:
        """Streams the answer; cut off, too slow and too long are told apart."""
        model, window = self._choose(), self.context_tokens()
        deadline = time.monotonic() + timeout
        parts: list[str] = []
        last: Any = None
        with _told(self.url, model):
            for last in self._stream(model, system, user, schema, window, max_output, timeout):
                parts.append(last.message.content or "")
                if time.monotonic() > deadline:
                    raise errors.ProviderTimeout(f"{model} did not finish within {timeout:g} s")
        if last is None or not last.done:
            raise errors.AnswerCutOff(f"the answer of {model} broke off after {sum(map(len, parts))} characters")
        tokens_in, tokens_out = int(last.prompt_eval_count or 0), int(last.eval_count or 0)
        if tokens_in and tokens_in >= window - 1:
            raise errors.ContextOverflow(f"the prompt filled all {window} tokens that {model} reads")
        return Completion("".join(parts), model, tokens_in, tokens_out, str(last.done_reason or "stop"))

    def _stream(
        self,
        model: str,
        system: str,
        user: str,
        schema: Mapping[str, Any] | None,
        window: int,
        max_output: int,
        timeout: float,
    ) -> Iterator[Any]:
        import httpx
        from ollama import Client

        client = Client(self.url, follow_redirects=False, trust_env=False, timeout=httpx.Timeout(timeout, connect=5.0))
        try:
            yield from client.chat(
                model=model,
                messages=[{"role": "system", "content": system}, {"role": "user", "content": user}],
                stream=True,
                format=dict(schema) if schema is not None else None,
                options={"num_ctx": window, "num_predict": max_output, "temperature": 0.0, "seed": 7},
            )
        finally:
            client.close()


class _told:  # noqa: N801 - reads as a word in `with`
    """Turns what the client raises into our own errors."""

    def __init__(self, url: str, model: str) -> None:
        self.url, self.model = url, model

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Raises ours in its place."""
        if error is None or isinstance(error, errors.LLMError) or not isinstance(error, Exception):
            return
        import httpx
        from ollama import ResponseError

        if isinstance(error, ResponseError):
            raise _answered(error, self.url, self.model) from None
        if isinstance(error, httpx.TimeoutException):
            raise errors.ProviderTimeout(f"{self.model} at {self.url} did not answer in time") from None
        if isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError)):
            raise errors.AnswerCutOff(f"the answer of {self.model} broke off: {type(error).__name__}") from None
        if isinstance(error, (ConnectionError, httpx.HTTPError)):
            raise errors.ProviderUnavailable(f"nobody answers at {self.url}; start Ollama (ollama serve)") from None
        if isinstance(error, (ValueError, TypeError, AttributeError)):
            raise errors.AnswerInvalid(f"{self.url} does not answer as Ollama does: {type(error).__name__}") from None


def _answered(error: Any, url: str, model: str) -> errors.LLMError:
    said = " ".join(str(error.error).split())[:_SHOWN]
    low = said.lower()
    if error.status_code == 404:
        return errors.ModelMissing(f"Ollama at {url} does not have the model {model}; ollama pull {model}")
    if "context" in low and any(word in low for word in ("exceed", "length", "too long", "overflow")):
        return errors.ContextOverflow(f"the prompt is longer than {model} reads: {said}")
    if error.status_code == 429:
        return errors.ProviderBusy(f"Ollama at {url} is busy")
    if error.status_code in (401, 403):
        return errors.ProviderUnauthorised(f"Ollama at {url} refuses the call: {said}")
    return errors.ProviderUnavailable(f"Ollama at {url} failed ({error.status_code}): {said}")
