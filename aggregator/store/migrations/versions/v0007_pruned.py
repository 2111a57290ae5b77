"""Tombstones tell what retention dropped from what `backfill` left out.

Those that are there already cannot say it any more and count as left out.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tombstones", sa.Column("pruned_at", sa.BigInteger))
