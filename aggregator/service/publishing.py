"""What subscribers and visitors get: a publication, its documents and its pages.

revision       counts changes to what is published              (store)
| stories      the publication's window, newest first by rank   (store)
| judge        its own conditions, and filters                  (windows, core)
| excerpt      cut to the site's length                         (core)
| write        Atom, RSS or JSON Feed; gzip once                (formats)
| keep         until the revision moves on
"""

import asyncio
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aggregator.core.digest import body_digest
from aggregator.core.errors import StoreError, UnknownPublication
from aggregator.core.model import PublishedEntry
from aggregator.core.publication import (
    CONTENT_TYPES,
    Channel,
    Document,
    Format,
    Publication,
    Site,
)
from aggregator.core.shown import Shown
from aggregator.formats.jsonfeed_writing import write_json_feed
from aggregator.formats.opml import write_opml
from aggregator.formats.writing.atom import write_atom
from aggregator.formats.writing.rss import write_rss
from aggregator.service.catalogue import Catalogue, Kind, titled
from aggregator.service.paging import Page, Paging
from aggregator.service.ports import (
    Clock,
    Complain,
    PastPoll,
    ReadStore,
    Revision,
    Selection,
    SourceHealth,
)
from aggregator.service.windows import (
    EVERYTHING,
    Window,
    window_of,
)

MOST_KEPT = 100
"""Documents in memory."""

WRITERS = {"atom": write_atom, "rss": write_rss, "json": write_json_feed}


@dataclass(frozen=True, slots=True)
class _Kept:
    """A document, the revision that it shows, and when an entry becomes too old for it."""

    revision: int
    document: Document
    until: datetime | None = None

    def shows(self, revision: Revision, now: datetime) -> bool:
        return self.revision >= revision.number and (self.until is None or now <= self.until)


class Publisher:
    """Renders what changed and keeps it. The catalogue changes when the configuration does."""

    def __init__(
        self, *, store: ReadStore, clock: Clock, catalogue: Catalogue, complain: Complain
    ) -> None:
        self._store = store
        self._complain = complain
        self._clock = clock
        self._kept: dict[tuple[str, Format], _Kept] = {}
        self._paging = Paging(store, clock, catalogue)
        self._rendering = asyncio.Lock()
        self._catalogue = catalogue
        self._taken_at: datetime | None = None

    def take(self, catalogue: Catalogue) -> None:
        """Publishes by another configuration from now on."""
        if catalogue != self._catalogue:
            self._taken_at = self._clock.now()
        self._catalogue = catalogue
        self._kept.clear()
        self._paging.take(catalogue)

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

    async def document(self, publication: Publication, format: Format) -> Document:
        """The publication in one format; the last good one while the store does not answer."""
        key = (publication.at(), format)
        kept = self._kept.get(key)
        try:
            revision = await self._store.revision()
            if kept and kept.shows(revision, self._clock.now()):
                return kept.document
            async with self._rendering:
                return await self._render(publication, format, revision)
        except StoreError:
            if kept:
                return kept.document
            raise

    async def _render(
        self, publication: Publication, format: Format, revision: Revision
    ) -> Document:
        key = (publication.at(), format)
        kept, catalogue, now = self._kept.get(key), self._catalogue, self._clock.now()
        if kept and kept.shows(revision, now):  # rendered while we waited for our turn
            return kept.document
        window = await self._window(publication)
        stories = window.stories
        channel = self._channel(publication, format, stories, revision)
        written = WRITERS[format](channel, [self._catalogue.show(story) for story in stories])
        if written.dropped:
            left_out = ValueError(f"cannot be written: {', '.join(written.dropped)}")
            self._complain(f"writing {channel.self_url}", left_out)
        changed = max((story.changed_at for story in stories), default=revision.changed_at)
        document = _document(written.body, format, channel, self._since(changed))
        if catalogue is self._catalogue:  # else it is another configuration's
            self._keep(key, _Kept(revision.number, document, window.until))
        return document

    def _since(self, changed: datetime) -> datetime:
        """When it last looked different: a changed configuration counts as well."""
        return max(changed, self._taken_at) if self._taken_at else changed

    def _keep(self, key: tuple[str, Format], kept: _Kept) -> None:
        """Documents that were asked for long ago make room: there may be thousands of sources."""
        self._kept.pop(key, None)
        self._kept[key] = kept
        while len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]

    async def page(self, publication: Publication, number: int) -> Page:
        """One HTML page; raises UnknownPublication past the last one."""
        page = await self._paging.page(publication, number)
        return replace(page, last_modified=self._since(page.last_modified))

    async def entries(
        self, publication: Publication | None, selection: Selection, *, limit: int
    ) -> list[Shown]:
        """A publication's own window as far as selected; without one, everything stored."""
        if publication is None:
            stories = await self._store.stories(selection, limit=limit)
        else:
            stories = (await self._window(publication, selection)).stories
        return [self._catalogue.show(story) for story in stories[:limit]]

    async def sources(self) -> list[SourceHealth]:
        return await self._store.sources()

    async def source(self, key: str) -> tuple[SourceHealth, list[PastPoll]]:
        """A source and its last polls, newest first; raises UnknownPublication."""
        for source in await self._store.sources({key}):
            return source, await self._store.past_polls(key)
        raise UnknownPublication(f"there is no source {key}")

    async def opml(self) -> bytes:
        """The subscriptions as OPML 2.0."""
        return write_opml(self.site.title, await self._store.sources())

    async def _window(self, publication: Publication, selection: Selection = EVERYTHING) -> Window:
        return await window_of(
            self._store, publication, self._catalogue.filters, selection, now=self._clock.now()
        )

    def _channel(
        self,
        publication: Publication,
        format: Format,
        stories: Sequence[PublishedEntry],
        revision: Revision,
    ) -> Channel:
        site = self.site
        page_url = site.url + publication.at()
        return Channel(
            title=titled(publication, stories).title,
            id=page_url,
            self_url=site.url + publication.at(format),
            page_url=page_url,
            updated=max((story.updated for story in stories), default=_whole(revision.changed_at)),
            subtitle=publication.description or site.description or site.tagline,
            language=site.language,
            author=site.author or site.title,
            icon=site.icon,
            hub=self._catalogue.hub,
        )


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _document(body: bytes, format: Format, channel: Channel, changed: datetime) -> Document:
    tag = body_digest(body).hex()
    return Document(
        body=body,
        gzipped=gzip.compress(body, mtime=0),
        content_type=CONTENT_TYPES[format],
        etag=f'"{tag}"',
        gzip_etag=f'"{tag}-gzip"',
        last_modified=changed,
        self_url=channel.self_url,
        hub=channel.hub,
    )
