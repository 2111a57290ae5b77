"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _create_sources()
    _create_stories()
    _create_entries()
    _create_tombstones()
    _create_revision()


def _create_sources() -> None:
    op.create_table(
        "sources",
        sa.Column("id", _Id, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("listed", sa.Boolean, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("ever_read", sa.Boolean, nullable=False),
        sa.Column("next_poll_at", sa.BigInteger, nullable=False),
        sa.Column("next_poll_reason", sa.Text, nullable=False),
        sa.Column("lease_token", sa.Text),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("paused_until", sa.BigInteger),
        sa.Column("last_poll_at", sa.BigInteger),
        sa.Column("last_success_at", sa.BigInteger),
        sa.Column("last_status", sa.Integer),
        sa.Column("last_error", sa.Text),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("gone_count", sa.Integer, nullable=False),
        sa.Column("etag", sa.Text),
        sa.Column("last_modified", sa.Text),
        sa.Column("body_digest", sa.LargeBinary),
        sa.Column("info", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sources"),
        sa.UniqueConstraint("key", name="uq_sources_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sources_next_poll_at", "sources", ["next_poll_at"])


def _create_stories() -> None:
    op.create_table(
        "stories",
        sa.Column("id", _Id, nullable=False),
        sa.Column("link_digest", sa.LargeBinary),
        sa.Column("published_digest", sa.LargeBinary, nullable=False),
        sa.Column("lead_entry_id", sa.BigInteger),
        sa.Column("rank_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("published_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stories"),
        sa.UniqueConstraint("link_digest", name="uq_stories_link_digest"),
        sa.UniqueConstraint("published_digest", name="uq_stories_published_digest"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_stories_rank_at_id", "stories", ["rank_at", "id"])


def _create_entries() -> None:
    op.create_table(
        "entries",
        sa.Column("id", _Id, nullable=False),
        sa.Column("source_id", sa.BigInteger, nullable=False),
        sa.Column("story_id", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("link_digest", sa.LargeBinary),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("published_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("first_seen_at", sa.BigInteger, nullable=False),
        sa.Column("guid", sa.Text, nullable=False),
        sa.Column("link", sa.Text),
        sa.Column("language", sa.Text),
        sa.Column("image", sa.Text),
        sa.Column("authors", sa.Text, nullable=False),
        sa.Column("categories", sa.Text, nullable=False),
        sa.Column("enclosures", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("content_html", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_entries"),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_entries_source_id"),
        sa.ForeignKeyConstraint(["story_id"], ["stories.id"], name="fk_entries_story_id"),
        sa.UniqueConstraint("source_id", "digest", name="uq_entries_source_id_digest"),
        sqlite_autoincrement=True,
    )
    for columns in (
        ["source_id", "link_digest"],
        ["story_id", "source_id"],
        ["source_id", "published_at", "first_seen_at", "story_id"],
    ):
        op.create_index(f"ix_entries_{'_'.join(columns)}", "entries", columns)


def _create_tombstones() -> None:
    op.create_table(
        "tombstones",
        sa.Column("source_id", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("source_id", "digest", name="pk_tombstones"),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_tombstones_source_id"),
        sqlite_with_rowid=False,
    )


def _create_revision() -> None:
    revision_table = op.create_table(
        "revision",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_revision"),
    )
    op.bulk_insert(revision_table, [{"id": 1, "number": 0, "changed_at": 0}])
