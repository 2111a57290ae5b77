"""Publications as feeds, and the subscriptions as OPML."""

from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aggregator.core.archives import named_volume
from aggregator.core.leaves import NEWEST, Leaf
from aggregator.core.publication import Format, Publication
from aggregator.web.at_hand import Newest
from aggregator.web.clients import client_address
from aggregator.web.desk import Desk, format_of, page_number
from aggregator.web.responses import OPML, cached, feed, fixed, known_states

VOLUME_LASTS = timedelta(days=1)
"""Caches keep what has been in an archive so long: edits and takedowns reach it, too."""


class Feeds:
    """`answer` is for whoever found out that an address means a feed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        return [Route("/feed.{format}", self.latest), Route("/opml.xml", self.opml)]

    async def latest(self, request: Request) -> Response:
        format = format_of(request.path_params["format"])
        if format is None:
            raise HTTPException(404)
        return await self.answer(request, self._desk.publisher.publications()[0], format)

    async def answer(self, request: Request, publication: Publication, format: Format) -> Response:
        leaf = _leaf(request)
        if leaf != NEWEST:
            return await self._further(request, publication, format, leaf)
        document = await self._desk.publisher.document(publication, format)
        newest = request.state.newest = Newest(publication, format, document)
        self._desk.audience.note(
            document=newest.name,
            address=client_address(request),
            agent=request.headers.get("user-agent", ""),
        )
        resource = feed(document, await self._desk.cached(publication, document.until))
        if tags := known_states(request, resource):
            news = await self._desk.publisher.news(publication, format, document, tags)
            if news:
                return await self._desk.responder.respond_with_news(request, resource, news)
        return await self._desk.respond(request, resource)

    async def _further(
        self, request: Request, publication: Publication, format: Format, leaf: Leaf
    ) -> Response:
        """A page or a volume: whoever fetches one need not be a subscriber."""
        document = await self._desk.publisher.document(publication, format, leaf)
        if leaf.volume is None:
            caching = await self._desk.cached(publication, document.until)
        else:
            caching = cached(VOLUME_LASTS)
        return await self._desk.respond(request, feed(document, caching))

    async def opml(self, request: Request) -> Response:
        body = await self._desk.publisher.opml()
        resource = fixed(body, content_type=OPML, cache_control=await self._desk.cached())
        return await self._desk.respond(request, resource)


def _leaf(request: Request) -> Leaf:
    """Which of a feed's documents is asked for. Raises HTTPException where it is none."""
    written = request.query_params.get("archive")
    if written is None:
        return Leaf(page=page_number(request))
    volume = named_volume(written)
    if volume is None:
        raise HTTPException(404)
    return Leaf(volume=volume)
