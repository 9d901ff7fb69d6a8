"""What can go wrong with a language model: typed, one line each, never with a prompt or a key in it."""

from __future__ import annotations


class LLMError(Exception):
    """Base: something about language models failed. `kind` is one word for tables and metrics."""

    kind = "error"


class LLMProviderError(LLMError):
    """A provider failed, or all of them did; `attempts` tells who was tried and how it ended."""

    def __init__(self, message: str = "All providers unavailable", attempts: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.attempts = attempts


class ProviderUnavailable(LLMError):  # noqa: N818 - the field's word for it
    """Nobody answers, or the server says it cannot now (connection, 5xx)."""

    kind = "unavailable"


class ProviderTimeout(LLMError):  # noqa: N818
    """It answers too slowly."""

    kind = "timeout"


class ProviderBusy(LLMError):  # noqa: N818
    """It refuses for now (429)."""

    kind = "busy"


class ProviderOutOfBudget(LLMError):  # noqa: N818
    """The account has no credit left, or our own cap is reached."""

    kind = "budget"


class ProviderUnauthorised(LLMError):  # noqa: N818
    """The key is wrong or lacks the right."""

    kind = "unauthorised"


class ModelMissing(LLMError):  # noqa: N818
    """The provider does not have the model."""

    kind = "model_missing"


class ContextOverflow(LLMError):  # noqa: N818
    """The prompt is longer than what the model reads."""

    kind = "context"


class AnswerCutOff(LLMError):  # noqa: N818
    """The answer ended in the middle."""

    kind = "cut_off"


class AnswerInvalid(LLMError):  # noqa: N818
    """The answer is not of the form asked for, or says what is not so."""

    kind = "invalid"


class AnswerRefused(LLMError):  # noqa: N818
    """The model declined to answer."""

    kind = "refused"


class NotLocal(LLMError):  # noqa: N818
    """Strict local mode: the provider is not on this machine, so it is not called."""

    kind = "not_local"


class NotRedacted(LLMError):  # noqa: N818
    """The prompt could not be redacted for certain, so nothing was sent."""

    kind = "not_redacted"
