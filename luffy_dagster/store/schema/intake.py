"""How far the logs were read: batches, cursors, open entries, and the profile each stream is read by."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from luffy_dagster.store.schema import columns as col

batch = Table(
    "batch",
    col.metadata,
    col.service(),
    col.words("kind", null=False),
    Column("batch", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False, server_default=text("0")),
    Column("days", ARRAY(Date), nullable=False, server_default=text("'{}'::date[]")),
    col.json_object("stats"),
    col.time("committed_at", null=False),
    PrimaryKeyConstraint("service_id", "kind", "batch"),
)

parse_cursor = Table(
    "parse_cursor",
    col.metadata,
    col.service(key=True),
    Column("raw_batch", BigInteger, nullable=False),
    col.time("updated_at", null=False),
)

stream_state = Table(
    "stream_state",
    col.metadata,
    col.service(),
    col.words("stream", null=False),
    col.words("source_id", null=False),
    col.time("last_event_time"),
    Column("last_seq", BigInteger),
    col.words("last_doc_id"),
    col.words("open_entry_id"),
    col.time("open_event_time"),
    Column("open_seq", BigInteger),
    Column("open_day", Date),
    col.time("open_received_at"),
    Column("raw_batch", BigInteger, nullable=False, server_default=text("0")),
    Column("rows", BigInteger, nullable=False, server_default=text("0")),
    Column("failed", BigInteger, nullable=False, server_default=text("0")),
    # Since the stream's profile was last judged by how it reads, and how often that has changed nothing.
    Column("recent_entries", BigInteger, nullable=False, server_default=text("0")),
    Column("recent_failed", BigInteger, nullable=False, server_default=text("0")),
    col.integer("judged", 0),
    col.texts("open_rows"),
    col.flag("tail_written", default=False),
    col.time("updated_at", null=False),
    PrimaryKeyConstraint("service_id", "stream"),
    Index("ix_stream_state_open", "service_id", postgresql_where=text("open_rows <> '{}' AND NOT tail_written")),
)

stream_profile = Table(
    "stream_profile",
    col.metadata,
    Column("profile_id", Text, primary_key=True),
    col.words("algorithm", null=False),
    col.json_object("spec"),
    Column("confidence", Float, nullable=False),
    col.time("created_at", null=False),
)

stream_profile_map = Table(
    "stream_profile_map",
    col.metadata,
    col.service(),
    col.words("stream", null=False),
    Column("version", Integer, nullable=False),
    Column("profile_id", Text, ForeignKey("stream_profile.profile_id"), nullable=False),
    Column("confidence", Float, nullable=False),
    col.words("reason", null=False),
    col.words("actor", null=False),
    col.time("at", null=False),
    PrimaryKeyConstraint("service_id", "stream", "version"),
)
