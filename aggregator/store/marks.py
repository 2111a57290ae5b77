"""Marks: how entries are found whose texts may be alike. The caller holds the lock on stories."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, bindparam, delete, select

from aggregator.core.likeness import Told
from aggregator.core.stories import Candidate
from aggregator.store.mapping import AnyRow
from aggregator.store.quick import fetch, run
from aggregator.store.schema import entries, marks
from aggregator.store.statements import chunks, insert_missing

MOST_HOLDERS = 8
"""Entries with one mark: what more have is boilerplate, and would make every look-up slow."""


Holders = Mapping[int, Sequence[int]]
"""Ids of entries by mark."""

_HOLDERS = select(marks).where(marks.c.mark.in_(bindparam("values", expanding=True)))
_DROP = delete(marks).where(marks.c.entry_id.in_(bindparam("values", expanding=True)))


def holders_of(connection: Connection, wanted: Collection[int]) -> dict[int, list[int]]:
    """Ids of entries by mark."""
    holders: dict[int, list[int]] = {}
    for chunk in chunks(wanted):
        for row in fetch(connection, _HOLDERS, {"values": chunk}):
            holders.setdefault(row.mark, []).append(row.entry_id)
    return holders


def candidates(connection: Connection, entry_ids: Collection[int]) -> list[Candidate]:
    """In the order in which they were stored."""
    statement = (
        select(
            entries.c.story_id,
            entries.c.source_id,
            entries.c.published_at,
            entries.c.link,
            entries.c.title,
            entries.c.text,
        )
        .where(entries.c.id.in_(entry_ids))
        .order_by(entries.c.id)
    )
    return [
        Candidate(source_id=row.source_id, story_id=row.story_id, told=told_of(row))
        for row in connection.execute(statement)
    ]


def told_of(row: AnyRow) -> Told:
    return Told(title=row.title, text=row.text, link=row.link, at=row.published_at)


def replace_marks(connection: Connection, found: Mapping[int, Sequence[int]]) -> None:
    """Puts these marks of entries in the place of those that the entries had."""
    drop_marks(connection, found)
    wanted = {mark for its in found.values() for mark in its}
    add_marks(connection, found, holders_of(connection, wanted))


def add_marks(connection: Connection, found: Mapping[int, Sequence[int]], holders: Holders) -> None:
    """Of entries that have none yet; `holders` have these marks already."""
    held = {mark: len(ids) for mark, ids in holders.items()}
    rows = []
    for entry_id, its in found.items():
        for mark in its:
            if (number := held.get(mark, 0)) < MOST_HOLDERS:
                held[mark] = number + 1
                rows.append({"mark": mark, "entry_id": entry_id})
    run(connection, insert_missing(connection, marks), rows)


def drop_marks(connection: Connection, entry_ids: Collection[int]) -> None:
    for chunk in chunks(entry_ids):
        connection.execute(_DROP, {"values": chunk})
