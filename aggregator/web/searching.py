"""What a search finds: a page for people, and a feed that is a subscription."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aggregator.core.searching import search_line
from aggregator.web.browsing import validity
from aggregator.web.desk import Desk, format_of, page_number
from aggregator.web.feeds import Feeds
from aggregator.web.responses import HTML, Resource, feeds_of, fixed, plain


class Searching:
    """The feeds are answered by `feeds`, as every publication's are."""

    def __init__(self, desk: Desk, feeds: Feeds) -> None:
        self._desk = desk
        self._feeds = feeds

    def routes(self) -> list[Route]:
        return [Route("/search", self.page), Route("/search.{format}", self.feed)]

    async def page(self, request: Request) -> Response:
        desk, text = self._desk, _looked_for(request)
        place = desk.place("search")
        if not text:
            body, caching = desk.pages.search_start(place), await desk.cached()
            return await desk.respond(
                request, fixed(body, content_type=HTML, cache_control=caching)
            )
        page = await desk.publisher.page(desk.publisher.searching(text), page_number(request))
        resource = Resource(
            content_type=HTML,
            cache_control=await desk.cached(page.publication, page.until),
            validity=validity(desk.pages, page),
            body=lambda: desk.pages.search(place, page, text),
            links=feeds_of(place.site, page.publication),
        )
        return await desk.respond(request, resource)

    async def feed(self, request: Request) -> Response:
        format, text = format_of(request.path_params["format"]), _looked_for(request)
        if format is None:
            raise HTTPException(404)
        if not text:
            return plain(
                f"Write what to look for into the address: search.{format}?q=python\n", 400
            )
        return await self._feeds.answer(request, self._desk.publisher.searching(text), format)


def _looked_for(request: Request) -> str:
    return search_line(request.query_params.get("q", ""))
