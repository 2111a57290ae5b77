"""The newest stories that a publication shows, where its conditions and filters drop some.

whole_stories  a window of them, with all their entries   (store)
| judge        each: as it is shown, or why it is not     (core)
| next window  until there are as many as it shows
"""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, replace
from datetime import datetime

from aggregator.core.filters import Filters
from aggregator.core.model import PublishedEntry, Story
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a publication shows, newest first, and until when if nothing else changes.

    `stories` may be a part of the `count` that it shows.
    """

    stories: list[PublishedEntry]
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
    store: ReadStore,
    publication: Publication,
    filters: Filters,
    selection: Selection = EVERYTHING,
    *,
    now: datetime,
) -> Window:
    """What its feeds show, as far as selected."""
    inside = replace(
        publication,
        sources=both(publication.sources, selection.sources),
        search=together((publication.search, selection.search)),
    )
    if not narrows(publication, filters):
        selection = selected(inside)
        size = publication.limit
        stories = await store.stories(selection, limit=size + 1)
        if len(stories) > size:  # else the span has no say
            size = await room_for(store, publication, selection)
        if len(stories) <= size and size > publication.limit:
            stories = await store.stories(selection, limit=size + 1)
        shown = stories[:size]
        return Window(stories=shown, count=len(shown), more=len(stories) > size)
    return await _of_what_passes(store, inside, filters, now=now)


async def room_for(store: ReadStore, publication: Publication, selection: Selection) -> int:
    """How many stories there is room for."""
    newest = await store.whole_stories(selection, limit=1) if publication.window else ()
    if not newest or publication.window is None:
        return publication.limit
    recent = replace(selection, since=newest[0].rank_at - publication.window)
    return max(publication.limit, min(await store.count_stories(recent), MOST_SHOWN))


async def _of_what_passes(
    store: ReadStore,
    publication: Publication,
    filters: Filters,
    *,
    now: datetime,
) -> Window:
    selector = Selector(publication, filters, now=now, found=True)
    shown: list[PublishedEntry] = []
    newest: datetime | None = None
    more = False
    async for story, judged in judged_stories(store, selector, publication):
        if isinstance(judged, LeftOut):
            continue
        newest = newest or story.rank_at
        more = not publication.has_room(len(shown) + 1, story.rank_at, newest)
        if more:
            break
        shown.append(judged)
    return Window(stories=shown, count=len(shown), more=more, until=selector.until)


async def part_of(
    store: ReadStore,
    publication: Publication,
    filters: Filters,
    *,
    most: int,
    offset: int = 0,
    now: datetime,
) -> Window:
    """The first `most` stories that pass, counted; memory holds those after `offset`."""
    selector = Selector(publication, filters, now=now, found=True)
    chosen: list[PublishedEntry] = []
    count = 0
    async for _, judged in judged_stories(store, selector, publication):
        if not isinstance(judged, LeftOut):
            count += 1
            if count > offset:
                chosen.append(judged)
        if count == most:
            break
    return Window(stories=chosen, count=count, until=selector.until)


async def judged_stories(
    store: ReadStore,
    selector: Selector,
    publication: Publication,
) -> AsyncIterator[tuple[Story, PublishedEntry | LeftOut]]:
    """What its search finds of its sources' stories, newest first, each once and judged."""
    selection = selected(publication)
    seen: set[str] = set()
    for number in range(DEEPEST_WINDOW):
        some = await store.whole_stories(selection, limit=WINDOW, offset=number * WINDOW)
        for story in some:
            if story.id not in seen:  # a new one may have moved the others on
                seen.add(story.id)
                yield story, selector.judge(story)
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
