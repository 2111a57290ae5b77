"""What a poll reads of the entries that are stored, and what it writes.

lock       on stories, if a document was read
| fence    the lease is still ours, or nothing is written
| source   its state, its schedule, and what its document says of the feed
| ring     what happened, in place of the oldest poll that is kept
| entries  left out, migrated, edited, new                            (stories: who joins which)
| revision moves on if anything shown did
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, select, update

from aggregator.core.knowledge import Knowledge
from aggregator.core.memory import Memory
from aggregator.core.model import (
    EditedEntry,
    Entry,
    EntryChanges,
    FeedInfo,
    KnownEntry,
    RecalledEntry,
)
from aggregator.core.rhythm import Sighting
from aggregator.service.ports import Lease, PastPoll, PollRecord
from aggregator.store.homes import Whose
from aggregator.store.mapping import (
    AnyRow,
    edited_columns,
    info_columns,
    info_of,
    known_entry,
    past_poll,
    past_poll_columns,
    state_columns,
)
from aggregator.store.partings import reconsider
from aggregator.store.place import DomainOf, place_columns
from aggregator.store.pushes import keep_offer, note_heard, note_missed
from aggregator.store.revisions import UPCOMING, bump, lock_stories
from aggregator.store.schema import documents, edits, entries, polls, sources, stories, tombstones
from aggregator.store.searching import index, unindex
from aggregator.store.statements import chunks, insert_missing, insert_or_replace, run_for_each
from aggregator.store.stories import add_entries
from aggregator.store.takedowns import keep_down

KEPT_POLLS = 30
"""Of each source."""


_KNOWN = (
    entries.c.id,
    entries.c.digest,
    entries.c.link_digest,
    entries.c.fingerprint,
    entries.c.published_at,
    entries.c.updated_at,
    entries.c.first_seen_at,
    edits.c.number.label("edits"),
    edits.c.last_at.label("edited_at"),
)

_WITH_EDITS = entries.outerjoin(edits, edits.c.entry_id == entries.c.id)


def known(
    connection: Connection,
    source_id: int,
    digests: Collection[bytes],
    links: Collection[bytes],
) -> Knowledge:
    buried = tombstones.c.digest
    dead: set[bytes] = set()
    for chunk in chunks(digests):
        found = select(buried).where(tombstones.c.source_id == source_id, buried.in_(chunk))
        dead.update(connection.scalars(found))
    by_digest = _known_by(connection, source_id, entries.c.digest, digests)
    by_link = _known_by(connection, source_id, entries.c.link_digest, links)
    return Knowledge(
        by_digest={entry.digest: entry for entry in by_digest},
        # Of several entries with one link the newest stands for it.
        by_link={entry.link_digest: entry for entry in by_link if entry.link_digest},
        tombstones=frozenset(dead),
    )


def _known_by(
    connection: Connection,
    source_id: int,
    column: ColumnElement[bytes],
    values: Collection[bytes],
) -> list[KnownEntry]:
    """In the order in which they were stored."""
    found: list[KnownEntry] = []
    for chunk in chunks(values):
        statement = (
            select(*_KNOWN)
            .select_from(_WITH_EDITS)
            .where(entries.c.source_id == source_id, column.in_(chunk))
            .order_by(entries.c.id)
        )
        found += map(known_entry, connection.execute(statement))
    return found


def recall(
    connection: Connection, source_id: int, ids: Collection[int] | None, limit: int
) -> list[RecalledEntry]:
    newest_first = (entries.c.published_at.desc(), entries.c.id.desc())
    statement = (
        select(*_KNOWN, entries.c.title, entries.c.text)
        .select_from(_WITH_EDITS)
        .where(entries.c.source_id == source_id)
        .order_by(*newest_first)
        .limit(limit)
    )
    chosen = [statement]
    if ids is not None:
        chosen = [statement.where(entries.c.id.in_(chunk)) for chunk in chunks(ids)]
    rows = [row for one in chosen for row in connection.execute(one)]
    return [RecalledEntry(known=known_entry(row), title=row.title, text=row.text) for row in rows]


def sightings(connection: Connection, source_id: int, limit: int) -> list[Sighting]:
    """Off the index that retention uses, too."""
    statement = (
        select(entries.c.first_seen_at, entries.c.published_at)
        .where(entries.c.source_id == source_id)
        .order_by(entries.c.published_at.desc())
        .limit(limit)
    )
    rows = connection.execute(statement)
    return [Sighting(first_seen=row.first_seen_at, published=row.published_at) for row in rows]


def save_poll(connection: Connection, record: PollRecord, domain_of: DomainOf) -> bool:
    if record.read:
        lock_stories(connection)
    source = _leased(connection, record.lease)
    if source is None:
        return False
    columns = state_columns(record) | {"poll_count": source.poll_count + 1}
    if record.moves.to != source.moved_to:
        columns |= place_columns(record.moves.to or source.url, domain_of)
    info = _info_to_keep(info_of(source.info), record)
    if record.read:
        columns |= {"ever_read": True, "info": info_columns(info)}
    _update_source(connection, source.id, columns)
    _remember(connection, source, record.poll)
    if record.read:
        _keep_memory(connection, source.id, record.memory)
        shown = info != info_of(source.info)
        whose = _whose(source, record.info)
        _apply(connection, whose, record.changes, record.poll.polled_at, shown=shown)
    if record.offer is not None:
        keep_offer(connection, source.id, record.offer)
    if record.missed_at is not None:
        note_missed(connection, source.id, record.missed_at)
    return True


def save_pushed(
    connection: Connection,
    lease: Lease,
    changes: EntryChanges,
    *,
    came_at: datetime,
    heard_at: datetime,
) -> bool:
    """The document may be a part of the source's, so that all else stays as the last poll left it.

    `came_at` is the wall clock's, `heard_at` the steady one's.
    """
    lock_stories(connection)
    source = _leased(connection, lease)
    if source is None:
        return False
    news = {"last_news_at": came_at} if changes.new else {}
    _update_source(connection, source.id, {"lease_token": None, "lease_until": None, **news})
    note_heard(connection, source.id, heard_at)
    _apply(connection, _whose(source, info_of(source.info)), changes, came_at, shown=False)
    return True


def remembered(connection: Connection, source_id: int) -> Memory | None:
    packed = connection.scalar(select(documents.c.memory).where(documents.c.source_id == source_id))
    return Memory.unpacked(packed) if packed else None


def _keep_memory(connection: Connection, source_id: int, memory: Memory | None) -> None:
    if memory is None:
        connection.execute(delete(documents).where(documents.c.source_id == source_id))
    else:
        row = {"source_id": source_id, "memory": memory.packed()}
        connection.execute(insert_or_replace(connection, documents), row)


def _remember(connection: Connection, source: AnyRow, poll: PastPoll) -> None:
    row = {"source_id": source.id, "slot": source.poll_count % KEPT_POLLS}
    connection.execute(insert_or_replace(connection, polls), row | past_poll_columns(poll))


def past_polls(connection: Connection, key: str) -> list[PastPoll]:
    statement = (
        select(polls, sources.c.poll_count)
        .join(sources, sources.c.id == polls.c.source_id)
        .where(sources.c.key == key)
    )
    rows = connection.execute(statement).all()
    # By place in the ring, since the clock may have been set back between two polls.
    newest_first = sorted(rows, key=lambda row: (row.poll_count - 1 - row.slot) % KEPT_POLLS)
    return [past_poll(row) for row in newest_first]


def _leased(connection: Connection, lease: Lease) -> AnyRow | None:
    held = (sources.c.id == lease.source_id) & (sources.c.lease_token == lease.token)
    return connection.execute(select(sources).where(held).with_for_update()).one_or_none()


def _update_source(connection: Connection, source_id: int, columns: dict[str, Any]) -> None:
    connection.execute(update(sources).where(sources.c.id == source_id).values(columns))


def _info_to_keep(before: FeedInfo, record: PollRecord) -> FeedInfo:
    """Many servers call a document updated whenever it is asked for; alone, that is no change."""
    if record.changes.empty and replace(record.info, updated=before.updated) == before:
        return before
    return record.info


def _whose(source: AnyRow, info: FeedInfo) -> Whose:
    return Whose(id=source.id, key=source.key, url=source.url, site_url=info.link)


def _apply(
    connection: Connection, source: Whose, changes: EntryChanges, at: datetime, *, shown: bool
) -> None:
    """Carries out what changes among the entries; `shown` is whether the source's own data did."""
    refused = _bury(connection, source.id, changes.left_out)
    refused += _migrate(connection, source.id, changes.migrated)
    changed = (*changes.edited, *changes.refreshed)
    refused += _edit(connection, source.id, changed, at)
    added = add_entries(connection, source, changes.new, at)
    refused += added.refused
    if shown or changes.migrated or changed or added.count or added.refused:
        bump(connection, at)
    if refused:
        told = _refusal(refused, changes)
        _update_source(connection, source.id, {"last_error": told})
        _keep_memory(connection, source.id, None)  # they are tried, and told of, again


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
    if rows:
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
