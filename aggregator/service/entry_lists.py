"""Lists of entries for programs: as they stand by rank, and as they change.

whole_stories | changed_stories   below a position, or behind a step   (store)
| judge                           conditions and filters               (core)
| show                            cut to the site's length             (catalogue)
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aggregator.core.digest import digest
from aggregator.core.filters import Filter
from aggregator.core.model import PublishedEntry, Story
from aggregator.core.positions import ChangedStory, Position, Step
from aggregator.core.publication import Publication
from aggregator.core.searching import together
from aggregator.core.select import LeftOut, Selector, narrows
from aggregator.core.shown import Shown
from aggregator.service.catalogue import Catalogue
from aggregator.service.ports import Clock, ReadStore, SourceHealth
from aggregator.service.source_rows import source_row
from aggregator.service.windows import DEEPEST_WINDOW, WINDOW, both, selected

MOST_STEPS = 2000
"""Changes looked at for one answer."""

LARGEST = 5_000_000
"""Characters of content in one answer, beyond its last entry: one entry may have half a million,
and anybody may ask for hundreds.
"""

_Placed = list[tuple[Position, PublishedEntry]]

_ALL = Publication(slug="", title="", path="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which entries a list is about. None means no condition."""

    publication: Publication | None = None
    sources: frozenset[str] | None = None
    search: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """Where a list goes on: below a position, `count` entries of it having been told."""

    position: Position
    count: int
    newest: datetime
    """The rank of the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a list. `rest` is None at its end."""

    entries: list[Shown]
    rest: Bookmark | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of a story: as it is shown now; None where it is not shown any more."""

    id: str
    step: Step
    shown: Shown | None
    new: bool
    """Whether it was opened after the step that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What changed, oldest first, and the step behind which it goes on."""

    changes: list[Change]
    until: Step
    more: bool


class EntryLists:
    """What a feed hides is not listed. The catalogue changes when the configuration does."""

    def __init__(self, *, store: ReadStore, clock: Clock, catalogue: Catalogue) -> None:
        self._store = store
        self._clock = clock
        self._catalogue = catalogue

    def take(self, catalogue: Catalogue) -> None:
        """Lists by another configuration from now on."""
        self._catalogue = catalogue

    async def sources(self) -> list[dict[str, Any]]:
        """The rows of all sources, by key."""
        sources = await self._store.sources()
        return await asyncio.to_thread(self._rows, sources)  # they may be very many

    def _rows(self, sources: Sequence[SourceHealth]) -> list[dict[str, Any]]:
        tags, now = self._catalogue.tags_of, self._clock.steady()
        return [source_row(source, tags.get(source.key, ()), now) for source in sources]

    async def end(self) -> Step:
        """The step behind which only what is yet to come stands."""
        return (await self._store.revision()).end

    async def since(self, moment: datetime) -> Step:
        """The step behind which every change of that time and later stands."""
        return await self._store.first_change(moment)

    def view(self, scope: Scope) -> str:
        """Over all that decides by configuration alone which entries are told of, and how."""
        publication = scope.publication or _ALL
        everywhere = self._catalogue.filters
        filters = [everywhere.everywhere, *everywhere.of_sources.values(), publication.filter]
        parts = (
            repr(sorted(self._catalogue.content.items())),
            repr([_written(each) for each in filters]),
            repr((_sorted(publication.sources), _sorted(publication.languages))),
            repr(publication.search),
        )
        return digest(*parts).hex()

    async def part(self, scope: Scope, *, after: Bookmark | None = None, limit: int) -> Part:
        """The next `limit` entries, newest first by rank; fewer where filters hide nearly all, or
        where they are large.

        Of a publication as many in all as its feeds have room for.
        """
        shown, looked, at_end = await self._look(scope, after, limit + 1)
        if looked is None:
            return Part(entries=[], rest=None)
        newest = after.newest if after else (shown[0][0] if shown else looked).rank_at
        told = after.count if after else 0
        fitting = _fitting(scope.publication, shown, told, newest)
        entries = [self._catalogue.show(entry) for _, entry in fitting[:limit]]
        over = at_end or len(fitting) < len(shown)
        if over and len(fitting) <= limit:
            return Part(entries=entries, rest=None)
        last = fitting[limit - 1][0] if len(fitting) > limit else looked
        count = told + len(entries)
        return Part(entries=entries, rest=Bookmark(position=last, count=count, newest=newest))

    async def _look(
        self, scope: Scope, after: Bookmark | None, wanted: int
    ) -> tuple[_Placed, Position | None, bool]:
        """What is shown, the last position that was looked at, and whether none is below."""
        inside, filters = _inside(scope), self._catalogue.filters
        selector = Selector(inside, filters, now=self._clock.now(), found=True)
        start = after.position if after else None
        # How many of its source stand above a story shows only from the top.
        from_top = bool(inside.max_per_source or inside.max_per_day)
        looked = None if from_top else start
        size = WINDOW if narrows(inside, filters) else min(wanted, WINDOW)
        shown: _Placed = []
        weight = 0
        for _ in range(DEEPEST_WINDOW):
            selection = replace(selected(inside), after=looked)
            some = await self._store.whole_stories(selection, limit=size)
            for story in some:
                looked = _position(story)
                judged = selector.judge(story)
                if not isinstance(judged, LeftOut) and (start is None or looked < start):
                    shown.append((looked, judged))
                    weight += _weight(judged)
                if len(shown) == wanted or weight > LARGEST:
                    return shown, looked, False
            if len(some) < size:
                return shown, looked, True
        return shown, looked, from_top

    async def is_far(self, since: Step, *, most: int) -> bool:
        """Whether more than so many stories changed since, told of or not."""
        return await self._store.count_changes(since, most=most + 1) > most

    async def touched(self, since: Step) -> frozenset[str] | None:
        """Keys of the sources whose entries changed since; None where those are too many."""
        changed = await self._store.changed_stories(since, limit=MOST_STEPS)
        if len(changed) == MOST_STEPS:
            return None
        return frozenset(entry.source.key for each in changed for entry in each.story.entries)

    async def changed(self, scope: Scope, since: Step, *, limit: int) -> Changed:
        """What was opened, changed or hidden after that step; each story once, as it is now.

        How many a publication shows, in all or of a source, does not count here.
        """
        inside = replace(_inside(scope), max_per_source=None, max_per_day=())
        selector = Selector(inside, self._catalogue.filters, now=self._clock.now())
        changes: list[Change] = []
        weight = 0
        until, size = since, min(max(limit + 1, WINDOW), MOST_STEPS)
        for _ in range(MOST_STEPS // size):
            some = await self._store.changed_stories(until, limit=size)
            for step in some:
                if len(changes) == limit or weight > LARGEST:
                    return Changed(changes=changes, until=until, more=True)
                told = self._told(selector, step, since)
                changes += told
                weight += sum(_weight(each.shown.entry) for each in told if each.shown)
                until = step.changed
            if len(some) < size:
                return Changed(changes=changes, until=until, more=False)
        return Changed(changes=changes, until=until, more=True)

    def _told(self, selector: Selector, changed: ChangedStory, since: Step) -> list[Change]:
        """Nothing of a story that was never told of, and is not to be."""
        judged, new = selector.judge(changed.story), changed.opened > since
        if isinstance(judged, LeftOut) and new:
            return []
        shown = None if isinstance(judged, LeftOut) else self._catalogue.show(judged)
        return [Change(id=changed.story.id, step=changed.changed, shown=shown, new=new)]


def _inside(scope: Scope) -> Publication:
    publication = scope.publication or _ALL
    return replace(
        publication,
        sources=both(publication.sources, scope.sources),
        search=together((publication.search, scope.search)),
    )


def _fitting(
    publication: Publication | None, shown: _Placed, told: int, newest: datetime
) -> _Placed:
    """What the publication's feeds have room for, `told` of it being told already."""
    if publication is None:
        return shown
    places = enumerate(shown, told + 1)
    return [each for place, each in places if publication.has_room(place, each[0].rank_at, newest)]


def _weight(entry: PublishedEntry) -> int:
    return len(entry.content.content_html) + len(entry.content.summary)


def _position(story: Story) -> Position:
    return Position(story.rank_at, story.number)


def _written(filter: Filter) -> tuple[object, ...]:
    rules = [[rule.written for rule in some] for some in (filter.include, filter.exclude)]
    return (filter.place, *rules)


def _sorted(names: Collection[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)
