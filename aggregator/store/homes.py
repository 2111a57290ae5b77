"""Which story each new entry joins, or that it opens one. The caller holds the lock on stories.

find_homes
| link     a story that has its link, unless it contradicts
| text     else a story that tells the same
| ids      else one of its own, under an id that no other has
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, select

from aggregator.core.digest import digest
from aggregator.core.likeness import Told, marks_of
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
from aggregator.store.schema import JOINED_BY_TEXT, entries, sources, stories
from aggregator.store.statements import chunks, give_way


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """A source, as far as its entries' stories go."""

    id: int
    key: str
    url: str
    site_url: str | None


@dataclass(frozen=True, kw_only=True)
class Newcomer:
    """An entry that needs a story."""

    whose: Whose
    guid: str
    digest: bytes
    link_digest: bytes | None
    taken_from: tuple[str, ...]
    told: Told
    rank_at: datetime
    first_seen: datetime

    @cached_property
    def marks(self) -> tuple[int, ...]:
        return marks_of(self.told)

    @cached_property
    def telling(self) -> Telling:
        member = Member(
            id=0,
            source_url=self.whose.url,
            site_url=self.whose.site_url,
            link=self.told.link,
            taken_from=self.taken_from,
        )
        return Telling(told=self.told, link_digest=self.link_digest, claim=member.claim)


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


@dataclass(slots=True, kw_only=True)
class _Search:
    """What is looked up for all of one source's newcomers at once."""

    story_of: dict[bytes, int]
    also_of: dict[bytes, int]
    """Links that no story goes by, but an entry that joined one by its text."""
    leads: dict[int, Telling]
    occupied: set[int]
    """Stories with an entry of this source."""
    ids: list[str]
    siblings: "_Siblings"
    claimed: set[bytes] = field(default_factory=set)
    """Links that newcomers before have taken for their own stories."""


def find_homes(
    connection: Connection,
    whose: Whose,
    coming: Sequence[Newcomer],
    *,
    holders: Holders | None = None,
    moving: int | None = None,
) -> list[Home]:
    """`holders` are those of the newcomers' marks, where they are known already; `moving` is the
    newcomer's own id where it comes from another story.
    """
    links = {item.link_digest for item in coming if item.link_digest}
    if holders is None:
        holders = holders_of(connection, marks_among(coming))
    story_of = _stories_with_links(connection, links)
    also_of = _stories_with_other_links(connection, links - story_of.keys())
    linked = {*story_of.values(), *also_of.values()}
    search = _Search(
        story_of=story_of,
        also_of=also_of,
        leads=_leads(connection, linked),
        occupied=_stories_of_source(connection, whose.id, linked),
        ids=new_ids(connection, whose.key, coming),
        siblings=_Siblings(coming, holders, moving),
    )
    return [_home(connection, search, n, item) for n, item in enumerate(coming)]


def marks_among(coming: Sequence[Newcomer]) -> set[int]:
    """Half a millisecond of work each: others get their turns in between."""
    found: set[int] = set()
    for item in coming:
        found.update(item.marks)
        give_way()
    return found


def _home(connection: Connection, search: _Search, n: int, item: Newcomer) -> Home:
    link = None if item.link_digest in search.claimed else item.link_digest
    story_id = search.story_of.get(link) if link else None
    if story_id is None:
        if (also := _by_other_link(search, link, item)) is not None:
            search.occupied.add(also)
            return Joining(story_id=also, by="link")
        if (told := _by_text(connection, search, n, item)) is not None:
            search.occupied.add(told)
            return Joining(story_id=told, by="text")
        return _open(search, n, item, link)
    lead = search.leads[story_id]
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
    also = search.also_of.get(link) if link else None
    if also is None or also in search.occupied:
        return None
    return None if contradicts(item.telling, search.leads[also]) else also


def _by_text(connection: Connection, search: _Search, n: int, item: Newcomer) -> int | None:
    ids = search.siblings.holders(item)
    if not ids:
        return None
    found = [*candidates(connection, ids), *search.siblings.of(n)]
    story_id = told_before(item.told, item.whose.id, found)
    if story_id is None:
        return None
    occupied = _stories_of_source(connection, item.whose.id, [story_id])
    return None if story_id in occupied | search.occupied else story_id


class _Siblings:
    """Who has the marks of the newcomers: entries that are stored, and newcomers themselves."""

    def __init__(self, coming: Sequence[Newcomer], stored: Holders, moving: int | None) -> None:
        self._coming = coming
        self._stored = stored
        self._moving = moving
        self._among: defaultdict[int, list[int]] = defaultdict(list)
        for n, item in enumerate(coming):
            for mark in item.marks:
                if len(self._among[mark]) < MOST_HOLDERS:
                    self._among[mark].append(n)

    def holders(self, item: Newcomer) -> set[int]:
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
        rows = connection.execute(_LEADS, {"values": chunk})
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
_OCCUPIED = select(entries.c.story_id).where(
    entries.c.source_id == bindparam("source_id"), entries.c.story_id.in_(_THESE)
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
        rows = connection.execute(_WITH_LINKS, {"values": chunk})
        found.update({row.link_digest: row.id for row in rows})
    return found


def _stories_with_other_links(connection: Connection, links: Collection[bytes]) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for chunk in chunks(links):
        rows = connection.execute(_WITH_OTHER_LINKS, {"values": chunk})
        for row in rows:
            found.setdefault(row.link_digest, row.story_id)
    return found


def _stories_of_source(
    connection: Connection, source_id: int, story_ids: Collection[int]
) -> set[int]:
    found: set[int] = set()
    for chunk in chunks(story_ids):
        found.update(connection.scalars(_OCCUPIED, {"source_id": source_id, "values": chunk}))
    return found


def new_ids(connection: Connection, source_key: str, coming: Sequence[Newcomer]) -> list[str]:
    """One id for each entry that no story bears, nor another one of these."""
    wishes = [_ids_by_preference(source_key, item) for item in coming]
    firsts = [next(its) for its in wishes]
    held = _held_ids(connection, firsts)
    chosen = []
    for first, others in zip(firsts, wishes, strict=True):
        free = first if first not in held else _free(connection, [*others], held)
        held.add(free)
        chosen.append(free)
    return chosen


def _free(connection: Connection, wishes: Sequence[str], held: Collection[str]) -> str:
    """Few entries come here; to make all of their wishes for everybody would cost the most."""
    borne = _held_ids(connection, wishes)
    return next(wish for wish in wishes if wish not in borne and wish not in held)


def _ids_by_preference(source_key: str, item: Newcomer) -> Iterator[str]:
    guid, identity = item.guid, item.digest.hex()
    yield published_id(source_key, guid)
    yield published_id(source_key, guid, taken=True)
    # A source may give one guid to many entries.
    yield published_id(source_key, f"{guid}\n{identity}", taken=True)
    # An entry that bore this very identity may have moved on to another guid.
    yield published_id(source_key, f"{guid}\n{identity}\n{item.first_seen}", taken=True)


def _held_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    held: set[str] = set()
    for chunk in chunks([digest(each) for each in ids]):
        held.update(connection.scalars(_HELD_IDS, {"values": chunk}))
    return held
