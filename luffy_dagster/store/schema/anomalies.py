"""Anomalies, what persons said of them, the fitted models and the settings of the detectors."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Float,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    text,
)

from luffy_dagster.store.schema import columns as col

# One row per anomaly; scored anew, a row keeps its id (hash of service, environment, instant it fired).
anomaly = Table(
    "anomaly",
    col.metadata,
    col.service(),
    col.words("anomaly_id", null=False),
    col.words("environment", null=False, default=""),
    Column("day", Date, nullable=False),  # UTC day of fired_at
    col.time("started_at", null=False),
    col.time("fired_at", null=False),
    col.time("ended_at"),
    col.words("kind", null=False),
    Column("score", Float, nullable=False),
    col.words("severity", null=False),
    col.words("description", null=False, default=""),
    col.words("template_id"),
    col.words("fingerprint"),
    col.json_object("detail"),  # features, examples, detectors, mentions, traces (core.anomalies.model.Anomaly.as_json)
    col.words("model_version", null=False, default=""),
    col.integer("setting_version", 0),
    col.time("created_at", null=False),
    col.time("updated_at", null=False),
    PrimaryKeyConstraint("service_id", "anomaly_id"),
    CheckConstraint("severity IN ('low', 'medium', 'high', 'critical')", name="severity"),
    Index(None, "service_id", "fired_at"),
    Index(None, "fired_at"),
    Index(None, "updated_at"),
)

# How far a day is judged: `changed_since` is set with its windows, cleared with its anomalies.
judged_day = Table(
    "judged_day",
    col.metadata,
    col.service(),
    Column("day", Date, nullable=False),
    col.time("judged_to"),
    col.time("changed_since"),
    col.json_object("state"),  # flows.judging: per environment the states behind pieces of it, and its scores
    PrimaryKeyConstraint("service_id", "day"),
)

# What a person said of an anomaly; outlives the row when the day is scored anew.
anomaly_feedback = Table(
    "anomaly_feedback",
    col.metadata,
    col.number(),
    col.service(),
    col.words("anomaly_id", null=False),
    col.words("verdict", null=False),
    col.words("reason"),
    col.words("actor", null=False),
    col.time("at", null=False),
    col.json_object("anomaly"),  # as it was judged
    CheckConstraint("verdict IN ('useful', 'noise')", name="verdict"),
    Index(None, "service_id", "anomaly_id"),
)

# Fitted states of the detectors: the fit is a file in the lake, the row says what it rests on.
anomaly_model = Table(
    "anomaly_model",
    col.metadata,
    col.service(),
    col.words("version", null=False),  # "<dated id>/<end of data>"
    col.words("environment", null=False, default=""),
    col.words("algorithm", null=False),
    col.time("data_from"),
    col.time("data_until", null=False),  # a day is scored only by a fit that ends before it
    Column("lines", BigInteger, nullable=False, server_default=text("0")),
    col.json_object("coverage"),
    col.words("path", null=False),
    col.words("sha256", null=False),
    Column("seconds", Float),
    col.time("fitted_at", null=False),
    col.time("rolled_back_at"),
    col.words("rolled_back_by"),
    col.words("rolled_back_reason"),
    PrimaryKeyConstraint("service_id", "environment", "version"),
    Index(None, "service_id", "data_until"),
)

# Threshold, budget, suppression rules of a service; proposals are rows too, a person activates one.
detector_setting = Table(
    "detector_setting",
    col.metadata,
    col.service(),
    Column("version", Integer, nullable=False),
    col.json_object("setting"),
    col.words("state", null=False, default="proposed"),
    col.words("reason"),
    col.json_object("backtest"),
    col.words("actor", null=False),
    col.time("at", null=False),
    col.words("decided_by"),
    col.time("decided_at"),
    PrimaryKeyConstraint("service_id", "version"),
    CheckConstraint("state IN ('proposed', 'active', 'retired', 'rejected')", name="state"),
    Index("uq_detector_setting_active", "service_id", unique=True, postgresql_where=text("state = 'active'")),
)
