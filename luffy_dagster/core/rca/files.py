"""Files suspected: those of the own frames, and those that change with them, that the message names, that search finds."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from luffy_dagster.core.codeindex import language_of
from luffy_dagster.core.rca import weights as w
from luffy_dagster.core.rca.model import CommitInfo, ScorePart, Suspect, SuspectKind, Trouble
from luffy_dagster.core.rca.places import Places, clean_path, is_test_path
from luffy_dagster.core.rca.reading import CodeSearch
from luffy_dagster.core.rca.signals import Clues, OwnFrame

MAX_TOGETHER = 12  # a commit of more files says nothing of which belong together
_NEIGHBOURS = 4  # files without frames that each signal may add
_WORD = re.compile(r"[A-Za-z_]\w{2,}")
_COMMON = frozenset(
    "exception error test tests main base utils util object string list none type value name data file files json index app "
    "core common config models views true false null invalid unable cannot could expected found line source message".split()
)


@dataclass(frozen=True, slots=True)
class FileScores:
    """Parts of every file's score."""

    parts: dict[str, list[ScorePart]]

    def total(self, path: str) -> float:
        """Score of a file, 0 for one that is not suspected."""
        return sum(part.value for part in self.parts.get(path, ()))


def score_files(
    trouble: Trouble, clues: Clues, where: Places, history: Sequence[CommitInfo], search: CodeSearch | None
) -> FileScores:
    """Scores of all files that anything points to."""
    parts: dict[str, list[ScorePart]] = defaultdict(list)
    touched = Counter(change.path for commit in history for change in commit.changes)
    for place, path in enumerate(clues.files):
        frames = [own for own in clues.own if own.path == path]
        parts[path] += _frame_parts(place, frames, clues)
        if touched[path]:
            parts[path].append(
                ScorePart(
                    "touched",
                    w.TOUCHED * math.log1p(min(touched[path], 300)),
                    f"{touched[path]} commits touched it: many pass through it",
                )
            )
    named = _by_stem(where)
    _add(parts, clues, "co_change", _changed_together(clues.files, history, where))
    _add(parts, clues, "said", _said(trouble, named))
    _add(parts, clues, "tested", _tested(clues, named))
    if search is not None:
        _add(parts, clues, "search", _searched(trouble, search))
    for path, said in parts.items():
        if path not in clues.files:
            said.append(ScorePart("no_frame", w.NO_FRAME, "no frame of the trace points to it"))
            if any(path.rpartition("/")[0] == own.rpartition("/")[0] for own in clues.files[:2]):
                said.append(ScorePart("same_folder", w.SAME_FOLDER, "it lies beside the innermost file of the trace"))
            if clues.files and re.search(r"(?:Exceptions?|Errors?|exceptions?|errors?)\.\w+$", path):
                said.append(ScorePart("exception_file", w.EXCEPTION_FILE, "it only makes exceptions"))
    return FileScores(dict(parts))


def rank_files(scores: FileScores, clues: Clues, limit: int) -> tuple[Suspect, ...]:
    """The files as suspects, best first."""
    lines = {own.path: own.line for own in reversed(clues.own)}
    order = sorted(scores.parts, key=lambda path: (-scores.total(path), path))
    shares = softmax([scores.total(path) for path in order])
    return tuple(
        Suspect(
            SuspectKind.FILE,
            path,
            round(scores.total(path), 4),
            tuple(scores.parts[path]),
            share,
            path,
            lines.get(path),
        )
        for path, share in zip(order[:limit], shares, strict=False)
    )


def softmax(scores: Sequence[float]) -> list[float]:
    """Scores as shares that add up to 1."""
    if not scores:
        return []
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    return [round(power / sum(powers), 4) for power in powers]


def _frame_parts(place: int, frames: list[OwnFrame], clues: Clues) -> list[ScorePart]:
    """What the frames in a file say of it."""
    inner = frames[0]
    at = f"{inner.frame.function or 'its top level'}" + (f", line {inner.line}" if inner.line else "")
    parts = [
        ScorePart(
            "depth",
            w.DEPTH / (1 + inner.place),
            f"frame {inner.place + 1} of the service's own, from the error outwards ({at})",
        ),
        ScorePart("file_depth", w.FILE_DEPTH / (1 + place), f"file {place + 1} of the trace, from the error outwards"),
        ScorePart(
            "placed", w.PLACED * inner.weight, f"the frame's path means this file with weight {inner.weight:.2f}"
        ),
    ]
    if place == 0:
        parts.append(ScorePart("first", w.FIRST, "the innermost frame of the service's own is here"))
    if inner.raises:
        parts.append(ScorePart("raises", w.RAISES, "its line raises the error on purpose: it found the fault"))
    if re.search(r"(?:Exceptions?|Errors?|(?:^|/)(?:exceptions?|errors?|exc))\.\w+$", inner.path):
        parts.append(ScorePart("exception_file", w.EXCEPTION_FILE, "it only makes exceptions"))
    if clues.deliberate and place < 2:
        value = w.DELIBERATE_FIRST if place == 0 else w.DELIBERATE_SECOND
        parts.append(
            ScorePart("deliberate", value, "the error was raised on purpose, so that its cause may lie further out")
        )
    longest = max(frame.length for frame in frames)
    if any(frame.symbol for frame in frames):
        parts.append(
            ScorePart(
                "length", w.LENGTH * math.log1p(longest - 1), f"its longest function in the trace has {longest} lines"
            )
        )
    return parts


