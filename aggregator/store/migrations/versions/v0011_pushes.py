"""Sources that offer a hub, and our subscriptions there."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pushes",
        sa.Column("source_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("hubs", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("delivered_at", sa.BigInteger),
        sa.Column("missed_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("source_id", name="pk_pushes"),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_pushes_source_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_pushes_due_at", "pushes", ["due_at"])
    op.create_table(
        "callbacks",
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("source_id", sa.BigInteger, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("hub", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("secret", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("verified_at", sa.BigInteger),
        sa.Column("renew_at", sa.BigInteger),
        sa.Column("lease_until", sa.BigInteger),
        sa.PrimaryKeyConstraint("token", name="pk_callbacks"),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_callbacks_source_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_callbacks_source_id", "callbacks", ["source_id"])
