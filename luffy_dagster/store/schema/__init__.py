"""The tables of the store as SQLAlchemy Core objects; the same as what the migrations make (a test compares them).

Columns only, a module per topic: a new table goes in the module of its topic and is named here. Queries are in the module
of `store/` of the same topic. Names are CONTRACT's where it gives them.
"""

from __future__ import annotations

from luffy_dagster.store.schema.alerts import alert, alert_cache, alert_event, alert_rule
from luffy_dagster.store.schema.anomalies import anomaly, anomaly_feedback, anomaly_model, detector_setting, judged_day
from luffy_dagster.store.schema.clusters import (
    cluster,
    cluster_alias,
    cluster_decision,
    cluster_mapping,
    cluster_transition,
    fingerprint,
    mapping_move,
)
from luffy_dagster.store.schema.code import code_change, code_chunk, code_commit, code_index, git_credential
from luffy_dagster.store.schema.columns import metadata
from luffy_dagster.store.schema.counts import hourly_fingerprint, hourly_level, hourly_shape
from luffy_dagster.store.schema.incidents import incident, incident_member
from luffy_dagster.store.schema.intake import batch, parse_cursor, stream_profile, stream_profile_map, stream_state
from luffy_dagster.store.schema.mutes import acknowledgement, hidden_alert, maintenance_window, silence
from luffy_dagster.store.schema.outbox import delivery_attempt, notification_target, outbox
from luffy_dagster.store.schema.patterns import active_mapping, grouping_rule, service_mask, shape, template_mapping
from luffy_dagster.store.schema.platform import audit, setting
from luffy_dagster.store.schema.rca import investigation, llm_answer, llm_call, rca_feedback, rca_result
from luffy_dagster.store.schema.releases import release
from luffy_dagster.store.schema.runs import adaptive_interval, alarm, pipeline_run, slot_attempt
from luffy_dagster.store.schema.services import lifecycle_event, service, service_dependency
from luffy_dagster.store.schema.sources import log_file, log_source

__all__ = [
    "acknowledgement",
    "active_mapping",
    "adaptive_interval",
    "alarm",
    "alert",
    "alert_cache",
    "alert_event",
    "alert_rule",
    "anomaly",
    "anomaly_feedback",
    "anomaly_model",
    "audit",
    "batch",
    "cluster",
    "cluster_alias",
    "cluster_decision",
    "cluster_mapping",
    "cluster_transition",
    "code_change",
    "code_chunk",
    "code_commit",
    "code_index",
    "delivery_attempt",
    "detector_setting",
    "fingerprint",
    "git_credential",
    "grouping_rule",
    "hidden_alert",
    "hourly_fingerprint",
    "hourly_level",
    "hourly_shape",
    "incident",
    "incident_member",
    "investigation",
    "judged_day",
    "lifecycle_event",
    "llm_answer",
    "llm_call",
    "log_file",
    "log_source",
    "maintenance_window",
    "mapping_move",
    "metadata",
    "notification_target",
    "outbox",
    "parse_cursor",
    "pipeline_run",
    "rca_feedback",
    "rca_result",
    "release",
    "service",
    "service_dependency",
    "service_mask",
    "setting",
    "shape",
    "silence",
    "slot_attempt",
    "stream_profile",
    "stream_profile_map",
    "stream_state",
    "template_mapping",
]
