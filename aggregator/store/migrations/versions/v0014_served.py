"""Publications, sources and tags that ever had an address.

Those that are configured are noted at the start; sources of before are known by their rows.
"""

import sqlalchemy as sa
from alembic import op

from aggregator.core.digest import digest

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "served",
        sa.Column("name_digest", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name_digest", name="pk_served"),
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    keys = connection.execute(sa.text("SELECT key FROM sources")).scalars().all()
    served = sa.table("served", sa.column("name_digest", sa.LargeBinary))
    op.bulk_insert(served, [{"name_digest": digest("sources", key)} for key in keys])
