"""What texts of one column look like: few names, words of a sentence, which role they may have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from luffy_dagster.core.parsing.headers import lexis
from luffy_dagster.core.parsing.headers.heap import MOST, regex

_REQUEST = regex("[0-9a-f]{8}-[0-9a-f]{4}-")


def best(choices: Sequence[str], shares: Sequence[float]) -> str:
    """The simplest choice that reads as much as any other."""
    top = max(shares)
    return next(choice for choice, share in zip(choices, shares, strict=False) if share >= top - 0.002)


def few(texts: Sequence[str]) -> bool:
    """Whether the texts repeat as names do: few distinct ones among many."""
    distinct = len({text.translate(lexis.DIGITS) for text in texts})
    return distinct <= max(1, 0.34 * len(texts)) or (distinct <= 3 and len(texts) >= 6)


def independent(rests: Sequence[str], others: Sequence[str]) -> bool:
    """Whether what follows an optional part on some lines also stands, without it, on the others.

    A field of the header goes with any message; a bracket or name that is part of the message goes with its own.
    """
    firsts = Counter(_first(text) for text in rests)
    seconds = Counter(_first(text) for text in others)
    shared = firsts.keys() & seconds.keys()
    shares = (
        sum(firsts[key] for key in shared) / max(1, len(rests)),
        sum(seconds[key] for key in shared) / max(1, len(others)),
    )
    return len(shared) >= 2 and max(shares) >= 0.6 and min(shares) >= 0.3


def varied(rests: Sequence[str], least: int) -> bool:
    """Whether what follows a word is of at least so many kinds, none of them nearly all."""
    firsts = Counter(_first(text) for text in rests)
    return len(firsts) >= least and max(firsts.values()) <= 0.7 * len(rests)


def apart(texts: Sequence[str], rests: Sequence[str]) -> bool:
    """Whether words and what follows them have nothing to do with each other.

    The words of a sentence choose what follows them; those of a column do not. So most of what is said must be said of several words,
    and of nearly as many as chance would bring.
    """
    total = len(texts)
    kinds: dict[str, list[str]] = {}
    for word, rest in zip(texts, rests, strict=True):
        kinds.setdefault(" ".join(rest.translate(lexis.DIGITS).split(" ", 2)[:2]), []).append(word)
    words = Counter(texts)
    often = [said for said in kinds.values() if len(said) >= 3]
    if not 2 <= len(words) <= 40 or len(often) < 3 or sum(map(len, often)) < 0.6 * total:
        return False
    expected = sum(1 - (1 - count / total) ** len(said) for said in often for count in words.values())
    return sum(len(set(said)) for said in often) >= 0.8 * expected


def _first(text: str) -> str:
    return text.translate(lexis.DIGITS).split(" ", 1)[0]


def word_is_header(texts: Sequence[str]) -> bool:
    """Whether words before a bracket are a column: dotted, in capitals, or few."""
    shaped = sum(text.isupper() or "." in text[1:-1] or "::" in text or text.isdigit() for text in texts)
    return shaped >= MOST * len(texts) or (few(texts) and len(texts) >= 8)


def bracket_is_header(texts: Sequence[str], opener: str) -> bool:
    """Whether brackets on nearly every line are header: names and numbers, no part of a sentence."""
    prose = sum(
        len(text.split()) > 3
        and "=" not in text
        and not _REQUEST.search(text)
        and sum(w.isalpha() and w.islower() for w in text.split()) > 2
        for text in texts
    )
    if prose > 0.3 * len(texts):
        return False
    if opener == "[":
        return True
    return sum(" " not in text for text in texts) >= MOST * len(texts)


def roles_of(texts: Sequence[str], *, first: bool = False, bracket: bool = False) -> tuple[str, ...]:
    """What a column of texts may be, the likeliest first."""
    n = max(1, len(texts))

    def share(pattern: str) -> float:
        shape = regex(pattern)
        return sum(shape.fullmatch(text.strip()) is not None for text in texts) / n

    if share(r"#?[0-9]+|pid[ =:]?[0-9]+.*") > 0.9:
        return ("process", "thread")
    if share(r"(?:req-)?[0-9a-f]{8}-[0-9a-f]{4}-.*|[0-9a-f]{32}") > 0.5:
        return ("trace_id",)
    if share(r"[0-9a-f]{16}") > 0.9:  # the first id of a header is its trace's, a second one its span's
        return ("trace_id", "span_id")
    if share(r"[A-Za-z_$][\w$-]*(?:(?:\.|::|/)[\w$<>~*-]+)+(?::[0-9]+)?") > 0.6 and not first:
        return ("logger",)
    if share(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::[0-9]+)?") > 0.6:
        return ("host",)
    if first:  # before a time: a host, when it looks like one
        return (
            ("host",)
            if share(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9_.:-]*") > 0.6 and not share(r".*[0-9]{4}-[0-9]{2}.*")
            else ()
        )
    if (
        share(
            r".*(?:exec|thread|pool|worker|main|handler|executor|dispatcher|conn|Thread|IPC)[\w -]*[0-9]*.*|[0-9]+:[0-9]+|#[0-9]+"
        )
        > 0.3
    ):
        return ("thread",)
    return ("thread", "logger") if bracket else ("logger", "thread")
