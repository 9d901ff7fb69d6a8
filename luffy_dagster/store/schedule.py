"""What the master scheduler judges by, in one query, and what it notes of attempts. Decisions are `core.scheduling`'s."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from luffy_dagster.core.adaptive import Adapted
from luffy_dagster.core.lifecycle import LifecycleState, runs_work
from luffy_dagster.core.scheduling import Kind, ScheduleRow
from luffy_dagster.store import services
from luffy_dagster.store.schema import adaptive_interval, service, slot_attempt


def rows(conn: Connection) -> list[ScheduleRow]:
    """One row per service and kind of work."""
    s = service.c
    columns = (
        *(
            s.id,
            s.is_active,
            s.lifecycle_state,
            s.timezone,
            s.log_fetch_interval_minutes,
            s.log_fetch_cron,
            s.rca_generation_enabled,
        ),
        *(
            s.rca_generation_interval_minutes,
            s.code_indexing_enabled,
            s.code_indexing_interval_hours,
            s.last_log_fetch,
            s.last_rca_generation,
        ),
        *(s.last_code_indexing, s.repository_url, s.git_repo_path),
    )
    found = conn.execute(select(*columns).where(s.lifecycle_state != LifecycleState.ARCHIVED.value)).all()
    shortened = dict(
        conn.execute(select(adaptive_interval.c.service_id, adaptive_interval.c.interval_seconds)).tuples().all()
    )
    attempts = {(a.service_id, a.kind): a for a in conn.execute(select(slot_attempt)).all()}
    out: list[ScheduleRow] = []
    for r in found:
        works = r.is_active and runs_work(LifecycleState(r.lifecycle_state))
        has_code = bool(r.repository_url or r.git_repo_path)
        for kind, on, seconds, cron, last in (
            (
                Kind.LOG_FETCH,
                True,
                min(r.log_fetch_interval_minutes * 60, shortened.get(r.id, r.log_fetch_interval_minutes * 60)),
                r.log_fetch_cron,
                r.last_log_fetch,
            ),
            (Kind.RCA, r.rca_generation_enabled, r.rca_generation_interval_minutes * 60, None, r.last_rca_generation),
            (
                Kind.CODE_INDEX,
                r.code_indexing_enabled and has_code,
                r.code_indexing_interval_hours * 3600,
                None,
                r.last_code_indexing,
            ),
        ):
            a = attempts.get((r.id, kind.value))
            out.append(
                ScheduleRow(
                    r.id,
                    kind,
                    works and on,
                    seconds,
                    cron,
                    r.timezone,
                    last,
                    a.slot if a else None,
                    a.attempts if a else 0,
                    a.last_attempt if a else None,
                )  # fmt: skip
            )
    return out


schedule_rows = rows


def record_attempt(conn: Connection, service_id: str, kind: Kind, slot: datetime, now: datetime) -> None:
    """Counts an attempt in a slot (a later slot begins at one)."""
    t = slot_attempt
    statement = insert(t).values(service_id=service_id, kind=kind.value, slot=slot, attempts=1, last_attempt=now)
    from sqlalchemy import case

    attempts = case((t.c.slot == slot, t.c.attempts + 1), else_=1)
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["service_id", "kind"], set_={"slot": slot, "attempts": attempts, "last_attempt": now}
        )
    )


def record_success(conn: Connection, service_id: str, kind: Kind, at: datetime, commit_sha: str | None = None) -> None:
    """Stamps the service with the start of work that succeeded and forgets its attempts."""
    services.stamp(conn, service_id, kind, at, commit_sha)
    conn.execute(
        slot_attempt.delete().where(slot_attempt.c.service_id == service_id, slot_attempt.c.kind == kind.value)
    )


def record_failure(conn: Connection, service_id: str, kind: Kind, slot: datetime, error: str, now: datetime) -> None:
    """Keeps the reason of a failed attempt (the attempt itself was counted when it began)."""
    t = slot_attempt
    statement = insert(t).values(
        service_id=service_id, kind=kind.value, slot=slot, attempts=1, last_attempt=now, last_error=error
    )
    conn.execute(statement.on_conflict_do_update(index_elements=["service_id", "kind"], set_={"last_error": error}))


def adapted(conn: Connection, service_id: str) -> Adapted | None:
    """The shortened interval of a service and why, or None while it has its own."""
    a = adaptive_interval.c
    row = conn.execute(select(a.interval_seconds, a.reason).where(a.service_id == service_id)).first()
    return None if row is None else Adapted(row.interval_seconds, row.reason)


def put_adapted(conn: Connection, service_id: str, value: Adapted | None, now: datetime) -> None:
    """Keeps a shortened interval, or (None) that the service's own is in force again."""
    a = adaptive_interval
    if value is None:
        conn.execute(a.delete().where(a.c.service_id == service_id))
        return
    values = {"interval_seconds": value.interval_seconds, "reason": value.reason, "judged_at": now}
    statement = insert(a).values(service_id=service_id, since=now, **values)
    conn.execute(statement.on_conflict_do_update(index_elements=["service_id"], set_=values))
