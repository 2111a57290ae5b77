"""The addresses that we answer at.

Edge               safe headers, preflights, failures      (middleware)
| route            to a handler below
| Publications     what is asked for                       (service)
| Pages            HTML, where it is a page                (pages)
| respond          304, or the coding that is preferred    (responses)
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import cache

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aggregator.core.errors import StoreError, UnknownPublication
from aggregator.core.publication import CONTENT_TYPES, Format, Publication
from aggregator.service.ports import Clock
from aggregator.service.publishing import Kind, Page
from aggregator.web.clients import client_address
from aggregator.web.conditional import Validity
from aggregator.web.middleware import Edge
from aggregator.web.pages import ICON, STYLE_VERSION, STYLESHEET, Pages, Place
from aggregator.web.ports import Audience, Publications, Readiness, Report
from aggregator.web.responses import (
    ASSET_CACHE,
    CSS,
    FEED_CACHE,
    FOREVER,
    HTML,
    OPML,
    PAGE_CACHE,
    SVG,
    Resource,
    compressed,
    feed,
    fixed,
    plain,
    respond,
    tagged,
)

_LONGEST_PAGE_NUMBER = 9
"""Digits. More than anybody has pages, and small enough for any database."""

_RETRY_AFTER = "30"
"""Seconds until a database that was out of reach is worth another try."""


def create_app(
    publisher: Publications,
    health: Readiness,
    *,
    clock: Clock,
    report: Report,
    audience: Audience,
) -> Starlette:
    """The whole site. `report` hears of every failure that is ours, `audience` of feed fetches."""
    handlers = _Handlers(publisher, health, clock, report, audience)
    app = Starlette(
        routes=_routes(handlers),
        middleware=[Middleware(Edge, report=report, failure=handlers.failure)],
        exception_handlers={
            HTTPException: handlers.on_refusal,
            UnknownPublication: handlers.on_unknown,
            StoreError: handlers.on_store_error,
        },
    )
    # It would build addresses from the Host header, which is the client's to choose.
    app.router.redirect_slashes = False
    return app


def _routes(handlers: "_Handlers") -> list[Route]:
    kinds: tuple[Kind, ...] = ("publications", "sources", "tags")
    return [
        Route("/", handlers.latest),
        Route("/feed.{format}", handlers.latest_feed),
        *(Route(f"/{kind}/{{name:path}}", handlers.named(kind)) for kind in kinds),
        Route("/sources", handlers.sources),
        Route("/opml.xml", handlers.opml),
        Route("/healthz", handlers.alive),
        Route("/readyz", handlers.ready),
        Route("/static/style.css", handlers.stylesheet),
        Route("/static/icon.svg", handlers.icon),
        Route("/favicon.ico", handlers.icon),
    ]


class _Handlers:
    def __init__(
        self,
        publisher: Publications,
        health: Readiness,
        clock: Clock,
        report: Report,
        audience: Audience,
    ) -> None:
        self._publisher = publisher
        self._health = health
        self._clock = clock
        self._report = report
        self._audience = audience
        self._pages = Pages()

    async def latest(self, request: Request) -> Response:
        return await self._page(request, self._publisher.publications()[0])

    async def latest_feed(self, request: Request) -> Response:
        format = _format(request.path_params["format"])
        if format is None:
            raise HTTPException(404)
        return await self._feed(request, self._publisher.publications()[0], format)

    def named(self, kind: Kind) -> Callable[[Request], Awaitable[Response]]:
        """Pages and feeds below /publications, /sources or /tags."""

        async def handler(request: Request) -> Response:
            name: str = request.path_params["name"]
            stem, _, ending = name.rpartition(".")
            format = _format(ending)
            if format is not None and (publication := self._lookup(kind, stem)):
                return await self._feed(request, publication, format)
            publication = self._publisher.find(kind, name)
            if kind == "sources":
                return await self._source(request, publication)
            return await self._page(request, publication)

        return handler

    def _lookup(self, kind: Kind, name: str) -> Publication | None:
        try:
            return self._publisher.find(kind, name)
        except UnknownPublication:
            return None  # the ending may belong to the name: a tag "node.json"

    async def _feed(self, request: Request, publication: Publication, format: Format) -> Response:
        document = await self._publisher.document(publication, format)
        self._audience.note(
            document=f"{publication.path}.{format}",
            address=client_address(request),
            agent=request.headers.get("user-agent", ""),
        )
        return respond(request, feed(document))

    async def _page(self, request: Request, publication: Publication) -> Response:
        page = await self._publisher.page(publication, _page_number(request))
        place = self._place(publication.path)
        return respond(request, self._entries(place, page))

    async def _source(self, request: Request, publication: Publication) -> Response:
        """One source's entries, with what became of its last polls."""
        page = await self._publisher.page(publication, _page_number(request))
        source, polls = await self._publisher.source(publication.slug)
        place, now = self._place(publication.path), self._clock.steady()
        body = self._pages.source(place, page, source, polls, now)
        return respond(request, fixed(body, content_type=HTML, cache_control=PAGE_CACHE))

    def _entries(self, place: Place, page: Page) -> Resource:
        body = cache(lambda: self._pages.entries(place, page))
        return Resource(
            content_type=HTML,
            cache_control=PAGE_CACHE,
            validity=self._validity(page),
            body=body,
            gzipped=lambda: compressed(body()),
        )

    def _validity(self, page: Page) -> Validity:
        opaque = page.etag.strip('"')
        return tagged(f"{opaque}.{self._pages.version}", page.last_modified)

    async def sources(self, request: Request) -> Response:
        sources, now = await self._publisher.sources(), self._clock.steady()
        body = self._pages.sources(self._place("sources"), sources, now)
        return respond(request, fixed(body, content_type=HTML, cache_control=PAGE_CACHE))

    async def opml(self, request: Request) -> Response:
        body = await self._publisher.opml()
        return respond(request, fixed(body, content_type=OPML, cache_control=FEED_CACHE))

    async def alive(self, _: Request) -> Response:
        return plain("ok\n")

    async def ready(self, _: Request) -> Response:
        problems = await self._health.problems()
        if problems:
            return plain("".join(f"{problem}\n" for problem in problems), 503)
        return plain("ok\n")

    async def stylesheet(self, request: Request) -> Response:
        current = request.query_params.get("v") == STYLE_VERSION
        caching = FOREVER if current else ASSET_CACHE
        return respond(request, fixed(STYLESHEET, content_type=CSS, cache_control=caching))

    async def icon(self, request: Request) -> Response:
        return respond(request, fixed(ICON, content_type=SVG, cache_control=ASSET_CACHE))

    async def on_refusal(self, _: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = error.headers if isinstance(error, HTTPException) else None
        return self.failure(status, headers)

    async def on_unknown(self, _: Request, __: Exception) -> Response:
        return self.failure(404)

    async def on_store_error(self, request: Request, error: Exception) -> Response:
        self._report(f"{request.method} {request.url.path}", error)
        return self.failure(503, {"Retry-After": _RETRY_AFTER})

    def failure(self, status: int, headers: Mapping[str, str] | None = None) -> Response:
        """A page that says what is wrong, and nothing of what was asked or what we are."""
        return Response(
            self._pages.failure(self._place(""), status),
            status,
            headers={**(headers or {}), "content-type": HTML, "cache-control": "no-store"},
        )

    def _place(self, path: str) -> Place:
        publisher = self._publisher
        return Place(site=publisher.site, path=path, navigation=publisher.publications())


def _format(ending: str) -> Format | None:
    return next((format for format in CONTENT_TYPES if format == ending), None)


def _page_number(request: Request) -> int:
    written = request.query_params.get("page", "1")
    if not (written.isascii() and written.isdigit()) or not written.strip("0"):
        raise HTTPException(400)
    if len(written) > _LONGEST_PAGE_NUMBER:
        raise HTTPException(404)
    return int(written)
