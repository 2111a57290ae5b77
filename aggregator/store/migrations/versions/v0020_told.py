"""When something was last told otherwise of a source that had no new entry then."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "revision", sa.Column("told_in", sa.BigInteger, nullable=False, server_default="0")
    )
