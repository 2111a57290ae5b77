"""The site as files: what stands at which place of a folder, so that addresses stay what they are.

A page is the index of a folder, a feed a file: "publications/papers" is answered from
`publications/papers/index.html`, "publications/papers.atom" from the file of that name.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote

from aggregator.core.errors import StoreError
from aggregator.core.leaves import NEWEST, Leaf
from aggregator.core.publication import CONTENT_TYPES, Format, Publication
from aggregator.service.paging import Page
from aggregator.service.ports import Clock
from aggregator.service.source_pages import SourcePage
from aggregator.web.pages import Pages, Place, sources_at
from aggregator.web.ports import Publications, Report

MOST_PAGES = 10
"""Pages of one publication: each new entry changes all of them."""

NEW_VOLUMES = 2
"""Of an archive, that an entry that has just come can have changed."""

_LONGEST_NAME = 200
"""Bytes. File systems take 255, and something has to be added."""


@dataclass(frozen=True, slots=True)
class File:
    """`path` is below the folder's; what stands between slashes is no more than a name."""

    path: str
    body: bytes


class StaticSite:
    """`report` hears of what cannot be made; the rest is made all the same."""

    def __init__(
        self, publisher: Publications, *, clock: Clock, pages: Pages, report: Report
    ) -> None:
        self._publisher = publisher
        self._clock = clock
        self._pages = pages
        self._report = report
        self.failures = 0
        """Publications that could not be made."""

    async def files(self, touched: Collection[str] | None = None) -> AsyncIterator[File]:
        """All files; only those that show one of the `touched` sources, where they are named."""
        async for file in self._common():
            yield file
        listed = [page async for page in self._sources()]
        for page in listed:
            yield self._listing(page)
        keys = [source.key for page in listed for source in page.sources]
        for publication in self._published(touched, keys):
            try:
                async for file in self._of(publication, None if touched is None else NEW_VOLUMES):
                    yield file
            except StoreError:
                raise  # nothing can be made now, and what follows would say so again
            except Exception as error:  # noqa: BLE001 - one publication's end is not everybody's
                self._fail(publication, error)

    def _fail(self, publication: Publication, error: Exception) -> None:
        self.failures += 1
        self._report(f"publishing {publication.path or publication.slug}", error)

    async def _sources(self) -> AsyncIterator[SourcePage]:
        number, pages = 1, 1
        while number <= pages:
            page = await self._publisher.sources(number)
            yield page
            number, pages = number + 1, page.pages

    def _listing(self, page: SourcePage) -> File:
        place = self._place("sources")
        body = self._pages.sources(place, page, self._clock.steady())
        return File(f"{sources_at(place).at(page=page.number)}index.html", body)

    async def _common(self) -> AsyncIterator[File]:
        pages, publisher = self._pages, self._publisher
        yield File("static/style.css", pages.stylesheet)
        yield File("static/icon.svg", pages.icon)
        yield File("static/icon.png", pages.touch_icon)
        yield File("apple-touch-icon.png", pages.touch_icon)
        yield File("404.html", pages.failure(self._place(""), 404))
        yield File("opml.xml", await publisher.opml())
        yield File("tags/index.html", pages.tags(self._place("tags")))

    def _published(self, touched: Collection[str] | None, keys: Sequence[str]) -> list[Publication]:
        publisher = self._publisher
        named = [
            *(publisher.find("tags", tag) for tag in filter(_can_be_a_name, publisher.tags())),
            *(publisher.find("sources", key) for key in keys),
        ]
        return [
            each
            for each in (*publisher.publications(), *named)
            if touched is None or each.sources is None or not each.sources.isdisjoint(touched)
        ]

    async def _of(self, publication: Publication, volumes: int | None) -> AsyncIterator[File]:
        paged = replace(publication, in_folders=True)
        for format in CONTENT_TYPES:
            async for file in self._feed(paged, format, volumes):
                yield file
        number, pages = 1, 1
        while number <= pages:
            page = await self._publisher.page(paged, number)
            pages = min(page.pages, MOST_PAGES)
            page = replace(page, pages=pages)
            place = self._place(publication.path)
            yield File(f"{unquote(paged.at(page=number))}index.html", await self._page(place, page))
            number += 1

    async def _feed(
        self, publication: Publication, format: Format, volumes: int | None
    ) -> AsyncIterator[File]:
        """The feed and its archive, the newest `volumes` of it (None: all)."""
        leaf = NEWEST
        while True:
            document = await self._publisher.document(publication, format, leaf)
            path = publication.at(format, volume=leaf.volume)
            yield File(unquote(path), document.body)
            if document.before is None or volumes == 0:
                return
            leaf, volumes = Leaf(volume=document.before), None if volumes is None else volumes - 1

    async def _page(self, place: Place, page: Page) -> bytes:
        publication = page.publication
        if not publication.path.startswith("sources/"):
            return self._pages.entries(place, page)
        source, polls = await self._publisher.source(publication.slug)
        return self._pages.source(place, page, source, polls, self._clock.steady())

    def _place(self, path: str) -> Place:
        publisher = self._publisher
        navigation = (replace(each, in_folders=True) for each in publisher.publications())
        tags = {tag: keys for tag, keys in publisher.tags().items() if _can_be_a_name(tag)}
        return Place(
            site=publisher.site, path=path, navigation=tuple(navigation), tags=tags, live=False
        )


def _can_be_a_name(tag: str) -> bool:
    """Whether a file may be called so."""
    return tag not in {".", ".."} and "/" not in tag and len(tag.encode()) <= _LONGEST_NAME
