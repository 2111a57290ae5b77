"""Archives: which stories have come into each feed, in which order.

unarchived     stories that may come in next: all of them once, then those that changed
| extend       the next places are theirs, whichever process comes first
| archived     what stands at places that are asked for
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, insert, or_, select, update

from aggregator.core.archives import Archive, Archived, Unarchived
from aggregator.core.model import Story
from aggregator.service.ports import Selection
from aggregator.store.mapping import AnyRow, Columns
from aggregator.store.reads import STORY_COLUMNS, available, select_stories, with_entries
from aggregator.store.revisions import lock_stories
from aggregator.store.schema import archived, archives, revision, stories
from aggregator.store.statements import chunks, insert_missing

_LAST = 2**62
"""After every story of a revision."""


def find(connection: Connection, path: str) -> Archive | None:
    found = select(archives).where(archives.c.path == path)
    row = connection.execute(found).one_or_none()
    return _archive(row) if row else None


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
    now = connection.scalar(select(revision.c.number)) or 0
    later = or_(
        stories.c.changed_in > number,
        (stories.c.changed_in == number) & (stories.c.id > story),
    )
    page = (
        select(stories.c.id, stories.c.changed_in)
        .where(later, stories.c.changed_in >= number, stories.c.changed_in <= now)
        .order_by(stories.c.changed_in, stories.c.id)
    )
    changed = connection.execute(page.limit(limit)).all()
    complete = len(changed) < limit
    missing = _missing(connection, archive, [row.id for row in changed])
    theirs = select_stories(connection, selection) if missing else None
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
        its_own = select(archived.c.story_id).where(
            archived.c.archive_id == _id_of(archive.path), archived.c.story_id.in_(chunk)
        )
        there.update(connection.scalars(its_own))
    return [each for each in ids if each not in there]


def _among(connection: Connection, ids: Sequence[int], theirs: ColumnElement[bool]) -> list[int]:
    """Those of the selection, in the order in which they were first seen."""
    found: list[int] = []
    for chunk in chunks(ids):
        found += connection.scalars(select(stories.c.id).where(stories.c.id.in_(chunk), theirs))
    return sorted(found)


def _id_of(path: str) -> ColumnElement[int]:
    return select(archives.c.id).where(archives.c.path == path).scalar_subquery()


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
        stored.update(connection.scalars(select(stories.c.id).where(stories.c.id.in_(chunk))))
    coming = _missing(connection, before, [each for each in ids if each in stored])
    archive_id = connection.scalar(select(_id_of(before.path)))
    if coming:
        connection.execute(
            insert_missing(connection, archived),
            [
                {"archive_id": archive_id, "place": place, "story_id": story_id}
                for place, story_id in enumerate(coming, before.length)
            ],
        )
    extended = replace(after, length=before.length + len(coming))
    its_own = archives.c.id == archive_id
    connection.execute(update(archives).where(its_own).values(_columns(extended)))
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
    statement = (
        select(archived.c.place, stories.c.id, stories.c.published_id)
        .join(stories, stories.c.id == archived.c.story_id)
        .where(_its_own(path), archived.c.place >= start, archived.c.place < stop)
        .order_by(archived.c.place.desc())
    )
    rows = connection.execute(statement)
    return [Archived(place=row.place, number=row.id, id=row.published_id) for row in rows]


def beside(connection: Connection, path: str, start: int, stop: int) -> tuple[int | None, ...]:
    places: tuple[Select[Any], ...] = (
        select(func.max(archived.c.place)).where(_its_own(path), archived.c.place < start),
        select(func.min(archived.c.place)).where(_its_own(path), archived.c.place >= stop),
    )
    return tuple([connection.scalar(place) for place in places])


def _its_own(path: str) -> ColumnElement[bool]:
    its_own: ColumnElement[bool] = archived.c.archive_id == _id_of(path)
    return its_own


def numbered_stories(connection: Connection, numbers: Collection[int]) -> dict[int, Story]:
    found: dict[int, Story] = {}
    theirs, which = select_stories(connection, Selection()), available(connection)
    for chunk in chunks(numbers):
        statement = select(*STORY_COLUMNS).where(stories.c.id.in_(chunk), theirs)
        page = connection.execute(statement).all()
        whole = with_entries(connection, page, which)
        found |= {row.id: story for row, story in zip(page, whole, strict=True)}
    return found
