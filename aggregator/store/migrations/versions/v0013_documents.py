"""What is remembered of each source's last document; nothing of those that were read before."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "documents",
        sa.Column("source_id", sa.BigInteger, sa.ForeignKey("sources.id"), primary_key=True),
        sa.Column("memory", sa.LargeBinary, nullable=False),
    )
