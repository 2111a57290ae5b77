"""One HTML page of a publication: which stories stand on it, and how many pages there are.

What was made is good for as long as its revision is the newest one, and a moment longer while
changes come thick and fast.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from aggregator.core.digest import digest
from aggregator.core.errors import UnknownPublication
from aggregator.core.model import PublishedEntry
from aggregator.core.publication import Publication
from aggregator.core.shelf import Shelf
from aggregator.core.shown import Shown, weight
from aggregator.service.ahead import Ahead
from aggregator.service.catalogue import Catalogue, titled
from aggregator.service.ports import Clock, ReadStore, Revision
from aggregator.service.revisions import Revisions
from aggregator.service.windows import InFull, depth_of_pages, part_of, selected

MOST_COUNTS = 1000
"""Publications whose stories are counted, in memory."""

MOST_PAGES = 8_000_000
"""Bytes of pages in memory: the first ones are those that people look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One HTML page of a publication; `number` counts from 1."""

    publication: Publication
    number: int
    pages: int
    count: int
    """Entries on all of them."""
    entries: tuple[Shown, ...]
    etag: str
    last_modified: datetime
    until: datetime | None = None
    """When time alone will change it."""


@dataclass(frozen=True, slots=True)
class _Count:
    """How many stories a publication's pages show, as of a revision and until time changes it."""

    revision: int
    count: int
    until: datetime | None

    def holds(self, revision: Revision, now: datetime) -> bool:
        return self.revision == revision.number and (self.until is None or now <= self.until)


@dataclass(frozen=True, slots=True)
class _Made:
    """A page, as of a revision that was the newest one at a moment of the steady clock."""

    page: Page
    revision: int
    true_at: datetime

    def is_in_time(self, now: datetime) -> bool:
        return self.page.until is None or now <= self.page.until


class Paging:
    """Makes pages. How many stories there are is counted once a revision."""

    def __init__(
        self,
        store: ReadStore,
        clock: Clock,
        catalogue: Catalogue,
        revisions: Revisions,
        ahead: Ahead,
    ) -> None:
        self._store = store
        self._clock = clock
        self._revisions = revisions
        self._ahead = ahead
        self.take(catalogue)

    def take(self, catalogue: Catalogue) -> None:
        """Shows by another configuration from now on."""
        self._catalogue = catalogue
        self._looks = catalogue.looks()
        self._counts: dict[str, _Count] = {}
        self._pages = Shelf[tuple[str, int], _Made](MOST_PAGES, size=_size)

    async def page(self, publication: Publication, number: int) -> Page:
        """Raises UnknownPublication past the last one."""
        key = (publication.at(), number)
        made = self._pages.get(key)
        if made and not self._ahead.allows(made.true_at):
            await self._ahead.wait(key)
            made = self._pages.get(key)
        if made and made.is_in_time(self._clock.now()) and self._ahead.allows(made.true_at):
            work = partial(self._newest, publication, number, exact=True)
            self._ahead.renew(key, made.true_at, work)
            return made.page
        return await self._newest(publication, number)

    async def _newest(self, publication: Publication, number: int, *, exact: bool = False) -> Page:
        key, pages, begun = (publication.at(), number), self._pages, self._clock.steady()
        revision = await (self._revisions.look() if exact else self._revisions.newest())
        made = pages.get(key)
        if made and made.revision == revision.number and made.is_in_time(self._clock.now()):
            fresh = replace(made, true_at=begun) if exact else made
        else:
            page = await self._make(publication, number, revision)
            fresh = _Made(page, revision.number, begun)
            if made:
                self._ahead.spend(begun)
        if self._pages is pages:  # else it is another configuration's
            pages.put(key, fresh)
        return fresh.page

    async def _make(self, publication: Publication, number: int, revision: Revision) -> Page:
        catalogue, looks = self._catalogue, self._looks
        stories, count = await self._part(publication, max(number, 1), revision)
        pages = max(1, -(-count // catalogue.site.page_size))
        if not 1 <= number <= pages:
            raise UnknownPublication(f"there are {pages} pages, not {number}")
        shown = [_attributed(story) for story in stories]
        parts = (str(revision.number), looks, publication.at(), f"{number}/{count}", repr(shown))
        return Page(
            publication=titled(publication, _names(stories)),
            number=number,
            pages=pages,
            count=count,
            entries=tuple(catalogue.show(story) for story in stories),
            etag=f'"{digest(*parts).hex()}"',
            last_modified=revision.changed_at,
            until=known.until if (known := self._counts.get(publication.at())) else None,
        )

    async def _part(
        self, publication: Publication, number: int, revision: Revision
    ) -> tuple[list[PublishedEntry], int]:
        """The stories of a page, and how many all of its pages show."""
        filters, size = self._catalogue.filters, self._catalogue.site.page_size
        most, offset = depth_of_pages(publication, filters), (number - 1) * size
        if most is None:
            selection = selected(publication)
            count = await self._store.count_stories(selection)
            if offset >= count:
                return [], count
            return await self._store.stories(selection, limit=size, offset=offset), count
        counts, now = self._counts, self._clock.now()  # another configuration brings its own
        known = counts.get(publication.at())
        known = known if known and known.holds(revision, now) else None
        end = min(most, offset + size) if known else most
        part = await part_of(
            InFull(self._store), publication, filters, most=end, offset=offset, now=now
        )
        if known is None:
            known = _Count(revision.number, part.count, part.until)
            counts[publication.at()] = known
            if len(counts) > MOST_COUNTS:  # searches have addresses without end
                del counts[next(iter(counts))]
        return part.stories[:size], known.count


def _size(made: _Made) -> int:
    return sum(map(weight, made.page.entries))


def _attributed(story: PublishedEntry) -> tuple[str, ...]:
    """The story and whom it is shown of. Rules about age change both, and so does the
    configuration, while the revision stays.
    """
    return story.id, story.source.key, *(source.key for source in story.also_in)


def _names(stories: Sequence[PublishedEntry]) -> Iterator[tuple[str, str]]:
    for story in stories:
        for source in (story.source, *story.also_in):
            yield source.key, source.name
