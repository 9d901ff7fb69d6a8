"""Work done and work due: runs, attempts of a slot, and the alarms of what did not come."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from luffy_dagster.store.schema import columns as col

slot_attempt = Table(
    "slot_attempt",
    col.metadata,
    col.service(),
    col.words("kind", null=False),
    col.time("slot", null=False),
    col.integer("attempts", 0),
    col.time("last_attempt", null=False),
    col.words("last_error"),
    PrimaryKeyConstraint("service_id", "kind"),
)

pipeline_run = Table(
    "pipeline_run",
    col.metadata,
    col.number(),
    col.words("kind", null=False),
    Column("service_id", Text, ForeignKey("service.id")),
    col.words("status", null=False),
    col.words("trigger", null=False),
    col.words("dagster_run_id"),
    col.time("started_at", null=False),
    col.time("finished_at"),
    Column("duration_seconds", Float),
    col.json_object("stats"),
    col.words("error"),
    CheckConstraint("status IN ('running', 'succeeded', 'failed', 'skipped')", name="status"),
    Index(None, "service_id", "id"),
    Index(None, "started_at"),
)

alarm = Table(
    "alarm",
    col.metadata,
    col.number(),
    col.service(),
    col.words("kind", null=False),
    col.words("source_id", null=False, default=""),
    col.words("detail", null=False),
    col.time("raised_at", null=False),
    col.time("last_seen_at", null=False),
    col.time("cleared_at"),
    col.integer("times", 1),
    Index("uq_alarm_open", "service_id", "kind", "source_id", unique=True, postgresql_where=text("cleared_at IS NULL")),
)

# The interval that a service is fetched at while its exceptions rise, and why.
adaptive_interval = Table(
    "adaptive_interval",
    col.metadata,
    col.service(key=True),
    Column("interval_seconds", Integer, nullable=False),
    col.words("reason", null=False),
    col.time("since", null=False),
    col.time("judged_at", null=False),
)
