"""Stories that the operator has taken down."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "takedowns",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("published_digest", sa.LargeBinary, nullable=False),
        sa.Column("taken_at", sa.BigInteger, nullable=False),
        sa.Column("published_id", sa.Text, nullable=False),
        sa.Column("link", sa.Text),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_takedowns"),
        sa.UniqueConstraint("published_digest", name="uq_takedowns_published_digest"),
    )
    op.create_table(
        "taken_down",
        sa.Column("source_id", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("takedown_id", sa.BigInteger, nullable=False),
        sa.Column("guid", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_taken_down_source_id"),
        sa.ForeignKeyConstraint(
            ["takedown_id"], ["takedowns.id"], name="fk_taken_down_takedown_id"
        ),
        sa.PrimaryKeyConstraint("source_id", "digest", "takedown_id", name="pk_taken_down"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_taken_down_takedown_id", "taken_down", ["takedown_id"])
