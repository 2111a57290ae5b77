"""New entries in their stories, and who leads those. The caller holds the lock on stories."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from aggregator.core.digest import digest
from aggregator.core.likeness import Told
from aggregator.core.model import Content, JoinedBy, NewEntry
from aggregator.core.stories import Member, lead_of
from aggregator.core.text import xml_safe
from aggregator.store.homes import (
    Home,
    Joining,
    Newcomer,
    Opening,
    Whose,
    find_homes,
    marks_among,
    member_of,
)
from aggregator.store.mapping import Columns, new_columns
from aggregator.store.marks import add_marks, holders_of
from aggregator.store.revisions import UPCOMING, count_more
from aggregator.store.schema import entries, sources, stories, tombstones
from aggregator.store.statements import chunks, insert_missing, run_for_each

# Put together once: that takes longer than to run them.
_THESE: BindParameter[Any] = bindparam("values", expanding=True)
_OWN = entries.c.source_id == bindparam("source_id")
_IDS = select(entries.c.id, entries.c.digest).where(_OWN, entries.c.digest.in_(_THESE))
_STORED = select(entries.c.digest).where(_OWN, entries.c.digest.in_(_THESE))
_BURIED = select(tombstones.c.digest).where(
    tombstones.c.source_id == bindparam("source_id"), tombstones.c.digest.in_(_THESE)
)
_OPEN = insert(stories).values(opened_in=UPCOMING, changed_in=UPCOMING)
_OPENED = select(stories.c.published_id, stories.c.id).where(stories.c.published_digest.in_(_THESE))
_LEAD_BY_FIRST = (
    update(stories)
    .where(stories.c.id.in_(_THESE))
    .values(
        lead_entry_id=select(func.min(entries.c.id))
        .where(entries.c.story_id == stories.c.id)
        .scalar_subquery()
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """How many entries the database refused, and what those say that went in."""

    refused: int = 0
    said: Mapping[int, Content] = field(default_factory=dict)
    """By the entry's id: they cannot be found by it yet."""

    @property
    def count(self) -> int:
        return len(self.said)


def add_entries(
    connection: Connection, whose: Whose, new: Sequence[NewEntry], at: datetime
) -> Added:
    """Stores what is not there yet; a known guid, and one that must not return, is passed over.

    The caller has `searching.index_new` let it be found by what it says.
    """
    # A guid becomes part of an id, and an id must be text that everybody can write.
    sound = [item for item in new if xml_safe(item.entry.guid) == item.entry.guid]
    unsound = len(new) - len(sound)
    fresh = _fresh(connection, whose.id, sound)
    if not fresh:
        return Added(refused=unsound)
    coming = [_newcomer(whose, item) for item in fresh]
    holders = holders_of(connection, marks_among(coming))
    homes = find_homes(connection, whose, coming, holders=holders)
    places = open_homes(connection, homes, at)
    rows = [
        new_columns(item, source_id=whose.id, story_id=story_id, joined_by=joined_by)
        for item, (story_id, joined_by) in zip(fresh, places, strict=True)
    ]
    refused = run_for_each(connection, insert_missing(connection, entries), rows)
    close_homes(connection, homes, places, at, refused=refused > 0)
    ids = _ids(connection, whose.id, coming)
    marked = [(ids[item.digest], item.marks) for item in coming if item.digest in ids]
    add_marks(connection, dict(marked), holders)
    said = [(ids[new.entry.digest], new.entry.content) for new in fresh if new.entry.digest in ids]
    return Added(refused=refused + unsound, said=dict(said))


def _newcomer(whose: Whose, item: NewEntry) -> Newcomer:
    content = item.entry.content
    return Newcomer(
        whose=whose,
        guid=item.entry.guid,
        digest=item.entry.digest,
        link_digest=item.entry.link_digest,
        taken_from=item.entry.taken_from,
        told=Told(title=content.title, text=content.text, link=content.link, at=item.published),
        rank_at=item.rank_at,
        first_seen=item.first_seen,
    )


def _ids(connection: Connection, source_id: int, coming: Sequence[Newcomer]) -> dict[bytes, int]:
    """By digest, of those that the database has not refused."""
    ids: dict[bytes, int] = {}
    for chunk in chunks([item.digest for item in coming]):
        rows = connection.execute(_IDS, {"source_id": source_id, "values": chunk})
        ids.update({row.digest: row.id for row in rows})
    return ids


def _fresh(connection: Connection, source_id: int, new: Sequence[NewEntry]) -> list[NewEntry]:
    fresh: dict[bytes, NewEntry] = {}
    for item in new:
        fresh.setdefault(item.entry.digest, item)
    for chunk in chunks(list(fresh)):
        for there in (_STORED, _BURIED):
            for known in connection.scalars(there, {"source_id": source_id, "values": chunk}):
                fresh.pop(known, None)
    return list(fresh.values())


