"""Fingerprints, the clusters they map to, what persons decided, and what moved."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, PrimaryKeyConstraint, Table
from sqlalchemy.dialects.postgresql import JSONB

from luffy_dagster.store.schema import columns as col

fingerprint = Table(
    "fingerprint",
    col.metadata,
    col.service(),
    col.words("fingerprint", null=False),
    col.words("algorithm", null=False),
    col.words("language"),
    col.words("type"),
    col.words("message"),
    col.words("root_type"),
    col.words("culprit"),
    Column("levels", JSONB),
    Column("frames", JSONB),
    col.words("trace"),
    col.words("entry_id"),
    col.time("first_seen", null=False),
    col.time("last_seen", null=False),
    col.time("created_at", null=False),
    PrimaryKeyConstraint("service_id", "fingerprint"),
    Index(None, "service_id", "first_seen"),
)

cluster = Table(
    "cluster",
    col.metadata,
    col.service(),
    col.words("cluster_id", null=False),
    col.words("title", null=False),
    col.words("type"),
    col.words("culprit"),
    col.words("founder", null=False),
    col.words("state", null=False, default="new"),
    col.words("severity", null=False, default="medium"),
    col.words("rca_status"),
    col.words("rca_reason"),
    col.words("owner"),
    col.time("first_seen", null=False),
    col.time("last_seen", null=False),
    col.time("resolved_at"),
    col.words("resolved_kind"),
    col.words("resolved_value"),
    col.time("ignored_until"),
    Column("ignored_occurrences", BigInteger),
    Column("ignored_total", BigInteger),
    col.time("state_since"),
    col.words("state_reason"),
    col.words("state_by"),
    col.time("created_at", null=False),
    col.time("updated_at", null=False),
    PrimaryKeyConstraint("service_id", "cluster_id"),
    CheckConstraint("state IN ('new', 'ongoing', 'escalating', 'regressed', 'resolved', 'ignored')", name="state"),
    CheckConstraint("severity IN ('low', 'medium', 'high', 'critical')", name="severity"),
    CheckConstraint("rca_status IN ('pending', 'completed', 'skipped', 'failed')", name="rca_status"),
    Index(None, "service_id", "last_seen"),
)

cluster_alias = Table(
    "cluster_alias",
    col.metadata,
    col.service(),
    col.words("alias", null=False),
    col.words("cluster_id", null=False),
    col.words("actor", null=False),
    col.words("reason"),
    col.time("at", null=False),
    PrimaryKeyConstraint("service_id", "alias"),
)

cluster_decision = Table(
    "cluster_decision",
    col.metadata,
    col.number(),
    col.service(),
    col.words("kind", null=False),
    col.words("fingerprint_a", null=False),
    col.words("fingerprint_b", null=False),
    col.words("actor", null=False),
    col.words("reason"),
    col.time("at", null=False),
    col.time("revoked_at"),
    CheckConstraint("kind IN ('join', 'split')", name="kind"),
    Index(None, "service_id", "id"),
)

cluster_mapping = Table(
    "cluster_mapping",
    col.metadata,
    col.service(),
    col.words("algorithm", null=False),
    col.words("fingerprint", null=False),
    col.words("cluster_id", null=False),
    col.words("reason"),
    col.flag("manual", default=False),
    col.time("at", null=False),
    PrimaryKeyConstraint("service_id", "algorithm", "fingerprint"),
    Index(None, "service_id", "cluster_id"),
)

# What moved from one cluster (or template) to another, and when: a mapping's own history.
mapping_move = Table(
    "mapping_move",
    col.metadata,
    col.number(),
    col.service(),
    col.words("kind", null=False),
    col.words("algorithm", null=False),
    col.words("member", null=False),
    col.words("from_id", null=False),
    col.words("to_id", null=False),
    col.words("reason"),
    col.time("at", null=False),
    Index(None, "service_id", "kind", "at"),
)

# Every move of a cluster's state: who, when, why. What alerting tells of is a row here, once.
cluster_transition = Table(
    "cluster_transition",
    col.metadata,
    col.number(),
    col.service(),
    col.words("cluster_id", null=False),
    col.words("from_state", null=False),
    col.words("to_state", null=False),
    col.words("reason", null=False, default=""),
    col.words("actor", null=False),
    col.time("at", null=False),
    Index(None, "service_id", "cluster_id", "id"),
    Index(None, "at"),
)
