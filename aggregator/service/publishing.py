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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal
from urllib.parse import quote

from aggregator.core.digest import body_digest, digest
from aggregator.core.errors import StoreError, UnknownPublication
from aggregator.core.excerpt import excerpt
from aggregator.core.filters import NO_FILTERS, Filters
from aggregator.core.model import PublishedEntry
from aggregator.core.publication import (
    CONTENT_TYPES,
    Channel,
    Document,
    Format,
    Publication,
    Site,
)
from aggregator.core.select import narrows
from aggregator.core.shown import ContentMode, Shown
from aggregator.formats.jsonfeed_writing import write_json_feed
from aggregator.formats.opml import write_opml
from aggregator.formats.writing.atom import write_atom
from aggregator.formats.writing.rss import write_rss
from aggregator.service.ports import (
    Clock,
    PastPoll,
    ReadStore,
    Revision,
    Selection,
    SourceHealth,
)
from aggregator.service.windows import (
    EVERYTHING,
    Window,
    depth_of_pages,
    part_of,
    window_of,
)

Kind = Literal["publications", "sources", "tags"]

MOST_KEPT = 100
"""Documents in memory."""

Complain = Callable[[str, Exception], None]
"""Told what was being done when something of ours failed."""

WRITERS = {"atom": write_atom, "rss": write_rss, "json": write_json_feed}


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What is published, as configured."""

    site: Site
    publications: tuple[Publication, ...]
    """`latest` first."""
    names: Mapping[str, str]
    """Source keys to the names that they are shown under."""
    tags: Mapping[str, frozenset[str]]
    """Tags to the keys of their sources."""
    filters: Filters = NO_FILTERS
    """Those that hold in every publication."""
    content: Mapping[str, ContentMode] = field(default_factory=dict)
    """How much of a source's entries is shown; "full" where it does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One HTML page of a publication; `number` counts from 1."""

    publication: Publication
    number: int
    pages: int
    entries: tuple[Shown, ...]
    etag: str
    last_modified: datetime


@dataclass(frozen=True, slots=True)
class _Kept:
    """A document, the revision that it shows, and when an entry becomes too old for it."""

    revision: int
    document: Document
    until: datetime | None = None

    def shows(self, revision: Revision, now: datetime) -> bool:
        return self.revision >= revision.number and (self.until is None or now <= self.until)


@dataclass(frozen=True, slots=True)
class _Count:
    """How many stories a publication's pages show, as of a revision and until time changes it."""

    revision: int
    count: int
    until: datetime | None

    def holds(self, revision: Revision, now: datetime) -> bool:
        return self.revision == revision.number and (self.until is None or now <= self.until)


