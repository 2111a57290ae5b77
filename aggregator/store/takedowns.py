"""Stories that were taken down, and which of the entries that are stored they hide.

A takedown holds for the id that the story was published under, and for each guid that its entries
had. What it hides is looked up, not written down beside the entries: so it holds whichever way
an entry comes back, and whichever story it moves to. Takedowns are few, as a person makes each.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    delete,
    insert,
    null,
    select,
    union_all,
    update,
)

from aggregator.core.digest import digest
from aggregator.core.model import Entry, Takedown
from aggregator.core.text import xml_safe
from aggregator.store.mapping import AnyRow
from aggregator.store.quick import fetch
from aggregator.store.revisions import UPCOMING, bump, lock_stories
from aggregator.store.schema import entries, sources, stories, takedowns, taken_down
from aggregator.store.statements import chunks, insert_missing

_SAME_GUID = (taken_down.c.source_id == entries.c.source_id) & (
    taken_down.c.digest == entries.c.digest
)

# From the few takedowns to entries by index: SQLite joins them the other way round, through all
# entries, and this is asked for with every list.
_BY_GUID = select(
    select(entries.c.id).where(_SAME_GUID).scalar_subquery().label("entry_id"),
    null().label("story_id"),
    takedowns.c.published_id,
).join_from(taken_down, takedowns, takedowns.c.id == taken_down.c.takedown_id)
_BY_STORY = select(
    null().label("entry_id"),
    select(stories.c.id)
    .where(stories.c.published_digest == takedowns.c.published_digest)
    .scalar_subquery()
    .label("story_id"),
    takedowns.c.published_id,
)
_HIDDEN = union_all(_BY_GUID, _BY_STORY)  # every list asks for both, and mostly there are none
_NAMED = select(taken_down.c.takedown_id, sources.c.key, taken_down.c.guid).join(
    sources, sources.c.id == taken_down.c.source_id
)
_ALL = select(takedowns).order_by(takedowns.c.taken_at.desc(), takedowns.c.id.desc())


def entries_taken_down(connection: Connection) -> dict[int, str]:
    """By the ids of entries that must not be shown the takedowns that hide them."""
    rows = fetch(connection, _HIDDEN)
    hidden = [(row.published_id, row.entry_id) for row in rows if row.entry_id]
    ids = {row.story_id: row.published_id for row in rows if row.story_id}
    for chunk in chunks(ids):
        members = select(entries.c.id, entries.c.story_id).where(entries.c.story_id.in_(chunk))
        hidden += [(ids[row.story_id], row.id) for row in connection.execute(members)]
    return {entry_id: published_id for published_id, entry_id in sorted(hidden)}


def list_takedowns(connection: Connection) -> list[Takedown]:
    """Newest first."""
    rows = fetch(connection, _ALL)
    its_entries: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
    for row in connection.execute(_NAMED) if rows else ():
        its_entries[row.takedown_id].append((row.key, row.guid))
    return [
        Takedown(
            id=row.published_id,
            taken_at=row.taken_at,
            reason=row.reason,
            title=row.title,
            link=row.link,
            entries=tuple(sorted(its_entries[row.id])),
        )
        for row in rows
    ]


def take_down(connection: Connection, published_id: str, *, reason: str, at: datetime) -> bool:
    """False where nothing is stored under the id."""
    lock_stories(connection)
    lead = _lead(connection, published_id)
    if lead is None:
        return False
    if _takedown(connection, published_id) is None:
        connection.execute(insert(takedowns), _columns(lead, published_id, reason, at))
    takedown_id = _takedown(connection, published_id)
    members = select(entries.c.source_id, entries.c.digest, entries.c.guid).where(
        entries.c.story_id == lead.story_id
    )
    rows = [
        {**row._mapping, "takedown_id": takedown_id}  # noqa: SLF001 the public name of it
        for row in connection.execute(members)
    ]
    connection.execute(insert_missing(connection, taken_down), rows)
    _changed(connection, stories.c.id == lead.story_id, at)
    bump(connection, at)
    return True


def _changed(connection: Connection, which: ColumnElement[bool], at: datetime) -> None:
    """For those who follow what changes: they have to let go of it, or to take it again."""
    connection.execute(update(stories).where(which).values(changed_at=at, changed_in=UPCOMING))


def _columns(lead: AnyRow, published_id: str, reason: str, at: datetime) -> dict[str, object]:
    return {
        "published_digest": digest(published_id),
        "published_id": published_id,
        "taken_at": at,
        "reason": xml_safe(reason),
        "title": lead.title,
        "link": lead.link,
    }


def _lead(connection: Connection, published_id: str) -> AnyRow | None:
    statement = (
        select(entries.c.story_id, entries.c.title, entries.c.link)
        .join(stories, stories.c.lead_entry_id == entries.c.id)
        .where(stories.c.published_digest == digest(published_id))
    )
    return connection.execute(statement).one_or_none()


def _takedown(connection: Connection, published_id: str) -> int | None:
    its_own = takedowns.c.published_digest == digest(published_id)
    found: int | None = connection.scalar(select(takedowns.c.id).where(its_own))
    return found


def put_back(connection: Connection, published_id: str, *, at: datetime) -> bool:
    """False where it is not taken down. What retention dropped meanwhile stays away."""
    lock_stories(connection)
    takedown_id = _takedown(connection, published_id)
    if takedown_id is None:
        return False
    hidden = [id for id, by in (entries_taken_down(connection)).items() if by == published_id]
    for chunk in chunks(hidden):
        theirs = select(entries.c.story_id).where(entries.c.id.in_(chunk))
        _changed(connection, stories.c.id.in_(theirs), at)
    connection.execute(delete(taken_down).where(taken_down.c.takedown_id == takedown_id))
    connection.execute(delete(takedowns).where(takedowns.c.id == takedown_id))
    bump(connection, at)
    return True


def keep_down(
    connection: Connection, source_id: int, migrated: Sequence[tuple[int, Entry]]
) -> None:
    """Entries that are about to get another guid stay down under it, too."""
    coming = dict(migrated)
    for chunk in chunks(coming):
        old = (
            select(entries.c.id, taken_down.c.takedown_id)
            .join(taken_down, _SAME_GUID)
            .where(entries.c.source_id == source_id, entries.c.id.in_(chunk))
        )
        rows = [
            {
                "source_id": source_id,
                "digest": coming[row.id].digest,
                "guid": coming[row.id].guid,
                "takedown_id": row.takedown_id,
            }
            for row in connection.execute(old)
        ]
        if rows:
            connection.execute(insert_missing(connection, taken_down), rows)
