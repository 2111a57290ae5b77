"""What is deleted when it is old, and what stays behind of it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from aggregator.store.mapping import AnyRow
from aggregator.store.marks import drop_marks
from aggregator.store.revisions import bump, lock_stories, tell_otherwise
from aggregator.store.schema import entries, sources, stories, tombstones
from aggregator.store.searching import unindex
from aggregator.store.statements import insert_missing
from aggregator.store.stories import choose_leads, drop_empty

BATCH = 500
"""Entries deleted in one transaction; polls save theirs in between. Also sources in one look."""


_ALL = 2**62
"""More entries than there are: an OFFSET wants a LIMIT on SQLite."""


def sources_with_old(
    connection: Connection, *, after: int, before: datetime, keep: int
) -> list[int]:
    """The next sources (by id) that may have something to delete, a batch of them."""
    its = entries.c.source_id
    statement = (
        select(its)
        .where(its > after)
        .group_by(its)
        .having(
            func.count() > keep,
            func.min(entries.c.published_at) < before,
            func.min(entries.c.first_seen_at) < before,
        )
        .order_by(its)
        .limit(BATCH)
    )
    return list(connection.scalars(statement))


def delete_old(
    connection: Connection,
    source_ids: Sequence[int],
    *,
    before: datetime,
    keep: int,
    at: datetime,
) -> tuple[int, Sequence[int]]:
    """Deletes at most `BATCH` entries; returns how many, and the sources that are left to do."""
    lock_stories(connection)
    old: list[AnyRow] = []
    left = source_ids
    while left and len(old) < BATCH:
        found = _old(connection, left[0], before, keep, limit=BATCH - len(old))
        old += found
        if len(old) < BATCH:
            left = left[1:]
    if old:
        _delete(connection, old, at)
    return len(old), left


def _delete(connection: Connection, old: Sequence[AnyRow], at: datetime) -> None:
    ids = [row.id for row in old]
    touched = {row.story_id for row in old}
    connection.execute(
        insert_missing(connection, tombstones),
        [{"source_id": row.source_id, "digest": row.digest, "pruned_at": at} for row in old],
    )
    drop_marks(connection, ids)
    unindex(connection, ids)
    connection.execute(delete(entries).where(entries.c.id.in_(ids)))
    drop_empty(connection, stories.c.id.in_(touched))
    choose_leads(connection, touched, at)
    losing = {row.source_id for row in old}
    its_own = select(sources.c.id).where(sources.c.id.in_(losing)).order_by(sources.c.id)
    in_turn = its_own.with_for_update()  # the order of all who lock several
    connection.execute(update(sources).where(sources.c.id.in_(in_turn)).values(habits=None))
    tell_otherwise(connection)
    bump(connection, at)


def _old(
    connection: Connection, source_id: int, before: datetime, keep: int, *, limit: int
) -> Sequence[AnyRow]:
    """Old entries beyond the newest `keep`; the index tells where those end."""
    its_own = entries.c.source_id == source_id
    newest_first = (entries.c.published_at.desc(), entries.c.id.desc())
    beyond = select(entries.c.id).where(its_own).order_by(*newest_first).limit(_ALL).offset(keep)
    statement = (
        select(entries.c.id, entries.c.source_id, entries.c.digest, entries.c.story_id)
        .where(
            entries.c.id.in_(beyond),
            entries.c.published_at < before,
            entries.c.first_seen_at < before,
        )
        .order_by(entries.c.id)
        .limit(limit)
    )
    return connection.execute(statement).all()
