"""Publications as feeds, and the subscriptions as OPML."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aggregator.core.publication import Format, Publication
from aggregator.web.clients import client_address
from aggregator.web.desk import Desk, format_of
from aggregator.web.responses import OPML, feed, fixed, known_states


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
        document = await self._desk.publisher.document(publication, format)
        self._desk.audience.note(
            document=f"{publication.path}.{format}",
            address=client_address(request),
            agent=request.headers.get("user-agent", ""),
        )
        resource = feed(document, await self._desk.cached(publication, document.until))
        if tags := known_states(request, resource):
            news = await self._desk.publisher.news(publication, format, document, tags)
            if news:
                return await self._desk.responder.respond_with_news(request, resource, news)
        return await self._desk.respond(request, resource)

    async def opml(self, request: Request) -> Response:
        body = await self._desk.publisher.opml()
        resource = fixed(body, content_type=OPML, cache_control=await self._desk.cached())
        return await self._desk.respond(request, resource)
