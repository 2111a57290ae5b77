"""What an edit does to stories: who stays, who leaves. The caller holds the lock on stories.

reconsider
| leavers  members that are another story now, whose opener keeps the id
| homes    each of them joins or opens another, as if it were new
| links    a story goes by a link that one of its entries has
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update

from aggregator.core.likeness import marks_of
from aggregator.core.stories import Kin, leavers
from aggregator.store.homes import TELLING, find_homes, telling_of
from aggregator.store.mapping import AnyRow, info_of
from aggregator.store.marks import replace_marks, told_of
from aggregator.store.newcomers import Arrival, Newcomer, Whose
from aggregator.store.schema import entries, sources, stories
from aggregator.store.statements import chunks
from aggregator.store.stories import choose_leads, close_homes, open_homes


def reconsider(connection: Connection, source_id: int, edited: set[int], at: datetime) -> None:
    """After these entries of the source have got other contents."""
    members = _members(connection, source_id, edited)
    own = [row for those in members.values() for row in those if row.id in edited]
    replace_marks(connection, {row.id: marks_of(told_of(row)) for row in own})
    for story_id, those in members.items():
        rows = {row.id: row for row in those}
        gone = {kin.id for kin in leavers([_kin(row) for row in those], edited)}
        if gone:
            choose_leads(connection, [story_id], at, without=gone)
        for entry_id in sorted(gone):
            _rehome(connection, rows[entry_id], at)
        stay = [row for row in those if row.id not in gone]
        _follow_link(connection, story_id, stay)


def _members(
    connection: Connection, source_id: int, edited: Collection[int]
) -> dict[int, list[AnyRow]]:
    """By story, in the order in which they were stored."""
    members: defaultdict[int, list[AnyRow]] = defaultdict(list)
    story_ids: set[int] = set()
    for chunk in chunks(edited):
        theirs = select(entries.c.story_id).where(
            entries.c.source_id == source_id, entries.c.id.in_(chunk)
        )
        story_ids.update(connection.scalars(theirs))
    for chunk in chunks(story_ids):
        statement = (
            select(*TELLING, *_OWN)
            .join(sources, sources.c.id == entries.c.source_id)
            .join(stories, stories.c.id == entries.c.story_id)
            .where(entries.c.story_id.in_(chunk))
            .order_by(entries.c.id)
        )
        for row in connection.execute(statement):
            members[row.story_id].append(row)
    return members


_OWN = (
    entries.c.source_id,
    entries.c.guid,
    entries.c.digest,
    entries.c.joined_by,
    entries.c.first_seen_at,
    sources.c.key,
    stories.c.rank_at,
    stories.c.lead_entry_id,
    stories.c.link_digest.label("story_link"),
)


def _kin(row: AnyRow) -> Kin:
    return Kin(id=row.id, joined_by=row.joined_by, telling=telling_of(row))


def _rehome(connection: Connection, row: AnyRow, at: datetime) -> None:
    """Its new story stands where the old one stood: it is no news."""
    whose = Whose(id=row.source_id, key=row.key, url=row.url, site_url=info_of(row.info).link)
    item = Newcomer(
        whose=whose,
        guid=row.guid,
        digest=row.digest,
        link_digest=row.link_digest,
        taken_from=tuple(row.taken_from),
        told=told_of(row),
        rank_at=row.rank_at,
        first_seen=row.first_seen_at,
    )
    arrival = Arrival(whose=whose, items=[item], at=at)
    (homes,) = find_homes(connection, [arrival], moving=row.id)
    (place,) = open_homes(connection, [(arrival, homes)], [row.id])
    moved = {"story_id": place.story_id, "joined_by": place.by}
    connection.execute(update(entries).where(entries.c.id == row.id).values(moved))
    close_homes(connection, [(arrival, homes)])


def _follow_link(connection: Connection, story_id: int, members: Sequence[AnyRow]) -> None:
    """When none of its entries has the story's link any more, it goes by its lead's."""
    lead = next((row for row in members if row.id == row.lead_entry_id), members[0])
    link = lead.link_digest
    if link is None or any(row.link_digest == lead.story_link for row in members):
        return
    taken = select(stories.c.id).where(stories.c.link_digest == link)
    if connection.scalar(taken) is None:
        connection.execute(update(stories).where(stories.c.id == story_id).values(link_digest=link))
