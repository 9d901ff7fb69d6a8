"""New shapes of a day are counted at every parse that finds some; streams count how well their profile reads them of late."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COUNTS = (("recent_entries", sa.BigInteger()), ("recent_failed", sa.BigInteger()), ("judged", sa.Integer()))


def upgrade() -> None:
    op.create_index("ix_shape_service_id_first_seen", "shape", ["service_id", "first_seen"])
    for name, kind in _COUNTS:
        op.add_column("stream_state", sa.Column(name, kind, server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    for name, _ in _COUNTS:
        op.drop_column("stream_state", name)
    op.drop_index("ix_shape_service_id_first_seen", table_name="shape")
