"""Who has the turn at a host is in the database: one at most in all processes."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

RUNNING = sa.text("run_until IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "hosts",
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("rest_until", sa.BigInteger),
        sa.Column("run_token", sa.Text),
        sa.Column("run_until", sa.BigInteger),
        sa.PrimaryKeyConstraint("host", name="pk_hosts"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_hosts_running",
        "hosts",
        ["run_until", "host"],
        sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )
