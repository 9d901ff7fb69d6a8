"""Commits suspected: those that wrote the lines of the suspected functions, weighed by nearness, time and release.

Belongs here: the signals of commits and how strong they are. Their weights are in `weights`.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from luffy_dagster.core.rca.files import FileScores, softmax
from luffy_dagster.core.rca.functions import ScoredFunction
from luffy_dagster.core.rca.model import BlameLine, CommitInfo, ScorePart, Suspect, SuspectKind, Trouble
from luffy_dagster.core.rca.reading import Repository
from luffy_dagster.core.rca.signals import Clues
from luffy_dagster.core.wording import many

MAX_BLAMED = 8  # functions whose lines are traced back
LATELY = 60  # days within which a line is new
LEAST_HEAT = 0.02  # share of suspicion under which a function's lines are not traced back
LEAST = 0.003  # the least share of suspected lines that is told apart
MAX_AUTHORS = 30  # commits that wrote most of the file suspected most
_LINES = ("lines", "file_lines")  # what says most of a commit
FAR = 0.05  # what a line of the function counts that is far from the frame's
NEAR_LINES = 3.0  # lines over which nearness falls to a third
TRIVIAL = re.compile(  # lines that say nothing of who is at fault
    r"^\s*(?:[\]\[{}();,]*|else:?|\}? ?else ?\{|try:?|finally:?|pass|end|#.*|//.*|\"\"\".*|/?\*.*|@\w+|import .*|from .* import .*)\s*$"
)
TIDYING = re.compile(
    r"\b(?:reformat(?:ted|ting)?|formatting|white ?space|pep ?8|black|isort|prettier|gofmt|javadocs?|typos?|spelling|licen[cs]e headers?|"
    r"cosmetic|re-?indent\w*|checkstyle|lint(?:ing)?|bump version|docs? only|comments? only|rename variables?|tidy(?:ing)?)\b",
    re.IGNORECASE,
)


def rank_commits(
    trouble: Trouble,
    functions: Sequence[ScoredFunction],
    files: FileScores,
    clues: Clues,
    repository: Repository,
    history: Sequence[CommitInfo],
    released: frozenset[str],
    limit: int,
    weights: Mapping[str, float],
) -> tuple[Suspect, ...]:
    """The commits as suspects, best first. `history`: recent commits of the files; `released`: what the release brought."""
    signals: dict[str, dict[str, tuple[float, str]]] = defaultdict(dict)
    where: dict[str, tuple[float, str, int | None]] = {}
    # Before the functions: the blame of the whole file answers for those that are in it.
    _of_whole(signals, where, trouble, files, clues, repository)
    was = _of_lines(signals, where, trouble, functions, clues, repository)
    _of_files(signals, where, files, history, trouble.subpath)
    for brought in history:
        if brought.sha in released and brought.sha not in signals:
            hit = next((c.path for c in brought.changes if c.path in files.parts), None)
            if hit:
                signals[brought.sha]["file_log"] = (0.1, f"changed {hit}")
                where[brought.sha] = (0.0, hit, None)
    known = {commit.sha: commit for commit in history}
    strongest = sorted(
        signals, key=lambda sha: (*(-signals[sha].get(one, (0.0,))[0] for one in _LINES), -where[sha][0], sha)
    )[: limit * 3]
    known |= repository.commits(strongest)
    at = _time_of(trouble, repository)
    found = []
    for sha in strongest:
        commit = known.get(sha)
        if commit is None or (
            trouble.first_seen is not None and commit.committed_at > trouble.first_seen + timedelta(minutes=5)
        ):
            continue
        kept = signals[sha]
        kept.setdefault("lines", (0.0, "it wrote none of the suspected lines"))
        kept |= {signal: (strength, reason) for signal, strength, reason in _of_commit(commit, at, trouble, released)}
        parts = tuple(
            ScorePart(signal, round(weights[signal] * value, 5), reason) for signal, (value, reason) in kept.items()
        )
        found.append((sum(part.value for part in parts), commit, parts))
    found.sort(key=lambda item: (-item[0], item[1].sha))
    shares = softmax([score for score, _, _ in found])
    return tuple(
        Suspect(
            SuspectKind.COMMIT, commit.sha, round(score, 5), parts, round(share, 4), where[commit.sha][1], where[commit.sha][2], commit,
            was.get(commit.sha),
        )
        for (score, commit, parts), share in zip(found[:limit], shares, strict=False)
    )  # fmt: skip


def changed_lately(trouble: Trouble, clues: Clues, repository: Repository) -> dict[tuple[str, str], tuple[float, str]]:
    """Of the functions of the inner own frames that have lines of the last LATELY days: the share of these lines, and why, in words."""
    at = _time_of(trouble, repository)
    found: dict[tuple[str, str], tuple[float, str]] = {}
    lines: dict[tuple[str, str], list[str]] = {}
    if at is None:
        return found
    since = at - timedelta(days=LATELY)
    for own in clues.own:
        if len(lines) >= MAX_BLAMED:
            break
        key = (own.path, own.function)
        if key not in lines and own.first is not None:
            text = clues.texts.get(own.path, "").split("\n")
            blamed = repository.blame(trouble.commit, own.path, own.first, own.last, since)
            lines[key] = [line.sha for line in _telling(blamed, text)]
    known = repository.commits(list(dict.fromkeys(sha for each in lines.values() for sha in each)))
    for key, shas in lines.items():
        times = [known[sha].committed_at for sha in shas if sha in known]
        late = sum(time >= since for time in times)
        if late:
            share = f"{late} of its {many(len(times), 'line')}"
            found[key] = (late / len(times), f"{share} were written in the {LATELY} days before")
    return found


def _of_lines(
    signals: dict[str, dict[str, tuple[float, str]]],
    where: dict[str, tuple[float, str, int | None]],
    trouble: Trouble,
    functions: Sequence[ScoredFunction],
    clues: Clues,
    repository: Repository,
) -> dict[str, str]:
    """Who wrote the lines of the suspected functions: shares of them, each function counting by its own share of suspicion.

    Returns, of each commit whose file has another name by now, the name that it had then.
    """
    was: dict[str, str] = {}
    placed = [one for one in functions if one.first is not None][:MAX_BLAMED]
    heats = [heat for heat in softmax([one.score for one in placed]) if heat >= LEAST_HEAT]  # best first
    blamed = placed[: len(heats)]
    mass: dict[str, float] = defaultdict(float)
    best: dict[str, tuple[float, str]] = {}
    for one, heat in zip(blamed, heats, strict=True):
        lines = repository.blame(trouble.commit, one.path, one.first or 1, one.last)
        text = (clues.texts.get(one.path) or repository.read(trouble.commit, one.path) or "").split("\n")
        then = {line.sha: line.path for line in lines if line.path and line.path != one.path}
        for sha, (share, count, nearest) in _shares(one, lines, text).items():
            mass[sha] += heat * share
            near = ""
            if nearest is not None:
                near = (
                    f", the nearest {many(nearest, 'line')} from the line of the frame"
                    if nearest
                    else ", including the line of the frame"
                )
            if heat * share > best.get(sha, (0.0, ""))[0]:
                best[sha] = (
                    heat * share,
                    f"wrote {many(count, 'line')} of {_named(one, then.get(sha))}{near}",
                )
                where[sha] = (heat * share, one.path, one.line)
                was.pop(sha, None)
                if sha in then:
                    was[sha] = then[sha]
            if nearest == 0:
                before = signals[sha].get("frame_line", (0.0, ""))[0]
                signals[sha]["frame_line"] = (before + heat, "wrote the very line of a frame")
    for sha, value in mass.items():
        signals[sha]["lines"] = (math.log1p(value / LEAST), best[sha][1])
    return was


def _named(one: ScoredFunction, then: str | None) -> str:
    """A function with its file, and with the name that the file had then."""
    where = f"`{one.path}`" + (f", then `{then}`" if then else "")
    return f"`{one.name}` ({where})" if one.name else where


def _shares(
    one: ScoredFunction, lines: Sequence[BlameLine], text: Sequence[str]
) -> dict[str, tuple[float, int, int | None]]:
    """Of each commit: its weighed share of the lines, how many it wrote, how near the nearest is to the frame's line."""
    weighed: dict[str, float] = defaultdict(float)
    count: dict[str, int] = defaultdict(int)
    nearest: dict[str, int | None] = {}
    for line in _telling(lines, text):
        away = abs(line.line - one.line) if one.line else None
        weighed[line.sha] += 1.0 if away is None else FAR + math.exp(-away / NEAR_LINES)
        count[line.sha] += 1
        before = nearest.get(line.sha)
        nearest[line.sha] = away if before is None or (away is not None and away < before) else before
    total = sum(weighed.values())
    return {sha: (value / total, count[sha], nearest[sha]) for sha, value in weighed.items()} if total else {}


