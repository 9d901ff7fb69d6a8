"""What is redacted, and what a place holder looks like."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a span is; the word that stands in its place."""

    SECRET = "SECRET"  # noqa: S105 - a kind, not one of them
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    CARD = "CARD"
    IBAN = "IBAN"
    NATIONAL_ID = "NATIONAL_ID"
    PERSON = "PERSON"
    PLACE = "PLACE"
    IP = "IP"


@dataclass(frozen=True, slots=True)
class Policy:
    """Which personal data is taken out; secrets always are."""

    personal: frozenset[Kind]

    def wants(self, kind: Kind) -> bool:
        """Whether spans of `kind` are replaced."""
        return kind is Kind.SECRET or kind in self.personal


_ALWAYS = frozenset({Kind.EMAIL, Kind.PHONE, Kind.CARD, Kind.IBAN, Kind.NATIONAL_ID})
SECRETS = Policy(frozenset())  # of what must stay as it is but for secrets, such as code and its history
LOGS = Policy(_ALWAYS)  # of log lines, unless the service says otherwise; IP addresses are kept
DOCUMENTS = Policy(_ALWAYS | {Kind.PERSON, Kind.PLACE})  # of documents, prompts and notifications


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters [start, end) of a text that are to go."""

    start: int
    end: int
    kind: Kind


def holds(text: str, words: tuple[str, ...]) -> bool:
    """Whether any of the words is in a text: a loop, as a generator costs three times as much here."""
    for word in words:  # noqa: SIM110
        if word in text:
            return True
    return False


def begins(lower: str, words: tuple[str, ...]) -> bool:
    """Whether any of the words stands in a text of small letters with no letter of a to z before it."""
    for word in words:
        at = lower.find(word)
        while at >= 0:
            if at == 0 or not "a" <= lower[at - 1] <= "z":
                return True
            at = lower.find(word, at + 1)
    return False


def pseudonym(kind: Kind, value: str, key: bytes) -> str:
    """The place holder of a value: same kind, value and key give the same one; without the key it tells nothing."""
    canonical = value if kind is Kind.SECRET else "".join(value.split()).casefold().replace("%40", "@")
    digest = hmac.digest(key, f"{kind}\0{canonical}".encode("utf-8", "surrogatepass"), "sha256").hex()
    return f"[{kind}:{digest[:8]}]"
