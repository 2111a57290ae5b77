"""Who fetches our feeds."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select

from aggregator.core.subscribers import FeedReader
from aggregator.store.schema import readers
from aggregator.store.statements import insert_or_replace


def save_readers(connection: Connection, seen: Sequence[FeedReader]) -> None:
    if not seen:
        return
    rows = [
        {
            "group_digest": reader.group,
            "member_digest": reader.member,
            "told": reader.told,
            "first_seen_at": reader.first_seen_at,
            "last_seen_at": reader.last_seen_at,
        }
        # In one order everywhere: else two processes could wait for each other's rows.
        for reader in sorted(seen, key=lambda reader: (reader.group, reader.member))
    ]
    connection.execute(insert_or_replace(connection, readers, keep=("first_seen_at",)), rows)


def list_readers(connection: Connection, *, since: datetime) -> list[FeedReader]:
    found = connection.execute(select(readers).where(readers.c.last_seen_at >= since))
    return [
        FeedReader(
            group=row.group_digest,
            member=row.member_digest,
            told=row.told,
            first_seen_at=row.first_seen_at,
            last_seen_at=row.last_seen_at,
        )
        for row in found
    ]


def forget_readers(connection: Connection, *, before: datetime, keep: int) -> None:
    last_seen_at = readers.c.last_seen_at
    newest_first = select(last_seen_at).order_by(last_seen_at.desc())
    beyond = newest_first.limit(1).offset(keep).scalar_subquery()
    connection.execute(delete(readers).where(last_seen_at < before))
    connection.execute(delete(readers).where(last_seen_at <= beyond))
