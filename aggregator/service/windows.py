"""The newest stories that a publication shows, where its conditions and filters drop some.

to_judge       a window of them
| judge        each: as it is shown, or why it is not     (core)
| next window  until there are as many as it shows
"""

from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Generic, Protocol, TypeVar

from aggregator.core.filters import Filters
from aggregator.core.model import PublishedEntry
from aggregator.core.positions import Position
from aggregator.core.publication import MOST_SHOWN, Publication
from aggregator.core.searching import together
from aggregator.core.select import LeftOut, Selector, chooses, narrows
from aggregator.service.ports import ReadStore, Selection

WINDOW = 200
"""Stories looked at in one go."""

DEEPEST_WINDOW = 50
"""Windows looked through at most; beyond, a publication that drops nearly all is just short."""

LONGEST_ARCHIVE = 1000
"""Stories on the pages of what shows all of its sources, where filters for all hide some."""

EVERYTHING = Selection()


Shows = TypeVar("Shows")
"""A story as it is shown: with its texts, or without."""


class View(Protocol[Shows]):
    """Stories of the store, as they are shown."""

    async def stories(self, selection: Selection, *, limit: int, offset: int = 0) -> list[Shows]:
        """Newest first by rank, whatever filters say."""

    async def to_judge(
        self, selection: Selection, selector: Selector, *, limit: int, offset: int
    ) -> list[tuple[Position, Callable[[], Shows | LeftOut]]]:
        """The same stories, each with what has the selector say how it is shown, or why not."""

    async def count_stories(self, selection: Selection, *, most: int) -> int: ...

    async def newest_rank(self, selection: Selection) -> datetime | None: ...


class InFull(View[PublishedEntry]):
    """With their texts, each time anew."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store

    async def stories(
        self, selection: Selection, *, limit: int, offset: int = 0
    ) -> list[PublishedEntry]:
        return await self._store.stories(selection, limit=limit, offset=offset)

    async def to_judge(
        self, selection: Selection, selector: Selector, *, limit: int, offset: int
    ) -> list[tuple[Position, Callable[[], PublishedEntry | LeftOut]]]:
        some = await self._store.whole_stories(selection, limit=limit, offset=offset)
        return [
            (Position(story.rank_at, story.number), partial(selector.judge, story))
            for story in some
        ]

    async def count_stories(self, selection: Selection, *, most: int) -> int:
        return await self._store.count_stories(selection, most=most)

    async def newest_rank(self, selection: Selection) -> datetime | None:
        newest = await self._store.whole_stories(selection, limit=1)
        return newest[0].rank_at if newest else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window(Generic[Shows]):
    """What a publication shows, newest first, and until when if nothing else changes.

    `stories` may be a part of the `count` that it shows.
    """

    stories: list[Shows]
    count: int
    more: bool = False
    """Whether other stories pass below it."""
    until: datetime | None = None


def depth_of_pages(publication: Publication, filters: Filters) -> int | None:
    """How many stories its pages show at most; None where they show all."""
    if not narrows(publication, filters):
        return None
    if chooses(publication):
        return publication.limit
    return max(publication.limit, LONGEST_ARCHIVE)


async def window_of(
    view: View[Shows],
    publication: Publication,
    filters: Filters,
    selection: Selection = EVERYTHING,
    *,
    now: datetime,
) -> Window[Shows]:
    """What its feeds show, as far as selected."""
    inside = replace(
        publication,
        sources=both(publication.sources, selection.sources),
        search=together((publication.search, selection.search)),
    )
    if not narrows(publication, filters):
        selection = selected(inside)
        size = publication.limit
        stories = await view.stories(selection, limit=size + 1)
        if len(stories) > size:  # else the span has no say
            size = await room_for(view, publication, selection)
        if len(stories) <= size and size > publication.limit:
            stories = await view.stories(selection, limit=size + 1)
        shown = stories[:size]
        return Window(stories=shown, count=len(shown), more=len(stories) > size)
    return await _of_what_passes(view, inside, filters, now=now)


async def room_for(view: View[Shows], publication: Publication, selection: Selection) -> int:
    """How many stories there is room for."""
    if publication.window is None or (newest := await view.newest_rank(selection)) is None:
        return publication.limit
    recent = replace(selection, since=newest - publication.window)
    return max(publication.limit, await view.count_stories(recent, most=MOST_SHOWN))


async def _of_what_passes(
    view: View[Shows],
    publication: Publication,
    filters: Filters,
    *,
    now: datetime,
) -> Window[Shows]:
    selector = Selector(publication, filters, now=now, found=True)
    shown: list[Shows] = []
    newest: datetime | None = None
    more = False
    async for place, judged in judged_stories(view, selector, publication):
        if isinstance(judged, LeftOut):
            continue
        newest = newest or place.rank_at
        more = not publication.has_room(len(shown) + 1, place.rank_at, newest)
        if more:
            break
        shown.append(judged)
    return Window(stories=shown, count=len(shown), more=more, until=selector.until)


async def part_of(
    view: View[Shows],
    publication: Publication,
    filters: Filters,
    *,
    most: int,
    offset: int = 0,
    now: datetime,
) -> Window[Shows]:
    """The first `most` stories that pass, counted; memory holds those after `offset`."""
    selector = Selector(publication, filters, now=now, found=True)
    chosen: list[Shows] = []
    count = 0
    async for _, judged in judged_stories(view, selector, publication):
        if not isinstance(judged, LeftOut):
            count += 1
            if count > offset:
                chosen.append(judged)
        if count == most:
            break
    return Window(stories=chosen, count=count, until=selector.until)


async def judged_stories(
    view: View[Shows],
    selector: Selector,
    publication: Publication,
) -> AsyncIterator[tuple[Position, Shows | LeftOut]]:
    """What its search finds of its sources' stories, newest first, each once and judged."""
    selection = selected(publication)
    seen: set[int] = set()
    for number in range(DEEPEST_WINDOW):
        offset = number * WINDOW
        some = await view.to_judge(selection, selector, limit=WINDOW, offset=offset)
        for place, judge in some:
            if place.number not in seen:  # a new one may have moved the others on
                seen.add(place.number)
                yield place, judge()
        if len(some) < WINDOW:
            break


def selected(publication: Publication) -> Selection:
    """What the store can choose of a publication."""
    return Selection(sources=publication.sources, search=publication.search)


def both(some: Collection[str] | None, others: Collection[str] | None) -> frozenset[str] | None:
    """What two conditions allow together; None is no condition."""
    if some is None or others is None:
        either = others if some is None else some
        return None if either is None else frozenset(either)
    return frozenset(some).intersection(others)
