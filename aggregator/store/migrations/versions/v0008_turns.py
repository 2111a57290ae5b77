"""In which revision a story was opened and last changed; for those that are there, before all."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("opened_in", "changed_in"):
        op.add_column("stories", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
    op.create_index("ix_stories_changed_in_id", "stories", ["changed_in", "id"])