def _add(parts: dict[str, list[ScorePart]], clues: Clues, signal: str, found: dict[str, tuple[float, str]]) -> None:
    """A signal's findings; of files without a frame only the strongest few."""
    outside = 0
    for path, (value, reason) in sorted(found.items(), key=lambda item: (-item[1][0], item[0])):
        if signal == "co_change" and path in clues.files:
            continue
        if path not in parts:
            outside += 1
            if outside > _NEIGHBOURS:
                continue
        parts[path].append(ScorePart(signal, round(value, 4), reason))


def _changed_together(
    files: Sequence[str], history: Sequence[CommitInfo], where: Places
) -> dict[str, tuple[float, str]]:
    strength: dict[str, float] = defaultdict(float)
    with_whom: dict[str, tuple[int, str]] = {}
    for place, own in enumerate(files[:6]):
        together: Counter[str] = Counter()
        for commit in history:
            names = [change.path for change in commit.changes]
            if len(names) <= MAX_TOGETHER and own in names:
                together.update(name for name in names if name != own)
        small = sum(len(c.changes) <= MAX_TOGETHER and any(x.path == own for x in c.changes) for c in history)
        for path, times in together.items():
            if times >= 2 and path in where.paths and language_of(path) and not is_test_path(path):
                strength[path] += times / (3 + small) / (1 + place)
                if times > with_whom.get(path, (0, ""))[0]:
                    with_whom[path] = (times, own)
    return {
        path: (
            w.CO_CHANGED * min(value, 1.5),
            f"changed together with {with_whom[path][1]} in {with_whom[path][0]} commits",
        )
        for path, value in strength.items()
    }


def _by_stem(where: Places) -> dict[str, list[str]]:
    """Source files by their name without extension, lower case."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, paths in where.by_name.items():
        if language_of(name):
            own = [p for p in paths if not is_test_path(p) and (not where.subpath or p.startswith(f"{where.subpath}/"))]
            found[name.partition(".")[0].lower()] += own
    return found


def _said(trouble: Trouble, named: dict[str, list[str]]) -> dict[str, tuple[float, str]]:
    said = " ".join(filter(None, (trouble.root_message, trouble.message, trouble.text)))[:4_000]
    found: dict[str, tuple[float, str]] = {}
    for word in dict.fromkeys(_WORD.findall(said)):
        hits = named.get(word.lower(), ())
        if len(word) > 3 and word.lower() not in _COMMON and 0 < len(hits) <= 2:
            for path in hits:
                found.setdefault(path, (w.SAID / len(hits), f"the message names {word}"))
    return found


def _tested(clues: Clues, named: dict[str, list[str]]) -> dict[str, tuple[float, str]]:
    found: dict[str, tuple[float, str]] = {}
    for frame in clues.tests:
        full = (frame.module or "").rpartition(".")[2].split("$")[0]
        full = full or clean_path(frame.file or "").rpartition("/")[2].partition(".")[0]
        for name in {
            full.removesuffix("Test").removesuffix("Tests"),
            full.removeprefix("Test"),
            full.removeprefix("test_"),
        }:
            if name != full:
                for path in named.get(name.lower(), ())[:2]:
                    found.setdefault(path, (w.TESTED, f"the test {full} in the trace is named after it"))
    return found


def _searched(trouble: Trouble, search: CodeSearch) -> dict[str, tuple[float, str]]:
    query = " ".join(filter(None, (trouble.root_type or trouble.type, trouble.root_message or trouble.message)))[:400]
    found: dict[str, tuple[float, str]] = {}
    for place, (path, symbol, _) in enumerate(search(query, 5) if query.strip() else ()):
        if not is_test_path(path):
            found.setdefault(
                path, (w.SEARCHED / (1 + place), f"search over the code finds {symbol or path} for the message")
            )
    return found
