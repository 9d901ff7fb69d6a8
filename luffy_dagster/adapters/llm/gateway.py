"""The one door to language models: redaction, cache, budget, breaker, fail-over, typed answers, accounting, in this order.

Every prompt passes redaction and is looked over once more; what is not certainly clean is not sent. Providers are tried in their
order; each error, time-out, refusal and bad answer moves on to the next, and the answer tells who was tried.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from luffy_dagster.adapters.llm import errors
from luffy_dagster.adapters.llm.breaker import Breakers
from luffy_dagster.adapters.llm.context import fit, tokens
from luffy_dagster.adapters.llm.model import (
    A,
    Answer,
    Attempt,
    Cache,
    Call,
    Completion,
    Ledger,
    Limits,
    Price,
    Prompt,
    Provider,
    Scope,
    Section,
)
from luffy_dagster.core.redaction import DOCUMENTS, Policy, redact_text
from luffy_dagster.core.redaction.engine import FAILED

_REFUSES = re.compile(
    r"^\W*(?:i(?:'| a)?m sorry|sorry,|i can(?:no|')t|i cannot|i(?:'m| am) (?:not able|unable)|as an ai)", re.IGNORECASE
)
_OPENED = re.compile(r"^\s*```(?:json)?\s*\n")
_FENCED = re.compile(r"^\s*```(?:json)?\s*\n(.*?)\n?```\s*$", re.DOTALL)
_SHOWN = 160
_PASSES = 3  # of redaction, until another finds nothing more


@dataclass
class Gateway:
    """Asks language models. `redaction` is the policy and key; `accept` of `ask` says why an answer is not to be used."""

    providers: Sequence[Provider]
    redaction_key: bytes
    now: Callable[[], datetime]
    ledger: Ledger | None = None
    cache: Cache | None = None
    limits: Limits = field(default_factory=Limits)
    breakers: Breakers = field(default_factory=Breakers)
    policy: Policy = DOCUMENTS
    embed: Callable[[str], list[float] | None] | None = None
    redact: Callable[[str, Policy, bytes], str] = redact_text

    def ask(
        self,
        prompt: Prompt,
        answer: type[A],
        *,
        service: str | None = None,
        evidence: str = "",
        accept: Callable[[A], str | None] | None = None,
    ) -> Answer[A]:
        """A typed answer from the first provider that gives a good one.

        Raises:
            NotRedacted: the prompt could not be cleaned for certain; nothing was sent.
            LLMProviderError: "All providers unavailable", with the attempts.
        """
        clean = self._redacted(prompt)
        schema = answer.model_json_schema()
        scope = Scope(service, prompt.task, evidence)
        key = self._key(clean, schema, scope)
        vector = self._vector(clean)
        hit = self._cached(key, scope, vector, answer, accept)
        if hit is not None:
            return hit
        attempts: list[Attempt] = []
        for provider in self.providers:
            got = self._try(provider, clean, answer, schema, accept, service, attempts)
            if got is None:
                continue
            value, done, cut = got
            if self.cache is not None and self.limits.cache != "off":
                kept = (value.model_dump_json(), provider.name, done.model)
                self.cache.put(key, scope, kept, vector, self.now())
            cost = self._price(provider).of(done.tokens_in, done.tokens_out)
            spent_in, spent_out = (sum(getattr(a, n) for a in attempts) for n in ("tokens_in", "tokens_out"))
            return Answer(value, provider.name, done.model, tuple(attempts), cut, None, spent_in, spent_out, cost)
        raise errors.LLMProviderError("All providers unavailable", tuple(attempts))

    # ---- one provider -----------------------------------------------------------------------------------------------

    def _try(
        self,
        provider: Provider,
        prompt: Prompt,
        answer: type[A],
        schema: dict[str, Any],
        accept: Callable[[A], str | None] | None,
        service: str | None,
        attempts: list[Attempt],
    ) -> tuple[A, Completion, tuple[str, ...]] | None:
        now = self.now()
        if self.limits.local_only and not provider.local:
            self._passed(
                provider, "not_local", "strict local mode: outside providers are not called", attempts, prompt, service
            )
            return None
        why = self.breakers.allows(provider.name, now)
        if why is not None:
            self._passed(provider, "breaker", why, attempts, prompt, service)
            return None
        clock = time.perf_counter()
        number: int | None = None
        done: Completion | None = None
        try:
            window = min(provider.context_tokens(), self.limits.context_tokens)
            try:
                system, user, cut = fit(prompt, window, tokens(json.dumps(schema)))
            except ValueError as error:
                raise errors.ContextOverflow(str(error)) from None
            number = self._reserve(provider, prompt, system, user, service, now)
            done = provider.complete(
                system, user, schema=schema, max_output=prompt.max_output_tokens, timeout=self.limits.timeout_seconds
            )
            if done.estimated or not done.tokens_in:
                done = replace(
                    done,
                    tokens_in=tokens(system + user),
                    tokens_out=done.tokens_out or tokens(done.text),
                    estimated=True,
                )
            value, cut_off = _typed(done, answer)
            objection = accept(value) if accept is not None else None
            if objection is not None:
                raise errors.AnswerInvalid(objection)
        except errors.LLMError as error:
            self._failed(provider, error, prompt, service, number, done, time.perf_counter() - clock, attempts)
            return None
        self.breakers.succeeded(provider.name)
        self._settle(number, provider, prompt, service, "ok", cut_off, done, time.perf_counter() - clock, attempts)
        return value, done, cut

    def _reserve(
        self, provider: Provider, prompt: Prompt, system: str, user: str, service: str | None, now: datetime
    ) -> int | None:
        if self.ledger is None:
            return None
        expected_in, expected_out = tokens(system + user), prompt.max_output_tokens
        cost = self._price(provider).of(expected_in, expected_out)
        call = Call(
            now, prompt.task, service, provider.name, provider.model, "pending", expected_in, expected_out, cost
        )
        return self.ledger.reserve(call, token_cap=self.limits.tokens_per_day, cost_cap=self.limits.cost_per_day_usd)

    def _failed(
        self,
        provider: Provider,
        error: errors.LLMError,
        prompt: Prompt,
        service: str | None,
        number: int | None,
        done: Completion | None,
        seconds: float,
        attempts: list[Attempt],
    ) -> None:
        # What the model said or how long the prompt was is no fault of the provider: its breaker stays as it is.
        own_cap = isinstance(error, errors.ProviderOutOfBudget) and number is None
        if error.kind in {"invalid", "refused", "context"}:
            self.breakers.succeeded(provider.name)
        elif not own_cap:
            self.breakers.failed(provider.name, error.kind, _line(error), self.now())
        self._settle(number, provider, prompt, service, error.kind, _line(error), done, seconds, attempts)

    def _settle(
        self,
        number: int | None,
        provider: Provider,
        prompt: Prompt,
        service: str | None,
        outcome: str,
        detail: str,
        done: Completion | None,
        seconds: float,
        attempts: list[Attempt],
    ) -> None:
        tokens_in, tokens_out = (done.tokens_in, done.tokens_out) if done is not None else (0, 0)
        cost = self._price(provider).of(tokens_in, tokens_out)
        model = done.model if done is not None else provider.model
        attempts.append(Attempt(provider.name, model, outcome, detail, round(seconds, 3), tokens_in, tokens_out, cost))
        if self.ledger is None:
            return
        call = Call(
            self.now(),
            prompt.task,
            service,
            provider.name,
            model,
            outcome,
            tokens_in,
            tokens_out,
            cost,
            seconds,
            None,
            detail,
        )
        if number is None:
            self.ledger.note(call)
        else:
            self.ledger.settle(number, call)

    def _passed(
        self,
        provider: Provider,
        outcome: str,
        detail: str,
        attempts: list[Attempt],
        prompt: Prompt,
        service: str | None,
    ) -> None:
        attempts.append(Attempt(provider.name, provider.model, outcome, detail))
        if self.ledger is not None:
            self.ledger.note(
                Call(self.now(), prompt.task, service, provider.name, provider.model, outcome, detail=detail)
            )

    def _price(self, provider: Provider) -> Price:
        prices = self.limits.prices
        free = Price() if provider.local else Price(None, None)
        return prices.get(f"{provider.name}/{provider.model}", prices.get(provider.name, free))

    # ---- redaction --------------------------------------------------------------------------------------------------

    def _redacted(self, prompt: Prompt) -> Prompt:
        sections = tuple(Section(self._clean(s.title), self._clean(s.text), s.keep) for s in prompt.sections)
        return replace(prompt, instructions=self._clean(prompt.instructions), sections=sections)

    def _clean(self, text: str) -> str:
        try:
            clean, settled = self.redact(text, self.policy, self.redaction_key), False
            for _ in range(_PASSES):
                again = self.redact(clean, self.policy, self.redaction_key)
                settled = again == clean
                if settled:
                    break
                clean = again
        except Exception as error:  # noqa: BLE001 - whatever it is: what is not certainly clean is not sent
            raise errors.NotRedacted(f"redaction failed ({type(error).__name__}): nothing was sent") from None
        if not settled or FAILED in clean:
            raise errors.NotRedacted("a part of the prompt could not be redacted for certain: nothing was sent")
        return clean

    # ---- cache ------------------------------------------------------------------------------------------------------

    def _key(self, prompt: Prompt, schema: dict[str, Any], scope: Scope) -> str:
        order = [f"{p.name}/{p.model}" for p in self.providers]
        parts = [prompt.instructions, *(f"{s.title}\n{s.text}" for s in prompt.sections)]
        whole = json.dumps([scope.service, scope.task, scope.evidence, order, parts, schema], sort_keys=True)
        return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()

    def _vector(self, prompt: Prompt) -> list[float] | None:
        if self.limits.cache != "semantic" or self.embed is None or self.cache is None:
            return None
        return self.embed("\n".join(s.text for s in prompt.sections))

    def _cached(
        self,
        key: str,
        scope: Scope,
        vector: list[float] | None,
        answer: type[A],
        accept: Callable[[A], str | None] | None,
    ) -> Answer[A] | None:
        if self.cache is None or self.limits.cache == "off":
            return None
        how, found = "exact", self.cache.exact(key, self.now())
        if found is None and vector is not None and scope.evidence:
            how, found = "semantic", self.cache.near(scope, vector, self.limits.similar, self.now())
        if found is None:
            return None
        try:
            value = answer.model_validate_json(found[0])
        except ValidationError:
            return None
        if accept is not None and accept(value) is not None:
            return None
        if self.ledger is not None:
            self.ledger.note(
                Call(self.now(), scope.task, scope.service, found[1], found[2], "ok", cost_usd=0.0, cached=how)
            )
        return Answer(value, found[1], found[2], (), (), how)


def _typed(done: Completion, answer: type[A]) -> tuple[A, str]:
    """The completion as a value of the type, and what is to be said of it. Raises AnswerCutOff, AnswerRefused or AnswerInvalid."""
    text = done.text.strip()
    if done.finish in {"content_filter", "refusal"}:
        raise errors.AnswerRefused(f"{done.model} refused by its filter")
    fenced = _FENCED.match(text)
    if fenced:
        text = fenced[1].strip()
    try:
        return answer.model_validate_json(text), ""
    except ValidationError as error:
        if done.finish == "length":
            finished = _finished(text, answer)
            if finished is not None:
                return finished, "cut off: what was finished is kept"
            raise errors.AnswerCutOff(f"{done.model} wrote more than was allowed and was cut off") from None
        if _REFUSES.match(text):
            raise errors.AnswerRefused(f"{done.model} declined to answer") from None
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise errors.AnswerInvalid(f"{done.model} answered in another form: {where}: {first['type']}") from None


def _finished(text: str, answer: type[A]) -> A | None:
    """What stood whole in an answer that was cut off, for a type that names in `BY_ITEM` the list that counts item by item; else None."""
    from pydantic_core import from_json

    by_item = getattr(answer, "BY_ITEM", None)
    if by_item is None:
        return None
    try:
        found = from_json(_OPENED.sub("", text), allow_partial=True)
        items = found[by_item][:-1]  # the last may be half an item that still fits the form
        return answer.model_validate({**found, by_item: items}) if items else None
    except (ValidationError, ValueError, TypeError, KeyError):
        return None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:_SHOWN]
