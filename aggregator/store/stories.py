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
    insert,
    select,
    update,
)

from aggregator.core.digest import digest
from aggregator.core.likeness import Told
from aggregator.core.model import Content, NewEntry
from aggregator.core.stories import Member, lead_of
from aggregator.core.text import xml_safe
from aggregator.store.homes import Home, Joining, Opening, find_homes, member_of
from aggregator.store.mapping import Columns, new_columns
from aggregator.store.marks import add_marks, holders_of
from aggregator.store.newcomers import Arrival, Newcomer, Whose, together
from aggregator.store.quick import fetch, run
from aggregator.store.revisions import UPCOMING, count_more
from aggregator.store.schema import entries, sources, stories, tombstones
from aggregator.store.statements import (
    chunks,
    chunks_of_sources,
    insert_missing,
    new_ids,
    run_for_each,
)

# Put together once: that takes longer than to run them.
_THESE: BindParameter[Any] = bindparam("values", expanding=True)
_SOURCES: BindParameter[Any] = bindparam("sources", expanding=True)
_STORED = select(entries.c.source_id, entries.c.digest).where(
    entries.c.source_id.in_(_SOURCES), entries.c.digest.in_(_THESE)
)
_BURIED = select(tombstones.c.source_id, tombstones.c.digest).where(
    tombstones.c.source_id.in_(_SOURCES), tombstones.c.digest.in_(_THESE)
)
_OPEN = insert(stories).values(opened_in=UPCOMING, changed_in=UPCOMING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """New entries of one source, and when they are taken in."""

    whose: Whose
    new: Sequence[NewEntry]
    at: datetime


@dataclass(slots=True)
class Added:
    """How many entries of a source the database refused, and what those say that went in."""

    refused: int = 0
    said: dict[int, Content] = field(default_factory=dict)
    """By the entry's id: they cannot be found by it yet."""


def add_entries(connection: Connection, coming: Sequence[Coming]) -> list[Added]:
    """Stores what is not there yet; a known guid, and one that must not return, is passed over.

    All is as if one source came after the other. The caller has `searching.index_new` let the
    entries be found by what they say.
    """
    # A guid becomes part of an id, and an id must be text that everybody can write.
    sound = {
        each.whose.id: [new for new in each.new if xml_safe(new.entry.guid) == new.entry.guid]
        for each in coming
    }
    added = {each.whose.id: Added(len(each.new) - len(sound[each.whose.id])) for each in coming}
    fresh = _fresh(connection, sound)
    arrivals: Sequence[Arrival] = [
        Arrival(
            whose=each.whose,
            items=[_newcomer(each.whose, new) for new in fresh[each.whose.id].values()],
            at=each.at,
        )
        for each in coming
        if fresh[each.whose.id]
    ]
    while arrivals:
        stored = _add(connection, together(arrivals), fresh, added)
        arrivals = arrivals[stored:]
    return [added[each.whose.id] for each in coming]


_New = Mapping[int, Mapping[bytes, NewEntry]]
"""By source and digest."""


def _add(
    connection: Connection, arrivals: Sequence[Arrival], fresh: _New, added: Mapping[int, Added]
) -> int:
    """Stores as many of the arrivals as go together, and returns how many those are."""
    coming = [item for arrival in arrivals for item in arrival.items]
    holders = holders_of(connection, {mark for item in coming for mark in item.marks})
    settled = list(zip(arrivals, find_homes(connection, arrivals, holders=holders), strict=False))
    items = [item for arrival, _ in settled for item in arrival.items]
    ids = new_ids(connection, entries, len(items))
    places = open_homes(connection, settled, ids)
    rows = [
        new_columns(
            fresh[item.whose.id][item.digest],
            id=id,
            source_id=item.whose.id,
            story_id=place.story_id,
            joined_by=place.by,
        )
        for id, item, place in zip(ids, items, places, strict=True)
    ]
    refused = {*run_for_each(connection, insert_missing(connection, entries), rows)}
    close_homes(connection, settled)
    _withdraw(connection, [places[n].story_id for n in refused if places[n].by == "alone"])
    marked: dict[int, Sequence[int]] = {}
    for n, (id, item) in enumerate(zip(ids, items, strict=True)):
        its_own = added[item.whose.id]
        if n in refused:
            its_own.refused += 1
        else:
            marked[id] = item.marks
            its_own.said[id] = fresh[item.whose.id][item.digest].entry.content
    add_marks(connection, marked, holders)
    return len(settled)


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


def _fresh(connection: Connection, coming: Mapping[int, Sequence[NewEntry]]) -> _New:
    fresh: dict[int, dict[bytes, NewEntry]] = {source_id: {} for source_id in coming}
    for source_id, new in coming.items():
        for item in new:
            fresh[source_id].setdefault(item.entry.digest, item)
    for ids, digests in chunks_of_sources(fresh):
        for there in (_STORED, _BURIED):
            rows = fetch(connection, there, {"sources": ids, "values": digests})
            for source_id, known in rows:
                fresh[source_id].pop(known, None)
    return fresh


Settled = Sequence[tuple[Arrival, Sequence[Home]]]


def open_homes(connection: Connection, settled: Settled, entry_ids: Sequence[int]) -> list[Joining]:
    """The stories of these entries, one after the other. Who opens one leads it."""
    homes = [(home, arrival.at) for arrival, its_own in settled for home in its_own]
    opening = [home for home, _ in homes if isinstance(home, Opening)]
    robbed = [home.takes_from for home in opening if home.takes_from]
    if robbed:
        connection.execute(update(stories).where(stories.c.id.in_(robbed)).values(link_digest=None))
    story_ids = iter(new_ids(connection, stories, len(opening)))
    rows, places = [], []
    for entry_id, (home, at) in zip(entry_ids, homes, strict=True):
        if isinstance(home, Opening):
            rows.append(_story_columns(home, next(story_ids), entry_id, at))
            places.append(Joining(story_id=rows[-1]["id"], by="alone"))
        else:
            places.append(home)
    run(connection, _OPEN, rows)
    count_more(connection, len(rows))
    return places


def close_homes(connection: Connection, settled: Settled) -> None:
    """Chooses who leads the stories that some joined, once the entries are there."""
    for arrival, homes in settled:
        joined = [home.story_id for home in homes if isinstance(home, Joining)]
        choose_leads(connection, joined, arrival.at)


def _withdraw(connection: Connection, story_ids: Collection[int]) -> None:
    """Their entries were refused."""
    for chunk in chunks(story_ids):
        drop_empty(connection, stories.c.id.in_(chunk))


def _story_columns(opening: Opening, id: int, lead: int, at: datetime) -> Columns:
    return {
        "id": id,
        "lead_entry_id": lead,
        "link_digest": opening.link_digest,
        "published_id": opening.published_id,
        "published_digest": digest(opening.published_id),
        "rank_at": opening.item.rank_at,
        "changed_at": at,
    }


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
