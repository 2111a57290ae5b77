"""Whom we deliver to."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("url", sa.Text),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("mode", sa.Text),
        sa.Column("lease_seconds", sa.Integer),
        sa.Column("sent", sa.Text),
        sa.Column("cursor", sa.Text),
        sa.Column("next_try_at", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("failing_since", sa.BigInteger),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("lease_token", sa.Text),
        sa.Column("lease_until", sa.BigInteger),
        sa.PrimaryKeyConstraint("digest", name="pk_deliveries"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_deliveries_kind_topic", "deliveries", ["kind", "topic"])
    op.create_table(
        "told",
        sa.Column("delivery_digest", sa.LargeBinary, nullable=False),
        sa.Column("story_id", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_digest"],
            ["deliveries.digest"],
            name="fk_told_delivery_digest",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("delivery_digest", "story_id", name="pk_told"),
        sqlite_with_rowid=False,
    )
