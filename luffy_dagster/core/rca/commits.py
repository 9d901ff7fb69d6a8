"""Commits suspected: those that wrote the lines of the suspected functions, weighed by nearness, time, release and size."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from luffy_dagster.core.rca import weights as w
from luffy_dagster.core.rca.files import FileScores
from luffy_dagster.core.rca.functions import ScoredFrame
from luffy_dagster.core.rca.model import BlameLine, CommitInfo, ScorePart, Suspect, SuspectKind, Trouble
from luffy_dagster.core.rca.reading import Repository
from luffy_dagster.core.rca.signals import Clues

MAX_BLAMED = 10  # functions whose lines are traced back
_TRIVIAL = re.compile(
    r"^\s*(?:[\]\[{}();,]*|else:?|\}? ?else ?\{|try:?|finally:?|pass|end|#.*|//.*|\"\"\".*|/?\*.*|@\w+|import .*|from .* import .*)\s*$"
)
TIDYING = re.compile(
    r"\b(?:reformat(?:ted|ting)?|formatting|white ?space|pep ?8|black|isort|prettier|gofmt|javadocs?|typos?|spelling|licen[cs]e headers?|"
    r"cosmetic|re-?indent\w*|checkstyle|lint(?:ing)?|bump version|docs? only|comments? only|rename variables?|tidy(?:ing)?)\b",
    re.IGNORECASE,
)


def rank_commits(
    trouble: Trouble,
    frames: Sequence[ScoredFrame],
    files: FileScores,
    clues: Clues,
    repository: Repository,
    history: Sequence[CommitInfo],
    released: frozenset[str],
    limit: int,
) -> tuple[Suspect, ...]:
    """The commits as suspects, best first. `history`: recent commits of the files; `released`: what the release brought."""
    base: dict[str, list[ScorePart]] = defaultdict(list)
    where: dict[str, tuple[float, str, int | None]] = {}
    for one, lines in _blamed(trouble, frames, repository):
        heat = math.exp((one.score - max(frame.score for frame in frames)) * w.HEAT)
        text = clues.texts.get(one.own.path, "").split("\n")
        for sha, (share, count, nearest) in _shares(one, lines, text).items():
            value = heat * share**w.FOCUS
            name = one.own.function or one.own.path
            near = (
                f", the nearest {nearest} lines from the frame's"
                if nearest
                else ", the frame's own among them"
                if nearest == 0
                else ""
            )
            base[sha].append(ScorePart("blame", value, f"wrote {count} lines of {name} ({one.own.path}){near}"))
            if value > where.get(sha, (0.0, "", None))[0]:
                where[sha] = (value, one.own.path, one.own.line)
    _of_files(base, where, files, history, trouble.subpath)
    for brought in history:
        if brought.sha in released and brought.sha not in base:
            hit = next((c.path for c in brought.changes if files.total(c.path) > 0), None)
            if hit:
                base[brought.sha].append(ScorePart("touches", w.FILE_LOG, f"changed {hit}"))
                where[brought.sha] = (w.FILE_LOG, hit, None)
    known = {commit.sha: commit for commit in history}
    strongest = sorted(base, key=lambda sha: (-sum(p.value for p in base[sha]), sha))[: limit * 3]
    known |= repository.commits(strongest)
    at = trouble.first_seen or _time_of(trouble, known, repository)
    found = []
    for sha in strongest:
        commit = known.get(sha)
        if commit is not None and (
            trouble.first_seen is None or commit.committed_at <= trouble.first_seen + timedelta(minutes=5)
        ):
            parts = [*base[sha], *_factors(commit, sum(p.value for p in base[sha]), at, trouble, released)]
            found.append((sum(part.value for part in parts), commit, tuple(parts)))
    found.sort(key=lambda item: (-item[0], item[1].sha))
    total = sum(max(score, 0.0) for score, _, _ in found) or 1.0
    return tuple(
        Suspect(
            SuspectKind.COMMIT, commit.sha, round(score, 5), parts, round(max(score, 0.0) / total, 4), where[commit.sha][1],
            where[commit.sha][2], commit,
        )
        for score, commit, parts in found[:limit]
    )  # fmt: skip


def _blamed(
    trouble: Trouble, frames: Sequence[ScoredFrame], repository: Repository
) -> list[tuple[ScoredFrame, Sequence[BlameLine]]]:
    """The strongest own frames with who wrote the lines around them, each function once."""
    found: list[tuple[ScoredFrame, Sequence[BlameLine]]] = []
    seen: set[tuple[str, int | None]] = set()
    for one in sorted(frames, key=lambda one: (-one.score, one.own.place)):
        own = one.own
        key = (own.path, own.first)
        if own.first is None or key in seen or len(found) >= MAX_BLAMED:
            continue
        seen.add(key)
        found.append((one, repository.blame(trouble.commit, own.path, own.first, own.last)))
    return found


def _shares(
    one: ScoredFrame, lines: Sequence[BlameLine], text: Sequence[str]
) -> dict[str, tuple[float, int, int | None]]:
    """Of each commit: its weighed share of the lines, how many it wrote, how near the nearest is to the frame's line."""
    weighed: dict[str, float] = defaultdict(float)
    count: dict[str, int] = defaultdict(int)
    nearest: dict[str, int | None] = {}
    for line in lines:
        if line.line > len(text) or _TRIVIAL.match(text[line.line - 1]):
            continue
        away = abs(line.line - one.own.line) if one.own.line else None
        weighed[line.sha] += 1.0 if away is None else w.FAR + math.exp(-away / w.NEAR_LINES)
        count[line.sha] += 1
        before = nearest.get(line.sha)
        nearest[line.sha] = away if before is None or (away is not None and away < before) else before
    total = sum(weighed.values())
    return {sha: (value / total, count[sha], nearest[sha]) for sha, value in weighed.items()} if total else {}


