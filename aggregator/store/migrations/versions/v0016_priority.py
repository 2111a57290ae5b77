"""Who leads a story whose origin is not known; the configuration says so at the next start."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sources", sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
