"""Entries that need a story, and which sources' can be told one at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from aggregator.core.likeness import Told, marks_of
from aggregator.core.stories import Member, Telling, published_id
from aggregator.store.statements import give_way


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
    def wish(self) -> str:
        """The id that its story is published under if no other bears it."""
        return published_id(self.whose.key, self.guid)

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
class Arrival:
    """What is new of one source, and when it is taken in."""

    whose: Whose
    items: Sequence[Newcomer]
    at: datetime


def marks_among(coming: Iterable[Newcomer]) -> set[int]:
    """A tenth of a millisecond of work each: others get their turns in between."""
    found: set[int] = set()
    for item in coming:
        found.update(item.marks)
        give_way()
    return found


def together(arrivals: Sequence[Arrival]) -> Sequence[Arrival]:
    """As many of them, from the first one on, as have no link and no mark in common."""
    seen: set[bytes | int] = set()
    for n, arrival in enumerate(arrivals):
        links = {item.link_digest for item in arrival.items if item.link_digest}
        its_own = marks_among(arrival.items) | links
        if not seen.isdisjoint(its_own):
            return arrivals[:n]
        seen |= its_own
    return arrivals
