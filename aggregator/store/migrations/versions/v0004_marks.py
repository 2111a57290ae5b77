"""Entries that tell the same: why they are one story, and how they are found.

What is stored already joined its story by its link; its texts have no marks, so that they meet
new entries by link only.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_JOINED = """UPDATE entries SET joined_by = 'link'
    WHERE id <> (SELECT min(first.id) FROM entries AS first WHERE first.story_id = entries.story_id)
"""


def upgrade() -> None:
    op.add_column(
        "entries", sa.Column("joined_by", sa.Text, nullable=False, server_default="alone")
    )
    op.add_column("entries", sa.Column("taken_from", sa.Text, nullable=False, server_default="[]"))
    op.execute(_JOINED)
    by_text = sa.text("joined_by = 'text'")
    op.create_index(
        "ix_entries_link_digest",
        "entries",
        ["link_digest"],
        sqlite_where=by_text,
        postgresql_where=by_text,
    )
    op.create_table(
        "marks",
        sa.Column("mark", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("entry_id", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("mark", "entry_id", name="pk_marks"),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_marks_entry_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_marks_entry_id", "marks", ["entry_id"])
