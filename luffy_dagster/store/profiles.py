"""How each stream is read: profiles as values, and the versioned mapping stream → profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from luffy_dagster.core.model import StreamProfile
from luffy_dagster.store.errors import NotFoundError
from luffy_dagster.store.schema import stream_profile, stream_profile_map


def active(conn: Connection, service: str, streams: Sequence[str] | None = None) -> dict[str, StreamProfile]:
    """The profile in force per stream (the newest version), with the confidence of that stream."""
    m, p = stream_profile_map, stream_profile
    query = (
        select(m.c.stream, m.c.confidence, p.c.profile_id, p.c.algorithm, p.c.spec)
        .join(p, p.c.profile_id == m.c.profile_id)
        .where(m.c.service_id == service)
    )
    if streams is not None:
        query = query.where(m.c.stream.in_(list(streams)))
    query = query.distinct(m.c.stream).order_by(m.c.stream, m.c.version.desc())
    return {r.stream: StreamProfile(r.profile_id, r.algorithm, r.spec, r.confidence) for r in conn.execute(query)}


def put(
    conn: Connection,
    service: str,
    profiles: Mapping[str, StreamProfile],
    *,
    now: datetime,
    reason: str = "settled",
    actor: str = "luffy",
) -> int:
    """Puts profiles in force for streams; a stream that has the same one already keeps its version. How many changed."""
    current = active(conn, service, list(profiles))
    changed = 0
    for stream, profile in profiles.items():
        if stream in current and current[stream].profile_id == profile.profile_id:
            continue
        fact = insert(stream_profile).values(
            profile_id=profile.profile_id,
            algorithm=profile.algorithm,
            spec=profile.spec,
            confidence=profile.confidence,
            created_at=now,
        )
        conn.execute(fact.on_conflict_do_nothing())
        m = stream_profile_map
        version = conn.execute(
            select(func.coalesce(func.max(m.c.version), 0)).where(m.c.service_id == service, m.c.stream == stream)
        ).scalar_one()
        conn.execute(
            insert(m).values(
                service_id=service,
                stream=stream,
                version=version + 1,
                profile_id=profile.profile_id,
                confidence=profile.confidence,
                reason=reason,
                actor=actor,
                at=now,
            )
        )
        changed += 1
    return changed


def get(conn: Connection, profile_id: str) -> StreamProfile:
    """A profile by id; raises NotFoundError."""
    row = conn.execute(select(stream_profile).where(stream_profile.c.profile_id == profile_id)).first()
    if row is None:
        raise NotFoundError("stream profile", profile_id)
    return StreamProfile(row.profile_id, row.algorithm, row.spec, row.confidence)


def versions(conn: Connection, service: str, stream: str) -> list[tuple[int, str, str, datetime]]:
    """(version, profile id, reason, time) of a stream, oldest first."""
    m = stream_profile_map
    query = select(m.c.version, m.c.profile_id, m.c.reason, m.c.at).where(
        m.c.service_id == service, m.c.stream == stream
    )
    return [tuple(row) for row in conn.execute(query.order_by(m.c.version))]
