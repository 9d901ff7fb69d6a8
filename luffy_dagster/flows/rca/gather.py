"""Everything that is known of one cluster: its exemplar, lines around it, counts, releases, history. Read only, nothing decided."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.model import Frame
from luffy_dagster.core.rca.model import CommitInfo, Suspects, Trouble
from luffy_dagster.core.rca.report import BlastRadius
from luffy_dagster.core.rca.verdict import CommitFacts, Place
from luffy_dagster.core.rca.verdict.weigh import RAN_LONG
from luffy_dagster.flows.context import FlowContext

if TYPE_CHECKING:
    from luffy_dagster.adapters.git.repository import GitRepository

AROUND = timedelta(minutes=3)
LOOK_BACK = timedelta(days=7)  # in which versions are looked for in the log
_VERSION = r"(?i)\b(?:version|release|revision|git_?sha|build)\W{1,4}(v?[0-9][\w.+-]{2,40}|[0-9a-f]{7,40})\b"
MANY_SERVICES = 50  # up to so many are asked for the same request
RECENT_COMMITS = 20
SUSPECT_COMMITS = 12
NEWER_COMMITS = 5
MAX_LINES = 60
MAX_BESIDE = 60
MAX_DIFF = 40_000


@dataclass
class Gathered:
    """What is known. `release_at` is when the version that failed was first seen."""

    service: Any
    cluster: Any
    trouble: Trouble
    trace: str
    lines: tuple[str, ...]
    beside: tuple[str, ...]
    places: tuple[Place, ...]
    blast: BlastRadius
    version: str | None = None
    previous_version: str | None = None
    release_at: datetime | None = None
    commits: tuple[CommitFacts, ...] = ()
    infos: dict[str, CommitInfo] = field(default_factory=dict)
    suspects: Suspects | None = None
    since: dict[str, datetime] = field(default_factory=dict)  # version → when its first line was seen
    hints: dict[str, datetime] = field(default_factory=dict)  # the same as lines claim it
    snippet: tuple[str, int, str] | None = None  # path, line, text around it at the commit that ran
    notes: list[str] = field(default_factory=list)


def gather(ctx: FlowContext, service: Any, cluster_id: str, now: datetime) -> Gathered:
    """What is known of a cluster. Raises NotFoundError; a repository that cannot be read becomes a note."""
    with store.begin(ctx.engine) as conn:
        cluster = store.clusters.get(conn, service.id, cluster_id, now=now)
        exemplars = store.fingerprints.exemplars(conn, service.id)
        own = exemplars.filter(pl.col("cluster_id") == cluster.cluster_id)
        blast = _blast(conn, service.id, cluster, own.get_column("fingerprint").to_list(), now)
    exemplar = own.row(0, named=True) if own.height else {}
    frames = tuple(Frame(**f) for f in json.loads(exemplar.get("frames") or "[]"))
    seen = _occurrences(ctx, service.id, own.get_column("fingerprint").to_list(), cluster)
    first = seen.row(0, named=True) if seen.height else {}
    blast = blast.model_copy(
        update={
            "streams": seen.get_column("stream").n_unique() if seen.height else 0,
            "requests": seen.get_column("trace_id").drop_nulls().n_unique() if seen.height else 0,
        }
    )
    trace = str(exemplar.get("trace") or cluster.example or cluster.title)
    lines, beside = _lines(ctx, service, cluster, first, trace)
    trouble = Trouble(
        commit="",
        language=exemplar.get("language") or "",
        type=exemplar.get("type"),
        message=exemplar.get("message") or cluster.title,
        frames=frames,
        root_segment=_segments(trace)[0],
        outer_segment=_segments(trace)[1],
        root_type=exemplar.get("root_type"),
        first_seen=cluster.first_seen,
        subpath=service.git_subpath or "",
        text="\n".join(lines[:20]),
    )
    found = Gathered(
        service, cluster, trouble, trace, lines, beside, _places(trace, frames), blast, first.get("version")
    )
    _releases(ctx, found, first)
    _history(ctx, found)
    if found.suspects is None:
        _settle_release(found, None)
    return found


# ---- logs ------------------------------------------------------------------------------------------------------------


def _occurrences(ctx: FlowContext, service: str, fingerprints: Sequence[str], cluster: Any) -> pl.DataFrame:
    columns = ["entry_id", "event_time", "stream", "environment", "version", "trace_id", "fingerprint"]
    frame = ctx.lake.scan(
        "exceptions", service, start=cluster.first_seen, end=cluster.last_seen + timedelta(seconds=1), columns=columns
    )
    return frame.filter(pl.col("fingerprint").is_in([*fingerprints])).sort("event_time", "entry_id").collect()


def _lines(
    ctx: FlowContext, service: Any, cluster: Any, first: dict[str, Any], trace: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(lines of the failure itself, lines beside it): its own entry and trace id; others of the time, here and in what it depends on."""
    start, end = cluster.first_seen - AROUND, cluster.first_seen + AROUND
    columns = ["entry_id", "event_time", "level", "logger", "message", "raw_line", "trace_id", "shape_id"]
    near = ctx.lake.scan("entries", service.id, start=start, end=end, columns=columns).sort("event_time").collect()
    own = near.filter(pl.col("entry_id") == first.get("entry_id"))
    same = (
        near.filter((pl.col("trace_id") == first.get("trace_id")) & (pl.col("entry_id") != first.get("entry_id")))
        if first.get("trace_id")
        else near.head(0)
    )
    # an entry that is one object is said by its message and the trace below it
    texts = [
        r["message"] or "" if (r["raw_line"] or "").startswith("{") else r["raw_line"] or "" for r in own.to_dicts()
    ]
    lines = [line for text in texts for line in text.split("\n") if line.strip()]
    said = {line.strip() for line in lines}
    lines += [line for line in trace.split("\n") if line.strip() and line.strip() not in said]
    lines += _failed_first(ctx, service, {**first, "raw_line": "\n".join(lines)})
    lines += [f"{row['level'] or ''} {row['message'] or ''}".strip() for row in _distinct(same).head(15).to_dicts()]
    loud = pl.col("level").is_in(["warn", "error", "fatal"])
    gone = [*own.get_column("entry_id"), *same.get_column("entry_id")]
    beside = [
        _short(row)
        for row in _distinct(near.filter(loud & ~pl.col("entry_id").is_in(gone))).head(MAX_BESIDE).to_dicts()
    ]
    for other in service.depends_on:
        theirs = (
            ctx.lake.scan("entries", other, start=start, end=end, columns=columns)
            .filter(loud)
            .sort("event_time")
            .collect()
        )
        beside += [f"{other}: {_short(row)}" for row in _distinct(theirs).head(20).to_dicts()]
    return tuple(line[:2_000] for line in lines[:MAX_LINES]), tuple(line[:2_000] for line in beside[:MAX_BESIDE])


