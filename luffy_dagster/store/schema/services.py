"""Services, what they depend on, and the moves of their lifecycle."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, LargeBinary, Table, Text

from luffy_dagster.store.schema import columns as col

service = Table(
    "service",
    col.metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    col.flag("is_active", default=True),
    col.words("repository_url"),
    col.words("git_branch", null=False, default="main"),
    col.words("git_repo_path"),
    col.words("git_subpath"),
    col.integer("log_fetch_interval_minutes", 30),
    col.words("log_fetch_cron"),
    col.flag("rca_generation_enabled", default=True),
    col.integer("rca_generation_interval_minutes", 15),
    col.flag("rca_on_critical", default=False),
    col.flag("code_indexing_enabled", default=True),
    col.integer("code_indexing_interval_hours", 24),
    col.flag("notification_enabled", default=True),
    col.texts("notification_channels"),
    Column("notification_webhook_url_encrypted", LargeBinary),
    col.texts("notification_email"),
    col.time("last_log_fetch"),
    col.time("last_rca_generation"),
    col.time("last_code_indexing"),
    col.words("commit_sha"),
    col.words("timezone", null=False, default="UTC"),
    col.words("environment"),
    col.words("team"),
    col.words("preset", null=False, default="standard"),
    col.words("lifecycle_state", null=False, default="Created"),
    col.integer("rca_min_count", 5),
    col.integer("rca_min_age_minutes", 5),
    col.words("rca_min_severity", null=False, default="medium"),
    col.integer("retention_raw_days", 7),
    col.integer("retention_entries_days", 90),
    col.integer("retention_counts_days", 400),
    col.json_object("redaction_policy"),
    col.texts("in_app_paths"),
    col.json_object("parse_options"),
    col.time("created_at", null=False),
    col.time("updated_at", null=False),
    CheckConstraint("id ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name="slug"),
    CheckConstraint("log_fetch_interval_minutes > 0", name="log_fetch_interval"),
    CheckConstraint("rca_generation_interval_minutes > 0", name="rca_interval"),
    CheckConstraint("code_indexing_interval_hours > 0", name="code_interval"),
)

service_dependency = Table(
    "service_dependency",
    col.metadata,
    col.service(key=True),
    Column("depends_on", Text, ForeignKey("service.id"), primary_key=True),
    CheckConstraint("service_id <> depends_on", name="not_itself"),
)

lifecycle_event = Table(
    "lifecycle_event",
    col.metadata,
    col.number(),
    col.service(),
    col.words("from_state"),
    col.words("to_state", null=False),
    col.words("actor", null=False),
    col.words("reason"),
    col.time("at", null=False),
    Index(None, "service_id", "id"),
)
