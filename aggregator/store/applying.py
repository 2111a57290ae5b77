"""What changes among the entries of a source. The caller holds the lock on stories.

apply
| entries  left out, migrated, edited, new                            (stories: who joins which)
finish
| words    of what is new, of all sources at once
| revision moves on if anything shown did
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, select, update

from aggregator.core.model import Content, EditedEntry, Entry, EntryChanges
from aggregator.store.homes import Whose
from aggregator.store.mapping import edited_columns
from aggregator.store.partings import reconsider
from aggregator.store.revisions import UPCOMING, bump
from aggregator.store.schema import edits, entries, stories, tombstones
from aggregator.store.searching import index, index_new, unindex
from aggregator.store.statements import chunks, insert_missing, insert_or_replace, run_for_each
from aggregator.store.stories import add_entries
from aggregator.store.takedowns import keep_down


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What is left to do after a source's changes: who calls `apply` has to `finish`."""

    refusal: str | None
    """What to tell of entries that the database refused."""
    moved_at: datetime | None
    """When anything shown changed."""
    said: Mapping[int, Content]
    """What new entries say, which cannot be found by it yet."""


def apply(
    connection: Connection, source: Whose, changes: EntryChanges, at: datetime, *, shown: bool
) -> Applied:
    """Carries out the changes. `shown` is whether something else that is shown of the source
    changes, too.
    """
    refused = _bury(connection, source.id, changes.left_out)
    refused += _migrate(connection, source.id, changes.migrated)
    changed = (*changes.edited, *changes.refreshed)
    refused += _edit(connection, source.id, changed, at)
    added = add_entries(connection, source, changes.new, at)
    refused += added.refused
    moved = shown or changes.migrated or changed or added.count or added.refused
    return Applied(
        refusal=_refusal(refused, changes) if refused else None,
        moved_at=at if moved else None,
        said=added.said,
    )


def finish(connection: Connection, applied: Sequence[Applied]) -> None:
    """What one source costs as much as many: SQLite's index sorts in all that came at once."""
    index_new(connection, {id: said for each in applied for id, said in each.said.items()})
    moved = [each.moved_at for each in applied if each.moved_at is not None]
    if moved:
        bump(connection, max(moved))


def _refusal(refused: int, changes: EntryChanges) -> str:
    of = sum(map(len, (changes.new, changes.edited, changes.refreshed, changes.migrated)))
    return f"the database refused {refused} of {of} entries: they hold values that it cannot store"


def _bury(connection: Connection, source_id: int, digests: Sequence[bytes]) -> int:
    rows = [{"source_id": source_id, "digest": digest} for digest in digests]
    return run_for_each(connection, insert_missing(connection, tombstones), rows)


def _migrate(connection: Connection, source_id: int, migrated: Sequence[tuple[int, Entry]]) -> int:
    """A guid that another entry of the source bears already is refused like a bad value."""
    rows = [
        {"entry_id": entry_id, "guid": entry.guid, "digest": entry.digest}
        for entry_id, entry in migrated
    ]
    if not rows:
        return 0
    keep_down(connection, source_id, migrated)
    refused = run_for_each(connection, update(entries).where(_own(source_id)), rows)
    for chunk in chunks([row["entry_id"] for row in rows]):
        own = (entries.c.source_id == source_id) & entries.c.id.in_(chunk)
        theirs = stories.c.id.in_(select(entries.c.story_id).where(own))
        connection.execute(update(stories).where(theirs).values(changed_in=UPCOMING))
    return refused


def _edit(
    connection: Connection, source_id: int, edited: Sequence[EditedEntry], at: datetime
) -> int:
    if not edited:
        return 0
    rows = [{"entry_id": edit.id, **edited_columns(edit)} for edit in edited]
    ids = [edit.id for edit in edited]
    unindex(connection, ids)
    refused = run_for_each(connection, update(entries).where(_own(source_id)), rows)
    index(connection, ids)
    _count(connection, source_id, edited)
    for chunk in chunks([edit.id for edit in edited]):
        own = (entries.c.source_id == source_id) & entries.c.id.in_(chunk)
        led = stories.c.lead_entry_id.in_(select(entries.c.id).where(own))
        theirs = stories.c.id.in_(select(entries.c.story_id).where(own))
        connection.execute(update(stories).where(theirs, led).values(changed_at=at))
        # Also where it does not lead: filters may have it shown instead of the lead.
        connection.execute(update(stories).where(theirs).values(changed_in=UPCOMING))
    reconsider(connection, source_id, {edit.id for edit in edited}, at)
    _rank(connection, source_id, edited)
    return refused


def _count(connection: Connection, source_id: int, edited: Sequence[EditedEntry]) -> None:
    its_own: set[int] = set()
    for chunk in chunks([edit.id for edit in edited]):
        own = select(entries.c.id).where(entries.c.source_id == source_id, entries.c.id.in_(chunk))
        its_own.update(connection.scalars(own))
    rows = [
        {"entry_id": edit.id, "number": edit.edits, "last_at": edit.edited_at}
        for edit in edited
        if edit.id in its_own
    ]
    if rows:
        connection.execute(insert_or_replace(connection, edits), rows)


def _rank(connection: Connection, source_id: int, edited: Sequence[EditedEntry]) -> None:
    """Moves the stories that these lead: a copy's edit moves nobody's story."""
    own = select(entries.c.story_id).where(_own(source_id)).scalar_subquery()
    led = (stories.c.id == own) & (stories.c.lead_entry_id == bindparam("entry_id"))
    rows = [{"entry_id": edit.id, "rank_at": edit.rank_at} for edit in edited if edit.rank_at]
    if rows:
        connection.execute(update(stories).where(led), rows)


def _own(source_id: int) -> ColumnElement[bool]:
    """The entry to be changed, provided that it is this source's."""
    return (entries.c.id == bindparam("entry_id")) & (entries.c.source_id == source_id)
