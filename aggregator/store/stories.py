"""New entries, and the stories that they open or join. The caller holds the lock on stories."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.core.digest import digest
from aggregator.core.model import NewEntry
from aggregator.core.stories import Member, lead_of, published_id
from aggregator.core.text import xml_safe
from aggregator.store.mapping import Columns, info_of, new_columns
from aggregator.store.schema import entries, sources, stories, tombstones
from aggregator.store.statements import chunks, insert_missing, run_for_each


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """How many entries went in, and how many the database refused."""

    count: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opening:
    """A new entry with the story that it opens."""

    item: NewEntry
    link_digest: bytes | None
    published_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Joining:
    """A new entry with the story that it joins."""

    item: NewEntry
    story_id: int


async def add_entries(
    connection: AsyncConnection,
    source_id: int,
    source_key: str,
    new: Sequence[NewEntry],
    at: datetime,
) -> Added:
    """Stores what is not there yet; a known guid, and one that must not return, is passed over."""
    # A guid becomes part of an id, and an id must be text that everybody can write.
    sound = [item for item in new if xml_safe(item.entry.guid) == item.entry.guid]
    unsound = len(new) - len(sound)
    fresh = await _fresh(connection, source_id, sound)
    if not fresh:
        return Added(refused=unsound)
    homes = await _find_homes(connection, source_id, source_key, fresh)
    opened = await _open_stories(
        connection, [home for home in homes if isinstance(home, _Opening)], at
    )
    rows = [
        new_columns(
            home.item,
            source_id=source_id,
            story_id=home.story_id if isinstance(home, _Joining) else opened[home.published_id],
        )
        for home in homes
    ]
    refused = await run_for_each(connection, insert_missing(connection, entries), rows)
    await _close_opening(connection, opened.values())
    joined = [home.story_id for home in homes if isinstance(home, _Joining)]
    await choose_leads(connection, joined, at)
    return Added(count=len(fresh) - refused, refused=refused + unsound)


async def _fresh(
    connection: AsyncConnection, source_id: int, new: Sequence[NewEntry]
) -> list[NewEntry]:
    fresh: dict[bytes, NewEntry] = {}
    for item in new:
        fresh.setdefault(item.entry.digest, item)
    for chunk in chunks(list(fresh)):
        for table in (entries, tombstones):
            there = select(table.c.digest).where(
                table.c.source_id == source_id, table.c.digest.in_(chunk)
            )
            for known in await connection.scalars(there):
                fresh.pop(known, None)
    return list(fresh.values())


async def _find_homes(
    connection: AsyncConnection, source_id: int, source_key: str, fresh: Sequence[NewEntry]
) -> list[_Opening | _Joining]:
    """By link: a story that has it and no entry of this source yet; else a story of its own."""
    links = {item.entry.link_digest for item in fresh if item.entry.link_digest}
    story_of = await _stories_with_links(connection, links)
    occupied = await _stories_of_source(connection, source_id, story_of.values())
    homes: list[_Opening | _Joining] = []
    ids = await _new_ids(connection, source_key, fresh)
    for item, new_id in zip(fresh, ids, strict=True):
        link = item.entry.link_digest
        story_id = story_of.get(link) if link else None
        if story_id is not None and story_id not in occupied:
            occupied.add(story_id)
            homes.append(_Joining(item=item, story_id=story_id))
        else:
            free = link if link in links and story_id is None else None
            links.discard(free or b"")
            homes.append(_Opening(item=item, link_digest=free, published_id=new_id))
    return homes


async def _stories_with_links(
    connection: AsyncConnection, links: Collection[bytes]
) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for chunk in chunks(links):
        rows = await connection.execute(
            select(stories.c.link_digest, stories.c.id).where(stories.c.link_digest.in_(chunk))
        )
        found.update({row.link_digest: row.id for row in rows})
    return found


async def _stories_of_source(
    connection: AsyncConnection, source_id: int, story_ids: Collection[int]
) -> set[int]:
    found: set[int] = set()
    for chunk in chunks(story_ids):
        theirs = select(entries.c.story_id).where(
            entries.c.source_id == source_id, entries.c.story_id.in_(chunk)
        )
        found.update(await connection.scalars(theirs))
    return found


async def _new_ids(
    connection: AsyncConnection, source_key: str, fresh: Sequence[NewEntry]
) -> list[str]:
    """One id for each entry that no story bears, nor another one of these."""
    wishes = [list(_ids_by_preference(source_key, item)) for item in fresh]
    held = await _held_ids(connection, [wish for wishlist in wishes for wish in wishlist])
    chosen = []
    for wishlist in wishes:
        free = next(wish for wish in wishlist if wish not in held)
        held.add(free)
        chosen.append(free)
    return chosen


def _ids_by_preference(source_key: str, item: NewEntry) -> Iterator[str]:
    guid, identity = item.entry.guid, item.entry.digest.hex()
    yield published_id(source_key, guid)
    yield published_id(source_key, guid, taken=True)
    # A source may give one guid to many entries.
    yield published_id(source_key, f"{guid}\n{identity}", taken=True)
    # An entry that bore this very identity may have moved on to another guid.
    yield published_id(source_key, f"{guid}\n{identity}\n{item.first_seen}", taken=True)


async def _held_ids(connection: AsyncConnection, ids: Sequence[str]) -> set[str]:
    held: set[str] = set()
    for chunk in chunks([digest(each) for each in ids]):
        theirs = select(stories.c.published_id).where(stories.c.published_digest.in_(chunk))
        held.update(await connection.scalars(theirs))
    return held


async def _open_stories(
    connection: AsyncConnection, openings: Sequence[_Opening], at: datetime
) -> dict[str, int]:
    """Story ids by the ids that they are published under. They have no lead yet."""
    if not openings:
        return {}
    await connection.execute(insert(stories), [_story_columns(opening, at) for opening in openings])
    opened: dict[str, int] = {}
    for chunk in chunks([digest(opening.published_id) for opening in openings]):
        rows = await connection.execute(
            select(stories.c.published_id, stories.c.id).where(
                stories.c.published_digest.in_(chunk)
            )
        )
        opened.update({row.published_id: row.id for row in rows})
    return opened


def _story_columns(opening: _Opening, at: datetime) -> Columns:
    return {
        "link_digest": opening.link_digest,
        "published_id": opening.published_id,
        "published_digest": digest(opening.published_id),
        "rank_at": opening.item.rank_at,
        "changed_at": at,
    }


async def _close_opening(connection: AsyncConnection, story_ids: Collection[int]) -> None:
    """Gives new stories their lead; one whose entry was refused is withdrawn."""
    first = (
        select(func.min(entries.c.id)).where(entries.c.story_id == stories.c.id).scalar_subquery()
    )
    for chunk in chunks(story_ids):
        these = stories.c.id.in_(chunk)
        await connection.execute(update(stories).where(these).values(lead_entry_id=first))
        await drop_empty(connection, these & stories.c.lead_entry_id.is_(None))


async def drop_empty(connection: AsyncConnection, which: ColumnElement[bool]) -> None:
    """Deletes those stories among `which` that no entry is left of."""
    any_entry = select(entries.c.id).where(entries.c.story_id == stories.c.id).exists()
    await connection.execute(delete(stories).where(which, ~any_entry))


async def choose_leads(
    connection: AsyncConnection, story_ids: Collection[int], at: datetime
) -> None:
    """Chooses anew who leads these stories, which show something else from now on."""
    members = await _members(connection, story_ids)
    if members:
        await connection.execute(
            update(stories).where(stories.c.id == bindparam("story_id")),
            [
                {"story_id": story_id, "lead_entry_id": lead_of(those).id, "changed_at": at}
                for story_id, those in members.items()
            ],
        )


async def _members(
    connection: AsyncConnection, story_ids: Collection[int]
) -> dict[int, list[Member]]:
    members: defaultdict[int, list[Member]] = defaultdict(list)
    for chunk in chunks(story_ids):
        rows = await connection.execute(
            select(entries.c.id, entries.c.story_id, entries.c.link, sources.c.url, sources.c.info)
            .join(sources, sources.c.id == entries.c.source_id)
            .where(entries.c.story_id.in_(chunk))
            .order_by(entries.c.id)
        )
        for row in rows:
            site_url = info_of(row.info).link
            member = Member(id=row.id, source_url=row.url, site_url=site_url, link=row.link)
            members[row.story_id].append(member)
    return members
