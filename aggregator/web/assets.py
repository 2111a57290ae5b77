"""The stylesheet and the icons."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aggregator.web.desk import Desk
from aggregator.web.responses import ASSET_CACHE, CSS, FOREVER, PNG, SVG, fixed


class Assets:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        return [
            Route("/static/style.css", self.stylesheet),
            Route("/static/icon.svg", self.icon),
            Route("/favicon.ico", self.icon),
            Route("/static/icon.png", self.touch_icon),
            Route("/apple-touch-icon.png", self.touch_icon),
        ]

    async def stylesheet(self, request: Request) -> Response:
        pages = self._desk.pages
        current = request.query_params.get("v") == pages.style_version
        caching = FOREVER if current else ASSET_CACHE
        resource = fixed(pages.stylesheet, content_type=CSS, cache_control=caching)
        return await self._desk.respond(request, resource)

    async def icon(self, request: Request) -> Response:
        resource = fixed(self._desk.pages.icon, content_type=SVG, cache_control=ASSET_CACHE)
        return await self._desk.respond(request, resource)

    async def touch_icon(self, request: Request) -> Response:
        icon = self._desk.pages.touch_icon
        resource = fixed(icon, content_type=PNG, cache_control=ASSET_CACHE)
        return await self._desk.respond(request, resource)
