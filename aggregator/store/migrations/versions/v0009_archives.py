"""Archives of feeds: which stories came in, in which order."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "archives",
        sa.Column("id", _ID, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("definition", sa.LargeBinary, nullable=False),
        sa.Column("scanned_to", sa.BigInteger),
        sa.Column("followed_to", sa.BigInteger, nullable=False),
        sa.Column("followed_story", sa.BigInteger, nullable=False),
        sa.Column("again_at", sa.BigInteger),
        sa.Column("again_from", sa.BigInteger),
        sa.Column("length", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_archives"),
        sa.UniqueConstraint("path", name="uq_archives_path"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "archived",
        sa.Column("archive_id", sa.BigInteger, nullable=False),
        sa.Column("place", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("story_id", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("archive_id", "place", name="pk_archived"),
        sa.ForeignKeyConstraint(["archive_id"], ["archives.id"], name="fk_archived_archive_id"),
        sa.ForeignKeyConstraint(
            ["story_id"], ["stories.id"], name="fk_archived_story_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("story_id", "archive_id", name="uq_archived_story_id_archive_id"),
        sqlite_with_rowid=False,
    )
