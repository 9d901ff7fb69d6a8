"""Files suspected: those of the own frames, those that the code at the frames leads to, and those that change with them or are named.

Belongs here: the signals of files and how strong they are. Their weights are in `weights`.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from luffy_dagster.core.codeindex import language_of
from luffy_dagster.core.codeindex.terms import words
from luffy_dagster.core.model import Frame
from luffy_dagster.core.rca.alike import FRAMED_ONLY, Answers
from luffy_dagster.core.rca.links import Links
from luffy_dagster.core.rca.model import CommitInfo, ScorePart, Suspect, SuspectKind, Trouble
from luffy_dagster.core.rca.places import Places, clean_path, is_test_path
from luffy_dagster.core.rca.reading import CodeSearch
from luffy_dagster.core.rca.signals import EXCEPTION_FILE, Clues, OwnFrame, of_line

MAX_TOGETHER = 12  # a commit of more files says nothing of which belong together
BUSIEST = 120  # commits beyond which a file is no busier
NEAREST = 8.0  # how far behind the first file a score is told apart
_NEIGHBOURS = 6  # files without frames that each signal may add
_TAG = re.compile(r"\s*(?:\[([A-Za-z]\w+)[^\]\s]*\]|([A-Za-z]\w+):(?=\s))")
_ONLY_OUTSIDE = frozenset({"co_change", "in_function", "words"})  # what says nothing of a file that has a frame anyway
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

    def best(self) -> list[str]:
        """The files, the most suspected first."""
        return sorted(self.parts, key=lambda path: (-self.total(path), path))

    def near(self, path: str) -> float:
        """How near a file is to the first one: NEAREST for that itself, 0 for one that is so far behind or not suspected."""
        if path not in self.parts:
            return 0.0
        first = max(self.total(other) for other in self.parts)
        return max(NEAREST + self.total(path) - first, 0.0)


def score_files(
    trouble: Trouble,
    clues: Clues,
    links: Links,
    others: Mapping[str, Mapping[str, tuple[float, str]]],
    where: Places,
    history: Sequence[CommitInfo],
    search: CodeSearch | None,
    weights: Mapping[str, float],
) -> FileScores:
    """Scores of all files that anything points to. `others`: per further signal the files that it finds."""
    parts: dict[str, list[ScorePart]] = defaultdict(list)
    touched = Counter(change.path for commit in history for change in commit.changes)

    def add(path: str, signal: str, strength: float, reason: str) -> None:
        parts[path].append(ScorePart(signal, round(weights[signal] * strength, 5), reason))

    for place, path in enumerate(clues.files):
        frames = [own for own in clues.own if own.path == path]
        for signal, strength, reason in _of_frames(place, frames, clues):
            add(path, signal, strength, reason)
        if touched[path]:
            busy = math.log1p(min(touched[path], BUSIEST))
            add(path, "touched", busy, f"{touched[path]} commits touched it: many pass through it")
    named = _by_stem(where)
    for signal, found in (
        *_linked(links).items(),
        *others.items(),
        ("co_change", _changed_together(clues.files, history, where)),
        ("said", _said(trouble, named)),
        ("tagged", _tagged(trouble, named)),
        ("tested", _tested(clues, named)),
        ("words", _alike(trouble, clues, where)),
        ("search", _searched(trouble, search) if search is not None else {}),
    ):
        outside = 0
        for path, (strength, reason) in sorted(found.items(), key=lambda item: (-item[1][0], item[0])):
            if path not in parts:
                outside += 1
                if outside > _NEIGHBOURS:
                    continue
            inside = path in clues.files
            if not (inside and signal in _ONLY_OUTSIDE):
                add(path, signal if not inside else f"{signal}_framed", strength, reason)
    for path in parts:
        if path not in clues.files:
            if clues.files:
                add(path, "no_frame", 1.0, "no frame of the trace points to it")
            if clues.files and EXCEPTION_FILE.search(path):
                add(path, "exception_file", 1.0, "it only makes exceptions")
    return FileScores(dict(parts))


def add_answers(scores: FileScores, answers: Answers, clues: Clues, weights: Mapping[str, float]) -> FileScores:
    """The scores with what the code of the files says."""
    parts = {path: list(each) for path, each in scores.parts.items()}
    for path, best in answers.by_file().items():
        for signal, (strength, reason) in best.items():
            named = f"{signal}_framed" if path in clues.files else signal
            if named in FRAMED_ONLY:
                continue
            parts[path].append(ScorePart(named, round(weights[named] * strength, 5), reason))
    return FileScores(parts)


def rank_files(scores: FileScores, clues: Clues, limit: int) -> tuple[Suspect, ...]:
    """The files as suspects, best first."""
    lines = {own.path: own.line for own in reversed(clues.own)}
    order = scores.best()
    shares = softmax([scores.total(path) for path in order])
    return tuple(
        Suspect(
            SuspectKind.FILE,
            path,
            round(scores.total(path), 4),
            tuple(scores.parts[path]),
            round(share, 4),
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
    total = sum(powers)
    return [power / total for power in powers]


def _of_frames(place: int, frames: list[OwnFrame], clues: Clues) -> Iterator[tuple[str, float, str]]:
    """What the frames in a file say of it: signal, strength, reason."""
    inner = frames[0]
    at = f"{inner.frame.function or 'its top level'}" + (f", line {inner.line}" if inner.line else "")
    yield (
        "depth",
        1 / (1 + inner.place),
        f"frame {inner.place + 1} of the service's own, from the error outwards ({at})",
    )
    reach = min(own.depth for own in frames if not own.thrower) if any(not own.thrower for own in frames) else None
    if reach is not None:
        how = "on_purpose" if clues.deliberate else "by_accident"
        yield f"reach_{how}", 1 / (1 + reach), f"frame {reach + 1} of those that do more than make exceptions"
        if reach == 0 and not clues.deliberate:
            yield "first", 1.0, "the innermost frame that does more than make exceptions is here"
    yield "file_depth", 1 / (1 + place), f"file {place + 1} of the trace, from the error outwards"
    yield "placed", inner.weight, f"the frame's path means this file with weight {inner.weight:.2f}"
    yield from of_line(inner)
    if all(own.thrower for own in frames):
        yield "thrower", 1.0, "its functions in the trace only make exceptions"
    if EXCEPTION_FILE.search(inner.path):
        yield "exception_file", 1.0, "it only makes exceptions"
    longest = max(frame.length for frame in frames)
    if any(frame.symbol for frame in frames):
        yield "length", math.log1p(longest - 1), f"its longest function in the trace has {longest} lines"


def _linked(links: Links) -> dict[str, dict[str, tuple[float, str]]]:
    """Per signal the files that links lead to: of several links to a file each further one counts less."""
    found: dict[str, dict[str, tuple[float, str]]] = {signal: {} for signal in ("in_function", "said_symbol", "parent")}
    seen: dict[tuple[str, str], int] = Counter()
    for link in links.found:  # strongest first
        if link.signal not in found:
            continue
        key = (link.signal, link.definition.path)
        before, reason = found[link.signal].get(link.definition.path, (0.0, link.reason))
        found[link.signal][link.definition.path] = (before + link.strength / 2 ** seen[key], reason)
        seen[key] += 1
    return found


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
            min(value, 1.5),
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
                found.setdefault(path, (1 / len(hits), f"the message names {word}"))
    return found


def _tagged(trouble: Trouble, named: dict[str, list[str]]) -> dict[str, tuple[float, str]]:
    """The file of the part that speaks: messages often begin with its name, as in `[mailer] could not connect` or `mailer: timed out`."""
    tag = _TAG.match(trouble.root_message or trouble.message or "")
    word = (tag[1] or tag[2]) if tag else ""
    hits = named.get(word.lower(), ()) if len(word) > 2 and word.lower() not in _COMMON else ()
    return {path: (1 / len(hits), f"the message begins with {word}") for path in hits if len(hits) <= 2}


def _tested(clues: Clues, named: dict[str, list[str]]) -> dict[str, tuple[float, str]]:
    """Files that a test in the trace is named after: its class, its module, or the folder of a module that is only called tests."""
    found: dict[str, tuple[float, str]] = {}
    for frame in clues.tests:
        for full in _names_of_test(frame):
            for name in {
                full.removesuffix("Test").removesuffix("Tests"),
                full.removeprefix("Test"),
                full.removeprefix("test_"),
                full.removesuffix("_test"),
            }:
                hits = named.get(name.lower(), ())
                if 0 < len(hits) <= 2 and (name != full or "/" in clean_path(frame.file or "")):
                    for path in hits:
                        found.setdefault(path, (1 / len(hits), f"the test {full} in the trace is named after it"))
    return found


def _names_of_test(frame: Frame) -> list[str]:
    full = (
        (frame.module or "").rpartition(".")[2].split("$")[0] if frame.module and "/" not in (frame.file or "") else ""
    )
    if full:
        return [full]
    parts = clean_path(frame.file or "").split("/")
    stem = parts[-1].partition(".")[0]
    return [parts[-2]] if stem in ("tests", "test", "test_views", "test_models") and len(parts) > 1 else [stem]


def _alike(trouble: Trouble, clues: Clues, where: Places) -> dict[str, tuple[float, str]]:
    """Files whose name's words stand in the message, the type, and the names of functions and tests in the trace."""
    said = [trouble.root_type or "", trouble.type or "", trouble.root_message or trouble.message]
    said += [own.frame.function or "" for own in clues.own[:6]]
    said += [name for frame in clues.tests for name in (frame.function or "", *_names_of_test(frame))]
    have = set(words(" ".join(said)[:3_000]))
    stems: dict[str, list[str]] = defaultdict(list)
    for name, paths in where.by_name.items():
        if language_of(name):
            stems[name.partition(".")[0]] += [p for p in paths if not is_test_path(p)]
    parts = {stem: set(words(stem)) for stem, paths in stems.items() if paths}
    known = Counter(word for each in parts.values() for word in each)
    found: dict[str, tuple[float, str]] = {}
    for stem, each in parts.items():
        both = each & have
        if both and len(stems[stem]) <= 3:
            weigh = {word: math.log(1 + len(parts) / known[word]) for word in each}
            strength = sum(weigh[word] for word in both) / (2.0 + sum(weigh.values()))
            for path in stems[stem]:
                if not where.subpath or path.startswith(f"{where.subpath}/"):
                    found[path] = (strength, f"the trace and its message say {', '.join(sorted(both))}")
    return found


def _searched(trouble: Trouble, search: CodeSearch) -> dict[str, tuple[float, str]]:
    query = " ".join(filter(None, (trouble.root_type or trouble.type, trouble.root_message or trouble.message)))[:400]
    found: dict[str, tuple[float, str]] = {}
    for place, (path, symbol, _) in enumerate(search(query, 5) if query.strip() else ()):
        if not is_test_path(path):
            found.setdefault(path, (1 / (1 + place), f"search over the code finds {symbol or path} for the message"))
    return found
