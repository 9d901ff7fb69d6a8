"""Where messages go, the messages to be sent, and every attempt at sending one."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, text

from luffy_dagster.store.schema import columns as col

_SEVERITIES = "('low', 'medium', 'high', 'critical')"

# Where messages go, beside what services name themselves. The address is a secret. No service: for all.
notification_target = Table(
    "notification_target",
    col.metadata,
    col.number(),
    Column("service_id", Text, ForeignKey("service.id")),
    col.words("kind", null=False),
    col.words("name", null=False),
    Column("address_encrypted", LargeBinary, nullable=False),
    col.words("least", null=False, default="low"),
    col.flag("enabled", default=True),
    col.words("actor", null=False),
    col.time("at", null=False),
    CheckConstraint("kind IN ('slack', 'email', 'apprise', 'alertmanager')", name="kind"),
    CheckConstraint(f"least IN {_SEVERITIES}", name="least"),
)

# Messages to be sent. `key` is the idempotency key and the Message-ID; `target` names where, never an address.
outbox = Table(
    "outbox",
    col.metadata,
    col.number(),
    Column("key", Text, nullable=False, unique=True),
    col.words("target", null=False),
    col.words("kind", null=False),
    col.texts("incidents"),
    col.words("thread"),  # key of the message that this one answers
    col.json_object("payload"),
    col.words("state", null=False, default="queued"),
    col.integer("attempts", 0),
    col.time("created_at", null=False),
    col.time("next_attempt_at", null=False),
    col.time("claimed_until"),
    col.time("sent_at"),
    col.words("last_error"),
    CheckConstraint("state IN ('queued', 'sending', 'sent', 'failed')", name="state"),
    Index("ix_outbox_waiting", "next_attempt_at", postgresql_where=text("state IN ('queued', 'sending')")),
)

delivery_attempt = Table(
    "delivery_attempt",
    col.metadata,
    col.number(),
    Column("outbox_id", BigInteger, ForeignKey("outbox.id"), nullable=False),
    Column("number", Integer, nullable=False),
    col.time("started_at", null=False),
    col.time("finished_at"),
    col.words("outcome"),  # accepted, refused, uncertain; none: it was killed
    col.words("detail"),
    Index(None, "outbox_id", "id"),
)
