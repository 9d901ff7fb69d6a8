"""What belongs to the installation: the audit and its settings."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from luffy_dagster.store.schema import columns as col

audit = Table(
    "audit",
    col.metadata,
    col.number(),
    col.time("at", null=False),
    col.words("actor", null=False),
    col.words("action", null=False),
    col.words("kind", null=False),
    col.words("key", null=False),
    col.words("service_id"),
    Column("before", JSONB),
    Column("after", JSONB),
    Index(None, "service_id", "id"),
    Index(None, "kind", "key"),
)

setting = Table(
    "setting",
    col.metadata,
    Column("key", Text, primary_key=True),
    Column("value", JSONB, nullable=False),
    col.time("updated_at", null=False),
)
