"""What past changes say of files that no frame points to: changed with the tests of the trace, or in changes that were about the same things.

Belongs here: reading the history for the signals `with_test` and `past`. Of a change only the names of its files count, not its message,
which anyone can write. Does not belong here: weights.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from luffy_dagster.core.codeindex import language_of
from luffy_dagster.core.codeindex.terms import words
from luffy_dagster.core.rca.alike import stem
from luffy_dagster.core.rca.model import CommitInfo, Trouble
from luffy_dagster.core.rca.places import Places, clean_path, is_test_path, place
from luffy_dagster.core.rca.reading import Repository
from luffy_dagster.core.rca.signals import Clues

CHANGES = 3_000  # newest commits that are looked at for changes about the same things
WIDEST = 15  # a commit of more files is about nothing in particular
_TESTS = 3  # tests of the trace whose own history is read
_OF_A_TEST = 60  # commits of a test that are read
_FRAMES = 8  # own frames whose names are asked for


def changed_with_tests(
    trouble: Trouble, clues: Clues, where: Places, repository: Repository
) -> dict[str, tuple[float, str]]:
    """Files that changed with the tests of the trace, before: share of those changes, newer ones counting more."""
    tests: dict[str, None] = {}
    for frame in clues.tests:
        for candidate in place(frame, where, language=trouble.language)[:1]:
            if is_test_path(candidate.path):
                tests.setdefault(candidate.path)
    shares: dict[str, float] = defaultdict(float)
    times: Counter[str] = Counter()
    for nth, test in enumerate(list(tests)[:_TESTS]):
        seen = 0
        for commit in repository.log(trouble.commit, paths=[test], limit=_OF_A_TEST):
            touched = _sources(commit) if len(commit.changes) <= WIDEST else []
            if touched:
                seen += 1
                for path in touched:
                    shares[path] += math.exp(-seen / 20) / len(touched) / (1 + nth)
                    times[path] += 1
    total = sum(shares.values())
    names = ", ".join(test.rpartition("/")[2] for test in list(tests)[:_TESTS])
    return {
        path: (share / (1 + total), f"changed {times[path]} times with tests of the trace ({names})")
        for path, share in shares.items()
        if path in where.paths
    }


def changed_for_alike(
    trouble: Trouble, clues: Clues, where: Places, repository: Repository
) -> dict[str, tuple[float, str]]:
    """Files of past changes whose files are called what the trace and its message say, words of few changes counting more."""
    asked = _asked(trouble, clues)
    if not asked:
        return {}
    changes = [
        (commit, names, touched)
        for commit in repository.log(trouble.commit, limit=CHANGES)
        if len(commit.changes) <= WIDEST and (touched := _sources(commit))
        for names in [frozenset(word for change in commit.changes for word in words(stem(change.path)))]
    ]
    having = Counter(word for _, names, _ in changes for word in names & asked.keys())
    weight = {word: heat * math.log((len(changes) + 1) / (1 + having[word])) ** 2 for word, heat in asked.items()}
    sums: dict[str, float] = defaultdict(float)
    best: dict[str, tuple[float, str, frozenset[str]]] = {}
    for commit, names, touched in changes:
        alike = sum(weight[word] for word in names & asked.keys()) / math.sqrt(len(names) + 3) / 30
        value = alike * alike / len(touched)
        for path in touched:
            if value > 0 and path in where.paths:
                sums[path] += value
                if value > best.get(path, (0.0,))[0]:
                    best[path] = (value, commit.sha, names & asked.keys())
    return {
        path: (
            math.log1p(total),
            f"past changes about {', '.join(sorted(best[path][2])[:4])} changed it, as commit {best[path][1][:10]} did",
        )
        for path, total in sums.items()
    }


def _asked(trouble: Trouble, clues: Clues) -> dict[str, float]:
    """The words that are asked for, with how much they count: what is said and tested 1, names of frames less further out."""
    found: dict[str, float] = {}

    def ask(texts: Iterable[str | None], heat: float) -> None:
        for word in {word for text in texts for word in words(text or "")}:
            found[word] = max(found.get(word, 0.0), heat)

    ask([trouble.root_type or trouble.type, (trouble.root_message or trouble.message)[:600]], 1.0)
    ask((frame.function for frame in clues.tests), 1.0)
    ask(
        (
            frame.module.rpartition(".")[2] if frame.module else stem(clean_path(frame.file or ""))
            for frame in clues.tests
        ),
        1.0,
    )
    for own in clues.own[:_FRAMES]:
        ask([own.function.rpartition(".")[2], stem(own.path)], 0.2 + 0.5 / (1 + own.depth))
    return found


def _sources(commit: CommitInfo) -> Sequence[str]:
    return [change.path for change in commit.changes if language_of(change.path) and not is_test_path(change.path)]
