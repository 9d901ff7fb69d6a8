"""Who is suspected: files, functions and commits of the service's own repository, ranked by code, explained per signal.

Deterministic, without any model; reads the repository through `reading.Repository` only up to the commit that ran. The signals
are in `signals`, `files`, `functions` and `commits`, their weights in `weights`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from luffy_dagster.core.codeindex import language_of
from luffy_dagster.core.rca.alike import compare
from luffy_dagster.core.rca.commits import changed_lately, rank_commits
from luffy_dagster.core.rca.files import add_answers, rank_files, score_files
from luffy_dagster.core.rca.functions import rank_functions, score_functions
from luffy_dagster.core.rca.links import follow
from luffy_dagster.core.rca.model import CommitInfo, Suspects, Trouble
from luffy_dagster.core.rca.past import changed_for_alike, changed_with_tests
from luffy_dagster.core.rca.phrases import said_in_code
from luffy_dagster.core.rca.places import Places, place_all, places
from luffy_dagster.core.rca.reading import CodeSearch, Repository
from luffy_dagster.core.rca.signals import gather
from luffy_dagster.core.rca.weights import WEIGHTS, Weights

SUSPECT_ALGORITHM = "suspects-2026-12-5"
HISTORY = 600  # commits of the frames' files that are looked at
RELEASE_HISTORY = 500  # commits that a release may bring
RENAMES = 300  # commits that are searched for where a file of an old name went


def rank_suspects(
    trouble: Trouble,
    repository: Repository,
    *,
    search: CodeSearch | None = None,
    limit: int = 20,
    weights: Weights = WEIGHTS,
) -> Suspects:
    """The suspects of `trouble`, at most `limit` of a kind, best first.

    Args:
        trouble: what happened; nothing newer than `trouble.commit` is looked at.
        repository: where code and history are read.
        search: search over the indexed code, where there is an index.
        limit: how many suspects of a kind are returned.
    """
    files = repository.files(trouble.commit)
    if not files:
        note = f"commit {trouble.commit[:10]} is not in the repository: nothing could be looked at"
        return Suspects(SUSPECT_ALGORITHM, trouble.commit, notes=(note,))
    where = places((f.path for f in files), trouble.subpath)
    placed = place_all(trouble.frames, where, language=trouble.language, renamed=_renamed(trouble, repository, where))
    clues = gather(trouble, placed, repository)
    notes = []
    if not clues.own:
        notes.append("no frame is in the service's own code: suspects rest on what the message says")
    elif all(own.line is None for own in clues.own):
        notes.append("no frame says a line of this commit: whole functions are looked at")
    history = repository.log(trouble.commit, paths=clues.files[:8], limit=HISTORY) if clues.files else ()
    links = follow(trouble, clues, where, repository)
    others = {
        "with_test": changed_with_tests(trouble, clues, where, repository),
        "past": changed_for_alike(trouble, clues, where, repository),
        "phrase": said_in_code(trouble, clues, where, repository),
    }
    scores = score_files(trouble, clues, links, others, where, history, search, weights.files)
    answers = compare(trouble, clues, scores.best(), repository)
    scores = add_answers(scores, answers, clues, weights.files)
    ranked_files = rank_files(scores, clues, limit)
    if not clues.files and ranked_files:
        history = repository.log(trouble.commit, paths=[f.name for f in ranked_files[:3]], limit=HISTORY)
    changed = changed_lately(trouble, clues, repository)
    functions = score_functions(trouble, clues, links, scores, answers, changed, weights.functions)
    released = _released(trouble, repository)
    commits = rank_commits(
        trouble, functions, scores, clues, repository, [*history, *released], frozenset(c.sha for c in released), limit,
        weights.commits,
    )  # fmt: skip
    return Suspects(
        SUSPECT_ALGORITHM,
        trouble.commit,
        ranked_files,
        rank_functions(functions, limit),
        commits,
        placed,
        tuple(notes),
    )


def _released(trouble: Trouble, repository: Repository) -> Sequence[CommitInfo]:
    """What the release that ran brought over the one before it."""
    if not trouble.previous_commit or trouble.previous_commit == trouble.commit:
        return ()
    newest = repository.log(trouble.commit, limit=RELEASE_HISTORY)
    before = {c.sha for c in repository.log(trouble.previous_commit, limit=RELEASE_HISTORY)}
    return [c for c in newest if c.sha not in before] if before else ()


def _renamed(trouble: Trouble, repository: Repository, where: Places) -> Callable[[str], Sequence[str]]:
    """A look-up of present paths by former ones, which reads history only when it is asked."""
    asked: dict[str, tuple[str, ...]] = {}

    def look(path: str) -> Sequence[str]:
        name = path.rpartition("/")[2]
        if language_of(name) is None or name in where.by_name:
            return ()
        if path not in asked:
            former: dict[str, str] = {}
            for commit in repository.log(trouble.commit, limit=RENAMES, renames=True):
                for change in commit.changes:
                    if change.status == "R" and change.old_path:
                        now = former.get(change.path, change.path)
                        former[change.old_path] = now
            hits = [now for old, now in former.items() if old.rpartition("/")[2] == name and _fits(old, path)]
            asked[path] = tuple(dict.fromkeys(hits))
        return asked[path]

    return look


def _fits(old: str, path: str) -> bool:
    """Whether a former path may be what a frame says: their last two components agree, as far as both have two."""
    a, b = old.split("/")[-2:], path.strip("/").split("/")[-2:]
    return a == b or len(b) == 1 or len(a) == 1
