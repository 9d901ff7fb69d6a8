"""Hourly counts by what they count."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, Table

from luffy_dagster.store.schema import columns as col


def _hourly(name: str, what: str) -> Table:
    return Table(
        name,
        col.metadata,
        col.service(),
        col.time("hour", null=False),
        col.words("environment", null=False, default=""),
        col.words(what, null=False),
        Column("count", BigInteger, nullable=False),
        PrimaryKeyConstraint("service_id", "hour", "environment", what),
    )


hourly_level = _hourly("hourly_level", "level")

hourly_shape = _hourly("hourly_shape", "shape_id")

hourly_fingerprint = _hourly("hourly_fingerprint", "fingerprint")

Index("ix_hourly_level_hour", hourly_level.c.hour)

Index("ix_hourly_fingerprint_hour", hourly_fingerprint.c.hour)
