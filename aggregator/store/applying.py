"""What changes among the entries of a source. The caller holds the lock on stories.

apply
| entries  left out, migrated, edited; new ones of many sources at once  (stories: who joins which)
| words    of what is new, of all sources at once
| revision moves on if anything shown did
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from aggregator.core.model import EditedEntry, Entry, EntryChanges
from aggregator.store.mapping import edited_columns
from aggregator.store.newcomers import Whose
from aggregator.store.partings import reconsider
from aggregator.store.quick import run
from aggregator.store.revisions import UPCOMING, bump, tell_otherwise
from aggregator.store.schema import edits, entries, stories, tombstones
from aggregator.store.searching import index, index_new, unindex
from aggregator.store.statements import chunks, insert_missing, insert_or_replace, run_for_each
from aggregator.store.stories import Added, Coming, add_entries
from aggregator.store.takedowns import keep_down


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """What a document changes. `shown` is whether anything else that is shown of its source
    changes, too.
    """

    source: Whose
    changes: EntryChanges
    at: datetime
    shown: bool = False


def apply(connection: Connection, incoming: Sequence[Incoming]) -> dict[int, str]:
    """Carries out the changes of several sources, as if each came after the other.

    What to tell of entries that the database refused, by source.
    """
    refused = Counter[int]()
    added: list[Added] = []
    waiting: list[Coming] = []
    for one in incoming:
        if _touches_others(one.changes):  # what waits must be there before
            added += add_entries(connection, waiting)
            waiting = []
        refused[one.source.id] += _change(connection, one)
        waiting.append(Coming(whose=one.source, new=one.changes.new, at=one.at))
    added += add_entries(connection, waiting)
    _finish(connection, list(zip(incoming, added, strict=True)))
    for one, its_own in zip(incoming, added, strict=True):
        refused[one.source.id] += its_own.refused
    return {
        one.source.id: _refusal(number, one.changes)
        for one in incoming
        if (number := refused[one.source.id])
    }


_OWN = (entries.c.id == bindparam("entry_id")) & (entries.c.source_id == bindparam("of_source"))
"""The entry to be changed, provided that it is this source's."""

_CHANGE = update(entries).where(_OWN)
_MOVE = update(stories).where(
    stories.c.id == select(entries.c.story_id).where(_OWN).scalar_subquery(),
    stories.c.lead_entry_id == bindparam("entry_id"),
)


def _touches_others(changes: EntryChanges) -> bool:
    return bool(changes.migrated or changes.edited or changes.refreshed)


def _change(connection: Connection, incoming: Incoming) -> int:
    """All but what is new."""
    source_id, changes = incoming.source.id, incoming.changes
    refused = _bury(connection, source_id, changes.left_out)
    refused += _migrate(connection, source_id, changes.migrated)
    changed = (*changes.edited, *changes.refreshed)
    return refused + _edit(connection, source_id, changed, incoming.at)


def _finish(connection: Connection, done: Sequence[tuple[Incoming, Added]]) -> None:
    """What one source costs as much as many: SQLite's index sorts in all that came at once."""
    index_new(connection, {id: said for _, each in done for id, said in each.said.items()})
    moved = [
        one.at
        for one, added in done
        if one.shown or _touches_others(one.changes) or added.said or added.refused
    ]
    if any(one.shown and not added.said for one, added in done):
        tell_otherwise(connection)
    if moved:
        bump(connection, max(moved))


def _refusal(refused: int, changes: EntryChanges) -> str:
    of = sum(map(len, (changes.new, changes.edited, changes.refreshed, changes.migrated)))
    return f"the database refused {refused} of {of} entries: they hold values that it cannot store"


def _bury(connection: Connection, source_id: int, digests: Sequence[bytes]) -> int:
    rows = [{"source_id": source_id, "digest": digest} for digest in digests]
    return len(run_for_each(connection, insert_missing(connection, tombstones), rows))


def _migrate(connection: Connection, source_id: int, migrated: Sequence[tuple[int, Entry]]) -> int:
    """A guid that another entry of the source bears already is refused like a bad value."""
    mine = {"of_source": source_id}
    rows = [
        {**mine, "entry_id": entry_id, "guid": entry.guid, "digest": entry.digest}
        for entry_id, entry in migrated
    ]
    if not rows:
        return 0
    keep_down(connection, source_id, migrated)
    refused = run_for_each(connection, _CHANGE, rows)
    for chunk in chunks([row["entry_id"] for row in rows]):
        own = (entries.c.source_id == source_id) & entries.c.id.in_(chunk)
        theirs = stories.c.id.in_(select(entries.c.story_id).where(own))
        connection.execute(update(stories).where(theirs).values(changed_in=UPCOMING))
    return len(refused)


def _edit(
    connection: Connection, source_id: int, edited: Sequence[EditedEntry], at: datetime
) -> int:
    if not edited:
        return 0
    mine = {"of_source": source_id}
    rows = [{**mine, "entry_id": edit.id, **edited_columns(edit)} for edit in edited]
    ids = [edit.id for edit in edited]
    unindex(connection, ids)
    refused = run_for_each(connection, _CHANGE, rows)
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
    return len(refused)


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
        run(connection, insert_or_replace(connection, edits), rows)


def _rank(connection: Connection, source_id: int, edited: Sequence[EditedEntry]) -> None:
    """Moves the stories that these lead: a copy's edit moves nobody's story."""
    mine = {"of_source": source_id}
    rows = [
        {**mine, "entry_id": edit.id, "rank_at": edit.rank_at} for edit in edited if edit.rank_at
    ]
    run(connection, _MOVE, rows)
