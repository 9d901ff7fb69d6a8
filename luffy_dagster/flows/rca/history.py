"""What a service's history says of a failure: which commit ran, who is suspected, what the commits changed, the failing lines.

Everything is read at the commit that ran or before; what came later is named and excluded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from luffy_dagster.core.rca.suspects import rank_suspects
from luffy_dagster.core.rca.verdict import CommitFacts
from luffy_dagster.core.rca.verdict.place import same_file
from luffy_dagster.core.rca.verdict.values import Place
from luffy_dagster.core.rca.verdict.weigh import RAN_LONG
from luffy_dagster.flows.context import FlowContext

if TYPE_CHECKING:
    from luffy_dagster.adapters.git.repository import GitRepository
    from luffy_dagster.core.rca.model import Suspect
    from luffy_dagster.core.rca.reading import CodeSearch
    from luffy_dagster.flows.rca.gathered import Gathered

RECENT_COMMITS = 20
SUSPECT_COMMITS = 12
NEWER_COMMITS = 5
MAX_DIFF = 40_000
FETCHED_WITHIN = 300  # seconds: several clusters of one run share a fetch


def settle_release(found: Gathered, repository: GitRepository | None) -> None:
    """Version, time and the version before it by the log; what a line merely claims counts where the repository has such a commit."""
    if repository is not None:
        found.since |= {v: at for v, at in found.hints.items() if v not in found.since and repository.resolve(v)}
    found.since = dict(sorted(found.since.items(), key=lambda item: item[1]))
    found.version = found.version or next(reversed(found.since), None)
    if found.version in found.since and found.previous_version is None:
        order = list(found.since)
        place = order.index(found.version)
        if place:  # the first one known may have run long before
            found.previous_version = order[place - 1]
            found.release_at = found.release_at or found.since[found.version]


def ran_for(found: Gathered, sha: str, repository: GitRepository) -> timedelta | None:
    """How long a commit had demonstrably run before the first failure; None when the logs do not say."""
    at = found.cluster.first_seen
    for number, (version, since) in enumerate(found.since.items()):  # the earliest version that holds it
        commit = repository.resolve(version)
        if commit is not None and repository.is_ancestor(sha, commit):
            # of the first one known nobody knows since when it ran: only that it ran at least so long
            return at - since if number or at - since >= RAN_LONG else None
    return None


def read_history(ctx: FlowContext, found: Gathered) -> None:
    """Adds what Git says: what ran, suspects, commits, the failing lines. A repository that cannot be read becomes a note."""
    from luffy_dagster.adapters.git.errors import GitError
    from luffy_dagster.flows.code import open_repository
    from luffy_dagster.flows.code_search import searcher

    service = found.service
    if not (service.repository_url or service.git_repo_path):
        found.notes.append("No repository is set for this service, so no commit could be looked at.")
        return
    try:
        repository = open_repository(ctx, service, offline=True, max_age=FETCHED_WITHIN)
    except GitError as error:
        found.notes.append(f"The repository could not be read: {error}.")
        return
    with repository:
        try:
            _read(found, repository, searcher(ctx, service.id))
        except GitError as error:
            found.notes.append(f"History could not be read whole: {error}.")


def _read(found: Gathered, repository: GitRepository, search: CodeSearch | None) -> None:
    branch = found.service.git_branch
    head = repository.head(branch)
    settle_release(found, repository)
    deployed = repository.resolve(found.version) if found.version else None
    ran = deployed or repository.commit_before(branch, found.cluster.first_seen) or head
    if deployed is None:
        found.notes.append(
            "No release is known: the branch's newest commit at the time of the first occurrence is taken for what ran."
        )
    found.trouble = replace(
        found.trouble,
        commit=ran,
        commit_is_release=deployed is not None,
        deployed_at=found.release_at,
        previous_commit=repository.resolve(found.previous_version) if found.previous_version else None,
    )
    found.suspects = rank_suspects(found.trouble, repository, search=search, limit=20)
    found.notes += [f"{note}" for note in (*found.suspects.notes, *repository.notes)]
    _commits(found, repository, ran, head)
    _snippet(found, repository, ran)


def _commits(found: Gathered, repository: GitRepository, ran: str, head: str) -> None:
    assert found.suspects is not None
    priors = {s.name: s for s in found.suspects.commits[:SUSPECT_COMMITS]}
    paths = [found.service.git_subpath] if found.service.git_subpath else []
    infos = {c.sha: c for c in repository.log(ran, limit=RECENT_COMMITS)}
    if paths:
        infos |= {c.sha: c for c in repository.log(ran, paths=paths, limit=RECENT_COMMITS)}
    infos |= repository.commits([sha for sha in priors if sha not in infos])
    newer: dict[str, str] = {}
    if head != ran:
        for c in repository.log(head, limit=NEWER_COMMITS):
            if c.sha not in infos and not repository.is_ancestor(c.sha, ran):
                infos[c.sha] = c
                newer[c.sha] = f"not in the version that ran (`{ran[:12]}`)"
    facts = []
    for sha, info in infos.items():
        prior = priors.get(sha)
        facts.append(
            CommitFacts(
                sha=sha,
                at=info.committed_at,
                author=info.author,
                message=f"{info.subject}\n\n{info.body}".strip(),
                files=tuple(change.path for change in info.changes),
                diff="" if sha in newer else repository.diff(sha)[:MAX_DIFF],
                ran_before=None if sha in newer else ran_for(found, sha, repository),
                prior=min(1.0, 2 * prior.share) if prior else 0.0,
                prior_reasons=_of_code(prior) if prior else (),
                excluded=newer.get(sha),
            )
        )
    found.infos = infos
    found.places += tuple(_by_former_names(found.places, found.suspects.commits[:SUSPECT_COMMITS]))
    found.commits = tuple(sorted(facts, key=lambda c: (c.at, c.sha), reverse=True))


def _by_former_names(places: Sequence[Place], suspects: Sequence[Suspect]) -> Iterator[Place]:
    """The failing places by the names that their files had in older commits; lines are of today's file and say nothing there."""
    for now, was in dict.fromkeys((s.path, s.was) for s in suspects if s.path and s.was):
        if same_file(now or "", was or "") < 1:
            yield from (
                replace(p, file=was or "", line=None, source=None) for p in places if same_file(p.file, now or "") > 0
            )


def _of_code(suspect: Suspect) -> tuple[str, ...]:
    """What the history of the code says of a commit; its age is told beside it anyway."""
    told = [part for part in suspect.parts if part.value > 0 and part.signal in ("lines", "frame_line", "file_log")]
    return tuple(part.reason for part in sorted(told, key=lambda part: -part.value)[:1])


def _snippet(found: Gathered, repository: GitRepository, ran: str) -> None:
    """The failing lines as they are in the commit that ran."""
    assert found.suspects is not None
    for placed in found.suspects.frames:
        if placed.candidates and placed.frame.line:
            path = placed.candidates[0].path
            text = repository.read(ran, path)
            if text is None:
                continue
            lines = text.split("\n")
            if placed.frame.line > len(lines):
                continue
            low = max(0, placed.frame.line - 6)
            shown = [
                f"{n + 1:>5}{'>' if n + 1 == placed.frame.line else ' '} {lines[n]}"
                for n in range(low, min(len(lines), placed.frame.line + 5))
            ]
            found.snippet = (path, placed.frame.line, "\n".join(shown))
            return
