"""Rules of alerts, alerts with their history, and what judging keeps between two looks."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from luffy_dagster.store.schema import columns as col

_SEVERITIES = "('low', 'medium', 'high', 'critical')"

# Rules of people; the defaults are `core.alerting.model.DEFAULT_RULES`. A row of a default's id takes its place.
alert_rule = Table(
    "alert_rule",
    col.metadata,
    Column("id", Text, primary_key=True),
    col.words("source", null=False),
    col.texts("kinds"),
    col.words("service_id"),
    col.words("environment"),
    col.words("least", null=False, default="low"),
    col.words("severity"),
    col.integer("pending_seconds", 0),
    col.integer("resolve_after_seconds", 600),
    col.words("metric"),
    Column("threshold", Float),
    Column("clear", Float),
    col.flag("below", default=False),
    col.words("no_data", null=False, default="ok"),
    col.flag("enabled", default=True),
    col.words("reason"),
    col.words("actor", null=False),
    col.time("at", null=False),
    CheckConstraint(f"least IN {_SEVERITIES}", name="least"),
    CheckConstraint(f"severity IS NULL OR severity IN {_SEVERITIES}", name="severity"),
    CheckConstraint("no_data IN ('ok', 'alert', 'keep')", name="no_data"),
)

alert = Table(
    "alert",
    col.metadata,
    col.number(),
    col.words("key", null=False),
    col.words("rule_id", null=False),
    col.words("source", null=False),
    col.words("kind", null=False),
    col.words("service_id", null=False, default=""),  # another system's alert may name none of ours
    col.words("environment", null=False, default=""),
    col.words("severity", null=False),
    col.words("state", null=False),
    col.time("started_at", null=False),
    col.time("pending_since", null=False),
    col.time("last_seen", null=False),
    col.time("fired_at"),
    col.time("clear_since"),
    col.time("resolved_at"),
    col.words("title", null=False),
    Column("count", BigInteger, nullable=False, server_default=text("1")),
    Column("value", Float),
    col.integer("flaps", 0),
    col.flag("once", default=False),
    Column("score", Float, nullable=False, server_default=text("1")),
    col.json_object("detail"),
    Column("mentions", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    col.texts("trace_ids"),
    Column("incident_id", Text, ForeignKey("incident.id")),
    col.words("hidden_by"),
    CheckConstraint("state IN ('pending', 'firing', 'resolved', 'dropped')", name="state"),
    CheckConstraint(f"severity IN {_SEVERITIES}", name="severity"),
    Index("uq_alert_open", "key", unique=True, postgresql_where=text("state IN ('pending', 'firing')")),
    Index(None, "key", "id"),
    Index(None, "incident_id"),
    Index(None, "service_id", "id"),
)

alert_event = Table(
    "alert_event",
    col.metadata,
    col.number(),
    Column("alert_id", BigInteger, ForeignKey("alert.id"), nullable=False),
    col.time("at", null=False),
    col.words("event", null=False),
    col.words("detail"),
    Index(None, "alert_id", "id"),
)

# What judging needs and need not be computed at every tick, with when it was computed.
alert_cache = Table(
    "alert_cache",
    col.metadata,
    col.words("service_id", null=False),
    col.words("kind", null=False),
    col.time("at", null=False),
    Column("value", JSONB, nullable=False),
    PrimaryKeyConstraint("service_id", "kind"),
)
