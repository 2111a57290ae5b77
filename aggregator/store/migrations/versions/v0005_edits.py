"""How many edits an entry took lately; of those that are stored, nobody counted."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "edits",
        sa.Column("entry_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name="pk_edits"),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["entries.id"], name="fk_edits_entry_id", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
