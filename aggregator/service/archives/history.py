"""All documents of a feed, so that a reader who comes rarely still gets everything (RFC 5005).

newest         the one to subscribe to: the window; what else is new stands in the archive
| pages        older stories by rank: quick to leaf through, and each changes with every new story
| volumes      the archive: all stories in the order in which they came in, and none ever moves
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aggregator.core.archives import Archive, Volume, volume_at
from aggregator.core.errors import UnknownPublication
from aggregator.core.leaves import NEWEST, Leaf, Neighbours
from aggregator.core.model import PublishedEntry
from aggregator.core.publication import Publication
from aggregator.core.select import LeftOut, Selector, narrows
from aggregator.service.archives.archiving import Archiving, HistoryStore, lastingly
from aggregator.service.catalogue import Catalogue
from aggregator.service.ports import Clock, Complain
from aggregator.service.windows import LONGEST_ARCHIVE, part_of, room_for, selected, window_of

PATIENCE = timedelta(seconds=5)
"""How long a document without archive is served before a look whether there is one by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What one document shows, the others of the feed, and until when, if nothing changes."""

    stories: list[PublishedEntry]
    neighbours: Neighbours
    until: datetime | None = None


class History:
    """Opens a feed's documents."""

    def __init__(
        self, *, store: HistoryStore, clock: Clock, catalogue: Catalogue, complain: Complain
    ) -> None:
        self._store = store
        self._clock = clock
        self.archiving = Archiving(store=store, clock=clock, catalogue=catalogue, complain=complain)
        self.take(catalogue)

    def take(self, catalogue: Catalogue) -> None:
        """Opens by another configuration from now on."""
        self._catalogue = catalogue
        self.archiving.take(catalogue)

    async def open(
        self, publication: Publication, leaf: Leaf, *, most: int | None = None
    ) -> Contents:
        """Raises UnknownPublication where the feed has no such document.

        `most` is how many stories the newest document has room for.
        """
        if leaf.volume is not None:
            return await self._volume(publication, leaf.volume)
        if leaf == NEWEST:
            return await self._newest(publication, most)
        return await self._page(publication, leaf.page)

    async def _newest(self, publication: Publication, most: int | None) -> Contents:
        filters, now = self._catalogue.filters, self._clock.now()
        lasting = not publication.query  # what is asked for on the spot has no archive
        archive = await self.archiving.current(publication) if lasting else None
        window = await window_of(self._store, publication, filters, now=now)
        neighbours: Neighbours = {}
        until = window.until
        if archive is not None:
            shown = {story.id for story in window.stories[:most]}
            if volume := await self._preceding(archive, shown):
                neighbours["prev-archive"] = Leaf(volume=volume)
        elif lasting:
            soon = now + PATIENCE
            until = min(until, soon) if until else soon
        if window.more:
            neighbours |= {"first": NEWEST, "next": Leaf(page=2)}
            if not narrows(publication, filters):
                pages = await self._pages(publication, window.count)
                neighbours["last"] = Leaf(page=pages)
        return Contents(stories=window.stories[:most], neighbours=neighbours, until=until)

    async def _preceding(self, archive: Archive, shown: Collection[str]) -> Volume | None:
        """The newest volume whose chain has all that is not shown.

        The open volume counts as far as its last story that is not shown: usually not at all.
        """
        open_volume = volume_at(archive.length)
        start = open_volume.start
        last = max(start - 1, 0)
        recent = await self._store.archived(archive.path, last, archive.length)
        hidden = [each.place for each in recent if each.place >= start and each.id not in shown]
        if hidden:
            return replace(open_volume, first=max(hidden) + 1 - start)
        if any(each.place < start for each in recent):
            return volume_at(last)
        before, _ = await self._store.archived_beside(archive.path, start, start)
        return None if before is None else volume_at(before)

    async def _pages(self, publication: Publication, newest: int) -> int:
        count = await self._store.count_stories(selected(publication))
        return _page_count(publication, newest, count)

    async def _page(self, publication: Publication, number: int) -> Contents:
        filters, now = self._catalogue.filters, self._clock.now()
        size = publication.limit
        if narrows(publication, filters):
            window = await window_of(self._store, publication, filters, now=now)
            newest = window.count
            offset = newest + (number - 2) * size
            most = max(LONGEST_ARCHIVE, newest)
            part = await part_of(
                self._store, publication, filters, most=most, offset=offset, now=now
            )
            stories, count, until = part.stories[:size], part.count, part.until
        else:
            selection = selected(publication)
            newest = await room_for(self._store, publication, selection)
            offset = newest + (number - 2) * size
            count, until = await self._store.count_stories(selection), None
            stories = []
            if offset < count:
                stories = await self._store.stories(selection, limit=size, offset=offset)
        pages = _page_count(publication, newest, count)
        if not stories:
            raise UnknownPublication(f"the feed has {pages} pages, not {number}")
        neighbours = {
            "first": NEWEST,
            "previous": Leaf(page=number - 1),
            "last": Leaf(page=pages),
        }
        if number < pages:
            neighbours["next"] = Leaf(page=number + 1)
        return Contents(stories=stories, neighbours=neighbours, until=until)

    async def _volume(self, publication: Publication, volume: Volume) -> Contents:
        archive = None if publication.query else await self._store.archive(publication.path)
        if not publication.query and (archive is None or volume.stop > archive.length):
            archive = await self.archiving.current(publication)
        if archive is None or volume.stop > archive.length:
            raise UnknownPublication(f"there is no volume {volume} yet")
        path = publication.path
        places = await self._store.archived(path, volume.start, volume.stop)
        if not places:
            raise UnknownPublication(f"retention has dropped all stories of volume {volume}")
        stories = await self._store.numbered_stories([each.number for each in places])
        selector = Selector(lastingly(publication), self._catalogue.filters, now=self._clock.now())
        judged = [selector.judge(stories[n]) for each in places if (n := each.number) in stories]
        before, after = await self._store.archived_beside(path, volume.start, volume.end)
        neighbours: Neighbours = {}
        if before is not None:
            neighbours["prev-archive"] = Leaf(volume=volume_at(before))
        if after is not None and volume_at(after).end <= archive.length:
            neighbours["next-archive"] = Leaf(volume=volume_at(after))
        return Contents(
            stories=[each for each in judged if not isinstance(each, LeftOut)],
            neighbours=neighbours,
            until=selector.until,
        )


def _page_count(publication: Publication, newest: int, count: int) -> int:
    """`newest` stories stand in the first document, which may be longer than the others."""
    return 1 + max(0, -(-(count - newest) // publication.limit))
