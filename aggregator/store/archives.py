"""Archives: which stories have come into each feed, in which order.

unarchived     stories that may come in next: all of them once, then those that changed
| extend       the next places are theirs, whichever process comes first
| archived     what stands at places that are asked for
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)

from aggregator.core.archives import Archive, Archived, Unarchived
from aggregator.core.model import Story
from aggregator.service.ports import Selection
from aggregator.store.mapping import AnyRow, Columns
from aggregator.store.quick import fetch
from aggregator.store.reads import ALL, STORY_COLUMNS, available, select_stories, with_entries
from aggregator.store.revisions import lock_stories
from aggregator.store.schema import archived, archives, revision, stories
from aggregator.store.statements import chunks, insert_missing

_LAST = 2**62
"""After every story of a revision."""

# Put together once: that takes longer than to run them, and a reader waits.
_THESE: BindParameter[Any] = bindparam("values", expanding=True)
_PATH: BindParameter[str] = bindparam("path")
_BY_PATH = select(archives).where(archives.c.path == _PATH)
_ID = select(archives.c.id).where(archives.c.path == _PATH)
_OWN = archived.c.archive_id == _ID.scalar_subquery()
_IN_ARCHIVE = select(archived.c.story_id).where(_OWN, archived.c.story_id.in_(_THESE))
_STORED = select(stories.c.id).where(stories.c.id.in_(_THESE))
_NUMBER = select(revision.c.number)
_CHANGED = (
    select(stories.c.id, stories.c.changed_in)
    .where(
        or_(
            stories.c.changed_in > bindparam("number"),
            (stories.c.changed_in == bindparam("number")) & (stories.c.id > bindparam("story")),
        ),
        stories.c.changed_in >= bindparam("number"),
        stories.c.changed_in <= bindparam("now"),
    )
    .order_by(stories.c.changed_in, stories.c.id)
    .limit(bindparam("most"))
)
_EXTEND = update(archives).where(archives.c.id == bindparam("archive_id"))
_ARCHIVED = (
    select(archived.c.place, stories.c.id, stories.c.published_id)
    .join(stories, stories.c.id == archived.c.story_id)
    .where(
        _OWN,
        archived.c.place >= bindparam("start"),
        archived.c.place < bindparam("stop"),
    )
    .order_by(archived.c.place.desc())
)
_BEFORE = select(func.max(archived.c.place)).where(_OWN, archived.c.place < bindparam("place"))
_AFTER = select(func.min(archived.c.place)).where(_OWN, archived.c.place >= bindparam("place"))


def find(connection: Connection, path: str) -> Archive | None:
    rows = fetch(connection, _BY_PATH, {"path": path})
    return _archive(rows[0]) if rows else None


def _archive(row: AnyRow) -> Archive:
    return Archive(
        path=row.path,
        definition=row.definition,
        scanned_to=row.scanned_to,
        followed=(row.followed_to, row.followed_story),
        again_at=row.again_at,
        again_from=row.again_from,
        length=row.length,
    )


def unarchived(
    connection: Connection, archive: Archive, keys: Collection[str] | None, *, limit: int
) -> Unarchived:
    selection = Selection(sources=keys)
    if archive.scanned_to is not None:
        return _scan(connection, archive, archive.scanned_to, selection, limit)
    return _follow(connection, archive, selection, limit)


def _scan(
    connection: Connection, archive: Archive, after: int, selection: Selection, limit: int
) -> Unarchived:
    theirs = select_stories(connection, selection)
    page = select(stories.c.id).where(theirs, stories.c.id > after).order_by(stories.c.id)
    ids = list(connection.scalars(page.limit(limit)))
    return Unarchived(
        stories=_missing(connection, archive, ids),
        scanned_to=ids[-1] if len(ids) == limit else None,
        followed=archive.followed,
        complete=False,
    )


def _follow(
    connection: Connection, archive: Archive, selection: Selection, limit: int
) -> Unarchived:
    number, story = archive.followed
    ((now,),) = fetch(connection, _NUMBER)
    since = {"number": number, "story": story, "now": now, "most": limit}
    changed = fetch(connection, _CHANGED, since)
    complete = len(changed) < limit
    missing = _missing(connection, archive, [row.id for row in changed])
    theirs = select_stories(connection, selection, few=True) if missing else None
    return Unarchived(
        stories=[] if theirs is None else _among(connection, missing, theirs),
        scanned_to=None,
        followed=(now, _LAST) if complete else (changed[-1].changed_in, changed[-1].id),
        complete=complete,
    )


def _missing(connection: Connection, archive: Archive, ids: Sequence[int]) -> list[int]:
    """Those that are not in the archive, in the order given."""
    there: set[int] = set()
    for chunk in chunks(ids):
        its_own = {"path": archive.path, "values": chunk}
        there.update(number for (number,) in fetch(connection, _IN_ARCHIVE, its_own))
    return [each for each in ids if each not in there]


def _among(connection: Connection, ids: Sequence[int], theirs: ColumnElement[bool]) -> list[int]:
    """Those of the selection, in the order in which they were first seen."""
    found: list[int] = []
    for chunk in chunks(ids):
        if theirs is ALL:
            found += _stored(connection, chunk)
        else:
            found += connection.scalars(_STORED.where(theirs), {"values": chunk})
    return sorted(found)


def _stored(connection: Connection, ids: Sequence[int]) -> list[int]:
    return [number for (number,) in fetch(connection, _STORED, {"values": ids})]


def extend(
    connection: Connection, before: Archive, after: Archive, ids: Sequence[int]
) -> Archive | None:
    lock_stories(connection)
    present = find(connection, before.path)
    if (present or before) != before:
        return None
    if present is None:
        connection.execute(insert(archives), _columns(before))
    stored: set[int] = set()
    for chunk in chunks(ids):
        stored.update(_stored(connection, chunk))
    coming = _missing(connection, before, [each for each in ids if each in stored])
    ((archive_id,),) = fetch(connection, _ID, {"path": before.path})
    if coming:
        connection.execute(
            insert_missing(connection, archived),
            [
                {"archive_id": archive_id, "place": place, "story_id": story_id}
                for place, story_id in enumerate(coming, before.length)
            ],
        )
    extended = replace(after, length=before.length + len(coming))
    connection.execute(_EXTEND, {"archive_id": archive_id, **_columns(extended)})
    return extended


def _columns(archive: Archive) -> Columns:
    number, story = archive.followed
    return {
        "path": archive.path,
        "definition": archive.definition,
        "scanned_to": archive.scanned_to,
        "followed_to": number,
        "followed_story": story,
        "again_at": archive.again_at,
        "again_from": archive.again_from,
        "length": archive.length,
    }


def list_archived(connection: Connection, path: str, start: int, stop: int) -> list[Archived]:
    rows = fetch(connection, _ARCHIVED, {"path": path, "start": start, "stop": stop})
    return [Archived(place=row.place, number=row.id, id=row.published_id) for row in rows]


def beside(connection: Connection, path: str, start: int, stop: int) -> tuple[int | None, ...]:
    ends = ((_BEFORE, start), (_AFTER, stop))
    return tuple([connection.scalar(end, {"path": path, "place": place}) for end, place in ends])


def numbered_stories(connection: Connection, numbers: Collection[int]) -> dict[int, Story]:
    found: dict[int, Story] = {}
    theirs, which = select_stories(connection, Selection()), available(connection)
    for chunk in chunks(numbers):
        statement = select(*STORY_COLUMNS).where(stories.c.id.in_(chunk), theirs)
        page = connection.execute(statement).all()
        whole = with_entries(connection, page, which)
        found |= {row.id: story for row, story in zip(page, whole, strict=True)}
    return found