class Publisher:
    """Renders what changed and keeps it. The catalogue changes when the configuration does."""

    def __init__(
        self, *, store: ReadStore, clock: Clock, catalogue: Catalogue, complain: Complain
    ) -> None:
        self._store = store
        self._complain = complain
        self._clock = clock
        self._kept: dict[tuple[str, Format], _Kept] = {}
        self._counts: dict[str, _Count] = {}
        self._rendering = asyncio.Lock()
        self._catalogue = catalogue
        self._looks = _looks_digest(catalogue)
        self._taken_at: datetime | None = None

    def take(self, catalogue: Catalogue) -> None:
        """Publishes by another configuration from now on."""
        if catalogue != self._catalogue:
            self._taken_at = self._clock.now()
        self._catalogue = catalogue
        self._looks = _looks_digest(catalogue)
        self._kept.clear()
        self._counts.clear()

    @property
    def site(self) -> Site:
        return self._catalogue.site

    def publications(self) -> tuple[Publication, ...]:
        """The configured ones, `latest` first."""
        return self._catalogue.publications

    def find(self, kind: Kind, name: str) -> Publication:
        """What is published under a slug, a source's key or a tag; raises UnknownPublication."""
        match kind:
            case "publications":
                found = next((p for p in self._catalogue.publications if p.slug == name), None)
            case "sources":
                found = self._of_source(name)
            case "tags":
                found = self._of_tag(name)
        if found is None:
            raise UnknownPublication(f"nothing is published under {kind}/{name}")
        return found

    def _of_source(self, key: str) -> Publication | None:
        name = self._catalogue.names.get(key)
        if name is None:
            return None
        return Publication(slug=key, title=name, path=f"sources/{key}", sources=frozenset({key}))

    def _of_tag(self, tag: str) -> Publication | None:
        keys = self._catalogue.tags.get(tag)
        if keys is None:
            return None
        title = f"{self.site.title}: {tag}"
        return Publication(slug=tag, title=title, path=f"tags/{quote(tag, safe='')}", sources=keys)

    async def document(self, publication: Publication, format: Format) -> Document:
        """The publication in one format; the last good one while the store does not answer."""
        key = (publication.path, format)
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
        key = (publication.path, format)
        kept, catalogue, now = self._kept.get(key), self._catalogue, self._clock.now()
        if kept and kept.shows(revision, now):  # rendered while we waited for our turn
            return kept.document
        window = await self._window(publication)
        stories = window.stories
        channel = self._channel(publication, format, stories, revision)
        written = WRITERS[format](channel, [self._show(story) for story in stories])
        if written.dropped:
            left_out = ValueError(f"cannot be written: {', '.join(written.dropped)}")
            self._complain(f"writing {channel.self_url}", left_out)
        changed = max((story.changed_at for story in stories), default=revision.changed_at)
        document = _document(written.body, format, self._since(changed))
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
        revision = await self._store.revision()
        stories, count = await self._part(publication, max(number, 1), revision)
        pages = max(1, -(-count // self.site.page_size))
        if not 1 <= number <= pages:
            raise UnknownPublication(f"there are {pages} pages, not {number}")
        narrowed = narrows(publication, self._catalogue.filters)
        shown = [_attributed(story) for story in stories] if narrowed else []
        parts = (str(revision.number), self._looks, publication.path, str(number), repr(shown))
        return Page(
            publication=_titled(publication, stories),
            number=number,
            pages=pages,
            entries=tuple(self._show(story) for story in stories),
            etag=f'"{digest(*parts).hex()}"',
            last_modified=self._since(revision.changed_at),
        )

    async def _part(
        self, publication: Publication, number: int, revision: Revision
    ) -> tuple[list[PublishedEntry], int]:
        """The stories of a page, and how many all of its pages show."""
        filters, size = self._catalogue.filters, self.site.page_size
        most, offset = depth_of_pages(publication, filters), (number - 1) * size
        if most is None:
            selection = Selection(sources=publication.sources)
            count = await self._store.count_stories(selection)
            if offset >= count:
                return [], count
            return await self._store.stories(selection, limit=size, offset=offset), count
        now, known = self._clock.now(), self._counts.get(publication.path)
        known = known if known and known.holds(revision, now) else None
        end = min(most, offset + size) if known else most
        part = await part_of(self._store, publication, filters, most=end, offset=offset, now=now)
        if known is None and filters is self._catalogue.filters:
            known = _Count(revision.number, part.count, part.until)
            self._counts[publication.path] = known
        return part.stories[:size], known.count if known else part.count

    async def entries(
        self, publication: Publication | None, selection: Selection, *, limit: int
    ) -> list[Shown]:
        """A publication's own window as far as selected; without one, everything stored."""
        if publication is None:
            stories = await self._store.stories(selection, limit=limit)
        else:
            stories = (await self._window(publication, selection)).stories
        return [self._show(story) for story in stories[:limit]]

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

    def _show(self, story: PublishedEntry) -> Shown:
        content = story.content
        return Shown(
            entry=story,
            excerpt=excerpt(
                content.text or content.summary,
                language=content.language,
                length=self.site.excerpt_length,
                placeholders=self.site.code_placeholders,
            ),
            content=self._catalogue.content.get(story.source.key, "full"),
        )

    def _channel(
        self,
        publication: Publication,
        format: Format,
        stories: Sequence[PublishedEntry],
        revision: Revision,
    ) -> Channel:
        site = self.site
        page_url = site.url + publication.path
        return Channel(
            title=_titled(publication, stories).title,
            id=page_url,
            self_url=f"{site.url}{publication.path or 'feed'}.{format}",
            page_url=page_url,
            updated=max((story.updated for story in stories), default=_whole(revision.changed_at)),
            subtitle=publication.description or site.description or site.tagline,
            language=site.language,
            author=site.author or site.title,
            icon=site.icon,
        )


def _titled(publication: Publication, stories: Sequence[PublishedEntry]) -> Publication:
    """A source without a configured name bears its feed's title, as soon as that is known."""
    nameless = publication.title == publication.slug
    if not (nameless and publication.path.startswith("sources/")):
        return publication
    shown = (source for story in stories for source in (story.source, *story.also_in))
    name = next((source.name for source in shown if source.key == publication.slug), None)
    return replace(publication, title=name or publication.title)


def _attributed(story: PublishedEntry) -> tuple[str, ...]:
    """The story and whom it is shown of: time alone can change both, where rules are about age."""
    return story.id, story.source.key, *(source.key for source in story.also_in)


def _looks_digest(catalogue: Catalogue) -> str:
    """Over all that decides how equal entries look on a page; the same in every process."""
    content = sorted(catalogue.content.items())
    titles = [(each.slug, each.title, each.description) for each in catalogue.publications]
    return digest(repr(catalogue.site), repr(content), repr(titles)).hex()


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _document(body: bytes, format: Format, changed: datetime) -> Document:
    tag = body_digest(body).hex()
    return Document(
        body=body,
        gzipped=gzip.compress(body, mtime=0),
        content_type=CONTENT_TYPES[format],
        etag=f'"{tag}"',
        gzip_etag=f'"{tag}-gzip"',
        last_modified=changed,
    )
