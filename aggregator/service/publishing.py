"""What subscribers and visitors get: a publication, its documents and its pages.

Documents      feeds, rendered once a change                    (documents)
Paging         the pages that visitors read                     (paging)
SourcePages    the sources, with their health                   (source_pages)
Lifetimes      for how long all of that stays as it is          (lifetimes)
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from aggregator.core.errors import StoreError, UnknownPublication
from aggregator.core.leaves import NEWEST, Leaf
from aggregator.core.publication import Document, Format, Publication, Site
from aggregator.core.shown import Shown
from aggregator.service.archives.archiving import HistoryStore
from aggregator.service.catalogue import Catalogue, Kind
from aggregator.service.documents import Documents, Prepare
from aggregator.service.lifetimes import SHORTEST, Lifetimes
from aggregator.service.paging import Page, Paging
from aggregator.service.ports import (
    Clock,
    Complain,
    PastPoll,
    Selection,
    SourceHealth,
)
from aggregator.service.revisions import Revisions
from aggregator.service.source_pages import SourcePage, SourcePages
from aggregator.service.windows import InFull, window_of


class Publisher:
    """What is published. The catalogue changes when the configuration does."""

    def __init__(
        self, *, store: HistoryStore, clock: Clock, catalogue: Catalogue, complain: Complain
    ) -> None:
        self._store = store
        self._clock = clock
        self._documents = Documents(
            store=store, clock=clock, catalogue=catalogue, complain=complain
        )
        ahead = self._documents.ahead
        self._paging = Paging(store, clock, catalogue, self.revisions, ahead)
        self._sources = SourcePages(store, clock, catalogue)
        self._lifetimes = Lifetimes(store, clock)
        self._catalogue = catalogue

    def take(self, catalogue: Catalogue) -> None:
        """Publishes by another configuration from now on."""
        self._catalogue = catalogue
        self._documents.take(catalogue)
        self._paging.take(catalogue)
        self._sources.take(catalogue)
        self._lifetimes.forget()

    @property
    def edition(self) -> object:
        """Another one whenever the configuration publishes something else."""
        return self._catalogue

    @property
    def revisions(self) -> Revisions:
        """What is known of the newest one."""
        return self._documents.revisions

    @property
    def site(self) -> Site:
        return self._catalogue.site

    def publications(self) -> tuple[Publication, ...]:
        """The configured ones, `latest` first."""
        return self._catalogue.publications

    def tags(self) -> Mapping[str, frozenset[str]]:
        """Tags to the keys of their sources."""
        return self._catalogue.tags

    def find(self, kind: Kind, name: str) -> Publication:
        """What is published under a slug, a source's key or a tag; raises UnknownPublication."""
        return self._catalogue.find(kind, name)

    def searching(self, text: str) -> Publication:
        """What a search finds; `text` in the form of `search_line`."""
        return self._catalogue.searching(text)

    def moved(self, kind: Kind, name: str) -> Publication | None:
        """The publication that had this slug before it was renamed."""
        return self._catalogue.moved(kind, name)

    async def was_served(self, kind: Kind, name: str) -> bool:
        """Whether there ever was something under that name."""
        return await self._store.was_served(kind, name)

    async def document(
        self,
        publication: Publication,
        format: Format,
        leaf: Leaf = NEWEST,
        *,
        exact: bool = False,
    ) -> Document:
        """One of its documents in a format; the last good one while it cannot be made.

        A second old at most while changes come thick and fast, unless it has to be `exact`.
        Raises UnknownPublication where there is none.
        """
        return await self._documents.get(publication, format, leaf, exact=exact)

    def document_in_memory(self, publication: Publication, format: Format) -> Document | None:
        """What `document` would return at once: the newest one, known to be good."""
        return self._documents.current(publication, format, self.revisions.known())

    def prepare_with(self, prepare: Prepare) -> None:
        """What is done with a document before it takes the place of another."""
        self._documents.prepare_with(prepare)

    async def catch_up(self) -> None:
        """Brings the archives of feeds up to date, however long that takes."""
        await self._documents.history.archiving.catch_up()

    async def news(
        self, publication: Publication, format: Format, document: Document, tags: Sequence[str]
    ) -> bytes | None:
        """Of the document the entries that are new or changed since it had one of these tags.

        None where that is not known, or no less than the whole.
        """
        return await self._documents.news(publication, format, document, tags)

    async def fresh_for(
        self, publication: Publication | None = None, until: datetime | None = None
    ) -> timedelta:
        """How long it stays as it is, as far as can be told; None: what shows all sources.

        `until` is when time alone changes it.
        """
        try:
            return await self._lifetimes.fresh_for(publication, until)
        except StoreError:
            return SHORTEST

    def known_fresh_for(
        self, publication: Publication, until: datetime | None = None
    ) -> timedelta | None:
        """The same, where it is known without a look into the database."""
        return self._lifetimes.known_fresh_for(publication, until)

    async def page(self, publication: Publication, number: int) -> Page:
        """One HTML page; raises UnknownPublication past the last one."""
        page = await self._paging.page(publication, number)
        return replace(page, last_modified=self._documents.since(page.last_modified))

    async def entries(
        self, publication: Publication | None, selection: Selection, *, limit: int
    ) -> list[Shown]:
        """A publication's own window as far as selected; without one, everything stored."""
        if publication is None:
            stories = await self._store.stories(selection, limit=limit)
        else:
            filters, now = self._catalogue.filters, self._clock.now()
            view = InFull(self._store)
            window = await window_of(view, publication, filters, selection, now=now)
            stories = window.stories
        return [self._catalogue.show(story) for story in stories[:limit]]

    async def sources(self, number: int) -> SourcePage:
        """A page of all of them; raises UnknownPublication past the last one."""
        return await self._sources.page(number)

    async def source(self, key: str) -> tuple[SourceHealth, list[PastPoll]]:
        """A source and its last polls, newest first; raises UnknownPublication."""
        for source in await self._store.sources({key}):
            return source, await self._store.past_polls(key)
        raise UnknownPublication(f"there is no source {key}")

    async def opml(self) -> bytes:
        """The subscriptions as OPML 2.0."""
        return await self._sources.opml()