def open_homes(
    connection: Connection, homes: Sequence[Home], at: datetime
) -> list[tuple[int, JoinedBy]]:
    """The ids of the stories, new ones included, and why. New ones have no lead yet."""
    openings = [home for home in homes if isinstance(home, Opening)]
    robbed = [home.takes_from for home in openings if home.takes_from is not None]
    if robbed:
        connection.execute(update(stories).where(stories.c.id.in_(robbed)).values(link_digest=None))
    opened = _open_stories(connection, openings, at)
    return [
        (home.story_id, home.by)
        if isinstance(home, Joining)
        else (opened[home.published_id], "alone")
        for home in homes
    ]


def close_homes(
    connection: Connection,
    homes: Sequence[Home],
    places: Sequence[tuple[int, JoinedBy]],
    at: datetime,
    *,
    refused: bool = False,
) -> None:
    """Chooses who leads, once the entries are in their stories, unless some were refused."""
    pairs = list(zip(homes, places, strict=True))
    opened = [story_id for home, (story_id, _) in pairs if isinstance(home, Opening)]
    _close_opening(connection, opened, refused=refused)
    choose_leads(
        connection, [story_id for home, (story_id, _) in pairs if isinstance(home, Joining)], at
    )


def _open_stories(
    connection: Connection, openings: Sequence[Opening], at: datetime
) -> dict[str, int]:
    """Story ids by the ids that they are published under."""
    if not openings:
        return {}
    connection.execute(_OPEN, [_story_columns(opening, at) for opening in openings])
    count_more(connection, len(openings))
    opened: dict[str, int] = {}
    for chunk in chunks([digest(opening.published_id) for opening in openings]):
        rows = connection.execute(_OPENED, {"values": chunk})
        opened.update({row.published_id: row.id for row in rows})
    return opened


def _story_columns(opening: Opening, at: datetime) -> Columns:
    return {
        "link_digest": opening.link_digest,
        "published_id": opening.published_id,
        "published_digest": digest(opening.published_id),
        "rank_at": opening.item.rank_at,
        "changed_at": at,
    }


def _close_opening(connection: Connection, story_ids: Collection[int], *, refused: bool) -> None:
    """Gives new stories their lead; one whose entry was refused is withdrawn."""
    for chunk in chunks(story_ids):
        connection.execute(_LEAD_BY_FIRST, {"values": chunk})
        if refused:
            drop_empty(connection, stories.c.id.in_(chunk) & stories.c.lead_entry_id.is_(None))


def drop_empty(connection: Connection, which: ColumnElement[bool]) -> None:
    """Deletes those stories among `which` that no entry is left of."""
    any_entry = select(entries.c.id).where(entries.c.story_id == stories.c.id).exists()
    deleted = connection.execute(delete(stories).where(which, ~any_entry))
    count_more(connection, -deleted.rowcount)


def choose_leads(
    connection: Connection,
    story_ids: Collection[int],
    at: datetime,
    *,
    without: Collection[int] = (),
) -> None:
    """Chooses anew who leads these stories, which show something else from now on.

    The entries `without` whom it chooses are about to leave.
    """
    members = _members(connection, story_ids, without)
    if members:
        connection.execute(
            update(stories)
            .where(stories.c.id == bindparam("story_id"))
            .values(changed_in=UPCOMING),
            [
                {"story_id": story_id, "lead_entry_id": lead_of(those).id, "changed_at": at}
                for story_id, those in members.items()
            ],
        )


def choose_again(connection: Connection, source_id: int, at: datetime) -> None:
    """After another priority of this source: its stories whose lead is now another one."""
    others = entries.alias()
    shared = (
        select(entries.c.story_id)
        .where(entries.c.source_id == source_id)
        .where(
            select(others.c.id)
            .where(others.c.story_id == entries.c.story_id, others.c.id != entries.c.id)
            .exists()
        )
    )
    members = _members(connection, list(connection.scalars(shared)), ())
    leads: dict[int, int] = {}
    for chunk in chunks(members):
        led = select(stories.c.id, stories.c.lead_entry_id).where(stories.c.id.in_(chunk))
        leads.update({row.id: row.lead_entry_id for row in connection.execute(led)})
    others_lead = [id for id, those in members.items() if lead_of(those).id != leads[id]]
    choose_leads(connection, others_lead, at)


def _members(
    connection: Connection, story_ids: Collection[int], without: Collection[int]
) -> dict[int, list[Member]]:
    members: defaultdict[int, list[Member]] = defaultdict(list)
    columns = (entries.c.id, entries.c.story_id, entries.c.link, entries.c.taken_from)
    for chunk in chunks(story_ids):
        rows = connection.execute(
            select(*columns, sources.c.url, sources.c.info, sources.c.priority)
            .join(sources, sources.c.id == entries.c.source_id)
            .where(entries.c.story_id.in_(chunk))
            .order_by(entries.c.id)
        )
        for row in rows:
            if row.id not in without:
                members[row.story_id].append(member_of(row))
    return members
