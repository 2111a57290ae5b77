"""Contributors, categories' schemes, comments and origin of an entry."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Entries of before get theirs with the next document that has them (`reconcile`, refreshed).
    op.add_column("entries", sa.Column("more", sa.Text, nullable=False, server_default="{}"))
