"""The pages that people read, and the feeds that stand beside them under the same names."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aggregator.core.errors import UnknownPublication
from aggregator.core.publication import Publication
from aggregator.service.catalogue import Kind
from aggregator.service.paging import Page
from aggregator.service.states import state
from aggregator.web.conditional import Validity
from aggregator.web.desk import Desk, format_of, page_number
from aggregator.web.feeds import Feeds
from aggregator.web.former import Reading, moved_or_gone
from aggregator.web.pages import Pages, Place
from aggregator.web.responses import HTML, Resource, feeds_of, fixed, short_digest

KINDS: tuple[Kind, ...] = ("publications", "sources", "tags")


class Browsing:
    """Pages; an address that ends like a feed is answered by `feeds`."""

    def __init__(self, desk: Desk, feeds: Feeds) -> None:
        self._desk = desk
        self._feeds = feeds

    def routes(self) -> list[Route]:
        return [
            Route("/", self.latest),
            *(Route(f"/{kind}/{{name:path}}", self.named(kind)) for kind in KINDS),
            Route("/sources", self.sources),
            Route("/tags", self.tags),
        ]

    async def latest(self, request: Request) -> Response:
        return await self._page(request, self._desk.publisher.publications()[0])

    def named(self, kind: Kind) -> Callable[[Request], Awaitable[Response]]:
        """Pages and feeds below /publications, /sources or /tags."""

        async def handler(request: Request) -> Response:
            name: str = request.path_params["name"]
            stem, _, ending = name.rpartition(".")
            format = format_of(ending)
            if format is not None and (publication := self._lookup(kind, stem)):
                return await self._feeds.answer(request, publication, format)
            publication = self._lookup(kind, name)
            if publication is None:
                readings: list[Reading] = [(stem, format)] if format else []
                return await moved_or_gone(self._desk, request, kind, [*readings, (name, None)])
            if kind == "sources":
                return await self._source(request, publication)
            return await self._page(request, publication)

        return handler

    def _lookup(self, kind: Kind, name: str) -> Publication | None:
        try:
            return self._desk.publisher.find(kind, name)
        except UnknownPublication:
            return None  # the ending may belong to the name: a tag "node.json"

    async def _page(self, request: Request, publication: Publication) -> Response:
        page = await self._desk.publisher.page(publication, page_number(request))
        place = self._desk.place(publication.path)
        caching = await self._desk.cached(publication, page.until)
        return await self._desk.respond(request, self._entries(place, page, caching))

    async def _source(self, request: Request, publication: Publication) -> Response:
        """One source's entries, with what became of its last polls."""
        desk = self._desk
        page = await desk.publisher.page(publication, page_number(request))
        source, polls = await desk.publisher.source(publication.slug)
        place, now = desk.place(publication.path), desk.clock.steady()
        resource = Resource(
            content_type=HTML,
            cache_control=await desk.cached(publication, page.until),
            validity=_tagged(desk.pages, page.etag, source, state(source, now), polls),
            body=lambda: desk.pages.source(place, page, source, polls, now),
            links=feeds_of(place.site, publication),
        )
        return await desk.respond(request, resource)

    def _entries(self, place: Place, page: Page, caching: str) -> Resource:
        return Resource(
            content_type=HTML,
            cache_control=caching,
            validity=validity(self._desk.pages, page),
            body=lambda: self._desk.pages.entries(place, page),
            links=feeds_of(place.site, page.publication),
        )

    async def sources(self, request: Request) -> Response:
        desk = self._desk
        page = await desk.publisher.sources(page_number(request))
        place, now = desk.place("sources"), desk.clock.steady()
        states = [state(source, now) for source in page.sources]
        resource = Resource(
            content_type=HTML,
            cache_control=await desk.cached(),
            validity=_tagged(desk.pages, place, page, states),
            body=lambda: desk.pages.sources(place, page, now),
        )
        return await desk.respond(request, resource)

    async def tags(self, request: Request) -> Response:
        desk = self._desk
        body = desk.pages.tags(desk.place("tags"))
        resource = fixed(body, content_type=HTML, cache_control=await desk.cached())
        return await desk.respond(request, resource)


def _tagged(pages: Pages, *shown: object) -> Validity:
    """Of a page that shows these values, as our templates show them."""
    parts = (repr(each).encode("utf-8", "surrogatepass") for each in shown)
    return Validity(tag=f"{short_digest(*parts)}.{pages.version}")


def validity(pages: Pages, page: Page) -> Validity:
    """Of a page with entries: these, as our templates show them."""
    opaque = page.etag.strip('"')
    return Validity(tag=f"{opaque}.{pages.version}", last_modified=page.last_modified)
