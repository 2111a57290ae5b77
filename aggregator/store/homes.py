"""Which story each new entry joins, or that it opens one. The caller holds the lock on stories.

find_homes
| together of several sources those that cannot meet: what is looked up is looked up for all
| link     a story that has its link, unless it contradicts
| text     else a story that tells the same
| ids      else one of its own, under an id that no other has
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, select

from aggregator.core.digest import digest
from aggregator.core.model import JoinedBy
from aggregator.core.stories import (
    Candidate,
    Member,
    Telling,
    contradicts,
    published_id,
    told_before,
)
from aggregator.store.mapping import AnyRow, info_of
from aggregator.store.marks import MOST_HOLDERS, Holders, candidates, holders_of, told_of
from aggregator.store.newcomers import Arrival, Newcomer, marks_among
from aggregator.store.quick import fetch
from aggregator.store.schema import JOINED_BY_TEXT, entries, sources, stories
from aggregator.store.statements import chunks


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A story to open. What it `takes_from` another story is the link."""

    item: Newcomer
    link_digest: bytes | None
    published_id: str
    takes_from: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """A story to join."""

    story_id: int
    by: JoinedBy


Home = Opening | Joining


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What is looked up for several sources at once."""

    story_of: Mapping[bytes, int]
    also_of: Mapping[bytes, int]
    """Links that no story goes by, but an entry that joined one by its text."""
    leads: Mapping[int, Telling]
    occupied: Collection[tuple[int, int]]
    """Sources with the stories among these that have an entry of them."""
    holders: Holders
    ids: Collection[str]
    """Ids that stories bear already, of those that newcomers would like best."""


@dataclass(slots=True, kw_only=True)
class _Search:
    """What one source's newcomers need to know."""

    found: _Found
    occupied: set[int]
    """Stories with an entry of this source."""
    ids: Sequence[str]
    siblings: "_Siblings"
    claimed: set[bytes] = field(default_factory=set)
    """Links that newcomers before have taken for their own stories."""


def find_homes(
    connection: Connection,
    arrivals: Sequence[Arrival],
    *,
    holders: Holders | None = None,
    moving: int | None = None,
) -> list[list[Home]]:
    """Those of as many arrivals, from the first one on, as do not depend on where others before
    go: one at least. The others are to be asked for when these are stored.

    `holders` are those of the newcomers' marks, where they are known already; `moving` is the
    newcomer's own id where it comes from another story.
    """
    coming = [item for arrival in arrivals for item in arrival.items]
    if holders is None:
        holders = holders_of(connection, marks_among(coming))
    found = _look_up(connection, arrivals, coming, holders)
    homes: list[list[Home]] = []
    changed: set[int | str] = set()
    for arrival in arrivals:
        search = _search_of(connection, found, arrival, moving)
        if not changed.isdisjoint(search.ids) or not changed.isdisjoint(_met(found, arrival)):
            break
        its_own = [_home(connection, search, n, item) for n, item in enumerate(arrival.items)]
        its_changes = {change for home in its_own for change in _changes(home)}
        if not changed.isdisjoint(its_changes):
            break
        changed |= its_changes
        homes.append(its_own)
    return homes


def _look_up(
    connection: Connection,
    arrivals: Sequence[Arrival],
    coming: Sequence[Newcomer],
    holders: Holders,
) -> _Found:
    links = {item.link_digest for item in coming if item.link_digest}
    story_of = _stories_with_links(connection, links)
    also_of = _stories_with_other_links(connection, links - story_of.keys())
    linked = {*story_of.values(), *also_of.values()}
    sources_of_them = [arrival.whose.id for arrival in arrivals]
    return _Found(
        story_of=story_of,
        also_of=also_of,
        leads=_leads(connection, linked),
        occupied=_stories_of_sources(connection, sources_of_them, linked),
        holders=holders,
        ids=_held_ids(connection, [item.wish for item in coming]),
    )


def _search_of(
    connection: Connection, found: _Found, arrival: Arrival, moving: int | None
) -> _Search:
    return _Search(
        found=found,
        occupied={story for source, story in found.occupied if source == arrival.whose.id},
        ids=_new_ids(connection, arrival.items, found.ids),
        siblings=_Siblings(arrival.items, found.holders, moving),
    )


