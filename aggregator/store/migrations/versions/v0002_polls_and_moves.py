"""The last polls of each source; what a pause holds for; where a source has gone."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("domain", sa.Text, nullable=False, server_default=""),
        sa.Column("domain_paused_until", sa.BigInteger),
        sa.Column("not_before", sa.BigInteger),
        sa.Column("throttles", sa.Integer, nullable=False, server_default="0"),
        sa.Column("poll_count", sa.Integer, nullable=False, server_default="0"),
        sa.Column("last_news_at", sa.BigInteger),
        sa.Column("moved_to", sa.Text),
        sa.Column("moving_to", sa.Text),
        sa.Column("moving_since", sa.BigInteger),
        sa.Column("suggested_url", sa.Text),
    ):
        op.add_column("sources", column)
    # The next start knows the registrable domain; until then the host is closest.
    op.execute("UPDATE sources SET domain = host")
    op.execute(
        "UPDATE sources SET last_news_at ="
        " (SELECT max(first_seen_at) FROM entries WHERE source_id = sources.id)"
    )
    op.create_table(
        "polls",
        sa.Column("source_id", sa.BigInteger, nullable=False),
        sa.Column("slot", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("polled_at", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("elapsed_ms", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("sent_etag", sa.Text),
        sa.Column("sent_last_modified", sa.Text),
        sa.Column("etag", sa.Text),
        sa.Column("last_modified", sa.Text),
        sa.PrimaryKeyConstraint("source_id", "slot", name="pk_polls"),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_polls_source_id"),
        sqlite_with_rowid=False,
    )
