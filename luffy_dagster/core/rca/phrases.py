"""Which code says what the message says: runs of three words and more that a file holds as the message does.

A message is often put together from texts of several places (`Unable to extract {name}` from one, the name from its caller), and whoever
looks for its cause searches the code for its words first. Belongs here: choosing the words, one search, reading its hits. No weights.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict

from luffy_dagster.core.rca.links import endings_of
from luffy_dagster.core.rca.model import Trouble
from luffy_dagster.core.rca.places import Places, is_test_path
from luffy_dagster.core.rca.reading import Repository
from luffy_dagster.core.rca.signals import Clues

SHORTEST, LONGEST = 3, 6  # words of a run
SAID = 500  # characters of a message that are looked at
MOST_FILES = 12  # a run that more files hold says nothing
_WORD = re.compile(r"[A-Za-z]+")
_BETWEEN = "[^A-Za-z]{1,3}"


def said_in_code(trouble: Trouble, clues: Clues, where: Places, repository: Repository) -> dict[str, tuple[float, str]]:
    """Files that hold a run of the message's words: the longer it is and the fewer hold it, the stronger."""
    said = _WORD.findall((trouble.root_message or trouble.message or trouble.text)[:SAID])
    asked = [said[i : i + SHORTEST] for i in range(len(said) - SHORTEST + 1)]
    asked = [three for three in asked if all(len(word) > 2 for word in three)]
    if not asked:
        return {}
    pattern = "|".join(dict.fromkeys(_BETWEEN.join(three) for three in asked))
    lower = [word.lower() for word in said]
    holding: dict[str, set[str]] = defaultdict(set)
    for path, _, text in repository.grep(trouble.commit, pattern, endings_of(clues, where)):
        if not is_test_path(path) and (not where.subpath or path.startswith(f"{where.subpath}/")):
            for run in _runs(lower, f" {' '.join(_WORD.findall(text.lower()))} "):
                holding[run].add(path)
    found: dict[str, tuple[float, str]] = {}
    for run, paths in sorted(holding.items()):
        strength = math.log1p((run.count(" ") - 1) / (1 + math.log2(len(paths)))) if len(paths) <= MOST_FILES else 0.0
        for path in paths:
            if strength > found.get(path, (0.0, ""))[0]:
                found[path] = (strength, f"it says “{run}”, as the message does")
    return found


def _runs(said: list[str], line: str) -> list[str]:
    """The runs of the message's words that a line holds, its longest from each word on."""
    found = []
    for start in range(len(said) - SHORTEST + 1):
        best = ""
        for end in range(start + SHORTEST, min(start + LONGEST, len(said)) + 1):
            run = " ".join(said[start:end])
            if f" {run} " not in line:
                break
            best = run
        if best and sum(len(word) > 2 for word in best.split()) >= SHORTEST:
            found.append(best)
    return found
