"""Root causes: results, what persons said of them, investigations by evidence; calls of language models and their answers."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Float, ForeignKey, Index, PrimaryKeyConstraint, Table, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from luffy_dagster.store.schema import columns as col

# One row per report, also of those that failed. `report` is the whole of it, valid by its schema, or null.
rca_result = Table(
    "rca_result",
    col.metadata,
    col.number(),
    col.service(),
    col.words("cluster_id", null=False),
    col.words("status", null=False),
    col.words("trigger", null=False),
    col.words("verdict"),
    col.words("cause"),
    col.words("culprit_commit"),
    Column("confidence", Float),
    col.words("analysis", null=False, default=""),  # the report as Markdown
    Column("recommendations", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("evidence", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("report", JSONB),
    col.words("evidence_hash", null=False, default=""),
    col.words("algorithm", null=False, default=""),
    col.words("provider"),
    col.words("model"),
    col.integer("sentences_removed", 0),
    Column("tokens_in", BigInteger, nullable=False, server_default=text("0")),
    Column("tokens_out", BigInteger, nullable=False, server_default=text("0")),
    Column("cost_usd", Float),
    col.words("error"),
    col.time("rca_generated_at", null=False),
    CheckConstraint("status IN ('completed', 'failed')", name="status"),
    CheckConstraint("verdict IN ('culprit', 'no_code_cause', 'inconclusive')", name="verdict"),
    CheckConstraint("(status = 'completed') = (report IS NOT NULL)", name="whole"),
    Index(None, "service_id", "cluster_id", "id"),
    Index(None, "rca_generated_at"),
)

# One investigation per cluster and evidence: the same evidence again gives the report that is there.
investigation = Table(
    "investigation",
    col.metadata,
    col.service(),
    col.words("cluster_id", null=False),
    col.words("evidence_hash", null=False),
    Column("result_id", BigInteger, ForeignKey("rca_result.id"), nullable=False),
    col.integer("times", 1),
    col.time("first_at", null=False),
    col.time("last_at", null=False),
    PrimaryKeyConstraint("service_id", "cluster_id", "evidence_hash"),
)

rca_feedback = Table(
    "rca_feedback",
    col.metadata,
    col.number(),
    Column("result_id", BigInteger, ForeignKey("rca_result.id"), nullable=False),
    Column("rating", BigInteger, nullable=False),
    Column("validated", col.Boolean),
    col.words("comment"),
    col.words("actor", null=False),
    col.time("at", null=False),
    CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
    Index(None, "result_id"),
)

llm_call = Table(
    "llm_call",
    col.metadata,
    col.number(),
    col.time("at", null=False),
    col.words("task", null=False),
    Column("service_id", col.Text),  # no reference: what was spent outlives the service
    col.words("provider", null=False),
    col.words("model", null=False),
    col.words("outcome", null=False),
    Column("tokens_in", BigInteger, nullable=False, server_default=text("0")),
    Column("tokens_out", BigInteger, nullable=False, server_default=text("0")),
    Column("cost_usd", Float),
    Column("seconds", Float, nullable=False, server_default=text("0")),
    col.words("cached"),
    col.words("detail", null=False, default=""),
    Index(None, "at"),
    Index(None, "service_id", "at"),
)

llm_answer = Table(
    "llm_answer",
    col.metadata,
    col.words("key", null=False),
    Column("service_id", col.Text),
    col.words("task", null=False),
    col.words("evidence", null=False),
    col.words("answer", null=False),
    col.words("provider", null=False),
    col.words("model", null=False),
    Column("vector", ARRAY(Float)),
    col.time("at", null=False),
    PrimaryKeyConstraint("key"),
    Index(None, "service_id", "task", "evidence"),
    Index(None, "at"),
)
