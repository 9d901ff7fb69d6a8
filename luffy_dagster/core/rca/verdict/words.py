"""What a commit brings in or takes away and the failure names: quoted texts, identifiers, keys, numbers, plain words.

Belongs here: comparing the words of a failure with those of a change. Does not belong here: where either is (`place`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from luffy_dagster.core.rca.verdict.changes import Change
from luffy_dagster.core.rca.verdict.mechanisms import DIRECT, gone_definitions
from luffy_dagster.core.rca.verdict.reading import Reading, parts, telling_literal
from luffy_dagster.core.rca.verdict.values import Reason

# Reasons begin with a verb, the commit is their subject: "contains …, which the log says too".
NAMES = "contains "
AS_THE_LOG = ", which the log says too"


def rarity_of(changes: Iterable[Change]) -> Counter[str]:
    """In how many commits' changed lines a term occurs."""
    counted: Counter[str] = Counter()
    for change in changes:
        own = change.introduced.whole() | change.gone.whole() | change.introduced.words | change.gone.words
        counted.update({t.lower() for t in own})
    return counted


def of_words(change: Change, reading: Reading, rarity: Counter[str], service: str) -> list[Reason]:
    """Reasons of words: what the change brings in or takes away, and the failure names."""
    own_name = {service.lower(), *parts(service)}
    touched = {t.lower(): t for t in change.introduced.whole() | change.gone.whole()}
    plain = change.introduced.words | change.gone.words | change.keys
    idents = {w.lower() for w in change.introduced.idents | change.gone.idents}
    found: dict[str, tuple[float, str, str]] = {}
    shown: dict[str, str] = {}

    def add(word: str, weight: float, said: str) -> None:
        low = word.lower()
        if low in own_name or rarity[low] > 2:
            return
        code, log = change.quote(word), reading.quote_with(said)
        if code is not None and log is not None and weight > found.get(low, (0.0, "", ""))[0]:
            found[low] = (weight, log, code)
            shown[low] = said if said.lower() == low else word

    changed = [line for h in change.hunks for line in (*h.removed, *h.added)]
    for said in reading.terms.quoted:
        low = said.lower()
        if low in touched or (len(said) >= 5 and low in own_lines(change)):
            add(touched.get(low, said), 2.2, said)
            continue
        for piece in {*said.split("."), *said.split("/"), *said.split()}:
            if (
                len(piece) >= 4
                and (piece.lower() in plain or piece.lower() in touched or piece.lower() in idents)
                and piece.lower() not in own_name
            ):
                add(piece, 1.4, said)
    for said in reading.terms.named:
        low = said.lower()
        if low in touched:
            add(touched[low], 1.8, said)
        elif low in change.keys and _is_name(said):
            add(said, 1.8, said)
        elif low in change.about:
            add(said, 1.0, said)
    for number in reading.terms.numbers:
        if (
            len(number) >= 2
            and number in (change.introduced.numbers | change.gone.numbers)
            and any(number in c for c in changed)
        ):
            add(number, 1.0, number)
    for literal in change.introduced.quoted | change.gone.quoted:
        if (
            len(literal) >= 3
            and telling_literal(literal)
            and re.search(rf"(?<![\w]){re.escape(literal)}(?![\w])", reading.text)
        ):
            add(literal, 1.8, literal)
    for name in reading.wanted & reading.terms.quoted & (change.introduced.idents | change.introduced.quoted):
        add(name, 4.25, name)
    for old, new in _moved_values(change):
        if _says(reading, old) and _says(reading, new):
            add(new, 2.5, new)
    gone = change.gone.idents | change.gone.whole() | change.gone.quoted
    drops = "\n".join(line for line in change.added() if _DROPS.search(line))
    for name in reading.wanted:
        if (
            name in gone
            or (
                name.isupper()
                and any(re.search(rf"\b{re.escape(name)}\b", x) for x in change.removed())
                and not any(re.search(rf"\b{re.escape(name)}\b", x) for x in change.added())
            )
            or (drops and re.search(rf"\b{re.escape(name)}\b", drops))
        ):
            add(name, DIRECT, name)
    for name in gone_definitions(change):
        if len(name) > 3 and reading.quote_with(name) is not None:
            add(name, 2.4, name)
    shared = sorted(
        w
        for w in plain & reading.terms.words
        if w not in own_name and rarity[w] <= 1 and w not in {p for f in found for p in parts(f)}
    )
    for word in shared[:4]:
        code, log = change.quote(word), reading.quote_with(word)
        if code is not None and log is not None:
            found.setdefault(word, (0.5, log, code))
    out = []
    left = 4.5
    for word, (weight, log, code) in sorted(found.items(), key=lambda item: (-item[1][0], item[0])):
        given = min(weight, left)
        if given <= 0:
            break
        left -= given
        what = (
            f"removes `{shown.get(word, word)}`, which is what the failure misses"
            if weight >= DIRECT
            else f"adds `{shown.get(word, word)}`, which is what the failure does not know"
            if weight == 4.25
            else f"{NAMES}`{shown.get(word, word)}`{AS_THE_LOG}"
        )
        out.append(Reason(what, round(given, 2), log, code))
    return out


def _is_name(word: str) -> bool:
    """Whether a word is a name of a program (`kMaxFrame`, `max_frame`) rather than one of a language."""
    return len(word) >= 5 and any(c.isupper() or c == "_" for c in word[1:])


def _says(reading: Reading, value: str) -> bool:
    return bool(re.search(rf"(?<![\w.]){re.escape(value)}(?![\w])", reading.text))


def _moved_values(change: Change) -> list[tuple[str, str]]:
    """Old and new value of lines that differ in one value alone (a port, a name, a limit)."""
    out = []
    for h in change.hunks:
        for old, new in zip(h.removed, h.added, strict=False):
            a, b = (re.findall(r"[\w.-]+", x) for x in (old, new))
            if len(a) == len(b):
                differ = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
                if len(differ) == 1 and all(len(v) >= 2 for v in differ[0]):
                    out.append(differ[0])
    return out


_DROPS = re.compile(r"\b(?:drop|remove_?|delete_?|rename_?|unset|revoke|disable)", re.IGNORECASE)


def own_lines(change: Change) -> str:
    """All changed lines, lower case, as one text (to look a quoted text up)."""
    return "\n".join((*change.removed(), *change.added())).lower()
