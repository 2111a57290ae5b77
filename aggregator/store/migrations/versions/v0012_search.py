"""The search index, with the entries that are stored already: a millisecond or two each."""

from alembic import op

from aggregator.store.searching import create

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create(op.get_bind())
