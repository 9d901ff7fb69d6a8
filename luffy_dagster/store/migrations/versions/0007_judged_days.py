"""How far each day is judged, and the state from which judging goes on. Days judged before this begin anew when they change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "judged_day",
        sa.Column("service_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("judged_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "state", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_judged_day_service_id")),
        sa.PrimaryKeyConstraint("service_id", "day", name=op.f("pk_judged_day")),
    )


def downgrade() -> None:
    op.drop_table("judged_day")
