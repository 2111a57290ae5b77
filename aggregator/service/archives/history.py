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
from aggregator.core.publication import Publication
from aggregator.core.select import Selector, narrows
from aggregator.service.archives.archiving import Archiving, HistoryStore, lastingly
from aggregator.service.catalogue import Catalogue
from aggregator.service.lines import Line, Lines, LineView
from aggregator.service.ports import Clock, Complain
from aggregator.service.windows import LONGEST_ARCHIVE, part_of, room_for, selected, window_of

PATIENCE = timedelta(seconds=5)
"""How long a document without archive is served before a look whether there is one by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What one document shows, the others of the feed, and until when, if nothing changes."""

    lines: list[Line]
    view: LineView
    """Which has their texts."""
    neighbours: Neighbours
    until: datetime | None = None


class History:
    """Opens a feed's documents."""

    def __init__(
        self, *, store: HistoryStore, clock: Clock, catalogue: Catalogue, complain: Complain
    ) -> None:
        self._store = store
        self._clock = clock
        self._lines = Lines(store, catalogue)
        self.archiving = Archiving(store=store, clock=clock, catalogue=catalogue, complain=complain)
        self.take(catalogue)

    def take(self, catalogue: Catalogue) -> None:
        """Opens by another configuration from now on."""
        self._catalogue = catalogue
        self._lines.take(catalogue)
        self.archiving.take(catalogue)

    async def open(
        self, publication: Publication, leaf: Leaf, *, most: int | None = None
    ) -> Contents:
        """Raises UnknownPublication where the feed has no such document.

        `most` is how many stories the newest document has room for.
        """
        self._lines.refresh()
        if leaf.volume is not None:
            return await self._volume(publication, leaf.volume)
        if leaf == NEWEST:
            return await self._newest(publication, most)
        return await self._page(publication, leaf.page)

    async def _newest(self, publication: Publication, most: int | None) -> Contents:
        filters, now = self._catalogue.filters, self._clock.now()
        lasting = not publication.query  # what is asked for on the spot has no archive
        archive = await self.archiving.current(publication) if lasting else None
        view = self._lines.view(publication, now=now)
        window = await window_of(view, publication, filters, now=now)
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
        lines = window.stories[:most]
        return Contents(lines=lines, view=view, neighbours=neighbours, until=until)

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
        size, view = publication.limit, self._lines.view(publication, now=now)
        if narrows(publication, filters):
            window = await window_of(view, publication, filters, now=now)
            newest = window.count
            offset = newest + (number - 2) * size
            most = max(LONGEST_ARCHIVE, newest)
            part = await part_of(view, publication, filters, most=most, offset=offset, now=now)
            lines, count, until = part.stories[:size], part.count, part.until
        else:
            selection = selected(publication)
            newest = await room_for(view, publication, selection)
            offset = newest + (number - 2) * size
            count, until = await self._store.count_stories(selection), None
            lines = []
            if offset < count:
                lines = await view.stories(selection, limit=size, offset=offset)
        pages = _page_count(publication, newest, count)
        if not lines:
            raise UnknownPublication(f"the feed has {pages} pages, not {number}")
        neighbours = {
            "first": NEWEST,
            "previous": Leaf(page=number - 1),
            "last": Leaf(page=pages),
        }
        if number < pages:
            neighbours["next"] = Leaf(page=number + 1)
        return Contents(lines=lines, view=view, neighbours=neighbours, until=until)

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
        lasting, now = lastingly(publication), self._clock.now()
        selector = Selector(lasting, self._catalogue.filters, now=now)
        view = self._lines.view(lasting, now=now, found=False)
        lines = await view.numbered([each.number for each in places], selector)
        before, after = await self._store.archived_beside(path, volume.start, volume.end)
        neighbours: Neighbours = {}
        if before is not None:
            neighbours["prev-archive"] = Leaf(volume=volume_at(before))
        if after is not None and volume_at(after).end <= archive.length:
            neighbours["next-archive"] = Leaf(volume=volume_at(after))
        return Contents(
            lines=lines,
            view=view,
            neighbours=neighbours,
            until=selector.until,
        )


def _page_count(publication: Publication, newest: int, count: int) -> int:
    """`newest` stories stand in the first document, which may be longer than the others."""
    return 1 + max(0, -(-(count - newest) // publication.limit))
