"""What was learned of a source's rhythm is kept; a poll learns it where it is not there."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sources", sa.Column("habits", sa.LargeBinary))
