"""The rhythm of a source, kept from one time that it brings something to the next."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sources", sa.Column("habits", sa.LargeBinary))
