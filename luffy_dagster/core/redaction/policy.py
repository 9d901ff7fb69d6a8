"""What is redacted, and what a place holder looks like."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hashlib import _Hash

_BLOCK = 64  # bytes that SHA-256 works on at a time


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


# What stands in the place of a span (see `pseudonym`): a beginning that tells its kind, and eight signs that depend on the key.
PLACEHOLDER_KIND = rf"\[(?:{'|'.join(kind.value for kind in Kind)}):"
PLACEHOLDER = rf"{PLACEHOLDER_KIND}[0-9a-f]{{8}}\]"


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


class Span(NamedTuple):
    """Characters [start, end) of a text that are to go."""

    start: int
    end: int
    kind: Kind


@lru_cache(maxsize=64)
def _keyed(key: bytes) -> tuple[_Hash, _Hash]:
    """HMAC-SHA-256 (RFC 2104) under `key`, begun: inner and outer hash. Going on from copies costs a third of beginning anew."""
    block = (sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return sha256(bytes(byte ^ 0x36 for byte in block)), sha256(bytes(byte ^ 0x5C for byte in block))


def pseudonyms(kind: Kind, canonical: Iterable[str], key: bytes) -> list[str]:
    """The place holders of values in their canonical form (see `pseudonym`), in order."""
    first, last = _keyed(key)
    head, before = f"{kind}\0".encode(), f"[{kind}:"
    out = []
    for value in canonical:
        inner, outer = first.copy(), last.copy()
        inner.update(head + value.encode("utf-8", "surrogatepass"))
        outer.update(inner.digest())
        out.append(f"{before}{outer.hexdigest()[:8]}]")
    return out


def pseudonym(kind: Kind, value: str, key: bytes) -> str:
    """The place holder of a value: same kind, value and key give the same one; without the key it tells nothing."""
    canonical = value if kind is Kind.SECRET else "".join(value.split()).casefold().replace("%40", "@")
    return pseudonyms(kind, (canonical,), key)[0]
