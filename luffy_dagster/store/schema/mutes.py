"""What hides alerts: acknowledgements, silences, maintenance windows, and which alert each of them hid."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text, text

from luffy_dagster.store.schema import columns as col

acknowledgement = Table(
    "acknowledgement",
    col.metadata,
    col.number(),
    Column("incident_id", Text, ForeignKey("incident.id"), nullable=False),
    col.words("owner", null=False),
    col.words("reason"),
    col.time("at", null=False),
    col.time("until"),
    col.time("revoked_at"),
    Index(None, "incident_id"),
)

silence = Table(
    "silence",
    col.metadata,
    col.number(),
    col.json_object("matchers"),
    col.words("most", null=False, default="critical"),
    col.words("owner", null=False),
    col.words("reason", null=False),
    col.time("starts_at", null=False),
    col.time("ends_at", null=False),
    col.time("created_at", null=False),
    col.time("ended_early_at"),
    col.words("ended_by"),
    col.time("expiry_noted_at"),
    Index(None, "ends_at"),
)

maintenance_window = Table(
    "maintenance_window",
    col.metadata,
    col.number(),
    col.texts("services"),  # empty: all
    col.words("owner", null=False),
    col.words("reason", null=False),
    col.time("starts_at", null=False),
    col.time("ends_at", null=False),
    col.flag("pause", default=False),  # fetching pauses too (state Maintenance)
    col.texts("paused"),  # services that this window put into Maintenance
    col.time("created_at", null=False),
    col.words("ended_by"),
    col.time("expiry_noted_at"),
    Index(None, "ends_at"),
)

# Which alert was hidden, by what, from when to when.
hidden_alert = Table(
    "hidden_alert",
    col.metadata,
    col.number(),
    Column("alert_id", BigInteger, ForeignKey("alert.id"), nullable=False),
    col.words("by_kind", null=False),
    Column("by_id", BigInteger, nullable=False, server_default=text("0")),
    col.words("reason", null=False, default=""),
    col.time("from_at", null=False),
    col.time("until_at"),
    Index("uq_hidden_alert_open", "alert_id", unique=True, postgresql_where=text("until_at IS NULL")),
    Index(None, "by_kind", "by_id"),
)
