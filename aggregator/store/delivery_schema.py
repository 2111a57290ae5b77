"""The tables of what we deliver; they stand beside those of `schema`."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from aggregator.store.column_types import Json, UtcMicros
from aggregator.store.schema import metadata

deliveries = Table(
    "deliveries",
    metadata,
    Column("digest", LargeBinary, primary_key=True),  # over kind, topic and address
    Column("kind", Text, nullable=False),
    Column("domain", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("url", Text),  # empty where the configuration has it
    Column("secret", Json, nullable=False),  # any characters
    Column("mode", Text),
    Column("lease_seconds", Integer),
    Column("sent", Text),  # the mark of what arrived last
    Column("cursor", Text),
    Column("next_try_at", UtcMicros, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failing_since", UtcMicros),
    Column("expires_at", UtcMicros),
    Column("lease_token", Text),
    Column("lease_until", UtcMicros),
    Index(None, "kind", "topic"),
    sqlite_with_rowid=False,
)

told = Table(
    "told",
    metadata,
    Column(
        "delivery_digest",
        LargeBinary,
        ForeignKey("deliveries.digest", ondelete="CASCADE"),
        primary_key=True,
    ),
    # No foreign key: those of stories that retention dropped go at the next start.
    Column("story_id", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False),  # over what it was told
    sqlite_with_rowid=False,
)
