"""Releases and deployments."""

from __future__ import annotations

from sqlalchemy import Index, Table, UniqueConstraint

from luffy_dagster.store.schema import columns as col

release = Table(
    "release",
    col.metadata,
    col.number(),
    col.service(),
    col.words("environment", null=False, default=""),
    col.words("version", null=False),
    col.words("commit"),
    col.words("source", null=False),
    col.time("at", null=False),
    UniqueConstraint("service_id", "environment", "version"),
    Index(None, "service_id", "environment", "at"),
)