def _failed_first(ctx: FlowContext, service: Any, first: dict[str, Any]) -> list[str]:
    """Errors of other services for the same request (by its trace id) before this service's own."""
    trace_id, at = first.get("trace_id"), first.get("event_time")
    if not trace_id or at is None:
        return []
    with store.begin(ctx.engine) as conn:
        others = [s.id for s in store.services.list_services(conn) if s.id != service.id]
    if len(others) > MANY_SERVICES:
        others = list(service.depends_on)
    own = str(first.get("raw_line") or "").lower()
    columns = ["event_time", "level", "message", "raw_line"]
    out = []
    for other in others:
        rows = ctx.lake.scan("entries", other, start=at - AROUND, end=at + timedelta(microseconds=1), columns=columns)
        mine = pl.col("raw_line").str.contains(str(trace_id), literal=True) & pl.col("level").is_in(["error", "fatal"])
        hits = rows.filter(mine).sort("event_time").head(1).collect().to_dicts()
        out += [
            f"upstream service {other} failed first for the same request: {row['message']}"
            for row in hits  # at the same instant it is the one that the other speaks of
            if row["event_time"] < at or (other in own and service.id not in str(row["raw_line"]).lower())
        ]
    return out


def _distinct(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.unique("shape_id", keep="first", maintain_order=True)


def _short(row: dict[str, Any]) -> str:
    text = str(row["raw_line"] or row["message"] or "").split("\n")
    return " ".join(part.strip() for part in text[:3])


def _segments(trace: str) -> tuple[int, int]:
    """Segments of the innermost cause and of the exception that reached the log."""
    from luffy_dagster.core.parsing.traces.extract import parse_trace

    read = parse_trace(trace)
    return (read.root_at, read.outer_at) if read is not None else (0, 0)


def _places(trace: str, frames: Sequence[Frame]) -> tuple[Place, ...]:
    """Places from the stored frames, innermost cause first; read from the text where there are none."""
    from luffy_dagster.core.rca.verdict.reading import places_of

    own = [f for f in frames if f.in_app and f.file]
    own.sort(key=lambda f: f.segment != _segments(trace)[0])
    if not own:
        return places_of(trace)
    found: list[Place] = []
    for f in own:
        file = f.file or ""
        if "/" not in file and f.module and "." in f.module and file.endswith((".java", ".kt", ".scala")):
            file = f"{f.module.split('$')[0].rpartition('.')[0].replace('.', '/')}/{file}"
        if not any(p.file == file and p.line == f.line for p in found):
            found.append(Place(file, f.line, f.function, len(found), f.source))
    return tuple(found[:12])


def _blast(conn: Any, service: str, cluster: Any, fingerprints: Sequence[str], now: datetime) -> BlastRadius:
    counts = store.counts.fingerprint_counts(
        conn, service, cluster.first_seen - timedelta(hours=1), now + timedelta(hours=1)
    )
    own = counts.filter(pl.col("fingerprint").is_in([*fingerprints]))
    per_hour = own.group_by("hour").agg(pl.col("count").sum())
    peak = per_hour.get_column("count").max() if per_hour.height else 0
    others = [
        row.service_id
        for row in store.clusters.list_clusters(conn, None, now=now, state="active", limit=1_000)
        if row.service_id != service and row.title == cluster.title
    ]
    return BlastRadius(
        occurrences=cluster.count_total,
        last_24h=cluster.count_24h,
        per_hour_peak=int(str(peak or 0)),
        environments=sorted({e for e in own.get_column("environment").to_list() if e}),
        services=sorted(set(others)),
    )


# ---- releases and history --------------------------------------------------------------------------------------------


def _releases(ctx: FlowContext, found: Gathered, first: dict[str, Any]) -> None:
    """The version that failed, since when it ran and what ran before it: from the store, else from the log's own versions."""
    service, at = found.service, found.cluster.first_seen
    environment = first.get("environment") or service.environment
    columns = ["event_time", "level", "version", "raw_line"]
    frame = ctx.lake.scan("entries", service.id, start=at - LOOK_BACK, end=at + timedelta(seconds=1), columns=columns)
    quiet = pl.col("level").is_null() | ~pl.col("level").is_in(["warn", "error", "fatal"])
    hint = pl.when(quiet & pl.col("version").is_null()).then(pl.col("raw_line").str.extract(_VERSION, 1))
    named = frame.select("event_time", "version", hint.alias("hint")).filter(
        pl.col("version").is_not_null() | pl.col("hint").is_not_null()
    )
    seen = named.group_by("version", "hint").agg(pl.col("event_time").min()).sort("event_time").collect()
    found.since = {row["version"]: row["event_time"] for row in reversed(seen.to_dicts()) if row["version"]}
    found.hints = {row["hint"]: row["event_time"] for row in reversed(seen.to_dicts()) if row["hint"]}
    with store.begin(ctx.engine) as conn:
        known = store.releases.latest(conn, service.id, environment, at) or store.releases.latest(
            conn, service.id, None, at
        )
        if known is not None:
            before = store.releases.latest(
                conn, service.id, known.environment or None, known.at - timedelta(microseconds=1)
            )
            found.version = found.version or known.version
            if known.version == found.version:
                found.release_at, found.previous_version = known.at, before.version if before else None


def _settle_release(found: Gathered, repository: GitRepository | None) -> None:
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


def open_repository(ctx: FlowContext, service: Any) -> GitRepository | None:
    """The service's repository, read only; None where none is set. Raises GitError."""
    from luffy_dagster.adapters.git.mirror import open_mirror, open_path

    folder = ctx.settings.home / "git"
    if service.git_repo_path:
        return open_path(Path(service.git_repo_path), cache=folder)
    if service.repository_url:
        return open_mirror(service.repository_url, folder, max_age=300, offline=True)
    return None


def _history(ctx: FlowContext, found: Gathered) -> None:
    from luffy_dagster.adapters.git.errors import GitError

    try:
        repository = open_repository(ctx, found.service)
    except GitError as error:
        found.notes.append(f"The repository could not be read: {error}.")
        return
    if repository is None:
        found.notes.append("No repository is set for this service, so no commit could be looked at.")
        return
    with repository:
        try:
            _read_history(found, repository)
        except GitError as error:
            found.notes.append(f"History could not be read whole: {error}.")


def _read_history(found: Gathered, repository: GitRepository) -> None:
    from dataclasses import replace

    from luffy_dagster.core.rca.suspects import rank_suspects

    branch = found.service.git_branch
    head = repository.head(branch)
    _settle_release(found, repository)
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
    found.suspects = rank_suspects(found.trouble, repository, limit=20)
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
                newer[c.sha] = f"not part of what ran ({ran[:12]})"
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
                prior_reasons=prior.reasons[:3] if prior else (),
                excluded=newer.get(sha),
            )
        )
    found.infos = infos
    found.commits = tuple(sorted(facts, key=lambda c: (c.at, c.sha), reverse=True))


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
