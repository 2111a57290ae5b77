"""Who fetches our feeds."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "readers",
        sa.Column("group_digest", sa.LargeBinary, nullable=False),
        sa.Column("member_digest", sa.LargeBinary, nullable=False),
        sa.Column("told", sa.Integer),
        sa.Column("first_seen_at", sa.BigInteger, nullable=False),
        sa.Column("last_seen_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("group_digest", "member_digest", name="pk_readers"),
        sqlite_with_rowid=False,
    )
