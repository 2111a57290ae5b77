"""Stories as documents show them, without their texts: what has not changed is not read again.

places         numbers of stories, and the revision that last changed each   (store)
| known        those of which nothing has changed, nor of their sources
| read         the others, with their texts                                  (store)
| look, show   what filters leave of them, and how the site shows it: once   (core, catalogue)
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Protocol

from aggregator.core.dates import believable
from aggregator.core.digest import digest
from aggregator.core.model import PublishedEntry, PublishedSource, Story
from aggregator.core.positions import Placed, Position
from aggregator.core.publication import Publication
from aggregator.core.select import Facts, LeftOut, Look, Selector, day_of, narrows
from aggregator.core.shelf import Shelf
from aggregator.core.shown import Attribution, Shown, attribution_of, earlier, weight
from aggregator.service.catalogue import Catalogue
from aggregator.service.deltas import mark_of
from aggregator.service.ports import ReadStore, Selection
from aggregator.service.standings import BEFORE_ALL, Followed, Standings, StandingStore
from aggregator.service.windows import View

MOST_LINES = 30_000
"""In memory, a kilobyte or two each: all that some dozens of large publications show."""

FEW_LINES, LATELY = 5_000, 200
"""More than so many are in memory only of stories that one of so many documents has shown."""

MOST_TEXTS = 8_000_000
"""Bytes in memory of what was read last: each format wants it once."""

AT_ONCE = 200
"""Stories whose texts are read in one go."""

RUN = 8
"""Lines of a run, on average. Packed in runs of so many, a thousand entries of real feeds take a
twentieth more bytes than all at once; see `formats.runs`."""


class OutlineStore(StandingStore, ReadStore, Protocol):
    """Stories without their texts, so that those alone are read that somebody does not know yet."""

    async def placed(self, numbers: Collection[int]) -> list[Placed]:
        """Where these stand, as far as they are stored; in no order."""

    async def shown_stories(self, numbers: Collection[int]) -> dict[int, PublishedEntry]:
        """These as `ReadStore.stories` lists them; without those that it would not."""

    async def numbered_stories(self, numbers: Collection[int]) -> dict[int, Story]:
        """Those of listed sources, each with all its entries of such."""

    async def attributions(self, keys: Collection[str]) -> dict[str, Attribution]:
        """What entries tell of these sources, by key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A story as documents show it: what they need to know of it beside its pieces."""

    number: int
    id: str
    facts: Facts
    names: tuple[tuple[str, str], ...]
    """Keys and names of its sources, the one that it is shown of first."""
    updated: datetime
    """As the writers show it."""
    changed_at: datetime
    look: bytes
    """A digest of all that is written of it, in whatever format."""
    mark: bytes
    """See `deltas`."""
    ends: bool
    """Whether a run of lines ends with it, whatever stands beside it (`line_runs`)."""


@dataclass(slots=True, kw_only=True)
class _Known:
    """What became of a story at a revision; `told` is what its entries said of its sources."""

    changed_in: int
    left: Line | LeftOut
    told: tuple[tuple[str, Attribution], ...] = ()
    until: datetime | None = None
    keys: frozenset[str] = frozenset()
    """Of those sources."""
    true_at: int = BEFORE_ALL
    """The revision as of which that was last found to be true."""
    seen_at: int = -1
    """The refresh at which it was shown last."""

    def is_true(self, attributed: Mapping[str, Attribution]) -> bool:
        """Whether its sources are what it says."""
        if isinstance(self.left, LeftOut):
            return True
        told = [(attributed.get(key), before) for key, before in self.told]
        if any(now is None or now.look != before.look for now, before in told):
            return False
        (now, before), at = told[0], self.left.updated
        return now is not None and earlier(now.updated, at) == earlier(before.updated, at)


_Key = int | tuple[str, int]
"""A story by its number, and what shows it, where that has conditions."""


class Lines:
    """Remembers what it read; a publication without conditions shares that with all such."""

    def __init__(self, store: OutlineStore, catalogue: Catalogue) -> None:
        self._store = store
        self.standings = Standings(store)
        self.texts = Shelf[bytes, Shown](MOST_TEXTS, size=weight)
        """By look."""
        self.take(catalogue)

    def take(self, catalogue: Catalogue) -> None:
        """Shows by another configuration from now on."""
        self._catalogue = catalogue
        self._known: dict[_Key, _Known] = {}
        self._refreshes = 0
        self._room = FEW_LINES

    def refresh(self) -> None:
        """Something may have changed."""
        self._refreshes += 1
        self.standings.refresh()

    def view(self, publication: Publication, *, now: datetime, found: bool = True) -> "LineView":
        """Of a publication's stories. `found` as `Selector` wants it."""
        filters = self._catalogue.filters
        name, selector = "", None
        if narrows(publication, filters) or not found:
            name = f"{publication.path}?{publication.query}{found}"
            selector = Selector(publication, filters, now=now, found=found)
        return LineView(self, self._store, name, selector, now)

    async def outdated(
        self, known: Sequence[_Known | None], followed: Followed
    ) -> dict[int, _Known]:
        """Those that say of a source what is not true any more, by where they stand here."""
        unsure = _unsure(known, followed)
        now = dict(followed.told or {})
        keys = frozenset[str]().union(*[each.keys for each in unsure.values()])
        if lacking := keys - now.keys():
            now |= await self._store.attributions(lacking)
        found = {n: each for n, each in unsure.items() if not each.is_true(now)}
        at, refresh = followed.at, self._refreshes
        for each in filter(None, known):
            each.seen_at = refresh
            if at != BEFORE_ALL:
                each.true_at = at
        for each in found.values():
            each.true_at = BEFORE_ALL
        return found

    def recall(self, name: str, places: Sequence[Placed], now: datetime) -> list[_Known | None]:
        """What is known of the stories that stand there, as far as it holds."""
        get = self._known.get
        if not name:
            return [
                each if (each := get(number)) and each.changed_in == changed_in else None
                for _, number, changed_in in places
            ]
        return [
            each
            if (each := get((name, number)))
            and each.changed_in == changed_in
            and (each.until is None or now <= each.until)
            else None
            for _, number, changed_in in places
        ]

    def keep(self, name: str, place: Placed, look: Look, at: int) -> _Known:
        """`at` is the revision as of which it looks so."""
        known = self._as_known(place, look)
        key = (name, place.number) if name else place.number
        self._known.pop(key, None)
        known.true_at, known.seen_at = at, self._refreshes
        self._known[key] = known
        self._make_room()
        return known

    def _make_room(self) -> None:
        """Those go that no document has shown lately."""
        if len(self._known) <= self._room:
            return
        since = self._refreshes - LATELY
        for key in [k for k, each in self._known.items() if each.seen_at < since]:
            del self._known[key]
        for key in list(islice(self._known, max(0, len(self._known) - MOST_LINES))):
            del self._known[key]
        still = len(self._known)
        self._room = min(MOST_LINES, max(FEW_LINES, still + still // 4))  # a walk is worth its time

    def _as_known(self, place: Placed, look: Look) -> _Known:
        if isinstance(look.shown, LeftOut):
            return _Known(changed_in=place.changed_in, left=look.shown, until=look.until)
        line, _ = self._line(place, look.shown)
        sources = (look.shown.source, *look.shown.also_in)
        told = tuple((source.key, attribution_of(source)) for source in sources)
        return _Known(
            changed_in=place.changed_in,
            left=line,
            told=told,
            until=look.until,
            keys=frozenset(key for key, _ in told),
        )

    def read(self, place: Placed, look: Look) -> tuple[Line, Shown] | None:
        """A story with its texts; None where nothing is left of it."""
        return None if isinstance(look.shown, LeftOut) else self._line(place, look.shown)

    def _line(self, place: Placed, story: PublishedEntry) -> tuple[Line, Shown]:
        updated = believable(
            story.updated, first_seen=story.first_seen, changed_at=story.changed_at
        )
        shown = self._catalogue.show(_settled(story, updated))
        line = Line(
            number=place.number,
            id=story.id,
            facts=Facts(
                source_key=story.source.key,
                published=story.published,
                language=story.content.language,
                day=day_of(place.rank_at),
            ),
            names=tuple((source.key, source.name) for source in (story.source, *story.also_in)),
            updated=updated,
            changed_at=story.changed_at,
            look=digest(repr(shown)),
            mark=mark_of(shown),
            ends=digest(story.id)[0] % RUN == 0,
        )
        self.texts.put(line.look, shown)
        return line, shown


class LineView(View[Line]):
    """A publication's stories as lines, as of a moment."""

    def __init__(
        self,
        lines: Lines,
        store: OutlineStore,
        name: str,
        selector: Selector | None,
        now: datetime,
    ) -> None:
        self._lines = lines
        self._store = store
        self._name = name
        self._selector = selector
        self._now = now

    async def stories(self, selection: Selection, *, limit: int, offset: int = 0) -> list[Line]:
        followed = await self._lines.standings.follow(selection, limit=limit, offset=offset)
        known = await self._all(followed)
        return [each.left for each in known if each and isinstance(each.left, Line)]

    async def to_judge(
        self, selection: Selection, selector: Selector, *, limit: int, offset: int
    ) -> list[tuple[Position, Callable[[], Line | LeftOut]]]:
        followed = await self._lines.standings.follow(selection, limit=limit, offset=offset)
        return await self._to_judge(followed, selector)

    async def numbered(self, numbers: Sequence[int], selector: Selector) -> list[Line]:
        """Those of these stories that the selector lets be shown, in the order given."""
        found = {place.number: place for place in await self._store.placed(numbers)}
        places = [found[number] for number in numbers if number in found]
        some = await self._to_judge(Followed(places=places), selector)
        judged = [judge() for _, judge in some]
        return [each for each in judged if not isinstance(each, LeftOut)]

    async def _to_judge(
        self, followed: Followed, selector: Selector
    ) -> list[tuple[Position, Callable[[], Line | LeftOut]]]:
        known = await self._all(followed)
        return [
            (
                Position(place.rank_at, place.number),
                partial(_judge, selector, each),
            )
            for place, each in zip(followed.places, known, strict=True)
            if each
        ]

    async def count_stories(self, selection: Selection, *, most: int) -> int:
        return await self._store.count_stories(selection, most=most)

    async def newest_rank(self, selection: Selection) -> datetime | None:
        newest = (await self._lines.standings.follow(selection, limit=1)).places
        return newest[0].rank_at if newest else None

    async def texts(self, lines: Sequence[Line]) -> list[tuple[Line, Shown]]:
        """These with their texts, in the order given; as they are now, where they are read anew.

        Those that nothing is left of meanwhile are missing.
        """
        at_hand = self._lines.texts
        known = {line.number: (line, shown) for line in lines if (shown := at_hand.get(line.look))}
        rest = [line.number for line in lines if line.number not in known]
        for start in range(0, len(rest), AT_ONCE):
            places = await self._store.placed(rest[start : start + AT_ONCE])
            looks = await self._look([place.number for place in places])
            for place in places:
                if place.number in looks and (
                    again := self._lines.read(place, looks[place.number])
                ):
                    known[place.number] = again
        return [known[line.number] for line in lines if line.number in known]

    async def _all(self, followed: Followed) -> list[_Known | None]:
        """What is known of each story that stands there, after a look at those that are not.

        None of those that nothing is left of meanwhile.
        """
        places, lines = followed.places, self._lines
        known = lines.recall(self._name, places, self._now)
        lacking = [n for n, each in enumerate(known) if not each]
        lacking += await lines.outdated(known, followed)
        for start in range(0, len(lacking), AT_ONCE):
            some = lacking[start : start + AT_ONCE]
            looks = await self._look([places[n].number for n in some])
            for n in some:
                look, place = looks.get(places[n].number), places[n]
                known[n] = lines.keep(self._name, place, look, followed.at) if look else None
        return known

    async def _look(self, numbers: Sequence[int]) -> dict[int, Look]:
        if self._selector is None:
            shown = await self._store.shown_stories(numbers)
            return {number: Look(shown=story, until=None) for number, story in shown.items()}
        stories = await self._store.numbered_stories(numbers)
        return {number: self._selector.look(story) for number, story in stories.items()}


def _unsure(known: Sequence[_Known | None], followed: Followed) -> dict[int, _Known]:
    """Those that may say of a source what is not true any more, by where they stand here."""
    if followed.told is None:
        return {n: each for n, each in enumerate(known) if each}
    told, since = frozenset(followed.told), followed.since
    return {
        n: each
        for n, each in enumerate(known)
        if each and (each.true_at < since or not told.isdisjoint(each.keys))
    }


def _judge(selector: Selector, known: _Known) -> Line | LeftOut:
    selector.note(known.until)
    if isinstance(known.left, LeftOut):
        return known.left
    return selector.fit(known.left.facts) or known.left


def _settled(story: PublishedEntry, updated: datetime) -> PublishedEntry:
    """With no more of its sources' times than is written."""
    also_in = tuple(_updated_at(source, None) for source in story.also_in)
    at = earlier(story.source.info.updated, updated)
    return replace(story, source=_updated_at(story.source, at), also_in=also_in)


def _updated_at(source: PublishedSource, at: datetime | None) -> PublishedSource:
    return replace(source, info=replace(source.info, updated=at))
