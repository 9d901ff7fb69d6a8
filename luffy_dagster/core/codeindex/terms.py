"""Words of code and of questions, and how rankings are scored and fused: BM25, reciprocal ranks."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

from luffy_dagster.core.codeindex.chunks import Chunk

_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*|\d{3,}")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_STOP = frozenset(
    "the a an of to in is it and or for if else return def class self this that with from import as not none null true false "
    "new int str string void public private protected static final var let const function func fn end do be by on at are was "
    "use used using when where which what how get set elif try except catch throw throws raise while break continue pass "
    "async await package final override virtual val fun module require include namespace".split()
)
K1, B = 1.2, 0.75  # Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond"
NAME_WEIGHT = 4  # how many mentions in the text one in the symbol's name is worth
MAX_TERMS = 400  # distinct words of a chunk that are kept
_FUSE = 60  # Cormack, Clarke, Büttcher 2009, "Reciprocal Rank Fusion"


def words(text: str) -> list[str]:
    """The words of a text in order: identifiers whole and taken apart, lower case, endings cut, words of every language left out."""
    return [word for identifier in _IDENTIFIER.findall(text) for word in _taken_apart(identifier)]


@lru_cache(maxsize=200_000)  # code repeats its identifiers
def _taken_apart(identifier: str) -> tuple[str, ...]:
    parts = [part.lower() for part in _WORD.findall(identifier)]
    whole = identifier.strip("_$").lower()
    found = [whole] if len(parts) > 1 and len(whole) <= 60 else []
    return (*found, *(_stem(part) for part in parts if len(part) > 1 and part not in _STOP))


def _stem(word: str) -> str:
    """A word without its commonest endings; the same for question and code, which is all that counts."""
    for ending, least in (
        ("ations", 5),
        ("ation", 5),
        ("ings", 4),
        ("ing", 4),
        ("ies", 4),
        ("ers", 4),
        ("ed", 4),
        ("es", 5),
        ("er", 5),
        ("s", 4),
    ):
        if word.endswith(ending) and len(word) - len(ending) >= least - 1 and not word.endswith("ss"):
            cut = word[: -len(ending)]
            return cut[:-1] if len(cut) > 3 and cut[-1] == cut[-2] else cut
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def terms_of(chunk: Chunk) -> Counter[str]:
    """How often each word occurs in a chunk; those of its name and file count more."""
    counts = Counter(words(chunk.text))
    name = Counter(words(chunk.symbol.replace(".", " ")) + words(chunk.path.rpartition("/")[2]))
    for word, times in name.items():
        counts[word] += NAME_WEIGHT * times
    return Counter(dict(counts.most_common(MAX_TERMS)))


def idf(total: int, having: int) -> float:
    """Weight of a word that `having` of `total` chunks hold."""
    return math.log(1 + (total - having + 0.5) / (having + 0.5))


def bm25(counts: Mapping[str, int], length: int, average: float, weights: Mapping[str, float]) -> float:
    """BM25 of a chunk for the words in `weights` (word to idf)."""
    norm = K1 * (1 - B + B * length / max(average, 1.0))
    return sum(w * n * (K1 + 1) / (n + norm) for word, w in weights.items() if (n := counts.get(word, 0)))


def fuse(rankings: Sequence[Sequence[int]], weights: Sequence[float] | None = None) -> list[tuple[int, float]]:
    """Reciprocal rank fusion: ids with their scores, best first; equal ones by id."""
    scores: dict[int, float] = {}
    for ranking, weight in zip(rankings, weights or [1.0] * len(rankings), strict=True):
        for place, one in enumerate(ranking):
            scores[one] = scores.get(one, 0.0) + weight / (_FUSE + place + 1)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