def _met(found: _Found, arrival: Arrival) -> Iterator[int]:
    """The stories that its links lead to."""
    for link in (item.link_digest for item in arrival.items if item.link_digest):
        for story_of in (found.story_of, found.also_of):
            if link in story_of:
                yield story_of[link]


def _changes(home: Home) -> Iterator[int | str]:
    """Stories that others may have met as they were, and ids that others may have wished for."""
    if isinstance(home, Joining):
        yield home.story_id
        return
    yield home.published_id
    if home.takes_from is not None:
        yield home.takes_from


def _home(connection: Connection, search: _Search, n: int, item: Newcomer) -> Home:
    link = None if item.link_digest in search.claimed else item.link_digest
    story_id = search.found.story_of.get(link) if link else None
    if story_id is None:
        if (also := _by_other_link(search, link, item)) is not None:
            search.occupied.add(also)
            return Joining(story_id=also, by="link")
        if (told := _by_text(connection, search, n, item)) is not None:
            search.occupied.add(told)
            return Joining(story_id=told, by="text")
        return _open(search, n, item, link)
    lead = search.found.leads[story_id]
    if contradicts(item.telling, lead):
        takes = item.telling.claim > lead.claim
        return _open(
            search, n, item, link if takes else None, takes_from=story_id if takes else None
        )
    if story_id in search.occupied:
        return _open(search, n, item, None)
    search.occupied.add(story_id)
    return Joining(story_id=story_id, by="link")


def _open(
    search: _Search, n: int, item: Newcomer, link: bytes | None, takes_from: int | None = None
) -> Opening:
    if link:
        search.claimed.add(link)
    return Opening(item=item, link_digest=link, published_id=search.ids[n], takes_from=takes_from)


def _by_other_link(search: _Search, link: bytes | None, item: Newcomer) -> int | None:
    also = search.found.also_of.get(link) if link else None
    if also is None or also in search.occupied:
        return None
    return None if contradicts(item.telling, search.found.leads[also]) else also


def _by_text(connection: Connection, search: _Search, n: int, item: Newcomer) -> int | None:
    ids = search.siblings.holders(item)
    if not ids:
        return None
    found = [*candidates(connection, ids), *search.siblings.of(n)]
    story_id = told_before(item.told, item.whose.id, found)
    if story_id is None:
        return None
    if story_id in search.occupied:
        return None
    occupied = _stories_of_sources(connection, [item.whose.id], [story_id])
    return None if occupied else story_id


class _Siblings:
    """Who has the marks of the newcomers: entries that are stored, and newcomers themselves."""

    def __init__(self, coming: Sequence[Newcomer], stored: Holders, moving: int | None) -> None:
        self._coming = coming
        self._stored = stored
        self._moving = moving

    @cached_property
    def _among(self) -> Mapping[int, Sequence[int]]:
        """Put together where something is stored that may be alike: most texts are new."""
        among: defaultdict[int, list[int]] = defaultdict(list)
        for n, item in enumerate(self._coming):
            for mark in item.marks:
                if len(among[mark]) < MOST_HOLDERS:
                    among[mark].append(n)
        return among

    def holders(self, item: Newcomer) -> set[int]:
        if not self._stored:
            return set()
        return {each for mark in item.marks for each in self._stored.get(mark, ())} - {self._moving}

    def of(self, n: int) -> list[Candidate]:
        numbers = {each for mark in self._coming[n].marks for each in self._among[mark]} - {n}
        return [
            Candidate(source_id=each.whose.id, story_id=None, told=each.told)
            for each in (self._coming[number] for number in sorted(numbers))
        ]


def _leads(connection: Connection, story_ids: Collection[int]) -> dict[int, Telling]:
    """What the leads of these stories tell and claim."""
    found: dict[int, Telling] = {}
    for chunk in chunks(story_ids):
        rows = fetch(connection, _LEADS, {"values": chunk})
        found |= {row.story_id: telling_of(row) for row in rows}
    return found