def _of_files(
    base: dict[str, list[ScorePart]],
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
            value = w.FILE_LOG / (1 + rank) / (1 + place)
            base[commit.sha].append(ScorePart("file_log", value, f"changed {path}, {place + 1}. newest of its commits"))
            if commit.sha not in where:
                where[commit.sha] = (value, path, None)


def _time_of(trouble: Trouble, known: dict[str, CommitInfo], repository: Repository) -> datetime | None:
    head = known.get(trouble.commit) or repository.commit(trouble.commit)
    return head.committed_at if head else None


def _factors(
    commit: CommitInfo, score: float, at: datetime | None, trouble: Trouble, released: frozenset[str]
) -> list[ScorePart]:
    """What time, release and kind of the commit add to or take from its score."""
    parts = []
    if at is not None:
        days = max((at - commit.committed_at).total_seconds() / 86_400, 0.0)
        parts.append(
            ScorePart(
                "recent",
                score * w.YEAR * math.exp(-days / 365),
                f"{_ago(days)} before {'the first error' if trouble.first_seen else 'the commit that ran'}",
            )
        )
        if trouble.first_seen is not None:
            parts.append(
                ScorePart(
                    "shortly_before", score * w.WEEK * math.exp(-days / 7), f"{_ago(days)} before the first error"
                )
            )
    if commit.sha in released:
        parts.append(ScorePart("released", score * w.RELEASED, "the release that ran brought it"))
    if len(commit.changes) > w.HUGE:
        parts.append(
            ScorePart(
                "size", score * (w.HUGE_FACTOR - 1), f"it changed {len(commit.changes)} files, too many to be meant"
            )
        )
    if TIDYING.search(commit.subject):
        parts.append(ScorePart("tidying", score * (w.TIDYING_FACTOR - 1), "its subject says that it only tidies"))
    return parts


def _ago(days: float) -> str:
    if days < 1 / 24:
        return f"{days * 1440:.0f} minutes"
    return f"{days * 24:.0f} hours" if days < 2 else f"{days:.0f} days"
