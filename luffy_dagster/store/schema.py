"""The tables of the store as SQLAlchemy Core objects; the same as what the migrations make (a test compares them).

Columns only. Queries are in the module of their topic. Names are CONTRACT's where it gives them.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _time(name: str, *, null: bool = True) -> Column:
    return Column(name, DateTime(timezone=True), nullable=null)


def _text(name: str, *, null: bool = True, default: str | None = None) -> Column:
    return Column(name, Text, nullable=null, server_default=None if default is None else text(f"'{default}'"))


def _integer(name: str, default: int) -> Column:
    return Column(name, Integer, nullable=False, server_default=text(str(default)))


def _flag(name: str, *, default: bool) -> Column:
    return Column(name, Boolean, nullable=False, server_default=text("true" if default else "false"))


def _object(name: str) -> Column:
    return Column(name, JSONB, nullable=False, server_default=text("'{}'::jsonb"))


def _texts(name: str) -> Column:
    return Column(name, ARRAY(Text), nullable=False, server_default=text("'{}'::text[]"))


def _service(*, key: bool = False) -> Column:
    return Column("service_id", Text, ForeignKey("service.id"), nullable=False, primary_key=key)


def _number() -> Column:
    return Column("id", BigInteger, Identity(), primary_key=True)


service = Table(
    "service",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    _flag("is_active", default=True),
    _text("repository_url"),
    _text("git_branch", null=False, default="main"),
    _text("git_repo_path"),
    _text("git_subpath"),
    _integer("log_fetch_interval_minutes", 30),
    _text("log_fetch_cron"),
    _flag("rca_generation_enabled", default=True),
    _integer("rca_generation_interval_minutes", 15),
    _flag("rca_on_critical", default=False),
    _flag("code_indexing_enabled", default=True),
    _integer("code_indexing_interval_hours", 24),
    _flag("notification_enabled", default=True),
    _texts("notification_channels"),
    Column("notification_webhook_url_encrypted", LargeBinary),
    _texts("notification_email"),
    _time("last_log_fetch"),
    _time("last_rca_generation"),
    _time("last_code_indexing"),
    _text("commit_sha"),
    _text("timezone", null=False, default="UTC"),
    _text("environment"),
    _text("team"),
    _text("preset", null=False, default="standard"),
    _text("lifecycle_state", null=False, default="Created"),
    _integer("rca_min_count", 5),
    _integer("rca_min_age_minutes", 5),
    _text("rca_min_severity", null=False, default="medium"),
    _integer("retention_raw_days", 7),
    _integer("retention_entries_days", 90),
    _integer("retention_counts_days", 400),
    _object("redaction_policy"),
    _texts("in_app_paths"),
    _object("parse_options"),
    _time("created_at", null=False),
    _time("updated_at", null=False),
    CheckConstraint("id ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name="slug"),
    CheckConstraint("log_fetch_interval_minutes > 0", name="log_fetch_interval"),
    CheckConstraint("rca_generation_interval_minutes > 0", name="rca_interval"),
    CheckConstraint("code_indexing_interval_hours > 0", name="code_interval"),
)

service_dependency = Table(
    "service_dependency",
    metadata,
    _service(key=True),
    Column("depends_on", Text, ForeignKey("service.id"), primary_key=True),
    CheckConstraint("service_id <> depends_on", name="not_itself"),
)

lifecycle_event = Table(
    "lifecycle_event",
    metadata,
    _number(),
    _service(),
    _text("from_state"),
    _text("to_state", null=False),
    _text("actor", null=False),
    _text("reason"),
    _time("at", null=False),
    Index(None, "service_id", "id"),
)

log_source = Table(
    "log_source",
    metadata,
    _number(),
    _service(),
    _text("name", null=False),
    _text("type", null=False),
    _text("environment"),
    _text("host"),
    _integer("port", 9200),
    _text("username"),
    Column("password_encrypted", LargeBinary),
    Column("api_key_encrypted", LargeBinary),
    Column("client_key_encrypted", LargeBinary),
    _flag("use_tls", default=False),
    _flag("verify_certs", default=True),
    _text("ca_cert"),
    _text("client_cert"),
    _text("index_pattern"),
    _object("query_filter"),
    _object("field_mapping"),
    _texts("paths"),
    _text("stream_field"),
    _object("options"),
    _text("identity", null=False, default="id"),
    _text("assume_tz", null=False, default="UTC"),
    _flag("is_active", default=True),
    _flag("fetch_enabled", default=True),
    _time("last_fetch_at"),
    _text("connection_status", null=False, default="untested"),
    _text("connection_reason"),
    Column("connection_ms", Float),
    _time("connection_tested_at"),
    _time("watermark"),
    _object("position"),
    _integer("consecutive_failures", 0),
    _time("next_attempt_at"),
    _text("last_error"),
    _time("created_at", null=False),
    _time("updated_at", null=False),
    UniqueConstraint("service_id", "name"),
    CheckConstraint("connection_status IN ('untested', 'connected', 'failed')", name="connection_status"),
    CheckConstraint("identity IN ('id', 'content')", name="identity"),
)

audit = Table(
    "audit",
    metadata,
    _number(),
    _time("at", null=False),
    _text("actor", null=False),
    _text("action", null=False),
    _text("kind", null=False),
    _text("key", null=False),
    _text("service_id"),
    Column("before", JSONB),
    Column("after", JSONB),
    Index(None, "service_id", "id"),
    Index(None, "kind", "key"),
)

batch = Table(
    "batch",
    metadata,
    _service(),
    _text("kind", null=False),
    Column("batch", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False, server_default=text("0")),
    Column("days", ARRAY(Date), nullable=False, server_default=text("'{}'::date[]")),
    _object("stats"),
    _time("committed_at", null=False),
    PrimaryKeyConstraint("service_id", "kind", "batch"),
)

parse_cursor = Table(
    "parse_cursor",
    metadata,
    _service(key=True),
    Column("raw_batch", BigInteger, nullable=False),
    _time("updated_at", null=False),
)

stream_state = Table(
    "stream_state",
    metadata,
    _service(),
    _text("stream", null=False),
    _text("source_id", null=False),
    _time("last_event_time"),
    Column("last_seq", BigInteger),
    _text("last_doc_id"),
    _text("open_entry_id"),
    _time("open_event_time"),
    Column("open_seq", BigInteger),
    Column("open_day", Date),
    _time("open_received_at"),
    Column("raw_batch", BigInteger, nullable=False, server_default=text("0")),
    Column("rows", BigInteger, nullable=False, server_default=text("0")),
    Column("failed", BigInteger, nullable=False, server_default=text("0")),
    _texts("open_rows"),
    _flag("tail_written", default=False),
    _time("updated_at", null=False),
    PrimaryKeyConstraint("service_id", "stream"),
    Index("ix_stream_state_open", "service_id", postgresql_where=text("open_rows <> '{}' AND NOT tail_written")),
)

slot_attempt = Table(
    "slot_attempt",
    metadata,
    _service(),
    _text("kind", null=False),
    _time("slot", null=False),
    _integer("attempts", 0),
    _time("last_attempt", null=False),
    _text("last_error"),
    PrimaryKeyConstraint("service_id", "kind"),
)

stream_profile = Table(
    "stream_profile",
    metadata,
    Column("profile_id", Text, primary_key=True),
    _text("algorithm", null=False),
    _object("spec"),
    Column("confidence", Float, nullable=False),
    _time("created_at", null=False),
)

stream_profile_map = Table(
    "stream_profile_map",
    metadata,
    _service(),
    _text("stream", null=False),
    Column("version", Integer, nullable=False),
    Column("profile_id", Text, ForeignKey("stream_profile.profile_id"), nullable=False),
    Column("confidence", Float, nullable=False),
    _text("reason", null=False),
    _text("actor", null=False),
    _time("at", null=False),
    PrimaryKeyConstraint("service_id", "stream", "version"),
)

shape = Table(
    "shape",
    metadata,
    _service(),
    _text("shape_id", null=False),
    _text("shape", null=False),
    _text("algorithm", null=False),
    _text("example", null=False),
    _text("level"),
    _time("first_seen", null=False),
    _time("last_seen", null=False),
    _time("created_at", null=False),
    PrimaryKeyConstraint("service_id", "shape_id"),
)

template_mapping = Table(
    "template_mapping",
    metadata,
    _service(),
    _text("algorithm", null=False),
    _text("shape_id", null=False),
    _text("template_id", null=False),
    _text("template", null=False),
    _flag("manual", default=False),
    _text("actor", null=False),
    _time("at", null=False),
    PrimaryKeyConstraint("service_id", "algorithm", "shape_id"),
    Index(None, "service_id", "template_id"),
)

# Which algorithm's mapping of a kind is in force for a service; another may be kept beside it (replay).
active_mapping = Table(
    "active_mapping",
    metadata,
    _service(),
    _text("kind", null=False),
    _text("algorithm", null=False),
    _text("actor", null=False),
    _time("at", null=False),
    PrimaryKeyConstraint("service_id", "kind"),
    CheckConstraint("kind IN ('templates', 'clusters')", name="kind"),
)

fingerprint = Table(
    "fingerprint",
    metadata,
    _service(),
    _text("fingerprint", null=False),
    _text("algorithm", null=False),
    _text("language"),
    _text("type"),
    _text("message"),
    _text("root_type"),
    _text("culprit"),
    Column("levels", JSONB),
    Column("frames", JSONB),
    _text("trace"),
    _text("entry_id"),
    _time("first_seen", null=False),
    _time("last_seen", null=False),
    _time("created_at", null=False),
    PrimaryKeyConstraint("service_id", "fingerprint"),
    Index(None, "service_id", "first_seen"),
)

cluster = Table(
    "cluster",
    metadata,
    _service(),
    _text("cluster_id", null=False),
    _text("title", null=False),
    _text("type"),
    _text("culprit"),
    _text("founder", null=False),
    _text("state", null=False, default="new"),
    _text("severity", null=False, default="medium"),
    _text("rca_status"),
    _text("rca_reason"),
    _text("owner"),
    _time("first_seen", null=False),
    _time("last_seen", null=False),
    _time("resolved_at"),
    _time("created_at", null=False),
    _time("updated_at", null=False),
    PrimaryKeyConstraint("service_id", "cluster_id"),
    CheckConstraint("state IN ('new', 'ongoing', 'escalating', 'regressed', 'resolved', 'ignored')", name="state"),
    CheckConstraint("severity IN ('low', 'medium', 'high', 'critical')", name="severity"),
    CheckConstraint("rca_status IN ('pending', 'completed', 'skipped', 'failed')", name="rca_status"),
    Index(None, "service_id", "last_seen"),
)

cluster_alias = Table(
    "cluster_alias",
    metadata,
    _service(),
    _text("alias", null=False),
    _text("cluster_id", null=False),
    _text("actor", null=False),
    _text("reason"),
    _time("at", null=False),
    PrimaryKeyConstraint("service_id", "alias"),
)

cluster_decision = Table(
    "cluster_decision",
    metadata,
    _number(),
    _service(),
    _text("kind", null=False),
    _text("fingerprint_a", null=False),
    _text("fingerprint_b", null=False),
    _text("actor", null=False),
    _text("reason"),
    _time("at", null=False),
    _time("revoked_at"),
    CheckConstraint("kind IN ('join', 'split')", name="kind"),
    Index(None, "service_id", "id"),
)

cluster_mapping = Table(
    "cluster_mapping",
    metadata,
    _service(),
    _text("algorithm", null=False),
    _text("fingerprint", null=False),
    _text("cluster_id", null=False),
    _text("reason"),
    _flag("manual", default=False),
    _time("at", null=False),
    PrimaryKeyConstraint("service_id", "algorithm", "fingerprint"),
    Index(None, "service_id", "cluster_id"),
)

# What moved from one cluster (or template) to another, and when: a mapping's own history.
mapping_move = Table(
    "mapping_move",
    metadata,
    _number(),
    _service(),
    _text("kind", null=False),
    _text("algorithm", null=False),
    _text("member", null=False),
    _text("from_id", null=False),
    _text("to_id", null=False),
    _text("reason"),
    _time("at", null=False),
    Index(None, "service_id", "kind", "at"),
)


def _hourly(name: str, what: str) -> Table:
    return Table(
        name,
        metadata,
        _service(),
        _time("hour", null=False),
        _text("environment", null=False, default=""),
        _text(what, null=False),
        Column("count", BigInteger, nullable=False),
        PrimaryKeyConstraint("service_id", "hour", "environment", what),
    )


hourly_level = _hourly("hourly_level", "level")
hourly_shape = _hourly("hourly_shape", "shape_id")
hourly_fingerprint = _hourly("hourly_fingerprint", "fingerprint")
Index("ix_hourly_level_hour", hourly_level.c.hour)
Index("ix_hourly_fingerprint_hour", hourly_fingerprint.c.hour)

release = Table(
    "release",
    metadata,
    _number(),
    _service(),
    _text("environment", null=False, default=""),
    _text("version", null=False),
    _text("commit"),
    _text("source", null=False),
    _time("at", null=False),
    UniqueConstraint("service_id", "environment", "version"),
    Index(None, "service_id", "environment", "at"),
)

pipeline_run = Table(
    "pipeline_run",
    metadata,
    _number(),
    _text("kind", null=False),
    Column("service_id", Text, ForeignKey("service.id")),
    _text("status", null=False),
    _text("trigger", null=False),
    _text("dagster_run_id"),
    _time("started_at", null=False),
    _time("finished_at"),
    Column("duration_seconds", Float),
    _object("stats"),
    _text("error"),
    CheckConstraint("status IN ('running', 'succeeded', 'failed', 'skipped')", name="status"),
    Index(None, "service_id", "id"),
    Index(None, "started_at"),
)

alarm = Table(
    "alarm",
    metadata,
    _number(),
    _service(),
    _text("kind", null=False),
    _text("source_id", null=False, default=""),
    _text("detail", null=False),
    _time("raised_at", null=False),
    _time("last_seen_at", null=False),
    _time("cleared_at"),
    _integer("times", 1),
    Index("uq_alarm_open", "service_id", "kind", "source_id", unique=True, postgresql_where=text("cleared_at IS NULL")),
)

# One row per anomaly; scored anew, a row keeps its id (hash of service, environment, instant it fired).
anomaly = Table(
    "anomaly",
    metadata,
    _service(),
    _text("anomaly_id", null=False),
    _text("environment", null=False, default=""),
    Column("day", Date, nullable=False),  # UTC day of fired_at
    _time("started_at", null=False),
    _time("fired_at", null=False),
    _time("ended_at"),
    _text("kind", null=False),
    Column("score", Float, nullable=False),
    _text("severity", null=False),
    _text("description", null=False, default=""),
    _text("template_id"),
    _text("fingerprint"),
    _object(
        "detail"
    ),  # features, example entries, detectors, mentions, trace ids (core.anomalies.model.Anomaly.as_json)
    _text("model_version", null=False, default=""),
    _integer("setting_version", 0),
    _time("created_at", null=False),
    _time("updated_at", null=False),
    PrimaryKeyConstraint("service_id", "anomaly_id"),
    CheckConstraint("severity IN ('low', 'medium', 'high', 'critical')", name="severity"),
    Index(None, "service_id", "fired_at"),
    Index(None, "fired_at"),
    Index(None, "updated_at"),
)

# What a person said of an anomaly; outlives the row when the day is scored anew.
anomaly_feedback = Table(
    "anomaly_feedback",
    metadata,
    _number(),
    _service(),
    _text("anomaly_id", null=False),
    _text("verdict", null=False),
    _text("reason"),
    _text("actor", null=False),
    _time("at", null=False),
    _object("anomaly"),  # as it was judged
    CheckConstraint("verdict IN ('useful', 'noise')", name="verdict"),
    Index(None, "service_id", "anomaly_id"),
)

# Fitted states of the detectors: the fit is a file in the lake, the row says what it rests on.
anomaly_model = Table(
    "anomaly_model",
    metadata,
    _service(),
    _text("version", null=False),  # "<dated id>/<end of data>"
    _text("environment", null=False, default=""),
    _text("algorithm", null=False),
    _time("data_from"),
    _time("data_until", null=False),  # a day is scored only by a fit that ends before it
    Column("lines", BigInteger, nullable=False, server_default=text("0")),
    _object("coverage"),
    _text("path", null=False),
    _text("sha256", null=False),
    Column("seconds", Float),
    _time("fitted_at", null=False),
    _time("rolled_back_at"),
    _text("rolled_back_by"),
    _text("rolled_back_reason"),
    PrimaryKeyConstraint("service_id", "environment", "version"),
    Index(None, "service_id", "data_until"),
)

# Threshold, budget, suppression rules of a service; proposals are rows too, a person activates one.
detector_setting = Table(
    "detector_setting",
    metadata,
    _service(),
    Column("version", Integer, nullable=False),
    _object("setting"),
    _text("state", null=False, default="proposed"),
    _text("reason"),
    _object("backtest"),
    _text("actor", null=False),
    _time("at", null=False),
    _text("decided_by"),
    _time("decided_at"),
    PrimaryKeyConstraint("service_id", "version"),
    CheckConstraint("state IN ('proposed', 'active', 'retired', 'rejected')", name="state"),
    Index("uq_detector_setting_active", "service_id", unique=True, postgresql_where=text("state = 'active'")),
)

service_mask = Table(
    "service_mask",
    metadata,
    _number(),
    _service(),
    _text("name", null=False),
    _text("pattern", null=False),
    _text("replacement", null=False),
    _flag("active", default=False),
    _text("actor", null=False),
    _time("at", null=False),
    _time("revoked_at"),
)

grouping_rule = Table(
    "grouping_rule",
    metadata,
    _number(),
    _service(),
    _text("name", null=False),
    _object("matcher"),
    _object("action"),
    _flag("active", default=False),
    _text("actor", null=False),
    _time("at", null=False),
    _time("revoked_at"),
)

log_file = Table(
    "log_file",
    metadata,
    _number(),
    _service(),
    _text("filename", null=False),
    _text("sha256", null=False),
    Column("size", BigInteger, nullable=False),
    _text("path", null=False),
    _text("source"),
    _text("env"),
    _text("log_type"),
    _text("status", null=False, default="uploaded"),
    Column("entries", BigInteger),
    Column("parse_error_count", BigInteger),
    Column("confidence", Float),
    _text("error"),
    _text("actor", null=False),
    _time("upload_time", null=False),
    _time("processed_at"),
    CheckConstraint("status IN ('uploaded', 'processing', 'processed', 'failed')", name="status"),
    Index(None, "service_id", "upload_time"),
)

setting = Table(
    "setting",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", JSONB, nullable=False),
    _time("updated_at", null=False),
)