TELLING = (
    entries.c.id,
    entries.c.story_id,
    entries.c.link_digest,
    entries.c.published_at,
    entries.c.link,
    entries.c.title,
    entries.c.text,
    entries.c.taken_from,
    sources.c.url,
    sources.c.info,
    sources.c.priority,
)
"""Columns for `telling_of`."""


# Put together once: that takes longer than to run them.
_THESE: BindParameter[Any] = bindparam("values", expanding=True)
_LEADS = (
    select(*TELLING)
    .join(stories, stories.c.lead_entry_id == entries.c.id)
    .join(sources, sources.c.id == entries.c.source_id)
    .where(stories.c.id.in_(_THESE))
)
_WITH_LINKS = select(stories.c.link_digest, stories.c.id).where(stories.c.link_digest.in_(_THESE))
_WITH_OTHER_LINKS = (
    select(entries.c.link_digest, entries.c.story_id)
    .where(entries.c.link_digest.in_(_THESE), JOINED_BY_TEXT)
    .order_by(entries.c.id)
)
_OCCUPIED = select(entries.c.source_id, entries.c.story_id).where(
    entries.c.story_id.in_(_THESE), entries.c.source_id.in_(bindparam("sources", expanding=True))
)
_HELD_IDS = select(stories.c.published_id).where(stories.c.published_digest.in_(_THESE))


def telling_of(row: AnyRow) -> Telling:
    return Telling(told=told_of(row), link_digest=row.link_digest, claim=member_of(row).claim)


def member_of(row: AnyRow) -> Member:
    return Member(
        id=row.id,
        source_url=row.url,
        site_url=info_of(row.info).link,
        link=row.link,
        taken_from=tuple(row.taken_from),
        priority=row.priority,
    )


def _stories_with_links(connection: Connection, links: Collection[bytes]) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for chunk in chunks(links):
        rows = fetch(connection, _WITH_LINKS, {"values": chunk})
        found.update({row.link_digest: row.id for row in rows})
    return found


def _stories_with_other_links(connection: Connection, links: Collection[bytes]) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for chunk in chunks(links):
        rows = fetch(connection, _WITH_OTHER_LINKS, {"values": chunk})
        for row in rows:
            found.setdefault(row.link_digest, row.story_id)
    return found


def _stories_of_sources(
    connection: Connection, source_ids: Collection[int], story_ids: Collection[int]
) -> set[tuple[int, int]]:
    """Each source with those of the stories that have an entry of it."""
    found: set[tuple[int, int]] = set()
    for some in chunks(story_ids, variables=2):
        for chunk in chunks(source_ids, variables=2):
            rows = fetch(connection, _OCCUPIED, {"sources": chunk, "values": some})
            found.update((row.source_id, row.story_id) for row in rows)
    return found


def _new_ids(connection: Connection, items: Sequence[Newcomer], held: Collection[str]) -> list[str]:
    """One id for each entry that no story bears, nor another one of these."""
    borne = set(held)
    chosen = []
    for item in items:
        taken = item.wish in borne
        free = _free(connection, [*_other_ids(item)], borne) if taken else item.wish
        borne.add(free)
        chosen.append(free)
    return chosen


def _free(connection: Connection, wishes: Sequence[str], held: Collection[str]) -> str:
    """Few entries come here; to make all of their wishes for everybody would cost the most."""
    borne = _held_ids(connection, wishes)
    return next(wish for wish in wishes if wish not in borne and wish not in held)


def _other_ids(item: Newcomer) -> Iterator[str]:
    """In the order of preference."""
    key, guid, identity = item.whose.key, item.guid, item.digest.hex()
    yield published_id(key, guid, taken=True)
    # A source may give one guid to many entries.
    yield published_id(key, f"{guid}\n{identity}", taken=True)
    # An entry that bore this very identity may have moved on to another guid.
    yield published_id(key, f"{guid}\n{identity}\n{item.first_seen}", taken=True)


def _held_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    held: set[str] = set()
    for chunk in chunks([digest(each) for each in ids]):
        rows = fetch(connection, _HELD_IDS, {"values": chunk})
        held.update(row.published_id for row in rows)
    return held
