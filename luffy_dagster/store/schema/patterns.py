"""Shapes and the templates they map to; the masks and grouping rules of a service."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint, Table

from luffy_dagster.store.schema import columns as col

shape = Table(
    "shape",
    col.metadata,
    col.service(),
    col.words("shape_id", null=False),
    col.words("shape", null=False),
    col.words("algorithm", null=False),
    col.words("example", null=False),
    col.words("level"),
    col.time("first_seen", null=False),
    col.time("last_seen", null=False),
    col.time("created_at", null=False),
    PrimaryKeyConstraint("service_id", "shape_id"),
    Index(None, "service_id", "first_seen"),  # how many are new on a day
)

template_mapping = Table(
    "template_mapping",
    col.metadata,
    col.service(),
    col.words("algorithm", null=False),
    col.words("shape_id", null=False),
    col.words("template_id", null=False),
    col.words("template", null=False),
    col.flag("manual", default=False),
    col.words("actor", null=False),
    col.time("at", null=False),
    PrimaryKeyConstraint("service_id", "algorithm", "shape_id"),
    Index(None, "service_id", "template_id"),
)

# Which algorithm's mapping of a kind is in force for a service; another may be kept beside it (replay).
active_mapping = Table(
    "active_mapping",
    col.metadata,
    col.service(),
    col.words("kind", null=False),
    col.words("algorithm", null=False),
    col.words("actor", null=False),
    col.time("at", null=False),
    PrimaryKeyConstraint("service_id", "kind"),
    CheckConstraint("kind IN ('templates', 'clusters')", name="kind"),
)

service_mask = Table(
    "service_mask",
    col.metadata,
    col.number(),
    col.service(),
    col.words("name", null=False),
    col.words("pattern", null=False),
    col.words("replacement", null=False),
    col.flag("active", default=False),
    col.words("actor", null=False),
    col.time("at", null=False),
    col.time("revoked_at"),
)

grouping_rule = Table(
    "grouping_rule",
    col.metadata,
    col.number(),
    col.service(),
    col.words("name", null=False),
    col.json_object("matcher"),
    col.json_object("action"),
    col.flag("active", default=False),
    col.words("actor", null=False),
    col.time("at", null=False),
    col.time("revoked_at"),
)
