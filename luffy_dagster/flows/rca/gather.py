"""Everything that is known of one cluster: its exemplar, lines around it, counts, releases; history is `history`'s. Read only, nothing decided."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.model import Frame
from luffy_dagster.core.rca.model import Trouble
from luffy_dagster.core.rca.verdict import Place
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.rca.gathered import Gathered
from luffy_dagster.flows.rca.history import read_history, settle_release
from luffy_dagster.flows.rca.reach import MANY_SERVICES, counted, reached

AROUND = timedelta(minutes=3)
LOOK_BACK = timedelta(days=7)  # in which versions are looked for in the log
_VERSION = r"(?i)\b(?:version|release|revision|git_?sha|build)\W{1,4}(v?[0-9][\w.+-]{2,40}|[0-9a-f]{7,40})\b"
MAX_LINES = 60
MAX_BESIDE = 60


def gather(ctx: FlowContext, service: Any, cluster_id: str, now: datetime) -> Gathered:
    """What is known of a cluster. Raises NotFoundError; a repository that cannot be read becomes a note."""
    with store.begin(ctx.engine) as conn:
        cluster = store.clusters.get(conn, service.id, cluster_id, now=now)
        exemplars = store.fingerprints.exemplars(conn, service.id)
        own = exemplars.filter(pl.col("cluster_id") == cluster.cluster_id)
        blast = counted(conn, service.id, cluster, own.get_column("fingerprint").to_list(), now)
    exemplar = own.row(0, named=True) if own.height else {}
    frames = tuple(Frame(**f) for f in json.loads(exemplar.get("frames") or "[]"))
    seen = _occurrences(ctx, service.id, own.get_column("fingerprint").to_list(), cluster)
    first = seen.row(0, named=True) if seen.height else {}
    blast = reached(ctx, service, seen, blast)
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
    read_history(ctx, found)
    if found.suspects is None:
        settle_release(found, None)
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


# ---- releases --------------------------------------------------------------------------------------------------------


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