def _of_whole(
    signals: dict[str, dict[str, tuple[float, str]]],
    where: dict[str, tuple[float, str, int | None]],
    trouble: Trouble,
    files: FileScores,
    clues: Clues,
    repository: Repository,
) -> None:
    """Who wrote the file suspected most: the fault may be in a function of it that nothing points to."""
    for path in files.best()[:1]:
        text = (clues.texts.get(path) or repository.read(trouble.commit, path) or "").split("\n")
        wrote = Counter(line.sha for line in _telling(repository.blame(trouble.commit, path), text))
        for sha, count in wrote.most_common(MAX_AUTHORS):
            share = math.log1p(count / wrote.total() / LEAST)
            signals[sha]["file_lines"] = (share, f"wrote {many(count, 'line')} of {path}, the file suspected most")
            where.setdefault(sha, (0.0, path, None))


def _telling(lines: Sequence[BlameLine], text: Sequence[str]) -> list[BlameLine]:
    """The lines that say who is at fault: no blank ones, comments, brackets and imports."""
    return [line for line in lines if line.line <= len(text) and not TRIVIAL.match(text[line.line - 1])]


def _of_files(
    signals: dict[str, dict[str, tuple[float, str]]],
    where: dict[str, tuple[float, str, int | None]],
    files: FileScores,
    history: Sequence[CommitInfo],
    subpath: str,
) -> None:
    """Recent commits of the best files, for what no line points to."""
    best = sorted(files.parts, key=lambda path: (-files.total(path), path))[:3]
    for rank, path in enumerate(best):
        touching = [c for c in history if any(change.path == path for change in c.changes)][:10]
        for place, commit in enumerate(touching):
            if subpath and not any(change.path.startswith(f"{subpath}/") for change in commit.changes):
                continue
            value = 1 / (1 + rank) / (1 + place)
            before = signals[commit.sha].get("file_log", (0.0, ""))[0]
            if value > before:
                signals[commit.sha]["file_log"] = (value, f"changed {path}, {place + 1}. newest of its commits")
            where.setdefault(commit.sha, (0.0, path, None))


