"""Incidents: signals of one cause, and what was told of them."""

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

incident = Table(
    "incident",
    col.metadata,
    Column("id", Text, primary_key=True),
    col.words("environment", null=False, default=""),
    col.words("state", null=False, default="open"),
    col.words("title", null=False, default=""),
    col.words("severity", null=False),
    col.words("root_service"),
    Column("confidence", Float, nullable=False, server_default=text("0")),
    Column("reasons", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    col.texts("services"),
    col.time("started_at", null=False),
    col.time("fired_at", null=False),
    col.time("declare_at", null=False),
    col.time("ended_at"),
    col.words("merged_into"),
    col.integer("messages", 0),
    col.time("told_at"),
    col.json_object("told"),
    col.time("created_at", null=False),
    col.time("updated_at", null=False),
    CheckConstraint("state IN ('open', 'resolved', 'merged')", name="state"),
    CheckConstraint(f"severity IN {_SEVERITIES}", name="severity"),
    Index(None, "state", "fired_at"),
)

incident_member = Table(
    "incident_member",
    col.metadata,
    Column("incident_id", Text, ForeignKey("incident.id"), nullable=False),
    col.words("signal_id", null=False),
    Column("alert_id", BigInteger, ForeignKey("alert.id")),
    col.words("service_id", null=False),
    col.words("role", null=False),
    col.flag("suppressed", default=False),
    col.words("reason", null=False, default=""),
    col.time("joined_at", null=False),
    PrimaryKeyConstraint("incident_id", "signal_id"),
    CheckConstraint("role IN ('root', 'child')", name="role"),
    Index(None, "signal_id"),
)
