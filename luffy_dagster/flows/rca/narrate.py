"""A language model's words for a report: asked for with the evidence alone, and kept only as far as the evidence holds them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, create_model

from luffy_dagster.core.rca.citations import Checked, check
from luffy_dagster.core.rca.model import Evidence, EvidenceKind
from luffy_dagster.core.rca.report import NO_WORDS, Claim, ModelUse
from luffy_dagster.core.rca.verdict import Verdict

if TYPE_CHECKING:
    from luffy_dagster.adapters.llm.gateway import Gateway
    from luffy_dagster.adapters.llm.model import Answer
    from luffy_dagster.flows.rca.gathered import Gathered

_INSTRUCTIONS = (
    "You explain the cause of a software failure to an engineer. Code has already decided the verdict; you only put it in words. "
    "Write 3 to 6 short sentences. Each sentence states one fact from the evidence and lists in `cites` the ids (like E1) that hold it. "
    "Use only names, numbers, files and commits that stand in the evidence. Do not add links. Do not guess."
)


class Said(BaseModel):
    """One sentence of a model; first what it rests on, so that it is chosen before the words are."""

    model_config = ConfigDict(
        json_schema_extra={"required": ["cites", "text"]}
    )  # asked for; without it, it cites nothing

    cites: list[str] = Field(default_factory=list, max_length=8)
    text: str = Field(max_length=600)


class Narrative(BaseModel):
    """What a model is asked for: a few sentences that explain the evidence."""

    BY_ITEM: ClassVar[str] = "sentences"  # of an answer that is cut off, the finished ones count

    sentences: list[Said] = Field(max_length=12)


def narrative_of(ids: Iterable[str]) -> type[Narrative]:
    """The same, whose schema names the evidence that there is: a server that writes by the schema cannot cite anything else.

    Only the schema is stricter: where a server does not keep to it, single sentences are taken away, not the whole answer.
    """
    only: Any = {"items": {"type": "string", "enum": list(ids)}, "minItems": 1, "maxItems": 4}
    cites: Any = (list[str], Field(default_factory=list, max_length=8, json_schema_extra=only))
    said = create_model("Said", __base__=Said, cites=cites)
    sentences: Any = (list[said], Field(max_length=12))  # type: ignore[valid-type]
    return create_model("Narrative", __base__=Narrative, sentences=sentences)


def narrate(
    known: Gathered, verdict: Verdict, evidence: list[Evidence], digest: str, gateway: Gateway | None
) -> tuple[list[Claim], ModelUse | None]:
    """A model's sentences as far as they stand up, and what it cost; nothing where no model answers well."""
    if gateway is None:
        return [], None
    from luffy_dagster.adapters.llm.errors import LLMError
    from luffy_dagster.adapters.llm.model import Prompt, Section

    sections = [Section("Verdict, decided by code", _verdict_words(verdict), 100)]
    keeps = {
        EvidenceKind.TRACE: 90,
        EvidenceKind.DIFF: 80,
        EvidenceKind.COMMIT: 85,
        EvidenceKind.COUNT: 70,
        EvidenceKind.RELEASE: 60,
    }
    sections += [
        Section(
            f"{e.id} {e.title}",
            f"{e.text}\n{f'commit {e.commit}' if e.commit else ''} {e.path or ''}".strip(),
            keeps.get(e.kind, 40),
        )
        for e in evidence
    ]
    checked: list[Checked] = []

    def accept(answer: Narrative) -> str | None:
        checked.append(check([(s.text, s.cites) for s in answer.sentences], evidence, verdict))
        return None if checked[-1].kept else "no sentence of the answer stands up to the evidence"

    try:
        answer: Answer[Narrative] = gateway.ask(
            Prompt("rca", _INSTRUCTIONS, tuple(sections), max_output_tokens=700),
            narrative_of(e.id for e in evidence),
            service=known.service.id,
            evidence=digest,
            accept=accept,
        )
    except LLMError as error:
        known.notes.append(f"{NO_WORDS}: {error}{_tried(error)}.")
        return [], None
    last = checked[-1]
    use = ModelUse(
        provider=answer.provider,
        model=answer.model,
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        cost_usd=answer.cost_usd,
        cached=answer.cached,
        attempts=[f"{a.provider}/{a.model}: {a.outcome}" for a in answer.attempts],
        cut=list(answer.cut),
        sentences_removed=len(last.removed),
    )
    return [Claim(text=s.text, cites=list(s.cites)) for s in last.kept[:8]], use


def _tried(error: Exception) -> str:
    attempts = getattr(error, "attempts", ())
    told = "; ".join(f"{a.provider} {a.outcome}: {a.detail}" for a in attempts)
    return f" ({told})" if told else ""


def _verdict_words(verdict: Verdict) -> str:
    words = [f"verdict: {verdict.kind.value}", verdict.headline]
    if verdict.culprit is not None:
        words.append(f"commit: {verdict.culprit.sha}")
    words += [f"- {r.text}" for r in verdict.reasons if r.weight > 0]
    return "\n".join(words)