def _time_of(trouble: Trouble, repository: Repository) -> datetime | None:
    """When it was seen first; where that is not known, when what ran was committed."""
    if trouble.first_seen is not None:
        return trouble.first_seen
    head = repository.commit(trouble.commit)
    return head.committed_at if head else None


def _of_commit(
    commit: CommitInfo,
    at: datetime | None,
    trouble: Trouble,
    released: frozenset[str],
) -> Iterator[tuple[str, float, str]]:
    """What time and release say of a commit. Its words add nothing: anyone can write them."""
    if at is not None:
        days = max((at - commit.committed_at).total_seconds() / 86_400, 0.0)
        before = "the first error" if trouble.first_seen else "the commit that ran"
        yield "age", math.log1p(days / 30), f"{_ago(days)} before {before}"
        if trouble.first_seen is not None:
            yield "shortly_before", math.exp(-days / 7), f"{_ago(days)} before the first error"
    if commit.sha in released:
        yield "released", 1.0, "the release that ran brought it"
    if TIDYING.search(commit.subject):
        yield "tidying", 1.0, "its subject says that it only tidies"


def _ago(days: float) -> str:
    if days < 1 / 24:
        return many(round(days * 1440), "minute")
    return many(round(days * 24), "hour") if days < 2 else many(round(days), "day")
