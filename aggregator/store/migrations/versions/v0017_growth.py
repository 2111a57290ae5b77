"""Indexes by which due, paused and unlisted sources are found among a million; stories counted."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_INDEXES = {
    "ix_sources_due": (["next_poll_at", "id", "host"], "listed AND enabled AND failures = 0"),
    "ix_sources_failing": (["next_poll_at", "id", "host"], "listed AND enabled AND failures > 0"),
    "ix_sources_paused": (["domain", "domain_paused_until"], "domain_paused_until IS NOT NULL"),
    "ix_sources_unlisted": (["id"], "NOT listed"),
}


def upgrade() -> None:
    op.drop_index("ix_sources_next_poll_at", "sources")
    for name, (columns, written) in _INDEXES.items():
        where = sa.text(written)
        op.create_index(name, "sources", columns, sqlite_where=where, postgresql_where=where)
    op.add_column(
        "revision", sa.Column("stories", sa.BigInteger, nullable=False, server_default="0")
    )
    op.execute("UPDATE revision SET stories = (SELECT count(*) FROM stories)")
