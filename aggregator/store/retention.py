"""What is deleted when it is old, and what stays behind of it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select

from aggregator.store.mapping import AnyRow
from aggregator.store.marks import drop_marks
from aggregator.store.revisions import bump, lock_stories
from aggregator.store.schema import entries, sources, stories, tombstones
from aggregator.store.searching import unindex
from aggregator.store.statements import insert_missing
from aggregator.store.stories import choose_leads, drop_empty

BATCH = 500
"""Entries deleted in one transaction; polls save theirs in between."""


_ALL = 2**62
"""More entries than there are: an OFFSET wants a LIMIT on SQLite."""


def source_ids(connection: Connection) -> list[int]:
    return list(connection.scalars(select(sources.c.id).order_by(sources.c.id)))


def delete_old(
    connection: Connection,
    source_id: int,
    *,
    before: datetime,
    keep: int,
    at: datetime,
) -> int:
    """Deletes at most `BATCH` of the source's entries; returns how many."""
    lock_stories(connection)
    old = _old(connection, source_id, before, keep)
    if not old:
        return 0
    ids = [row.id for row in old]
    touched = {row.story_id for row in old}
    connection.execute(
        insert_missing(connection, tombstones),
        [{"source_id": source_id, "digest": row.digest, "pruned_at": at} for row in old],
    )
    drop_marks(connection, ids)
    unindex(connection, ids)
    connection.execute(delete(entries).where(entries.c.id.in_(ids)))
    drop_empty(connection, stories.c.id.in_(touched))
    choose_leads(connection, touched, at)
    bump(connection, at)
    return len(old)


def _old(connection: Connection, source_id: int, before: datetime, keep: int) -> Sequence[AnyRow]:
    """Old entries beyond the newest `keep`; the index tells where those end."""
    its_own = entries.c.source_id == source_id
    newest_first = (entries.c.published_at.desc(), entries.c.id.desc())
    beyond = select(entries.c.id).where(its_own).order_by(*newest_first).limit(_ALL).offset(keep)
    statement = (
        select(entries.c.id, entries.c.digest, entries.c.story_id)
        .where(
            entries.c.id.in_(beyond),
            entries.c.published_at < before,
            entries.c.first_seen_at < before,
        )
        .order_by(entries.c.id)
        .limit(BATCH)
    )
    return connection.execute(statement).all()
